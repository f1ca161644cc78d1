"""Per head: a capitation payment for each person."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, literal, number, said, value


class PerHead(Term):
    """A sum for each person covered, for the months they are covered: persons x rate x months / 12."""

    kind: ClassVar[Kind] = "linear"
    primary: ClassVar[str] = "persons"

    term: Literal["per_head"] = "per_head"
    """Which clause this is."""
    persons: Amount
    """Persons covered, or weighted persons."""
    rate: Amount
    """Sum for one person and year."""
    months: Amount = Decimal(12)
    """Months covered."""

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Persons x rate x months / 12."""
        year = value(self.persons) * value(self.rate)
        return {self.step: year if literal(self.months) == 12.0 else year * value(self.months) / 12.0}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return {self.step: number(self.persons, row) * number(self.rate, row) * number(self.months, row) / 12.0}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        return {
            f"{said(self.persons)} is 0 or more": value(self.persons) >= 0,
            f"{said(self.months)} months are between 0 and 12": value(self.months).is_between(0.0, 12.0),
        }

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line through 0."""
        return Pieces.line(number(self.rate, at) * number(self.months, at) / 12.0)

    def formula(self) -> str:
        months = "" if literal(self.months) == 12.0 else f" x {said(self.months)} / 12"
        return f"{self.step} = {said(self.persons)} x {said(self.rate)}{months}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "250,000 people at 750",
            {"persons": "n", "rate": 750},
            [{"n": 250_000.0}],
            {"": [187_500_000.0]},
            "250,000 x 750",
        ),
        Case(
            "a practice that joins in October",
            {"persons": "n", "rate": 120, "months": "m"},
            [{"n": 10_000.0, "m": 6.0}],
            {"": [600_000.0]},
            "10,000 x 120 x 6/12",
        ),
    )
