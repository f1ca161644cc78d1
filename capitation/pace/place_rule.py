"""Pace of change over all streams of an area: each stream first, then the place total against its own limit.

    place distance_i = sum over streams of allocation_is / sum over streams of target_is - 1
    core bound_i     = (1 - max_under) x sum of targets_i - sum of the other streams' allocations_i

Where a place total closes further under target than the place rule allows, the core stream is run again with the core bound as one
more lower bound for every area, so that no area is pushed under by paying for another. The core quantum does not change: what one
area gains, others are lifted less. The result is what published tables call the final allocation after place-based pace of change.

Rule: NHS England's 2016/17 round (no area more than 5% under for core, primary medical and specialised services together);
allocation rule, section 4.2, step 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import polars as pl

from capitation.errors import Fault, Faults, FrameError
from capitation.pace.bounds import PlaceBound, scaled_pence
from capitation.pace.policy import PacePolicy, rate
from capitation.pace.round import PacedAllocation, PaceResult, PaceSummary, Relaxation, pace_of_change
from capitation.pace.target import AreaPopulation, AreaTarget, OpeningBaseline, over
from capitation.records.columns import AREA_CODE, OTHER_STREAMS_PENCE, PLACE_TARGET_PENCE, YEAR
from capitation.records.frames import Column, Frame, Schema

S = TypeVar("S", bound=Schema)


@dataclass(frozen=True)
class StreamRound:
    """What one stream brings to a round.

    Attributes:
        openings: recurrent baselines.
        target: target allocations, which add to the quantum.
        quantum_pence: recurrent money to distribute.
    """

    openings: Frame[OpeningBaseline]
    target: Frame[AreaTarget]
    quantum_pence: int

    @property
    def stream(self) -> str:
        """Code of the stream."""
        return str(self.target.get_column("stream")[0]) if self.target.height else ""

    @property
    def year(self) -> str:
        """Financial year of the round."""
        return str(self.target.get_column("year")[0]) if self.target.height else ""


class PlaceLift(Schema):
    """What the place rule did to the core stream of one area."""

    year = YEAR
    area_code = AREA_CODE
    place_target_pence = PLACE_TARGET_PENCE
    other_streams_pence = OTHER_STREAMS_PENCE
    core_before_pence = Column(pl.Int64, "pence", "Core allocation before the place rule", ge=0)
    core_after_pence = Column(pl.Int64, "pence", "Core allocation after the place rule", ge=0)
    change_pence = Column(pl.Int64, "pence", "After less before; over all areas it adds to nil")
    place_dft_before_share = Column(
        pl.Float64, "share of target", "Place distance before; empty without a target", nullable=True
    )
    place_dft_after_share = Column(
        pl.Float64, "share of target", "Place distance after; empty without a target", nullable=True
    )
    was_too_far_under = Column(pl.Boolean, "yes or no", "Whether the place total broke the place rule before")


@dataclass(frozen=True)
class PlacePaceResult:
    """A round over all streams.

    Attributes:
        allocations: one row an area and stream.
        relaxations: rules that gave way, by stream.
        summary: one row a stream.
        lifts: one row an area where the place rule is in force; empty where it is not.
    """

    allocations: Frame[PacedAllocation]
    relaxations: Frame[Relaxation]
    summary: Frame[PaceSummary]
    lifts: Frame[PlaceLift]


def place_based_pace(
    rounds: Sequence[StreamRound], populations: Frame[AreaPopulation], policy: PacePolicy
) -> PlacePaceResult:
    """Allocations of all streams of one year, with the core stream lifted where a place total is too far under target.

    Args:
        rounds: one for each stream, all of one year; the place rule needs the same areas in each.
        populations: registered persons, as in `pace_of_change`.
        policy: rules by stream, and the place rule.

    Returns:
        Allocations of all streams, what gave way, and for each area what the place rule changed and at whose cost.

    Raises:
        FrameError: two rounds of one stream, more than one year, or areas that differ between streams under a place rule.
        InfeasibleError: as `pace_of_change`.

    Example:
        Core closes at 96 of 100 and specialised at 16 of 20: the place is at 112 of 120, -6.7%. With a limit of 5% core rises to 98.
    """
    _check(rounds)
    results = {r.stream: pace_of_change(r.openings, r.target, populations, r.quantum_pence, policy) for r in rounds}
    lifts: Frame[PlaceLift] = PlaceLift.empty()
    year = rounds[0].year
    place = policy.place_for(year)
    if place is not None and place.core_stream in results:
        core = next(r for r in rounds if r.stream == place.core_stream)
        before = results[core.stream]
        sums = _place_sums(results, core.stream)
        least = scaled_pence(pl.col("place_target_pence"), 1 - rate(place.max_under), up=True)
        too_far = sums.filter(pl.col("core_before_pence") + pl.col("other_streams_pence") < least)
        after = before
        if too_far.height:
            bounds = PlaceBound.validate(
                sums.select(
                    "year",
                    pl.lit(core.stream).alias("stream"),
                    "area_code",
                    "place_target_pence",
                    "other_streams_pence",
                )
            )
            after = pace_of_change(
                core.openings, core.target, populations, core.quantum_pence, policy, place_bounds=bounds
            )
            results[core.stream] = after
        lifts = _lifts(sums, after, too_far)
    return PlacePaceResult(
        together(PacedAllocation, [r.allocations for r in results.values()]),
        together(Relaxation, [r.relaxations for r in results.values()]),
        together(PaceSummary, [r.summary for r in results.values()]),
        lifts,
    )


def together(schema: type[S], rounds: Sequence[Frame[S]]) -> Frame[S]:
    """The rows of several rounds, no two of one stream and year, in key order: each was checked, so all keep their promises."""
    return cast("Frame[S]", pl.concat(rounds).sort(schema.key()))


def _check(rounds: Sequence[StreamRound]) -> None:
    faults = Faults()
    if not rounds:
        faults.add("rounds", "none", "at least one stream")
    names = [r.stream for r in rounds]
    for name in sorted({n for n in names if names.count(n) > 1}):
        faults.add(f"stream {name}", f"{names.count(name)} rounds", "one round for each stream")
    years = sorted({r.year for r in rounds})
    if len(years) > 1:
        faults.add("rounds", f"years {', '.join(years)}", "one year", "Use roll_forward for several years.")
    faults.raise_if_any(FrameError, "a place-based round cannot be run")


def _place_sums(results: dict[str, PaceResult], core: str) -> pl.DataFrame:
    """One row an area: place target, money of the other streams, core money and core target."""
    areas = {name: set(r.allocations.get_column("area_code")) for name, r in results.items()}
    faults = [
        Fault(f"stream {name}", f"no {', '.join(sorted(areas[core] ^ own)[:6])}", f"the areas of {core}")
        for name, own in areas.items()
        if own != areas[core]
    ]
    if faults:
        raise FrameError("place totals cannot be formed: streams do not cover the same areas", faults)
    money = pl.col("allocation_pence")
    is_core = pl.col("stream") == core
    return (
        pl.concat([r.allocations for r in results.values()])
        .group_by("year", "area_code")
        .agg(
            pl.col("target_pence").sum().alias("place_target_pence"),
            money.filter(~is_core).sum().alias("other_streams_pence"),
            money.filter(is_core).sum().alias("core_before_pence"),
        )
        .sort("area_code")
    )


def _lifts(sums: pl.DataFrame, after: PaceResult, too_far: pl.DataFrame) -> Frame[PlaceLift]:
    core = after.allocations.select("area_code", pl.col("allocation_pence").alias("core_after_pence"))
    rows = sums.join(core, on="area_code", how="inner", validate="1:1").with_columns(
        (pl.col("core_after_pence") - pl.col("core_before_pence")).alias("change_pence"),
        *(
            (pl.col(f"core_{when}_pence") + pl.col("other_streams_pence")).alias(f"__place_{when}")
            for when in ("before", "after")
        ),
        pl.col("area_code").is_in(too_far.get_column("area_code").implode()).alias("was_too_far_under"),
    )
    rows = rows.with_columns(
        (over(f"__place_{when}", "place_target_pence") - 1).alias(f"place_dft_{when}_share")
        for when in ("before", "after")
    )
    return PlaceLift.validate(rows.select(*PlaceLift.columns()))
