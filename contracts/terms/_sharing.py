"""A total shared in whole units by weights of any scale, with the most that each can take: the one rule of clauses that share.

Odd units go by largest remainder (`capitation/money/apportion.py`). What the most of one leaves is shared among the others by
their weights; what the most of all leaves stays open. A loss is shared as its mirror.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from capitation.money.apportion import LARGEST_PENCE, apportion, split

TOTAL, WEIGHT, MOST, GOT, OPEN = "__total", "__weight", "__most", "__got", "__open"
"""Columns: whole units to share, the weight, the most (empty is without end), the units got (0 or more), what stays open."""

GUARD = 1e-6
"""What a most may lack of a whole unit and still count as that unit."""


def within_exact(amount: pl.Expr, unit: float) -> pl.Expr:
    """Whether an amount can be shared to the unit."""
    return amount.abs() <= LARGEST_PENCE * unit


def whole_most(most: pl.Expr, unit: float) -> pl.Expr:
    """The most in whole units; what cannot be reached by any total is without end."""
    units = (most / unit + GUARD).floor()
    return pl.when(units.abs() <= LARGEST_PENCE).then(units).cast(pl.Int64)


def share_whole(tall: pl.DataFrame, *, within: Sequence[str], order_by: Sequence[str]) -> pl.DataFrame:
    """The rows with `GOT` and `OPEN`; the total and the groups stand on every row, the order columns break ties.

    Args:
        tall: one row a receiver, with `TOTAL`, `WEIGHT` and `MOST`.
        within: columns that name the group that shares one total; none is all rows.
        order_by: columns that name a receiver in its group.
    """

    def over(expr: pl.Expr) -> pl.Expr:
        return expr.over(list(within)) if within else expr

    tall = tall.with_columns(pl.lit(0, dtype=pl.Int64).alias(GOT), pl.col(TOTAL).alias(OPEN))
    while True:
        active = pl.col(MOST).is_null() | (pl.col(GOT) < pl.col(MOST))
        tall = tall.with_columns(pl.when(active).then(pl.col(WEIGHT)).otherwise(0.0).alias("__w")).with_columns(
            pl.when(over(pl.col("__w").max()) > 0).then(pl.col(OPEN)).otherwise(0).alias("__now")
        )
        if not (tall.get_column("__now") != 0).any():
            return tall.drop("__w", "__now")
        tall = apportion(tall, total="__now", weight="__w", order_by=order_by, within=within, into="__part")
        past = (pl.col(MOST).is_not_null() & (pl.col(GOT) + pl.col("__part").abs() > pl.col(MOST))).fill_null(False)
        tall = tall.with_columns(past.alias("__past"), over(past.any()).alias("__any"))
        take = (
            pl.when(~pl.col("__any"))
            .then(pl.col("__part").abs())
            .when(pl.col("__past"))
            .then(pl.col(MOST) - pl.col(GOT))
            .otherwise(0)
        )
        tall = tall.with_columns(take.alias("__take")).with_columns(
            (pl.col(GOT) + pl.col("__take")).alias(GOT),
            (pl.col(OPEN) - over(pl.col("__take").sum()) * pl.col(OPEN).sign()).alias(OPEN),
        )
        tall = tall.drop("__part", "__past", "__any", "__take")


def share_whole_on(total: int, weights: Sequence[float], most: Sequence[int | None]) -> tuple[list[int], int]:
    """The same in plain Python: the units that each gets (0 or more), and what stays open of the size of the total."""
    got, left = [0] * len(weights), abs(total)
    while left:
        active = [w if m is None or g < m else 0.0 for w, m, g in zip(weights, most, got, strict=True)]
        if not any(w > 0 for w in active):
            break
        parts = split(left, active)
        past = [i for i, m in enumerate(most) if m is not None and got[i] + parts[i] > m]
        for i in past or range(len(got)):
            take = (most[i] or 0) - got[i] if past else parts[i]
            got[i], left = got[i] + take, left - take
    return got, left


def whole_most_on(most: float, unit: float) -> int | None:
    """The most in whole units on one row."""
    units = math.floor(most / unit + GUARD)
    return units if abs(units) <= LARGEST_PENCE else None


__all__ = [
    "GOT",
    "MOST",
    "OPEN",
    "TOTAL",
    "WEIGHT",
    "share_whole",
    "share_whole_on",
    "whole_most",
    "whole_most_on",
    "within_exact",
]
