"""Collar: an amount kept between a floor and a cap."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl

from capitation.errors import Faults
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import NO_TABLES, Tables
from contracts.terms._base import Amount, Case, Row, Term, check_times, literal, number, said, value


class Collar(Term):
    """An amount kept between a floor and a cap, each a number, a name or a rate of a base."""

    kind: ClassVar[Kind] = "piecewise"

    term: Literal["collar"] = "collar"
    """Which clause this is."""
    amount: Amount
    """What is kept within them."""
    floor: Amount
    """Lowest value, as a part of the base."""
    cap: Amount
    """Highest value, as a part of the base; not below the floor."""
    base: Amount = Decimal(1)
    """What floor and cap are parts of; 1 where they are amounts."""

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        check_times(faults, f"{where}.floor", self.floor, self.base)
        check_times(faults, f"{where}.cap", self.cap, self.base)
        low, high = literal(self.floor), literal(self.cap)
        if low is not None and high is not None and high < low:
            faults.add(f"{where}.cap", f"a cap of {high:g} below its floor of {low:g}", "a cap at or above the floor")

    def may_be_idle(self) -> bool:
        return True

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """min(max(amount, floor), cap)."""
        amount, base = value(self.amount), value(self.base)
        low, high = value(self.floor) * base, value(self.cap) * base
        return {self.step: pl.when(amount < low).then(low).when(amount > high).then(high).otherwise(amount)}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        amount, base = number(self.amount, row), number(self.base, row)
        low, high = number(self.floor, row) * base, number(self.cap, row) * base
        return {self.step: low if amount < low else high if amount > high else amount}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        base = value(self.base)
        return {
            f"the cap {said(self.cap)} is not below the floor {said(self.floor)}": value(self.cap) * base
            >= value(self.floor) * base
        }

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces:
        """Flat, slope 1, flat."""
        base = number(self.base, at)
        low, high = number(self.floor, at) * base, number(self.cap, at) * base
        return Pieces.through([(low, low), (high, high)], 0.0, 0.0)

    def formula(self) -> str:
        base = "" if literal(self.base) == 1.0 else f" of {said(self.base)}"
        return f"{self.step} = {said(self.amount)}, at least {said(self.floor)} and at most {said(self.cap)}{base}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "income kept within 5% of plan",
            {"amount": "income", "floor": 0.95, "cap": 1.05, "base": "plan"},
            [{"income": 90.0, "plan": 100.0}, {"income": 120.0, "plan": 100.0}, {"income": 99.0, "plan": 100.0}],
            {"": [95.0, 105.0, 99.0]},
            "95 to 105",
        ),
        Case(
            "exposure of a party between -2 and 3",
            {"amount": "x", "floor": -2, "cap": 3},
            [{"x": -7.0}, {"x": 7.0}],
            {"": [-2.0, 3.0]},
            "as written",
        ),
    )
