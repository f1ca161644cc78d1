"""A year's amounts by month or quarter, adding to the year to the penny.

month_m = year x weight_m / sum of weights, whole pence by largest remainder, ties by month
quarter = the sum of its three months, so that both views agree
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl

from capitation.errors import FrameError
from capitation.money.apportion import apportion
from capitation.profiles.profile import MonthWeight
from capitation.records.frames import Frame

Every = Literal["month", "quarter", "year"]


def phase(
    amounts: pl.DataFrame, weights: Frame[MonthWeight], *, keys: Sequence[str], amount: str, every: Every = "month"
) -> pl.DataFrame:
    """The amounts of each year by month, quarter or year: columns `year`, the keys, `period`, `first_day`, `last_day` and the amount.

    Args:
        amounts: one row for each year and key, the amount in whole pence (or whole units of activity); below nothing is a recovery.
        weights: months of every year that the amounts name.
        keys: columns that name a row together with `year`.
        amount: the Int64 column to spread.
        every: how long a period is.

    Raises:
        FrameError: a year without weights, a repeated key, or an amount that is not whole.

    Example:
        100.00 pounds by twelfths: 8.34 in April to July, 8.33 in the eight months after, 25.02 in the first quarter.
    """
    lacking = sorted(set(amounts.get_column("year")) - set(weights.get_column("year")))
    if lacking:
        raise FrameError(
            f"amounts of {', '.join(lacking)}: found no months of that year in the profile; expected all twelve"
        )
    rows = apportion(
        amounts.select("year", *keys, amount).join(weights, on="year", how="inner", validate="m:m"),
        total=amount,
        weight="weight",
        within=["year", *keys],
        order_by=["month"],
        into="part",
    )
    period = {"month": pl.col("month"), "quarter": pl.col("quarter"), "year": pl.col("year")}[every]
    return (
        rows.group_by("year", *keys, period.alias("period"))
        .agg(pl.col("first_day").min(), pl.col("last_day").max(), pl.col("part").sum().alias(amount))
        .sort("year", *keys, "first_day")
    )
