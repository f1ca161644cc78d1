"""Ratio: one amount as a share of another."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import polars as pl

from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, number, said, value


class Ratio(Term):
    """An amount divided by its base, such as the savings rate (gain / benchmark) or a loss ratio (cost / revenue)."""

    kind: ClassVar[Kind] = "linear"

    term: Literal["ratio"] = "ratio"
    """Which clause this is."""
    amount: Amount
    """What is measured."""
    base: Amount
    """What it is measured against; never 0."""

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Amount over base."""
        return {self.step: value(self.amount) / value(self.base)}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        base = number(self.base, row)
        return {self.step: number(self.amount, row) / base if base else math.nan}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        return {f"{said(self.base)} is not 0": value(self.base) != 0}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line through 0 that rises by 1 / base."""
        return Pieces.line(1.0 / number(self.base, at))

    def formula(self) -> str:
        return f"{self.step} = {said(self.amount)} / {said(self.base)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "the savings rate of an account",
            {"amount": "gain", "base": "benchmark"},
            [{"gain": 5.5, "benchmark": 75.5}, {"gain": -8.0, "benchmark": 100.0}],
            {"": [5.5 / 75.5, -0.08]},
            "5.5 / 75.5 = 7.28%; -8 / 100",
        ),
        Case("half", {"amount": 1, "base": "n"}, [{"n": 2.0}], {"": [0.5]}, "1 / 2"),
    )
