"""What clauses over an account's periods ask of rows: periods that stand in time, one row for each, and no gap between them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from contracts.language.periods import SAID, Every, places

AT = "__at"
"""Column of the number of each row's period."""


def before_periods(order_by: str, within: Sequence[str], every: Every | None) -> dict[str, pl.Expr]:
    """What must hold before periods can be looked up."""
    names = [*map(str, within), str(order_by)]
    dates = "" if every is not None else "; for dates the clause says by `every` how long the periods are"
    at = places(str(order_by), every)
    return {
        f"{order_by} is a period that stands in time, all written in one way, such as {SAID}{dates}": at.is_not_null(),
        f"one row stands for each {', '.join(names)}": ~pl.struct(*map(str, within), at.alias(AT)).is_duplicated(),
    }


def has_earlier(order_by: str, within: Sequence[str], every: Every | None, periods: int = 1) -> dict[str, pl.Expr]:
    """That an account has the period before each but its first ones."""
    account = [str(k) for k in within]
    at = places(str(order_by), every)
    first = at.min().over(account) if account else at.min()
    there = pl.struct(*account, at.alias(AT)).map_batches(
        lambda each: _there(each, [*account, AT], periods), return_dtype=pl.Boolean
    )
    whose = f"each {', '.join(account)} has" if account else "there is"
    before = "the period before" if periods == 1 else f"the period {periods} before"
    return {f"{whose} a row of {before} its own {order_by}, with no gap": there | (at - periods < first)}


def _there(each: pl.Series, names: list[str], periods: int) -> pl.Series:
    own = each.struct.unnest()
    later = own.select(*names[:-1], pl.col(AT) + periods, pl.lit(value=True).alias("__there")).unique(names)
    found = own.join(later, on=names, how="left", maintain_order="left", nulls_equal=True)
    return found.get_column("__there").fill_null(False)


__all__ = ["AT", "before_periods", "has_earlier"]
