"""Scale: an amount times a straight-line factor of a score, kept within limits."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from capitation.errors import Faults
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import (
    Amount,
    Case,
    Row,
    Side,
    Term,
    is_on_side,
    literal,
    number,
    on_side,
    said,
    side_said,
    value,
)


class Scale(Term):
    """An amount times a factor of a score: intercept + slope x score, kept between a lowest and a highest factor."""

    kind: ClassVar[Kind] = "piecewise"

    term: Literal["scale"] = "scale"
    """Which clause this is."""
    amount: Amount
    """What is scaled: a gain, a loss, a rate."""
    by: Amount
    """The score, such as quality from 0 to 1."""
    intercept: Amount = Decimal(0)
    """Factor at a score of 0."""
    slope: Amount = Decimal(1)
    """Change of the factor for a score of 1; below 0 where a better score lowers it."""
    lowest: Amount | None = None
    """Lowest factor."""
    highest: Amount | None = None
    """Highest factor."""
    side: Side = "both"
    """Which amounts are scaled."""

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        low, high = literal(self.lowest), literal(self.highest)
        if low is not None and high is not None and high < low:
            faults.add(where, f"a cap of {high:g} below its floor of {low:g}", "highest at or above lowest")

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Amount x factor."""
        factor = value(self.intercept) + value(self.slope) * value(self.by)
        if self.lowest is not None:
            factor = pl.max_horizontal(factor, value(self.lowest))
        if self.highest is not None:
            factor = pl.min_horizontal(factor, value(self.highest))
        return {self.step: on_side(self.side, value(self.amount), value(self.amount) * factor)}

    def _factor(self, row: Row) -> float:
        factor = number(self.intercept, row) + number(self.slope, row) * number(self.by, row)
        if self.lowest is not None:
            factor = max(factor, number(self.lowest, row))
        return factor if self.highest is None else min(factor, number(self.highest, row))

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        amount = number(self.amount, row)
        return {self.step: amount * self._factor(row) if is_on_side(self.side, amount) else amount}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        out: dict[str, pl.Expr] = {}
        if (
            self.lowest is not None
            and self.highest is not None
            and None in (literal(self.lowest), literal(self.highest))
        ):
            out[f"{said(self.highest)} is at least {said(self.lowest)}"] = value(self.highest) >= value(self.lowest)
        return out

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line through 0, bent at 0 where only one side is scaled."""
        factor = self._factor(at)
        return Pieces.through(
            [(0.0, 0.0)], 1.0 if self.side == "gains" else factor, 1.0 if self.side == "losses" else factor
        )

    def formula(self) -> str:
        limits = [] if self.lowest is None else [f"at least {said(self.lowest)}"]
        limits += [] if self.highest is None else [f"at most {said(self.highest)}"]
        within = f" [{', '.join(limits)}]" if limits else ""
        line = said(self.by) if literal(self.slope) == 1.0 else f"{said(self.slope)} x {said(self.by)}"
        line = line if literal(self.intercept) == 0.0 else f"{said(self.intercept)} + {line}"
        return f"{self.step} = {said(self.amount)} x ({line}){within}{side_said(self.side)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a loss rate of 1 less three quarters of quality, within 40% and 75%",
            {"amount": "loss", "by": "quality", "intercept": 1, "slope": -0.75, "lowest": 0.4, "highest": 0.75},
            [
                {"loss": 8_354_010.0, "quality": 0.7809},
                {"loss": 100.0, "quality": 0.9},
                {"loss": 100.0, "quality": 0.1},
            ],
            {"": [3_461_275.19325, 40.0, 75.0]},
            "8,354,010 x .414325; .325 raised to .40; .925 cut to .75",
        ),
        Case(
            "a gain scaled by quality, losses whole",
            {"amount": "gap", "by": "q", "side": "gains"},
            [{"gap": 10.0, "q": 0.8}, {"gap": -10.0, "q": 0.8}],
            {"": [8.0, -10.0]},
            "10 x .8",
        ),
    )
