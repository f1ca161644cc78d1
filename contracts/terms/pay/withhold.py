"""Withhold: a part of a payment kept until it is earned."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl

from capitation.errors import Faults
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, literal, number, said, value


class Withhold(Term):
    """A part of a payment kept back, to be earned later: what is paid now, and what is kept back."""

    kind: ClassVar[Kind] = "linear"

    term: Literal["withhold"] = "withhold"
    """Which clause this is."""
    amount: Amount
    """The payment or benchmark."""
    rate: Amount
    """Part kept back, 0 to 1."""

    def parts(self) -> tuple[str, ...]:
        return ("held",)

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        rate = literal(self.rate)
        if rate is not None and not 0 <= rate <= 1:
            faults.add(f"{where}.rate", f"{rate:g}", "a fraction from 0 to 1")

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Paid now, and kept back."""
        kept = value(self.amount) * value(self.rate)
        return {self.step: value(self.amount) - kept, f"{self.step}.held": kept}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        amount = number(self.amount, row)
        kept = amount * number(self.rate, row)
        return {self.step: amount - kept, f"{self.step}.held": kept}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        return {f"{said(self.rate)} is between 0 and 1": value(self.rate).is_between(0.0, 1.0)}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line through 0."""
        return Pieces.line(1.0 - number(self.rate, at))

    def formula(self) -> str:
        return f"{self.step} = {said(self.amount)} - {said(self.rate)} x {said(self.amount)} (kept back)"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "two per cent kept back for quality",
            {"amount": "benchmark", "rate": 0.02},
            [{"benchmark": 1000.0}],
            {"": [980.0], "held": [20.0]},
            "1,000 x .02",
        ),
        Case(
            "a rate by name",
            {"amount": "fee", "rate": "w"},
            [{"fee": 80.0, "w": 0.25}],
            {"": [60.0], "held": [20.0]},
            "80 x .25",
        ),
    )
