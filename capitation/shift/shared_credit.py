"""Credit that adds up: what each of several solutions avoids of the same activity, where together they avoid a product.

Several solutions on the same activity avoid 1 - product of (1 - effect) of it. The Shapley value of a solution is its
average contribution over every order of adding them, and for a product it is one integral:

    credit_s = integral from 0 to 1 of  effect_s x product over others o of (1 - t effect_o)  dt

The integrand is a polynomial in t, so Gauss-Legendre quadrature with half as many points as solutions gives it exactly.
"""

from __future__ import annotations

import math
from functools import cache

import polars as pl


def with_credit(frame: pl.DataFrame, *, effect: str, within: list[str], into: str) -> pl.DataFrame:
    """`frame` with `into`: each row's Shapley credit, as a share of the activity that its group shares.

    Args:
        frame: one row a solution on a group of patients.
        effect: column with the share that the solution avoids by itself, between 0 and 1.
        within: columns that name the group.
        into: name of the new column.

    Returns:
        The rows in their own order; in each group the credits add to 1 - product of (1 - effect).

    Rule: Shapley (1953), by the multilinear extension of Owen (1972).

    Example:
        Two solutions that each avoid a half avoid three quarters together: 0.375 each.
    """
    if frame.is_empty():
        return frame.with_columns(pl.lit(None, dtype=pl.Float64).alias(into))
    most = int(frame.group_by(within).len().get_column("len").max())  # type: ignore[arg-type]  # a count
    e = pl.col(effect)
    parts = []
    for at, weight in gauss_legendre(math.ceil(most / 2)):
        left = 1 - at * e
        parts.append(weight * e * left.product().over(within) / left)
    return frame.with_columns(pl.sum_horizontal(parts).alias(into))


@cache
def gauss_legendre(points: int) -> tuple[tuple[float, float], ...]:
    """Points and weights that integrate a polynomial of degree up to 2 x points - 1 from 0 to 1 exactly.

    Example:
        One point: (0.5, 1.0), the midpoint rule.
    """
    found = []
    for i in range(1, points + 1):
        x = math.cos(math.pi * (i - 0.25) / (points + 0.5))
        slope = 1.0
        for _ in range(100):
            value, before = 1.0, 0.0
            for n in range(1, points + 1):
                value, before = ((2 * n - 1) * x * value - (n - 1) * before) / n, value
            slope = points * (x * value - before) / (x * x - 1)
            step = value / slope
            x -= step
            if abs(step) < 1e-15:
                break
        found.append(((1 - x) / 2, 1 / ((1 - x * x) * slope * slope)))
    return tuple(found)
