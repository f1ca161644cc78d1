"""Growth of allocations between years, and the difference between two accounts of the same allocation.

annual growth = allocation of the year / allocation of the year before - 1
cumulative growth = amount of the last year / amount of the first - 1
"""

from __future__ import annotations

import polars as pl

from capitation.pace.target import AREA, AreaAllocation, StreamArea, over
from capitation.records.columns import ALLOCATION_PENCE, AREA_CODE, STREAM
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear


class AreaGrowth(StreamArea):
    """An area's growth over the year before."""

    previous_pence = Column(pl.Int64, "pence", "Allocation of the year before", ge=0)
    allocation_pence = ALLOCATION_PENCE.but(about="Allocation of the year")
    growth_rate = Column(
        pl.Float64, "rate", "Allocation over that of the year before less 1; empty after nothing", nullable=True
    )


class AllocationDifference(StreamArea):
    """One area's allocation in two accounts."""

    one_pence = Column(pl.Int64, "pence", "Allocation in the first account; empty where it has none", nullable=True)
    other_pence = Column(pl.Int64, "pence", "Allocation in the second account; empty where it has none", nullable=True)
    difference_pence = Column(pl.Int64, "pence", "First less second, an account without a row counted as nil")


class CumulativeGrowth(Schema):
    """An area's growth over a whole span of years."""

    stream = STREAM
    area_code = AREA_CODE
    first_year = Column(pl.String, "financial year", "First year in which the area has an allocation")
    last_year = Column(pl.String, "financial year", "Last year in which the area has an allocation")
    growth_rate = Column(
        pl.Float64, "rate", "Last allocation over the first less 1; empty after nothing", nullable=True
    )


def annual_growth(allocations: Frame[AreaAllocation]) -> Frame[AreaGrowth]:
    """Growth of each area and stream in every year for which the year before is there as well.

    Example:
        A commissioner's 530,054 in 2016/17 and 548,261 in 2017/18 (thousand pounds) is growth of 3.435%.
    """
    following = {y: str(FinancialYear(y).next) for y in allocations.get_column("year").unique()}
    before = allocations.select(
        pl.col("year").replace_strict(following, return_dtype=pl.String),
        "stream",
        "area_code",
        pl.col("allocation_pence").alias("previous_pence"),
    )
    rows = allocations.join(before, on=AREA, how="inner", validate="1:1")
    rows = rows.with_columns((over("allocation_pence", "previous_pence") - 1).alias("growth_rate"))
    return AreaGrowth.validate(rows.select(*AreaGrowth.columns()))


def cumulative_growth(allocations: Frame[AreaAllocation]) -> Frame[CumulativeGrowth]:
    """Growth of each area and stream from its first year to its last.

    Example:
        Places of the plan: 1,327,911 in 2015/16 and 1,672,756 in 2020/21 (thousand pounds) is growth of 26.0%.
    """
    ends = (
        allocations.sort("year")
        .group_by("stream", "area_code")
        .agg(
            pl.col("year").first().alias("first_year"),
            pl.col("year").last().alias("last_year"),
            pl.col("allocation_pence").first().alias("__first"),
            pl.col("allocation_pence").last().alias("__last"),
        )
    )
    rows = ends.with_columns((over("__last", "__first") - 1).alias("growth_rate"))
    return CumulativeGrowth.validate(rows.drop("__first", "__last"))


def allocation_differences(one: Frame[AreaAllocation], other: Frame[AreaAllocation]) -> Frame[AllocationDifference]:
    """Every area, stream and year of either account with both amounts and their difference; rows that agree have 0.

    Example:
        The three groups add to 1,166,646 in 2018/19 as revised, the plan printed 1,156,545: a difference of 10,101 (thousand pounds).
    """
    left = one.select(*AREA, pl.col("allocation_pence").alias("one_pence"))
    right = other.select(*AREA, pl.col("allocation_pence").alias("other_pence"))
    rows = left.join(right, on=AREA, how="full", coalesce=True, validate="1:1")
    difference = pl.col("one_pence").fill_null(0) - pl.col("other_pence").fill_null(0)
    return AllocationDifference.validate(rows.with_columns(difference.alias("difference_pence")))
