"""Fixed: a sum that does not move with activity, such as a block or a fixed part."""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl

from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, number, said, value


class Fixed(Term):
    """A sum paid whatever the activity: the block, the fixed part of a blended payment, an agreed charge."""

    kind: ClassVar[Kind] = "linear"
    primary: ClassVar[str] = "sum"

    term: Literal["fixed"] = "fixed"
    """Which clause this is."""
    sum: Amount
    """The sum for the period."""

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The sum."""
        return {self.step: value(self.sum)}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return {self.step: number(self.sum, row)}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """The sum itself."""
        return Pieces.line(1.0)

    def formula(self) -> str:
        return f"{self.step} = {said(self.sum)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case("a block of 50.0", {"sum": "plan"}, [{"plan": 50.0}], {"": [50.0]}, "the plan value"),
        Case("a sum in the contract", {"sum": 200.5}, [{"x": 0.0}], {"": [200.5]}, "as written"),
    )
