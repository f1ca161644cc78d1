"""Levy: a part of a payment kept back by rule, such as sequestration or a withholding tax."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl

from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Side, Term, is_on_side, number, on_side, said, side_said, value


class Levy(Term):
    """A payment less a rate of it: amount x (1 - rate). By default only what is paid out is levied, never what is owed."""

    kind: ClassVar[Kind] = "piecewise"
    parts_of_one: ClassVar[tuple[str, ...]] = ("rate",)

    term: Literal["levy"] = "levy"
    """Which clause this is."""
    amount: Amount
    """The payment."""
    rate: Amount
    """Part of the payment that is kept, by payment date where the parameter is dated so."""
    side: Side = "gains"
    """Which amounts are levied."""

    def parts(self) -> tuple[str, ...]:
        return ("kept",)

    def may_be_idle(self) -> bool:
        return True

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Amount x (1 - rate), and what was kept."""
        amount = value(self.amount)
        left = on_side(self.side, amount, amount * (1.0 - value(self.rate)))
        return {self.step: left, f"{self.step}.kept": amount - left}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        amount = number(self.amount, row)
        left = amount * (1.0 - number(self.rate, row)) if is_on_side(self.side, amount) else amount
        return {self.step: left, f"{self.step}.kept": amount - left}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """Slope 1 - rate on the side levied, 1 on the other."""
        rate = 1.0 - number(self.rate, at)
        return Pieces.through(
            [(0.0, 0.0)], 1.0 if self.side == "gains" else rate, 1.0 if self.side == "losses" else rate
        )

    def formula(self) -> str:
        return f"{self.step} = {said(self.amount)} x (1 - {said(self.rate)}){side_said(self.side)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "two per cent is kept from a payment, nothing from a debt",
            {"amount": "due", "rate": "sequestration"},
            [{"due": 74_924_763.0, "sequestration": 0.02}, {"due": -100.0, "sequestration": 0.02}],
            {"": [73_426_267.74, -100.0], "kept": [1_498_495.26, 0.0]},
            "74,924,763 x 0.98",
        ),
        Case(
            "a levy both ways",
            {"amount": "due", "rate": 0.1, "side": "both"},
            [{"due": 50.0}, {"due": -50.0}],
            {"": [45.0, -45.0], "kept": [5.0, -5.0]},
            "50 x 0.9",
        ),
    )
