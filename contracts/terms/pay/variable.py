"""Variable: a payment that moves with activity above and below plan, at a full or marginal price."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, literal, number, said, value


class Variable(Term):
    """What is paid for activity that differs from plan: price x (rate above x excess - rate below x shortfall)."""

    kind: ClassVar[Kind] = "piecewise"
    primary: ClassVar[str] = "actual"

    term: Literal["variable"] = "variable"
    """Which clause this is."""
    actual: Amount
    """Activity or its value delivered."""
    plan: Amount = Decimal(0)
    """Activity or its value planned; 0 where all of it is paid for."""
    above: Amount = Decimal(1)
    """Part of the price paid for what is above plan."""
    below: Amount = Decimal(1)
    """Part of the price given back for what is below plan."""
    price: Amount = Decimal(1)
    """Price of one; 1 where activity is given as its value."""

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Price x rate x difference."""
        difference = value(self.actual) - value(self.plan)
        rate = (
            value(self.above)
            if self.above == self.below
            else pl.when(difference > 0).then(value(self.above)).otherwise(value(self.below))
        )
        return {self.step: difference * rate * value(self.price)}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        difference = number(self.actual, row) - number(self.plan, row)
        rate = number(self.above if difference > 0 else self.below, row)
        return {self.step: difference * rate * number(self.price, row)}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line through the plan, bent there where the two rates differ."""
        price = number(self.price, at)
        return Pieces.through(
            [(number(self.plan, at), 0.0)], price * number(self.below, at), price * number(self.above, at)
        )

    def formula(self) -> str:
        price = "" if literal(self.price) == 1.0 else f" x {said(self.price)}"
        rate = (
            said(self.above)
            if self.above == self.below
            else f"({said(self.above)} above plan, {said(self.below)} below)"
        )
        return f"{self.step} = ({said(self.actual)} - {said(self.plan)}) x {rate}{price}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "blended emergency payment: a fifth of the difference both ways",
            {"actual": "actual", "plan": "plan", "above": 0.2, "below": 0.2},
            [{"actual": 53.0, "plan": 50.0}, {"actual": 46.0, "plan": 50.0}],
            {"": [0.6, -0.8]},
            "3 x .2; -4 x .2",
        ),
        Case(
            "1,100 spells against 1,000 at 70% of 2,000 above, full price below",
            {"actual": "spells", "plan": 1000, "above": 0.7, "price": 2000},
            [{"spells": 1100.0}, {"spells": 900.0}],
            {"": [140_000.0, -200_000.0]},
            "100 x .7 x 2,000; -100 x 2,000",
        ),
        Case(
            "elective at full price with no plan in the fixed part",
            {"actual": "elective"},
            [{"elective": 41.2}],
            {"": [41.2]},
            "41.2 x 1",
        ),
    )
