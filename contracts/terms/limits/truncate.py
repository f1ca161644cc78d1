"""Truncate: each person's or episode's cost counted up to a limit."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl

from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, number, said, value


class Truncate(Term):
    """An amount counted no further than a cap, at person or episode level; the same cap applies on both sides of a gap."""

    kind: ClassVar[Kind] = "concave"

    term: Literal["truncate"] = "truncate"
    """Which clause this is."""
    amount: Amount
    """The cost of one person or episode."""
    cap: Amount
    """Where it is cut, such as the 99th percentile of its group."""

    def parts(self) -> tuple[str, ...]:
        return ("cut",)

    def may_be_idle(self) -> bool:
        return True

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """min(amount, cap), and what was cut off."""
        kept = pl.min_horizontal(value(self.amount), value(self.cap))
        return {self.step: kept, f"{self.step}.cut": value(self.amount) - kept}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        amount = number(self.amount, row)
        kept = min(amount, number(self.cap, row))
        return {self.step: kept, f"{self.step}.cut": amount - kept}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """Slope 1 to the cap, then flat."""
        cap = number(self.cap, at)
        return Pieces.through([(cap, cap)], 1.0, 0.0)

    def formula(self) -> str:
        return f"{self.step} = smaller of {said(self.amount)} and {said(self.cap)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "costs of three people cut at 120,000",
            {"amount": "cost", "cap": "percentile"},
            [
                {"cost": 8_000.0, "percentile": 120_000.0},
                {"cost": 120_000.0, "percentile": 120_000.0},
                {"cost": 450_000.0, "percentile": 120_000.0},
            ],
            {"": [8_000.0, 120_000.0, 120_000.0], "cut": [0.0, 0.0, 330_000.0]},
            "min(450,000, 120,000)",
        ),
        Case(
            "a cap written in the contract",
            {"amount": "cost", "cap": 50_000},
            [{"cost": 51_000.0}],
            {"": [50_000.0], "cut": [1000.0]},
            "51,000 - 50,000",
        ),
    )
