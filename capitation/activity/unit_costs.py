"""Unit costs by point of delivery that reproduce the printed spend on each service.

    cost(activity) = spend of the baseline year x activity / baseline activity, nearest penny

The plan prints spend by service and activity by point of delivery, not unit costs. They are calibrated: acute spend
less a stated share that no point of delivery counts is shared over the acute points of delivery by activity times a
national relative cost, so that baseline activity times unit cost gives the printed spend back to the penny; every other
service has one point of delivery, or none, and takes its spend whole. The national figures and the share are marked
assumptions in `activity/`.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from capitation.activity.plan import PointOfDelivery
from capitation.activity.printed_plan import PlannedActivity, PlannedSpend
from capitation.errors import Faults, FrameError, UnknownNameError
from capitation.money.apportion import apportion
from capitation.money.rounding import MICRO, nearest, nearest_quotient
from capitation.pack.parameters import Parameter
from capitation.pack.sources import DataPack
from capitation.records.columns import COST_LINE, POINT_OF_DELIVERY, SOURCE
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear

OTHER_ACUTE = "other-acute"
"""The line of acute spend that no point of delivery counts."""

NATIONAL_COSTS_FILE = "activity/national-costs.csv"
OTHER_ACUTE_FILE = "activity/other_acute_share.toml"
"""Usual files of the national costs and of the share of acute spend that none counts, inside the pack."""


class NationalCost(Schema):
    """National activity and cost of one kind of hospital care, from which relative costs are made."""

    figure = Column(pl.String, "code", "Data set and kind of care", key=True)
    activity = Column(pl.Int64, "units of activity", "National activity", ge=1)
    cost_pounds = Column(pl.Int64, "pounds", "National cost", ge=1)
    source = SOURCE.but(unit="text", about="Data set, publisher, licence and where it was read")
    where = Column(pl.String, "locator", "Rows the figure is the sum of")


class RelativeCost(Schema):
    """What one unit of activity costs nationally, on one footing for all acute points of delivery."""

    point_of_delivery = POINT_OF_DELIVERY.but(about="Acute point of delivery")
    relative_cost_pence = Column(pl.Int64, "pence", "National cost of one unit of activity", ge=1)


class UnitCost(Schema):
    """The spend of the baseline year on one line (a point of delivery, or spend that none counts), and its unit cost."""

    line = COST_LINE.but(about="Point of delivery; other-acute or the service where none counts the spend")
    service_code = Column(pl.String, "code", "Service the line belongs to")
    baseline_activity = Column(pl.Int64, "units of activity", "Activity of the baseline year; empty where none counts it", ge=0,
                               nullable=True)  # fmt: skip
    relative_cost_pence = Column(pl.Int64, "pence", "National cost of one unit; only for acute points of delivery",
                                 nullable=True)  # fmt: skip
    spend_pence = Column(
        pl.Int64, "pence", "Spend of the baseline year; the lines of a service add to its printed spend", ge=0
    )
    unit_cost_pence = Column(
        pl.Int64, "pence", "Spend over activity, nearest penny, for display; costs use the exact ratio", nullable=True
    )
    odd_pence = Column(
        pl.Int64, "pence", "Spend less activity times the rounded unit cost: what rounding leaves", nullable=True
    )


def national_costs(pack: DataPack, file: str = NATIONAL_COSTS_FILE) -> Frame[NationalCost]:
    """The national figures that relative costs are made of."""
    return pack.rows(file, NationalCost)


def other_acute_share(pack: DataPack, year: FinancialYear, file: str = OTHER_ACUTE_FILE) -> Decimal:
    """Share of acute spend that no point of delivery of the plan counts: a marked assumption."""
    return pack.document(file, Parameter).at(year, "other_acute_share").value


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
    """Spend of the baseline year by line and the unit cost it implies; the lines of each service add to its printed spend.

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
            a point of delivery without activity; all reported together.
    """
    rows = _lines_to_cost(plan, points, relative, other_share)
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


def _lines_to_cost(
    plan: Frame[PlannedActivity], points: Frame[PointOfDelivery], relative: Frame[RelativeCost], other_share: Decimal
) -> pl.DataFrame:
    """Points of delivery with their service, activity and relative cost, once nothing they need is missing."""
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
            faults.add(f"point of delivery {row['point_of_delivery']}", "no activity", "activity of the baseline year")
        if row["shared"] > 1 and row["service_code"] != "acute":
            faults.add(
                f"service {row['service_code']}", f"{row['shared']} points of delivery", "one outside acute care"
            )
        elif row["shared"] > 1 and row["relative_cost_pence"] is None:
            faults.add(
                f"point of delivery {row['point_of_delivery']}", "no relative cost", "one: it shares its service"
            )
    faults.raise_if_any(FrameError, "unit costs cannot be calibrated")
    return rows


def activity_cost(activity: pl.DataFrame, costs: Frame[UnitCost]) -> pl.DataFrame:
    """`activity` with `cost_pence`: spend of the baseline year times activity over baseline activity, nearest penny, half up.

    Args:
        activity: any frame with point_of_delivery and activity (whole units, may be negative for activity avoided).
        costs: unit costs.

    Raises:
        FrameError: a point of delivery without a unit cost; all reported together.

    Example:
        The baseline activity of a point of delivery costs its spend of the baseline year to the penny.
    """
    known = costs.filter(pl.col("baseline_activity") > 0).select(
        pl.col("line").alias("point_of_delivery"), "baseline_activity", "spend_pence"
    )
    lost = activity.join(known, on="point_of_delivery", how="anti").get_column("point_of_delivery").unique().sort()
    faults = Faults()
    for code in lost:
        faults.add(f"point of delivery {code}", "no unit cost", "activity and spend of the baseline year")
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
