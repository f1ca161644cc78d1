"""Activity of the whole system by point of delivery and year, on current trends and after channel shift.

activity(year) = baseline x (projection / baseline) ^ (years since baseline / years between), whole contacts
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Literal

import polars as pl

from capitation.activity.printed_plan import PlannedActivity
from capitation.errors import Faults, FrameError
from capitation.money.rounding import nearest, nearest_whole
from capitation.pack.sources import DataPack
from capitation.records.columns import IMPACT, POINT_OF_DELIVERY, QUALITY, SOURCE, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear, financial_years

Case = Literal["unmitigated", "mitigated"]

CASES: tuple[Case, ...] = ("unmitigated", "mitigated")
"""Activity on current trends, and after channel shift."""

POINTS_FILE = "activity/points-of-delivery.csv"
"""Usual file of the points of delivery, inside the pack."""


class PointOfDelivery(Schema):
    """Where and how care is given, the service that pays for it, and what its activity is spread by."""

    point_of_delivery = POINT_OF_DELIVERY
    name = Column(pl.String, "name", "Name for display")
    service_code = Column(pl.String, "code", "Service that pays for it")
    activity_unit = Column(pl.String, "words", "What one unit of its activity is")
    spread_by = Column(pl.String, "code", "Need component, or registered, that spreads it over localities")
    source = SOURCE
    owner = Column(pl.String, "role", "Who answers for the choice")
    quality = QUALITY
    impact = IMPACT
    where = Column(pl.String, "text", "What the choice rests on")


class YearActivity(Schema):
    """Activity at one point of delivery in one year, on current trends or after channel shift."""

    year = YEAR
    case = Column(pl.String, "case", "Current trends, or after channel shift", key=True, one_of=CASES)
    point_of_delivery = POINT_OF_DELIVERY
    activity = Column(pl.Int64, "units of activity", "Activity of the whole system", ge=0)


def points_of_delivery(pack: DataPack, file: str = POINTS_FILE) -> Frame[PointOfDelivery]:
    """The points of delivery of the plan."""
    return pack.rows(file, PointOfDelivery)


def yearly_activity(plan: Frame[PlannedActivity], first: FinancialYear, last: FinancialYear) -> Frame[YearActivity]:
    """Activity of every year from `first` to `last`, on current trends and after channel shift.

    Args:
        plan: baseline of `first` and the two projections of `last`.
        first: year of the baseline.
        last: year of the projections.

    Returns:
        Whole units that grow by one rate a year, nearest unit, half up; the first and last year are exactly those of
        the plan.

    Raises:
        FrameError: a baseline of 0 with a projection above it (or the reverse) has no rate of growth, or `last` is not
            after `first`; every fault is reported at once.

    Example:
        100 growing to 144 over two years is 120 in between (20% a year).
    """
    faults = Faults()
    span = last.years_after(first)
    if span < 1:
        faults.add("years", f"{first} to {last}", "a last year after the first")
    wide = plan.unpivot(
        index=["point_of_delivery", "baseline_activity"],
        on=[f"{case}_activity" for case in CASES],
        variable_name="case",
        value_name="end",
    ).with_columns(pl.col("case").str.strip_suffix("_activity"))
    for row in wide.filter((pl.col("baseline_activity") == 0) != (pl.col("end") == 0)).iter_rows(named=True):
        faults.add(
            f"{row['point_of_delivery']}, {row['case']}", f"{row['baseline_activity']} to {row['end']}",
            "both above 0, or both 0: growth from or to 0 has no rate",
        )  # fmt: skip
    faults.raise_if_any(FrameError, "activity cannot be carried from year to year")
    years = pl.DataFrame(
        [(str(year), year.years_after(first)) for year in financial_years(first, last)],
        schema={"year": pl.String, "after": pl.Int64},
        orient="row",
    )
    start, end, after = pl.col("baseline_activity"), pl.col("end"), pl.col("after")
    grown = start * (end / start).pow(after / span)
    activity = (
        pl.when(after == 0).then(start).when(after == span).then(end).when(start == 0).then(0)
        .otherwise(nearest_whole(grown))
    )  # fmt: skip
    rows = wide.join(years, how="cross").with_columns(activity.alias("activity"))
    return YearActivity.validate(rows.select(*YearActivity.columns()))


def grown_activity(baseline: int, projection: int, after: int, span: int) -> int:
    """The same rule in plain Python with 60 digits: the second way to `yearly_activity`."""
    if after in {0, span} or baseline == 0:
        return projection if after == span else baseline
    with localcontext(prec=60):
        return nearest(baseline * (Decimal(projection) / baseline) ** (Decimal(after) / span))
