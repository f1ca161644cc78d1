"""Prorate: the part of a full-period amount that falls to part of the period."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, number, said, value


class Prorate(Term):
    """A full-period amount times the part of the period that counts, such as months / 12 for a late joiner or a leaver."""

    kind: ClassVar[Kind] = "linear"

    term: Literal["prorate"] = "prorate"
    """Which clause this is."""
    amount: Amount
    """The amount for the full period."""
    months: Amount
    """How much of the period counts, such as months in the contract."""
    of: Amount = Decimal(12)
    """How much a full period is."""

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Amount x months / of."""
        return {self.step: value(self.amount) * value(self.months) / value(self.of)}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return {self.step: number(self.amount, row) * number(self.months, row) / number(self.of, row)}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        return {
            f"{said(self.months)} is between 0 and {said(self.of)}": (value(self.months) >= 0)
            & (value(self.months) <= value(self.of)),
            f"{said(self.of)}, a full period, is above 0": value(self.of) > 0,
        }

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line through 0."""
        return Pieces.line(number(self.months, at) / number(self.of, at))

    def formula(self) -> str:
        return f"{self.step} = {said(self.amount)} x {said(self.months)} / {said(self.of)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a six-month year earns half",
            {"amount": "year", "months": "months"},
            [{"year": 1000.0, "months": 6.0}, {"year": 1000.0, "months": 12.0}],
            {"": [500.0, 1000.0]},
            "1,000 x 6 / 12",
        ),
        Case(
            "a provider that leaves after 90 of 365 days",
            {"amount": "year", "months": "days", "of": 365},
            [{"year": 730_000.0, "days": 90.0}],
            {"": [180_000.0]},
            "730,000 x 90 / 365",
        ),
    )
