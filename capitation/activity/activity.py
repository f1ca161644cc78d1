"""Activity at each point of delivery: year by year, locality by locality, and what it costs.

    activity(year)    = baseline x (projection / baseline) ^ (years since baseline / years between), whole contacts
    locality activity = the system's activity shared by weighted or registered persons, adding up exactly
    cost(activity)    = spend of 2016/17 x activity / baseline activity, nearest penny

The plan prints spend by service and activity by point of delivery, not unit costs. They are calibrated: acute spend
less a stated share that no point of delivery counts is shared over the acute points of delivery by activity times a
national relative cost, so that baseline activity times unit cost gives the printed spend back to the penny; every other
service has one point of delivery, or none, and takes its spend whole. The national figures, the share and the choice of
what each point of delivery is spread by are marked assumptions in `data/activity`.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Literal

import polars as pl

from capitation.activity.printed_plan import SERVICES, PlannedActivity, PlannedSpend
from capitation.errors import Faults, FrameError, UnknownNameError
from capitation.money.apportion import apportion
from capitation.money.rounding import MICRO, micro, nearest, nearest_quotient, nearest_whole
from capitation.pack.parameters import Parameter
from capitation.pack.sources import DataPack
from capitation.records.columns import (
    COST_LINE,
    IMPACT,
    LOCALITY,
    POINT_OF_DELIVERY,
    PRACTICE,
    QUALITY,
    SOURCE,
    WEIGHT_MICRO,
    YEAR,
)
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear, financial_years

Case = Literal["unmitigated", "mitigated"]

CASES: tuple[Case, ...] = ("unmitigated", "mitigated")
"""Activity on current trends, and after channel shift."""

FIRST, LAST = FinancialYear("2016/17"), FinancialYear("2020/21")
"""The years for which the plan prints activity."""

OTHER_ACUTE = "other-acute"
"""The line of acute spend that no point of delivery counts."""


class PointOfDelivery(Schema):
    """Where and how care is given, the service that pays for it, and what its activity is spread by."""

    point_of_delivery = POINT_OF_DELIVERY
    name = Column(pl.String, "name", "Name for display")
    service_code = Column(pl.String, "code", "Service that pays for it", one_of=tuple(SERVICES.values()))
    activity_unit = Column(pl.String, "words", "What one unit of its activity is")
    spread_by = Column(pl.String, "code", "Need component, or registered, that spreads it over localities")
    source = SOURCE
    owner = Column(pl.String, "role", "Who answers for the choice")
    quality = QUALITY
    impact = IMPACT
    where = Column(pl.String, "text", "What the choice rests on")


class NationalCost(Schema):
    """National activity and cost of one kind of hospital care, from which relative costs are made."""

    figure = Column(pl.String, "code", "Data set and kind of care", key=True)
    activity = Column(pl.Int64, "units of activity", "National activity", ge=1)
    cost_pounds = Column(pl.Int64, "pounds", "National cost", ge=1)
    source = SOURCE.but(unit="text", about="Data set, publisher, licence and where it was read")
    where = Column(pl.String, "locator", "Rows the figure is the sum of")


class YearActivity(Schema):
    """Activity at one point of delivery in one year, on current trends or after channel shift."""

    year = YEAR
    case = Column(pl.String, "case", "Current trends, or after channel shift", key=True, one_of=CASES)
    point_of_delivery = POINT_OF_DELIVERY
    activity = Column(pl.Int64, "units of activity", "Activity of the whole system", ge=0)


class SpreadWeight(Schema):
    """The weight by which a locality takes its part of the activity at a point of delivery."""

    point_of_delivery = POINT_OF_DELIVERY
    locality_code = LOCALITY
    weight_micro = WEIGHT_MICRO.but(unit="millionths of a person", about="Weighted or registered persons")


class LocalityActivity(Schema):
    """Activity at one point of delivery for the people of one locality in one year."""

    year = YEAR
    case = Column(pl.String, "case", "Current trends, or after channel shift", key=True, one_of=CASES)
    point_of_delivery = POINT_OF_DELIVERY
    locality_code = LOCALITY
    activity = Column(pl.Int64, "units of activity", "Activity for its people", ge=0)


class RelativeCost(Schema):
    """What one unit of activity costs nationally, on one footing for all acute points of delivery."""

    point_of_delivery = POINT_OF_DELIVERY.but(about="Acute point of delivery")
    relative_cost_pence = Column(pl.Int64, "pence", "National cost of one unit of activity", ge=1)


class UnitCost(Schema):
    """The spend of 2016/17 on one line (a point of delivery, or spend that none counts), and its unit cost."""

    line = COST_LINE.but(about="Point of delivery; other-acute or the service where none counts the spend")
    service_code = Column(pl.String, "code", "Service the line belongs to", one_of=tuple(SERVICES.values()))
    baseline_activity = Column(pl.Int64, "units of activity", "Activity of 2016/17; empty where none counts it", ge=0,
                               nullable=True)  # fmt: skip
    relative_cost_pence = Column(pl.Int64, "pence", "National cost of one unit; only for acute points of delivery",
                                 nullable=True)  # fmt: skip
    spend_pence = Column(pl.Int64, "pence", "Spend of 2016/17; the lines of a service add to its printed spend", ge=0)
    unit_cost_pence = Column(
        pl.Int64, "pence", "Spend over activity, nearest penny, for display; costs use the exact ratio", nullable=True
    )
    odd_pence = Column(
        pl.Int64, "pence", "Spend less activity times the rounded unit cost: what rounding leaves", nullable=True
    )


class ComponentWeight(Schema):
    """The weight of one practice for one need component, or its registered persons."""

    practice_code = PRACTICE
    component = Column(pl.String, "code", "Need component, or registered", key=True)
    weight_micro = WEIGHT_MICRO.but(unit="millionths of a person", about="Weighted or registered persons")


def points_of_delivery(pack: DataPack) -> Frame[PointOfDelivery]:
    """The ten points of delivery of the plan."""
    return pack.rows("activity/points-of-delivery.csv", PointOfDelivery)


def national_costs(pack: DataPack) -> Frame[NationalCost]:
    """The national figures that relative costs are made of."""
    return pack.rows("activity/national-costs.csv", NationalCost)


def other_acute_share(pack: DataPack, year: FinancialYear = FIRST) -> Decimal:
    """Share of acute spend that no point of delivery of the plan counts: a marked assumption."""
    return pack.document("activity/other_acute_share.toml", Parameter).at(year, "other_acute_share").value


def yearly_activity(
    plan: Frame[PlannedActivity], first: FinancialYear = FIRST, last: FinancialYear = LAST
) -> Frame[YearActivity]:
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
            after `first`; every fault is told at once.

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


def spread_activity(activity: Frame[YearActivity], weights: Frame[SpreadWeight]) -> Frame[LocalityActivity]:
    """The activity of each locality: whole units, adding to the system's in every year, case and point of delivery.

    Args:
        activity: activity of the system.
        weights: one row a point of delivery and locality.

    Raises:
        UnknownNameError: a point of delivery has no weights.
        NothingToShareError: the weights of a point of delivery with activity add to 0.

    Rule: largest remainder, ties by locality code.
    """
    known = weights.get_column("point_of_delivery").unique().to_list()
    lost = activity.filter(~pl.col("point_of_delivery").is_in(known)).get_column("point_of_delivery")
    if len(lost):
        raise UnknownNameError("point of delivery", str(lost[0]), known, where="weights")
    rows = activity.rename({"activity": "whole"}).join(weights, on="point_of_delivery", how="inner")
    shared = apportion(
        rows,
        total="whole",
        weight="weight_micro",
        within=["year", "case", "point_of_delivery"],
        order_by=["locality_code"],
        into="activity",
    )
    return LocalityActivity.validate(shared.select(*LocalityActivity.columns()))


def spread_weights(
    practices: Frame[ComponentWeight], members: pl.DataFrame, points: Frame[PointOfDelivery]
) -> Frame[SpreadWeight]:
    """The weight of each locality at each point of delivery: the sum of its practices' weights for what spreads it.

    Args:
        practices: weight of each practice by need component, and "registered".
        members: practice_code and locality_code, one row a practice.
        points: points of delivery with what spreads each.

    Raises:
        FrameError: a component of which a practice has no weight, told for all points of delivery at once.
    """
    faults = Faults()
    wanted = points.select("point_of_delivery", component="spread_by")
    full = members.select("practice_code", "locality_code").join(wanted, how="cross")
    joined = full.join(practices, on=["practice_code", "component"], how="left", validate="m:1")
    lost = (
        joined.filter(pl.col("weight_micro").is_null())
        .group_by("point_of_delivery", "component")
        .agg(pl.col("practice_code").min().alias("such"), pl.len().alias("n"))
        .sort("point_of_delivery")
    )
    for row in lost.iter_rows(named=True):
        faults.add(
            f"{row['point_of_delivery']}: component {row['component']}",
            f"{row['n']} practices without a weight, such as {row['such']}", "a weight for every practice",
        )  # fmt: skip
    faults.raise_if_any(FrameError, "activity cannot be spread")
    sums = joined.group_by("point_of_delivery", "locality_code").agg(pl.col("weight_micro").sum())
    return SpreadWeight.validate(sums.select(*SpreadWeight.columns()))


def component_weights(practices: pl.DataFrame) -> Frame[ComponentWeight]:
    """Weights by component from a table with one column `wp_<component>` each and one of registered persons.

    Args:
        practices: practice_code, registered_persons, and columns named wp_general_acute, wp_community and so on.
    """
    named = practices.select(
        "practice_code",
        micro(pl.col("registered_persons")).alias("registered"),
        *(micro(pl.col(c)).alias(c.removeprefix("wp_")) for c in practices.columns if c.startswith("wp_")),
    )
    return ComponentWeight.validate(
        named.unpivot(index="practice_code", variable_name="component", value_name="weight_micro")
    )


def relative_costs(national: Frame[NationalCost]) -> Frame[RelativeCost]:
    """What one unit of acute activity costs nationally, in whole pence, all on the footing of the patient-level figures.

    The patient-level figures do not part admissions into elective and non-elective and hold no ambulances; both are
    bridged by the ratio of unit costs in the National Cost Collection:

        elective     = admitted x collection elective / collection of all admissions       (non-elective alike)
        ambulance    = A&E x collection ambulance / collection emergency care

    Raises:
        UnknownNameError: a national figure is missing.
    """
    figures: dict[str, tuple[int, int]] = {
        r["figure"]: (r["activity"], r["cost_pounds"]) for r in national.iter_rows(named=True)
    }

    def unit(*names: str) -> Decimal:
        for name in names:
            if name not in figures:
                raise UnknownNameError("national figure", name, figures)
        return Decimal(sum(figures[n][1] for n in names)) / sum(figures[n][0] for n in names)

    admitted, emergency = unit("patient-level-admitted"), unit("patient-level-ae")
    every_admission = unit("collection-elective", "collection-non-elective")
    pounds = {
        "ae": emergency,
        "ambulance": emergency * unit("collection-ambulance") / unit("collection-emergency-care"),
        "elective": admitted * unit("collection-elective") / every_admission,
        "non-elective": admitted * unit("collection-non-elective") / every_admission,
        "outpatient": unit("patient-level-outpatient"),
    }
    rows = [(code, nearest(value * 100)) for code, value in pounds.items()]
    return RelativeCost.validate(pl.DataFrame(rows, schema=RelativeCost.dtypes(), orient="row"))


def unit_costs(
    spend: Frame[PlannedSpend],
    plan: Frame[PlannedActivity],
    points: Frame[PointOfDelivery],
    relative: Frame[RelativeCost],
    other_share: Decimal,
) -> Frame[UnitCost]:
    """Spend of 2016/17 by line and the unit cost it implies; the lines of each service add to its printed spend.

    Args:
        spend: printed spend by service.
        plan: printed activity by point of delivery.
        points: which service each point of delivery belongs to.
        relative: national cost of one unit at each acute point of delivery.
        other_share: share of acute spend that no point of delivery counts.

    Returns:
        One row a line. Acute spend is first divided into the other line and the rest (whole pence, largest
        remainder), and the rest over points of delivery by activity times relative cost; any other service has one
        line, which takes its spend whole.

    Raises:
        FrameError: a share that is not between 0 and 1, a service with two points of delivery but no relative costs, or
            a point of delivery without activity; all told together.
    """
    faults = Faults()
    if not 0 <= other_share < 1:
        faults.add("share of acute spend without a point of delivery", f"{other_share}", "0 or more and under 1")
    rows = (
        points.select("point_of_delivery", "service_code")
        .join(plan.select("point_of_delivery", "baseline_activity"), on="point_of_delivery", how="left")
        .join(relative, on="point_of_delivery", how="left")
        .with_columns(shared=pl.len().over("service_code"))
    )
    for row in rows.sort("point_of_delivery").iter_rows(named=True):
        if row["baseline_activity"] is None:
            faults.add(f"point of delivery {row['point_of_delivery']}", "no activity", "activity of 2016/17")
        if row["shared"] > 1 and row["service_code"] != "acute":
            faults.add(
                f"service {row['service_code']}", f"{row['shared']} points of delivery", "one outside acute care"
            )
        elif row["shared"] > 1 and row["relative_cost_pence"] is None:
            faults.add(
                f"point of delivery {row['point_of_delivery']}", "no relative cost", "one: it shares its service"
            )
    faults.raise_if_any(FrameError, "unit costs cannot be calibrated")
    other = nearest(other_share * MICRO)
    acute = rows.filter(pl.col("service_code") == "acute")
    counted = pl.DataFrame({"line": [OTHER_ACUTE, "counted"], "weight": [other, MICRO - other]})
    parts = apportion(
        counted.with_columns(whole=pl.lit(_spend(spend, "acute"), dtype=pl.Int64)),
        total="whole", weight="weight", order_by=["line"], into="spend_pence",
    )  # fmt: skip
    pence = dict(parts.select("line", "spend_pence").iter_rows())
    acute_lines = apportion(
        acute.with_columns(
            whole=pl.lit(pence["counted"], dtype=pl.Int64),
            weight=pl.col("baseline_activity") * pl.col("relative_cost_pence"),
        ),
        total="whole", weight="weight", order_by=["point_of_delivery"], into="spend_pence",
    )  # fmt: skip
    columns = ["line", "service_code", "baseline_activity", "relative_cost_pence", "spend_pence"]
    single = rows.filter(pl.col("service_code") != "acute").join(
        spend.rename({"service": "service_code"}), on="service_code", how="left", validate="1:1"
    )
    without = spend.filter(~pl.col("service").is_in(points.get_column("service_code").to_list())).select(
        line="service",
        service_code="service",
        baseline_activity=pl.lit(None, dtype=pl.Int64),
        relative_cost_pence=pl.lit(None, dtype=pl.Int64),
        spend_pence="spend_pence",
    )
    uncounted = without.clear().vstack(
        pl.DataFrame([(OTHER_ACUTE, "acute", None, None, pence[OTHER_ACUTE])], schema=without.schema, orient="row")
    )
    lines = pl.concat(
        [
            acute_lines.rename({"point_of_delivery": "line"}).select(columns),
            single.rename({"point_of_delivery": "line"}).select(columns),
            without.select(columns),
            uncounted.select(columns),
        ]
    )
    units = pl.col("baseline_activity")
    unit = pl.when(units > 0).then(nearest_quotient(pl.col("spend_pence"), units))
    costed = lines.with_columns(unit.alias("unit_cost_pence")).with_columns(
        (pl.col("spend_pence") - units * pl.col("unit_cost_pence")).alias("odd_pence")
    )
    return UnitCost.validate(costed)


def activity_cost(activity: pl.DataFrame, costs: Frame[UnitCost]) -> pl.DataFrame:
    """`activity` with `cost_pence`: spend of 2016/17 times activity over baseline activity, nearest penny, half up.

    Args:
        activity: any frame with point_of_delivery and activity (whole units, may be negative for activity avoided).
        costs: unit costs.

    Raises:
        FrameError: a point of delivery without a unit cost; all told together.

    Example:
        The baseline activity of a point of delivery costs its spend of 2016/17 to the penny.
    """
    known = costs.filter(pl.col("baseline_activity") > 0).select(
        pl.col("line").alias("point_of_delivery"), "baseline_activity", "spend_pence"
    )
    lost = activity.join(known, on="point_of_delivery", how="anti").get_column("point_of_delivery").unique().sort()
    faults = Faults()
    for code in lost:
        faults.add(f"point of delivery {code}", "no unit cost", "activity and spend of 2016/17")
    faults.raise_if_any(FrameError, "activity cannot be costed")
    product = pl.col("spend_pence").cast(pl.Int128) * pl.col("activity").abs().cast(pl.Int128)
    cost = nearest_quotient(product, pl.col("baseline_activity")) * pl.col("activity").sign().cast(pl.Int64)
    joined = activity.join(known, on="point_of_delivery", how="left", validate="m:1", maintain_order="left")
    return joined.with_columns(cost.alias("cost_pence")).drop("baseline_activity", "spend_pence")


def calibration_factor(costs: Frame[UnitCost]) -> Decimal:
    """Acute spend on points of delivery over what their activity would cost at national relative costs."""
    acute = costs.filter(pl.col("relative_cost_pence").is_not_null() & (pl.col("service_code") == "acute"))
    national = sum(a * c for a, c in acute.select("baseline_activity", "relative_cost_pence").iter_rows())
    return Decimal(int(acute.get_column("spend_pence").sum())) / Decimal(national)


def _spend(spend: Frame[PlannedSpend], service: str) -> int:
    found = spend.filter(pl.col("service") == service).get_column("spend_pence")
    if found.is_empty():
        raise UnknownNameError("service", service, spend.get_column("service").to_list(), where="spend")
    return int(found[0])
