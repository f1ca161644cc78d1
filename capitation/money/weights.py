"""Weights as whole numbers of one scale, exactly, whatever scale they come in.

Shares depend on the proportions of weights only, so a group of weights may be multiplied by any number. This file multiplies by the
one that makes them whole:

    whole numbers      stay as they are
    decimals           are read at their own number of places
    floats             mean the decimals they print as where at most 15 digits say them all (0.1 is one tenth);
                       otherwise their binary value, exactly

Nothing is rounded and no grid is laid over them: 0.0000014 and 0.0000006 are 7 and 3, and so are 1.4e15 and 0.6e15.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import fsum, lcm
from typing import Any, cast

import numpy as np
import polars as pl

_EXACT = 2**53
"""Whole numbers below this are exact as floats."""

_WIDEST_SHIFT = 48
"""Bits by which binary values may differ in scale and still be added up a million times in 128-bit whole numbers."""

_LOWEST = -970
"""Smallest binary exponent of a weight; what those below it are multiplied by would be no float."""

Number = int | float | Decimal | Fraction
"""What a weight may be in plain Python."""


def whole_weights(weights: pl.Series) -> pl.Series | None:
    """The weights as 128-bit whole numbers in the same proportions; none where 128 bits cannot hold them all.

    Args:
        weights: whole numbers, decimals or finite floats, without empty values.
    """
    found = whole_and_unit(weights)
    return None if found is None else found[0]


def exact_sums(rows: pl.DataFrame, by: Sequence[str], column: str) -> pl.DataFrame:
    """`column` added up exactly within each group of `by`, as floats rounded once; the order of rows never matters.

    Args:
        rows: whole numbers, decimals or finite floats in `column`, without empty values.
        by: columns that name a group.
        column: what is added up; the result has the columns of `by` and this one.

    Example:
        0.1 and 0.2 are 0.3, which the sum of the two floats is not.
    """
    found = whole_and_unit(rows.get_column(column))
    if found is None:
        lists = rows.group_by(by).agg(pl.col(column))
        exact = [fsum(values) for values in lists.get_column(column).to_list()]
        return lists.with_columns(pl.Series(column, exact, dtype=pl.Float64))
    whole, unit = found
    sums = rows.select(*by, whole.alias(column)).group_by(by).agg(pl.col(column).sum())
    amount = pl.col(column).cast(pl.Float64)
    return sums.with_columns(amount / unit)


def whole_and_unit(weights: pl.Series) -> tuple[pl.Series, float] | None:
    """The weights as 128-bit whole numbers, and what each was multiplied by; none where 128 bits cannot hold them all.

    Args:
        weights: whole numbers, decimals or finite floats, without empty values.
    """
    if weights.dtype.is_integer():
        return weights.cast(pl.Int128), 1.0
    if isinstance(weights.dtype, pl.Decimal):
        return weights.to_physical().cast(pl.Int128), 10.0**weights.dtype.scale
    values = cast("np.ndarray[Any, np.dtype[np.float64]]", weights.to_numpy())
    largest = float(values.max(initial=0.0))
    for places in range(23):  # powers of ten up to 1e22 are exact as floats
        power = 10.0**places
        if largest * power >= _EXACT:
            break
        whole = np.rint(values * power)
        if bool((whole / power == values).all()):
            return pl.Series(weights.name, whole.astype(np.int64)).cast(pl.Int128), power
    return _binary(weights.name, values)


def _binary(name: str, values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[pl.Series, float] | None:
    """Floats by their binary value: mantissa x 2 ** (exponent - smallest exponent)."""
    mantissa, exponent = np.frexp(values)
    whole = (mantissa * _EXACT).astype(np.int64)
    used = exponent[whole != 0]
    smallest = int(used.min()) if used.size else 0
    shift = np.where(whole == 0, 0, exponent - smallest)
    if int(shift.max(initial=0)) > _WIDEST_SHIFT or smallest < _LOWEST:
        return None
    frame = pl.DataFrame({"whole": whole, "by": np.left_shift(1, shift.astype(np.int64))})
    found = frame.select((pl.col("whole").cast(pl.Int128) * pl.col("by").cast(pl.Int128)).alias(name)).to_series()
    return found, 2.0 ** (53 - smallest)


def exact_weights(weights: Sequence[Number]) -> list[int]:
    """The same in plain Python, of any size: each weight over the common denominator of all.

    A float means the decimal that it prints as.
    """
    if all(isinstance(w, int) for w in weights):
        return [int(w) for w in weights]
    fractions = [Fraction(Decimal(repr(w))) if isinstance(w, float) else Fraction(w) for w in weights]
    under = lcm(*(f.denominator for f in fractions)) if fractions else 1
    return [f.numerator * (under // f.denominator) for f in fractions]
