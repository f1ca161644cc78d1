"""Round: an amount to a number of places or a smallest unit, in the middle of a calculation where a contract says so."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from contracts.language.pieces import Kind
from contracts.language.tables import Tables
from contracts.terms._base import Amount, Case, Name, Row, Term, number, said, value

_GUARD, _LAST_DIGITS = 1e-6, 1e-15


class Round(Term):
    """An amount as a whole number of a smallest unit: nearest with halves away from zero, to even, up or down.

    What lies within a millionth of a unit of a half (or, up and down, of a whole unit) counts as it, because a decimal such
    as 1.005 has no exact binary form.
    """

    kind: ClassVar[Kind] = "jump"
    univariate: ClassVar[bool] = False

    term: Literal["round"] = "round"
    """Which clause this is."""
    amount: Amount
    """What is rounded."""
    to: Decimal = Field(default=Decimal("0.01"), gt=0)
    """The unit of which a whole number is given: 0.01 for pence of pounds, 0.001 for a rate of three places, 1000 for thousands."""
    how: Literal["nearest", "half_even", "up", "down"] = "nearest"
    """"nearest": halves away from zero; "half_even": halves to the even unit; "up", "down": away from and towards zero."""

    def before_use(self, tables: Tables) -> dict[str, pl.Expr]:
        if not isinstance(self.amount, Name):
            return {}
        return {
            f"{said(self.amount)} is below a thousand billion units of {self.to}": (
                value(self.amount) * self._per()
            ).abs()
            < 1e15
        }

    def _per(self) -> float:
        """Units in one of the amount: a whole number wherever the unit is a part of one, so that nothing is lost."""
        return float(1 / self.to)

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The whole units, in the amount's own unit."""
        per = self._per()
        scaled = value(self.amount) * per
        size = scaled.abs() * (1.0 + _LAST_DIGITS)
        near = (size + (0.5 + _GUARD)).floor()
        if self.how == "up":
            near = (size - _GUARD - size * 2 * _LAST_DIGITS).ceil()
            near = pl.when(near < 0).then(0.0).otherwise(near)
        elif self.how == "down":
            near = (size + _GUARD).floor()
        elif self.how == "half_even":
            half = (size - size.floor() - 0.5).abs() <= _GUARD
            near = pl.when(half & (near % 2 == 1)).then(near - 1.0).otherwise(near)
        return {self.step: near * scaled.sign() / per}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        per = self._per()
        scaled = number(self.amount, row) * per
        size = abs(scaled) * (1.0 + _LAST_DIGITS)
        near = math.floor(size + (0.5 + _GUARD))
        if self.how == "up":
            near = max(math.ceil(size - _GUARD - size * 2 * _LAST_DIGITS), 0)
        elif self.how == "down":
            near = math.floor(size + _GUARD)
        elif self.how == "half_even" and abs(size - math.floor(size) - 0.5) <= _GUARD and near % 2:
            near -= 1
        return {self.step: math.copysign(near, scaled) / per if near else 0.0}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        return self.before_use(tables)

    def formula(self) -> str:
        how = {
            "nearest": "to the nearest",
            "half_even": "to the nearest (halves to even)",
            "up": "up to a",
            "down": "down to a",
        }
        return f"{self.step} = {said(self.amount)} {how[self.how]} whole number of {self.to}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a price to the penny before it is multiplied",
            {"amount": "price"},
            [{"price": 1.005}, {"price": -1.005}, {"price": 2.344}],
            {"": [1.01, -1.01, 2.34]},
            "halves away from zero",
        ),
        Case(
            "a rate down to three places",
            {"amount": "rate", "to": 0.001, "how": "down"},
            [{"rate": 0.12399}, {"rate": 0.124}],
            {"": [0.123, 0.124]},
            "what is beyond the third place falls away",
        ),
        Case(
            "halves to the even penny",
            {"amount": "x", "how": "half_even"},
            [{"x": 0.125}, {"x": 0.135}, {"x": 0.126}],
            {"": [0.12, 0.14, 0.13]},
            "12.5 to 12, 13.5 to 14",
        ),
        Case(
            "up to whole thousands",
            {"amount": "x", "to": 1000, "how": "up"},
            [{"x": 12_001.0}, {"x": 12_000.0}, {"x": 0.0}],
            {"": [13_000.0, 12_000.0, 0.0]},
            "12.001 thousands to 13",
        ),
    )
