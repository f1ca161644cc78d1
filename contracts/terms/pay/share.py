"""Share: an amount times one or more rates."""

from __future__ import annotations

from functools import reduce
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from capitation.errors import Faults
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import (
    Amount,
    Case,
    Row,
    Side,
    Term,
    check_times,
    is_on_side,
    number,
    on_side,
    said,
    side_said,
    value,
)


class Share(Term):
    """The part of an amount that a party bears or receives: the amount times its rates, from the first pound."""

    kind: ClassVar[Kind] = "piecewise"

    term: Literal["share"] = "share"
    """Which clause this is."""
    amount: Amount
    """What is shared."""
    rates: tuple[Amount, ...] = Field(min_length=1)
    """The rates, multiplied: a sharing rate, a price, a placed part."""
    side: Side = "both"
    """Which amounts are shared; the others pass unchanged."""

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        for i, rate in enumerate(self.rates, start=1):
            check_times(faults, f"{where}.rates.{i}", rate)

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Amount times the rates."""
        amount = value(self.amount)
        shared = reduce(lambda x, rate: x * value(rate), self.rates, amount)
        return {self.step: on_side(self.side, amount, shared)}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        amount = number(self.amount, row)
        if not is_on_side(self.side, amount):
            return {self.step: amount}
        return {self.step: reduce(lambda x, rate: x * number(rate, row), self.rates, amount)}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """A line through 0; bent at 0 where only one side is shared."""
        rate = reduce(lambda x, r: x * number(r, at), self.rates, 1.0)
        left, right = (rate if self.side != "gains" else 1.0), (rate if self.side != "losses" else 1.0)
        return Pieces.through([(0.0, 0.0)], left, right)

    def formula(self) -> str:
        return f"{self.step} = {said(self.amount)} x {' x '.join(map(said, self.rates))}{side_said(self.side)}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "three quarters of the gain",
            {"amount": "gain", "rates": ["rate"]},
            [{"gain": 99_899_684.0, "rate": 0.75}, {"gain": -1000.0, "rate": 0.3}],
            {"": [74_924_763.0, -300.0]},
            "99,899,684 x 0.75; -1,000 x 0.30",
        ),
        Case(
            "a cession of half, three quarters placed, four fifths of that taken, on losses only",
            {"amount": "result", "rates": [0.5, 0.75, 0.8], "side": "losses"},
            [{"result": -100.0}, {"result": 100.0}],
            {"": [-30.0, 100.0]},
            "-100 x 0.5 x 0.75 x 0.8; a gain passes",
        ),
    )
