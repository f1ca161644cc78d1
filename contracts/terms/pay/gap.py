"""Gap: what was expected less what happened."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl

from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, number, said, value


class Gap(Term):
    """The target (benchmark, budget, plan) less the actual; above 0 is a gain of whoever bears the risk."""

    kind: ClassVar[Kind] = "linear"
    primary: ClassVar[str] = "actual"

    term: Literal["gap"] = "gap"
    """Which clause this is."""
    target: Amount
    """What was expected: a benchmark, a budget, a plan, an index."""
    actual: Amount
    """What happened, on the same basis as the target."""

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Target less actual."""
        return {self.step: value(self.target) - value(self.actual)}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return {self.step: number(self.target, row) - number(self.actual, row)}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line that falls by 1 for each unit of the actual."""
        return Pieces.line(-1.0, number(self.target, at))

    def formula(self) -> str:
        return f"{self.step} = {said(self.target)} - {said(self.actual)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a budget of 75.5 with 70.0 spent leaves a gain of 5.5",
            {"target": "norm", "actual": "spend"},
            [{"norm": 75.5, "spend": 70.0}, {"norm": 100.0, "spend": 112.0}],
            {"": [5.5, -12.0]},
            "75.5 - 70.0; 100 - 112",
        ),
        Case(
            "the part of one that is left of a share",
            {"target": 1, "actual": "share"},
            [{"share": 0.35}],
            {"": [0.65]},
            "1 - 0.35",
        ),
    )
