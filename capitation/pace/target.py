"""Target allocations and distance from target: what each area would receive on need alone, and how far its money is from that.

    target_share_i = weight_i / sum of weights            target_i = target_share_i x quantum, in whole pence by largest remainder
    opening distance_i = opening_i x (quantum / sum of openings) - target_i        as a share: divided by target_i
    closing distance_i = allocation_i - target_i                                   as a share: divided by target_i

The denominator is always the target, and a negative distance means under target (allocation rule, section 3; it returns all
sixteen rows NHS England printed for 2013/14). Over several streams the place-based distance is the sum of allocations over the
sum of targets, never a mean of percentages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import polars as pl

from capitation.errors import Fault, FrameError
from capitation.money.apportion import apportion
from capitation.money.weights import exact_sums
from capitation.records.columns import (
    ALLOCATION_PENCE,
    AREA_CODE,
    CLOSING_DFT_PENCE,
    CLOSING_DFT_SHARE,
    OPENING_PENCE,
    REGISTERED_PERSONS,
    STREAM,
    TARGET_PENCE,
    WEIGHTED_PERSONS,
    YEAR,
)
from capitation.records.frames import Column, Frame, Schema


class StreamArea(Schema):
    """The key of most tables here: one area's share of one stream in one year."""

    year = YEAR
    stream = STREAM
    area_code = AREA_CODE.but(about="Code of the area: practice, locality, place or commissioning group")


class AreaWeight(StreamArea):
    """An area's need-weighted population for one stream and year."""

    registered_persons = REGISTERED_PERSONS.but(about="Registered population of the year, before weighting")
    weighted_persons = WEIGHTED_PERSONS


class StreamQuantum(Schema):
    """The money of one stream and year that is shared out by target shares."""

    year = YEAR
    stream = STREAM
    quantum_pence = Column(pl.Int64, "pence", "Recurrent money to distribute in this stream and year", ge=0)


class TargetShare(StreamArea):
    """An area's fair share of a stream."""

    weighted_persons = WEIGHTED_PERSONS
    target_share = Column(
        pl.Float64, "share", "Weight of the area over the weight of all areas of the stream", ge=0, le=1
    )


class AreaTarget(TargetShare):
    """An area's target allocation: its fair share of the quantum in whole pence."""

    target_pence = TARGET_PENCE.but(about="Fair share of the quantum; over all areas they add to it exactly")


class OpeningBaseline(StreamArea):
    """An area's recurrent baseline at the start of a year."""

    opening_pence = OPENING_PENCE


class AreaAllocation(StreamArea):
    """An area's recurrent allocation for a year."""

    allocation_pence = ALLOCATION_PENCE


class AreaPopulation(Schema):
    """An area's registered population in one year."""

    year = YEAR
    area_code = AREA_CODE
    registered_persons = REGISTERED_PERSONS.but(about="Registered population, 12-month average or projection")


class DistanceFromTarget(StreamArea):
    """How far an area's money is from its target before and after a round; negative is under target."""

    opening_pence = OPENING_PENCE
    opening_at_average_growth_pence = Column(
        pl.Int64, "pence", "What the area would have if the whole quantum followed opening baselines", ge=0
    )
    target_pence = TARGET_PENCE
    allocation_pence = ALLOCATION_PENCE
    opening_dft_pence = Column(pl.Int64, "pence", "Opening at average growth less target")
    opening_dft_share = Column(
        pl.Float64, "share of target", "Opening distance over target; empty where the target is nil", nullable=True
    )
    opening_dft_pence_per_person = Column(
        pl.Float64,
        "pence per registered person",
        "Opening distance per head; empty where nobody is registered",
        nullable=True,
    )
    closing_dft_pence = CLOSING_DFT_PENCE
    closing_dft_share = CLOSING_DFT_SHARE
    closing_dft_pence_per_person = Column(
        pl.Float64,
        "pence per registered person",
        "Closing distance per head; empty where nobody is registered",
        nullable=True,
    )


class PlaceDistance(Schema):
    """Distance from target over all streams of an area: sums over sums."""

    year = YEAR
    area_code = AREA_CODE
    streams = Column(pl.Int64, "count", "How many streams are added together", ge=1)
    target_pence = TARGET_PENCE.but(about="Target over all streams")
    allocation_pence = ALLOCATION_PENCE.but(about="Allocation over all streams")
    opening_dft_pence = Column(pl.Int64, "pence", "Opening distance over all streams")
    opening_dft_share = Column(
        pl.Float64, "share of target", "Opening distance over the target of all streams", nullable=True
    )
    closing_dft_pence = CLOSING_DFT_PENCE.but(about="Allocation less target over all streams")
    closing_dft_share = CLOSING_DFT_SHARE.but(about="Closing distance over the target of all streams")


GROUP = ["year", "stream"]
AREA = ["year", "stream", "area_code"]


def target_shares(weights: Frame[AreaWeight]) -> Frame[TargetShare]:
    """Each area's share of the need of its stream and year: weight over the sum of weights.

    Raises:
        FrameError: the weights of a stream and year add to nothing, or a row breaks the schema.

    Rule: tau_i = core_i / sum of core_j (allocation rule, section 2.5).

    Example:
        Weights of 1, 1 and 2 persons give shares of 0.25, 0.25 and 0.5.
    """
    checked = AreaWeight.validate(weights)
    whole = exact_sums(checked, GROUP, "weighted_persons").rename({"weighted_persons": "whole"})
    empty = whole.filter(pl.col("whole") == 0).sort(GROUP)
    if empty.height:
        raise FrameError(
            "target shares cannot be formed: no area of the stream has any need",
            [
                Fault(f"{y} {s}", "weights that add to 0", "at least one area with need")
                for y, s, _ in empty.iter_rows()
            ],
        )
    share = pl.min_horizontal(pl.col("weighted_persons") / pl.col("whole"), 1.0)
    rows = checked.join(whole, on=GROUP, how="left", validate="m:1")
    return TargetShare.validate(rows.select(*AREA, "weighted_persons", share.alias("target_share")))


def targets(weights: Frame[AreaWeight], quanta: Frame[StreamQuantum]) -> Frame[AreaTarget]:
    """Each area's target in whole pence; over the areas of a stream and year they add to the quantum exactly.

    Args:
        weights: need-weighted population by area.
        quanta: money to distribute by stream and year, one row for each stream and year of `weights`.

    Raises:
        FrameError: a stream and year has weights without a quantum or a quantum without weights, all reported together;
            or the weights of a stream add to nothing.

    Rule: T_i = tau_i x Q, odd pence by largest remainder, ties by area code. The target per weighted head is the same for all.

    Example:
        100.00 pounds over three equal weights gives 33.34, 33.33 and 33.33.
    """
    shares = target_shares(weights)
    money = StreamQuantum.validate(quanta)
    require_same_keys(shares, money, GROUP, "target shares", "quanta")
    rows = shares.join(money, on=GROUP, how="inner", validate="m:1")
    shared = apportion(
        rows,
        total="quantum_pence",
        weight="weighted_persons",
        order_by=["area_code"],
        within=GROUP,
        into="target_pence",
    )
    return AreaTarget.validate(shared.drop("quantum_pence"))


def target_pence_per_weighted_person(target: Frame[AreaTarget]) -> pl.DataFrame:
    """Target pence for one weighted person by stream and year: quantum over all weights, the same for every area."""
    money = target.group_by(GROUP).agg(pl.col("target_pence").sum())
    whole = exact_sums(target, GROUP, "weighted_persons").join(money, on=GROUP, how="left", validate="1:1")
    each = pl.col("target_pence") / pl.col("weighted_persons")
    return whole.select(*GROUP, each.alias("target_pence_per_weighted_person")).sort(GROUP)


def distance_from_target(
    openings: Frame[OpeningBaseline],
    target: Frame[AreaTarget],
    allocations: Frame[AreaAllocation],
    populations: Frame[AreaPopulation],
) -> Frame[DistanceFromTarget]:
    """Opening and closing distance from target of each area in pence, as a share of target and per registered person.

    Args:
        openings: recurrent baselines at the start of the year.
        target: target allocations of the year.
        allocations: recurrent allocations of the year.
        populations: registered persons of the year; rows of other years are not used.

    Raises:
        FrameError: an area stands in one table and not in another; all such areas are named.
        NothingToShareError: the openings of a stream add to nothing, so average growth has no meaning.

    Rule: allocation rule, section 3. Opening distances of a stream add to nil, because both sides share the same quantum.

    Example:
        Eastern Cheshire 2013/14: 219,307 against a target of 237,285 (thousand pounds) is -17,978, which is -7.58% of target.
    """
    require_same_keys(openings, target, AREA, "openings", "targets")
    require_same_keys(allocations, target, AREA, "allocations", "targets")
    people = AreaPopulation.validate(populations)
    missing = target.join(people, on=["year", "area_code"], how="anti")
    if missing.height:
        raise FrameError(
            "distance per head cannot be formed: areas without a population",
            [Fault(_place(r, ["year", "area_code"]), "no population", "registered persons") for r in _few(missing)],
        )
    rows = (
        target.join(openings, on=AREA, how="inner", validate="1:1")
        .join(allocations, on=AREA, how="inner", validate="1:1")
        .join(people, on=["year", "area_code"], how="left", validate="m:1")
        .with_columns(pl.col("target_pence").sum().over(GROUP).alias("quantum_pence"))
    )
    rows = apportion(
        rows,
        total="quantum_pence",
        weight="opening_pence",
        order_by=["area_code"],
        within=GROUP,
        into="opening_at_average_growth_pence",
    )
    rows = rows.with_columns(
        (pl.col("opening_at_average_growth_pence") - pl.col("target_pence")).alias("opening_dft_pence"),
        (pl.col("allocation_pence") - pl.col("target_pence")).alias("closing_dft_pence"),
    ).with_columns(
        *(over(f"{when}_dft_pence", "target_pence").alias(f"{when}_dft_share") for when in ("opening", "closing")),
        *(
            over(f"{when}_dft_pence", "registered_persons").alias(f"{when}_dft_pence_per_person")
            for when in ("opening", "closing")
        ),
    )
    return DistanceFromTarget.validate(rows.select(*DistanceFromTarget.columns()))


def place_distance(distances: Frame[DistanceFromTarget]) -> Frame[PlaceDistance]:
    """Distance from target of each area over all its streams together: sum of distances over sum of targets.

    Rule: place-based distance of the 2016/17 round; percentages of streams are never averaged (allocation rule, section 3).

    Example:
        Core 90 of 100 and specialised 20 of 20 is 110 of 120: -8.33%, not the mean of -10% and 0%.
    """
    summed = distances.group_by(["year", "area_code"]).agg(
        pl.len().cast(pl.Int64).alias("streams"),
        *(pl.col(c).sum() for c in ("target_pence", "allocation_pence", "opening_dft_pence", "closing_dft_pence")),
    )
    return PlaceDistance.validate(
        summed.with_columns(
            over("opening_dft_pence", "target_pence").alias("opening_dft_share"),
            over("closing_dft_pence", "target_pence").alias("closing_dft_share"),
        )
    )


def over(numerator: str, denominator: str) -> pl.Expr:
    """The quotient of two columns as a float, empty where the denominator is 0."""
    return pl.when(pl.col(denominator) != 0).then(pl.col(numerator) / pl.col(denominator))


def require_same_keys(
    one: pl.DataFrame, other: pl.DataFrame, keys: Sequence[str], one_name: str, other_name: str
) -> None:
    """Nothing, where both frames have the same keys.

    Raises:
        FrameError: some keys stand in one and not in the other; each side's are named.
    """
    if all(one.get_column(key).equals(other.get_column(key)) for key in keys):
        return  # the same rows in the same order, as frames in key order are
    faults = []
    for have, lack, have_name, lack_name in ((one, other, one_name, other_name), (other, one, other_name, one_name)):
        lost = have.select(keys).unique().join(lack.select(keys).unique(), on=list(keys), how="anti").sort(keys)
        faults += [
            Fault(_place(row, keys), f"a row in {have_name} and none in {lack_name}", "the same rows in both")
            for row in _few(lost)
        ]
        if lost.height > _SHOWN:
            faults.append(Fault(f"{have_name} against {lack_name}", f"{lost.height - _SHOWN} more such rows", "none"))
    if faults:
        raise FrameError(f"{one_name} and {other_name} do not cover the same {', '.join(keys)}", faults)


_SHOWN = 10


def _few(frame: pl.DataFrame) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", frame.head(_SHOWN).to_dicts())


def _place(row: dict[str, object], keys: Sequence[str]) -> str:
    return ", ".join(f"{key} {row[key]}" for key in keys)
