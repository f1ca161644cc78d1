"""Rounding of settled amounts: once, at the end, to the unit each output declares; halves go away from zero.

    units = floor(|amount| x units per amount + 1/2) x sign

A decimal such as 1.005 has no exact binary form (it is kept as 1.00499999...), so a value that lies below a half by less
than a millionth of a unit, or by less than the last digits binary numbers of its size can hold, counts as the half.
Whole amounts up to a thousand billion pounds stay exact to the penny; beyond ten times that they are refused.
"""

from __future__ import annotations

import math
from typing import Literal

import polars as pl

Unit = Literal["pence", "pounds", "cents", "dollars", "euro_cents", "euros"]

_PER_MAJOR: dict[Unit, int] = {"pence": 100, "pounds": 1, "cents": 100, "dollars": 1, "euro_cents": 100, "euros": 1}
_CURRENCY: dict[Unit, str] = {
    "pence": "GBP",
    "pounds": "GBP",
    "cents": "USD",
    "dollars": "USD",
    "euro_cents": "EUR",
    "euros": "EUR",
}
_GUARD, _LAST_DIGITS = 1e-6, 1e-15

EXACT_UNITS = 1e15
"""Whole units up to which an amount is exact to the unit; larger ones are refused and never rounded."""


def units_per(rounded: Unit, amounts: Unit) -> float:
    """How many of the unit `rounded` one of the unit `amounts` is.

    Raises:
        ValueError: the two are not of one currency.

    Example:
        `units_per("pence", "pounds")` is 100.
    """
    if _CURRENCY[rounded] != _CURRENCY[amounts]:
        raise ValueError(f"amounts in {amounts} cannot be rounded to {rounded}")
    return _PER_MAJOR[rounded] / _PER_MAJOR[amounts]


def nearest_units(amount: pl.Expr, per: float = 1.0) -> pl.Expr:
    """`amount x per` as whole numbers (Int64), each on its own, halves away from zero."""
    scaled = amount * per if per != 1.0 else amount
    half = 0.5 + _GUARD
    # the cast cuts towards zero, which is the floor of the size
    return (scaled * (1.0 + _LAST_DIGITS) + pl.when(scaled < 0.0).then(-half).otherwise(half)).cast(pl.Int64)


def nearest_unit(amount: float, per: float = 1.0) -> int:
    """The same rule on one plain number."""
    scaled = amount * per
    size = math.floor(abs(scaled) * (1.0 + _LAST_DIGITS) + (0.5 + _GUARD))
    return int(math.copysign(size, scaled)) if scaled else 0
