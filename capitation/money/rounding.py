"""Every rounding of the product: the nearest whole number, ties away from zero, for single values and columns alike.

    nearest(x) = floor(|x| + 1/2) x sign(x)

So a debt is rounded as the payment that undoes it. Columns are rounded value by value; a total that is to be shared out goes
through `apportion` instead.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from fractions import Fraction

import polars as pl

MICRO = 1_000_000
"""Millionths in one person: weights are kept as whole millionths so that shares are exact."""


def nearest_whole(value: pl.Expr) -> pl.Expr:
    """Whole numbers (Int64) nearest to a column of floats, ties away from zero; what is no number is refused.

    Example:
        2.5 gives 3, -2.5 gives -3.
    """
    number = value.cast(pl.Float64)
    return (number.abs() + 0.5).floor().cast(pl.Int64) * number.sign().cast(pl.Int64)


def nearest_quotient(over: pl.Expr, under: pl.Expr) -> pl.Expr:
    """Whole numbers (Int64) nearest to over / under, both whole and under above 0, exact, ties away from zero."""
    top, bottom = over.cast(pl.Int128), under.cast(pl.Int128)
    return ((2 * top.abs() + bottom) // (2 * bottom)).cast(pl.Int64) * top.sign().cast(pl.Int64)


def micro(persons: pl.Expr) -> pl.Expr:
    """Persons as whole millionths of a person (Int64), nearest, ties away from zero: the only step from float to weight."""
    return nearest_whole(persons.cast(pl.Float64) * MICRO)


def round_pence(pounds: pl.Expr) -> pl.Expr:
    """Pounds (float) as whole pence (Int64), each value on its own, nearest penny, ties away from zero.

    Only for single published amounts and rates; a total that is to be shared out goes through `apportion`.
    """
    return nearest_whole(pounds.cast(pl.Float64) * 100.0)


def nearest(value: Decimal) -> int:
    """The whole number nearest to `value`, ties away from zero."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def nearest_fraction(value: Fraction) -> int:
    """The whole number nearest to a fraction, ties away from zero."""
    size = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return size if value >= 0 else -size


def rounded(value: Decimal, rule: str) -> int:
    """The whole number beside `value` by a rule of a document: "nearest" (ties away from zero), "down" or "up"."""
    if rule == "nearest":
        return nearest(value)
    return int(value.to_integral_value(ROUND_FLOOR if rule == "down" else ROUND_CEILING))
