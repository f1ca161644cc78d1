"""Risk-adjust: an amount moved with the change in a risk score, within limits."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from capitation.errors import Faults
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, literal, number, said, value


class RiskAdjust(Term):
    """An amount times the ratio of a risk score to its base, the ratio kept between a lowest and a highest value."""

    kind: ClassVar[Kind] = "linear"

    term: Literal["risk_adjust"] = "risk_adjust"
    """Which clause this is."""
    amount: Amount
    """What is adjusted, such as a benchmark for each person."""
    score: Amount
    """Risk score now."""
    base_score: Amount = Decimal(1)
    """Risk score in the base period."""
    at_least: Amount | None = None
    """Lowest ratio that counts."""
    at_most: Amount | None = None
    """Highest ratio that counts, such as 1.03."""

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        low, high = literal(self.at_least), literal(self.at_most)
        if low is not None and high is not None and high < low:
            faults.add(where, f"a cap of {high:g} below its floor of {low:g}", "a cap at or above the floor")

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Amount x ratio."""
        ratio = value(self.score) / value(self.base_score)
        if self.at_most is not None:
            ratio = pl.min_horizontal(ratio, value(self.at_most))
        if self.at_least is not None:
            ratio = pl.max_horizontal(ratio, value(self.at_least))
        return {self.step: value(self.amount) * ratio}

    def _ratio(self, row: Row) -> float:
        ratio = number(self.score, row) / number(self.base_score, row)
        if self.at_most is not None:
            ratio = min(ratio, number(self.at_most, row))
        return ratio if self.at_least is None else max(ratio, number(self.at_least, row))

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        return {self.step: number(self.amount, row) * self._ratio(row)}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        return {f"{said(x)} is above 0": value(x) > 0 for x in (self.score, self.base_score)}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line through 0."""
        return Pieces.line(self._ratio(at))

    def formula(self) -> str:
        limits = [] if self.at_least is None else [f"at least {said(self.at_least)}"]
        limits += [] if self.at_most is None else [f"at most {said(self.at_most)}"]
        within = f" ({', '.join(limits)})" if limits else ""
        return f"{self.step} = {said(self.amount)} x {said(self.score)} / {said(self.base_score)}{within}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "growth in risk counts up to 3%",
            {"amount": "rate", "score": "now", "base_score": "then", "at_most": 1.03},
            [{"rate": 1000.0, "now": 1.05, "then": 1.0}, {"rate": 1000.0, "now": 0.99, "then": 1.0}],
            {"": [1030.0, 990.0]},
            "1.05 cut to 1.03; 0.99",
        ),
        Case(
            "kept within limits both ways",
            {"amount": "rate", "score": "now", "at_least": 0.97, "at_most": 1.03},
            [{"rate": 1000.0, "now": 0.9}],
            {"": [970.0]},
            "0.90 raised to 0.97",
        ),
    )
