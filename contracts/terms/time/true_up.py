"""True-up: what is still due once an estimate is replaced by the final figure."""

from __future__ import annotations

import math
from functools import reduce
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, number, said, value


class TrueUp(Term):
    """The final figure less what has been paid on account; above 0 is still due, below 0 is to be returned."""

    kind: ClassVar[Kind] = "linear"
    primary: ClassVar[str] = "final"

    term: Literal["true_up"] = "true_up"
    """Which clause this is."""
    final: Amount
    """The final, or the latest, figure."""
    paid: tuple[Amount, ...] = Field(min_length=1)
    """Estimates already paid, instalments and earlier true-ups."""

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Final - all paid."""
        return {self.step: value(self.final) - reduce(lambda a, b: a + b, (value(x) for x in self.paid))}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return {self.step: number(self.final, row) - reduce(lambda a, b: a + b, (number(x, row) for x in self.paid))}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line of slope 1."""
        return Pieces.line(1.0, -math.fsum(number(x, at) for x in self.paid))

    def formula(self) -> str:
        return f"{self.step} = {said(self.final)} - {' - '.join(map(said, self.paid))}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "an estimate of 90 against a final 100",
            {"final": "final", "paid": ["estimate"]},
            [{"final": 100.0, "estimate": 90.0}, {"final": 80.0, "estimate": 90.0}],
            {"": [10.0, -10.0]},
            "100 - 90",
        ),
        Case(
            "after a first true-up",
            {"final": "second", "paid": ["estimate", "first"]},
            [{"second": 103.0, "estimate": 90.0, "first": 10.0}],
            {"": [3.0]},
            "103 - 90 - 10",
        ),
    )
