"""Activity of the whole system spread to localities by the need that drives it, in whole units that add up.

    locality activity = the system's activity shared by weighted or registered persons, adding up exactly

What each point of delivery is spread by is a marked assumption in `activity/`.
"""

from __future__ import annotations

import polars as pl

from capitation.activity.plan import CASES, PointOfDelivery, YearActivity
from capitation.errors import Faults, FrameError, UnknownNameError
from capitation.money.apportion import apportion
from capitation.money.weights import exact_sums
from capitation.records.columns import LOCALITY, POINT_OF_DELIVERY, PRACTICE, WEIGHTED_PERSONS, YEAR
from capitation.records.frames import Column, Frame, Schema


class SpreadWeight(Schema):
    """The weight by which a locality takes its part of the activity at a point of delivery."""

    point_of_delivery = POINT_OF_DELIVERY
    locality_code = LOCALITY
    weighted_persons = WEIGHTED_PERSONS.but(unit="persons", about="Weighted or registered persons")


class LocalityActivity(Schema):
    """Activity at one point of delivery for the people of one locality in one year."""

    year = YEAR
    case = Column(pl.String, "case", "Current trends, or after channel shift", key=True, one_of=CASES)
    point_of_delivery = POINT_OF_DELIVERY
    locality_code = LOCALITY
    activity = Column(pl.Int64, "units of activity", "Activity for its people", ge=0)


class ComponentWeight(Schema):
    """The weight of one practice for one need component, or its registered persons."""

    practice_code = PRACTICE
    component = Column(pl.String, "code", "Need component, or registered", key=True)
    weighted_persons = WEIGHTED_PERSONS.but(unit="persons", about="Weighted or registered persons")


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
        weight="weighted_persons",
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
        FrameError: a component of which a practice has no weight, reported for all points of delivery at once.
    """
    faults = Faults()
    wanted = points.select("point_of_delivery", component="spread_by")
    full = members.select("practice_code", "locality_code").join(wanted, how="cross")
    joined = full.join(practices, on=["practice_code", "component"], how="left", validate="m:1")
    lost = (
        joined.filter(pl.col("weighted_persons").is_null())
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
    sums = exact_sums(joined, ["point_of_delivery", "locality_code"], "weighted_persons")
    return SpreadWeight.validate(sums.select(*SpreadWeight.columns()))


def component_weights(practices: pl.DataFrame) -> Frame[ComponentWeight]:
    """Weights by component from a table with one column `wp_<component>` each and one of registered persons.

    Args:
        practices: practice_code, registered_persons, and columns named wp_general_acute, wp_community and so on.
    """
    named = practices.select(
        "practice_code",
        pl.col("registered_persons").cast(pl.Float64).alias("registered"),
        *(pl.col(c).cast(pl.Float64).alias(c.removeprefix("wp_")) for c in practices.columns if c.startswith("wp_")),
    )
    return ComponentWeight.validate(
        named.unpivot(index="practice_code", variable_name="component", value_name="weighted_persons")
    )
