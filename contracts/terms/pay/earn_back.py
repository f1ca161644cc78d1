"""Earn-back: how much of what was kept back is earned by a score."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from capitation.errors import Faults
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, literal, number, said, value


class EarnBack(Term):
    """The part of a sum kept back that a score earns, along a straight line from none to all; the rest goes to a named pool."""

    kind: ClassVar[Kind] = "linear"
    primary: ClassVar[str] = "held"

    term: Literal["earn_back"] = "earn_back"
    """Which clause this is."""
    held: Amount
    """The sum kept back."""
    by: Amount
    """The score."""
    none_at: Amount = Decimal(0)
    """Score at and below which nothing is earned."""
    all_at: Amount = Decimal(1)
    """Score at and above which all is earned."""

    def parts(self) -> tuple[str, ...]:
        return ("unearned",)

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        low, high = literal(self.none_at), literal(self.all_at)
        if low is not None and high is not None and high <= low:
            faults.add(where, f"all at {high:g}, none at {low:g}", "`all_at` above `none_at`")

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Earned, and unearned."""
        part = (value(self.by) - value(self.none_at)) / (value(self.all_at) - value(self.none_at))
        earned = value(self.held) * pl.min_horizontal(pl.max_horizontal(part, 0.0), 1.0)
        return {self.step: earned, f"{self.step}.unearned": value(self.held) - earned}

    def _part(self, row: Row) -> float:
        low = number(self.none_at, row)
        return min(max((number(self.by, row) - low) / (number(self.all_at, row) - low), 0.0), 1.0)

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        kept = number(self.held, row)
        earned = kept * self._part(row)
        return {self.step: earned, f"{self.step}.unearned": kept - earned}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        return {
            f"{said(self.all_at)} is above {said(self.none_at)}": value(self.all_at) > value(self.none_at),
        }

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line through 0."""
        return Pieces.line(self._part(at))

    def formula(self) -> str:
        return f"{self.step} = {said(self.held)} x ({said(self.by)} - {said(self.none_at)}) / ({said(self.all_at)} - {said(self.none_at)}), between none and all"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "goals met to 80% earn four fifths of 2.5",
            {"held": "cquin", "by": "met"},
            [{"cquin": 2.5, "met": 0.8}],
            {"": [2.0], "unearned": [0.5]},
            "2.5 x .8",
        ),
        Case(
            "earned between 40 and 90",
            {"held": 100, "by": "score", "none_at": 40, "all_at": 90},
            [{"score": 30.0}, {"score": 65.0}, {"score": 95.0}],
            {"": [0.0, 50.0, 100.0], "unearned": [100.0, 50.0, 0.0]},
            "0; 25/50; all",
        ),
    )
