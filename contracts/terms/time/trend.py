"""Trend: an amount carried forward by growth."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from capitation.errors import Faults
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, check_part, literal, number, said, value


class Trend(Term):
    """An amount carried forward: amount x (1 + growth) to the power of the periods."""

    kind: ClassVar[Kind] = "linear"

    term: Literal["trend"] = "trend"
    """Which clause this is."""
    amount: Amount
    """The amount of the base period."""
    growth: Amount
    """Growth for each period, 0.02 for 2%."""
    periods: Amount = Decimal(1)
    """How many periods."""

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        check_part(faults, f"{where}.growth", self.growth, low=-0.999)

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Amount x (1 + growth) ^ periods."""
        factor = value(self.growth) + 1.0
        grown = factor if literal(self.periods) == 1.0 else factor ** value(self.periods)
        return {self.step: value(self.amount) * grown}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return {self.step: number(self.amount, row) * (number(self.growth, row) + 1.0) ** number(self.periods, row)}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        return {
            f"{said(self.growth)} is above -1 and at most 1": (value(self.growth) > -1.0) & (value(self.growth) <= 1.0)
        }

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line through 0."""
        return Pieces.line((number(self.growth, at) + 1.0) ** number(self.periods, at))

    def formula(self) -> str:
        power = "" if literal(self.periods) == 1.0 else f" ^ {said(self.periods)}"
        return f"{self.step} = {said(self.amount)} x (1 + {said(self.growth)}){power}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "one year at 2.8%",
            {"amount": "base", "growth": "g"},
            [{"base": 1000.0, "g": 0.028}],
            {"": [1028.0]},
            "1,000 x 1.028",
        ),
        Case(
            "two years at 5%",
            {"amount": "base", "growth": 0.05, "periods": 2},
            [{"base": 1000.0}],
            {"": [1102.5]},
            "1,000 x 1.05 x 1.05",
        ),
    )
