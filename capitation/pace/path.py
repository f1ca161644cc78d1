"""Several years of pace of change in a row: this year's recurrent allocation is next year's opening.

    opening_i(t + 1) = recurrent allocation_i(t)

Non-recurrent money of a year is shared by that year's targets and added beside the recurrent allocation; it enters no opening, no
target and no distance, so spending it never looks like progress towards target (allocation rule, section 4.2, step 9).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import polars as pl

from capitation.errors import Fault, FrameError
from capitation.money.apportion import apportion
from capitation.pace.place_rule import PlaceLift, PlacePaceResult, StreamRound, place_based_pace, together
from capitation.pace.policy import PacePolicy
from capitation.pace.round import PacedAllocation, PaceSummary, Relaxation
from capitation.pace.statutory import CommissionerAllocation, Statutory
from capitation.pace.target import (
    AREA,
    GROUP,
    AreaPopulation,
    AreaTarget,
    AreaWeight,
    OpeningBaseline,
    StreamArea,
    StreamQuantum,
    require_same_keys,
    targets,
)
from capitation.records.frames import Column, Frame
from capitation.records.years import FinancialYear
from capitation.streams.control_total import StreamMoney


class TotalAllocation(StreamArea):
    """An area's recurrent and non-recurrent money of a year."""

    recurrent_pence = Column(pl.Int64, "pence", "Recurrent allocation after pace of change; next year's opening", ge=0)
    non_recurrent_pence = Column(pl.Int64, "pence", "Share of the year's non-recurrent money", ge=0)
    total_pence = Column(pl.Int64, "pence", "Both together", ge=0)


@dataclass(frozen=True)
class PacePath:
    """Several rounds in a row.

    Attributes:
        targets: one row a year, stream and area.
        allocations: recurrent allocations with their bounds, one row a year, stream and area.
        totals: recurrent and non-recurrent money.
        relaxations: rules that gave way.
        summary: one row a year and stream.
        lifts: what the place rule did, one row a year and area.
        commissioners: commissioners with their own allocations, one row a year, stream and commissioner.
        practices: what practices of those streams have of it (`Statutory.shared`).
    """

    targets: Frame[AreaTarget]
    allocations: Frame[PacedAllocation]
    totals: Frame[TotalAllocation]
    relaxations: Frame[Relaxation]
    summary: Frame[PaceSummary]
    lifts: Frame[PlaceLift]
    commissioners: Frame[CommissionerAllocation]
    practices: pl.DataFrame

    @classmethod
    def empty(cls) -> PacePath:
        """The path of a system whose streams all go straight to target."""
        return cls(
            AreaTarget.validate(pl.DataFrame(schema=AreaTarget.dtypes())),
            PacedAllocation.validate(pl.DataFrame(schema=PacedAllocation.dtypes())),
            TotalAllocation.validate(pl.DataFrame(schema=TotalAllocation.dtypes())),
            Relaxation.validate(pl.DataFrame(schema=Relaxation.dtypes())),
            PaceSummary.validate(pl.DataFrame(schema=PaceSummary.dtypes())),
            PlaceLift.validate(pl.DataFrame(schema=PlaceLift.dtypes())),
            CommissionerAllocation.empty(),
            no_practices(),
        )


def roll_forward(
    openings: Frame[OpeningBaseline],
    weights: Frame[AreaWeight],
    money: Frame[StreamMoney],
    populations: Frame[AreaPopulation],
    policy: PacePolicy,
    statutory: Statutory | None = None,
) -> PacePath:
    """Allocations of every year and stream of `weights`, each year opening with the recurrent allocation of the year before.

    Args:
        openings: recurrent baselines of the first year only.
        weights: need-weighted population of every year, stream and area; years follow each other.
        money: what every stream has to share in every year; the recurrent part is paced, the non-recurrent part shared by target.
        populations: registered persons, as in `pace_of_change`.
        policy: rules by stream and year, and the place rule.
        statutory: commissioners that keep their own allocations of some streams; none means that rounds share the system's money.

    Raises:
        FrameError: years are missing, openings are not those of the first year, money and weights do not match, or an area appears
            or disappears between years (carry its baseline over with a lineage first).
        InfeasibleError: as `pace_of_change`.

    Example:
        100 opening, 10 of growth and 3 non-recurrent make 113 in year one; year two opens with 110.
    """
    given = AreaWeight.validate(weights)
    years = _consecutive(given)
    checked = StreamMoney.validate(money)
    require_same_keys(given, checked, GROUP, "weights", "money")
    first = sorted(set(openings.get_column("year")))
    if first != years[:1]:
        raise FrameError(
            "openings are needed for the first year of the weights, and for it alone",
            [Fault("openings", f"years {', '.join(first) or 'none'}", f"{years[0]}")],
        )
    target = targets(
        weights, StreamQuantum.validate(checked.select(*GROUP, pl.col("recurrent_pence").alias("quantum_pence")))
    )
    rounds: list[PlacePaceResult] = []
    opening: pl.DataFrame = OpeningBaseline.validate(openings)
    for year in years:
        here = target.filter(pl.col("year") == year)
        _require_openings(opening, here, year)
        streams = [
            StreamRound(
                cast("Frame[OpeningBaseline]", opening.filter(pl.col("stream") == stream)),
                cast("Frame[AreaTarget]", here.filter(pl.col("stream") == stream)),
                int(quantum),
            )
            for stream, quantum in checked.filter(pl.col("year") == year)
            .select("stream", "recurrent_pence")
            .iter_rows()
        ]
        result = place_based_pace(streams, populations, policy)
        rounds.append(result if statutory is None else statutory.kept(result))
        opening = rounds[-1].allocations.select(
            pl.lit(str(FinancialYear(year).next)).alias("year"),
            "stream",
            "area_code",
            pl.col("allocation_pence").alias("opening_pence"),
        )
    allocations = together(PacedAllocation, [r.allocations for r in rounds])
    practices = no_practices() if statutory is None else statutory.shared(allocations)
    return PacePath(
        target,
        allocations,
        _totals(allocations, checked),
        together(Relaxation, [r.relaxations for r in rounds]),
        together(PaceSummary, [r.summary for r in rounds]),
        together(PlaceLift, [r.lifts for r in rounds]),
        CommissionerAllocation.empty() if statutory is None else statutory.commissioners(practices),
        practices,
    )


def no_practices() -> pl.DataFrame:
    """Practices of streams whose commissioners keep their own allocations, where there are none."""
    names = ("year", "stream", "area_code", "practice_code", "commissioner_code")
    return pl.DataFrame(
        schema={**dict.fromkeys(names, pl.String), "paced_pence": pl.Int64, "allocation_pence": pl.Int64}
    )


def _consecutive(weights: pl.DataFrame) -> list[str]:
    years = [FinancialYear(y) for y in weights.get_column("year").unique().sort()]
    if not years:
        raise FrameError("no year to roll forward: the weights have no rows")
    gaps = [Fault(f"after {one}", str(two), str(one.next)) for one, two in pairwise(years) if two != one.next]
    if gaps:
        raise FrameError(
            "years must follow each other, because each opens with the allocation of the year before", gaps
        )
    return [str(y) for y in years]


def _require_openings(opening: pl.DataFrame, target: pl.DataFrame, year: str) -> None:
    try:
        require_same_keys(opening, target, AREA, "openings", "weights")
    except FrameError as error:
        raise FrameError(
            f"{year}: areas or streams differ from the year before, so their openings are not known. "
            "Carry baselines over a merger, split or new code before rolling forward",
            error.faults,
        ) from error


def _totals(allocations: pl.DataFrame, money: pl.DataFrame) -> Frame[TotalAllocation]:
    rows = allocations.join(money, on=GROUP, how="left", validate="m:1").rename({"non_recurrent_pence": "__once"})
    shared = apportion(
        rows, total="__once", weight="target_pence", order_by=["area_code"], within=GROUP, into="non_recurrent_pence"
    )
    return TotalAllocation.validate(
        shared.select(
            *AREA,
            pl.col("allocation_pence").alias("recurrent_pence"),
            "non_recurrent_pence",
            (pl.col("allocation_pence") + pl.col("non_recurrent_pence")).alias("total_pence"),
        )
    )
