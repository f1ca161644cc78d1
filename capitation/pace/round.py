"""Pace of change: how far each area's allocation moves towards its target in one round, exact to the penny.

    floor_i    = opening_i x (1 + max(floor_total, band(opening distance_i), (1 + floor_per_head) x persons_i / persons before_i - 1))
    capped     where opening distance_i > cap_threshold: allocation_i = opening_i x (1 + cap_growth)
    phased     where cap_from < opening distance_i <= cap_threshold: floor_i falls in a straight line to that amount
    lower_i    = max(floor_i, (1 - max_under) x target_i)
    upper_i    = max(floor_i, min(opening_i x (1 + max_growth), target_i)) where max_growth is set, else none
    allocation_i = clip(x x target_i, lower_i, upper_i), with x such that allocations add to the quantum; lifted areas close at x - 1

Bounds are whole pence: guarantees are rounded up, limits down, so that a printed growth never falls on the wrong side of its rule.
Where lower bounds cost more than the quantum the policy's rules give way in their declared order, each by the least that fits:

    max_under, place_max_under   to the smallest common closing distance that fits
    bands                        each area keeps the same part of what its band adds above the other bounds
    floors                       each area keeps the same part of its floor, a capped area at most its cap

and every step is a row of `Relaxation`. Where upper bounds hold less than the quantum, limits give way likewise. What the declared
order cannot make fit is an `InfeasibleError` that says by how much.

Rule: allocation rule, section 4.2; the five per cent rule is that of NHS England's 2016/17 round.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from capitation.errors import FrameError
from capitation.money.water_filling import water_fill
from capitation.pace.bounds import PlaceBound, lower_of, upper_of, with_bounds, with_place
from capitation.pace.policy import PacePolicy, rate
from capitation.pace.relax import GUARANTEES, LIMITS, RoundState, most_money, relax_guarantees, relax_limits, with_share
from capitation.pace.target import (
    AREA,
    AreaPopulation,
    AreaTarget,
    OpeningBaseline,
    StreamArea,
    over,
    require_same_keys,
)
from capitation.records.columns import (
    ALLOCATION_PENCE,
    CLOSING_DFT_PENCE,
    CLOSING_DFT_SHARE,
    OPENING_PENCE,
    STREAM,
    TARGET_PENCE,
    YEAR,
)
from capitation.records.frames import Column, Frame, Schema

FLOOR_RULES = ("none", "floor_total", "floor_per_head", "band", "phased_cap", "over_target_cap")
HELD_BY = (
    "over_target_cap",
    "floor_total",
    "floor_per_head",
    "band",
    "phased_cap",
    "max_under",
    "place_max_under",
    "target_ceiling",
    "max_growth",
    "common_distance",
    "pro_rata",
    "no_floor",
    "relaxed_max_under",
    "relaxed_place_max_under",
    "relaxed_bands",
    "relaxed_floors",
)


class PacedAllocation(StreamArea):
    """One area's allocation after pace of change, with the bounds that made it."""

    opening_pence = OPENING_PENCE
    target_pence = TARGET_PENCE
    opening_dft_share = Column(
        pl.Float64,
        "share of target",
        "Distance of the opening share of money from the target share, before any money moves; empty where the target is nil",
        nullable=True,
    )
    floor_pence = Column(
        pl.Int64, "pence", "Highest of the floors and the band, or the fixed amount of a capped area", ge=0
    )
    floor_set_by = Column(
        pl.String,
        "rule",
        "Which of floor total, floor per head and band is the highest, or the cap that fixes the area",
        one_of=FLOOR_RULES,
    )
    lower_pence = Column(pl.Int64, "pence", "Lower bound with all rules standing", ge=0)
    upper_pence = Column(
        pl.Int64, "pence", "Upper bound with all rules standing; empty where there is none", ge=0, nullable=True
    )
    paced_pence = Column(
        pl.Int64, "pence", "What the round gives within its bounds; over all areas it adds to the quantum", ge=0
    )
    allocation_pence = ALLOCATION_PENCE.but(
        about="Allocation: what the round gives, or where commissioners keep their own allocations the area's part of those"
    )
    growth_rate = Column(
        pl.Float64, "rate", "Allocation over opening less 1; empty where there was no opening", nullable=True
    )
    closing_dft_pence = CLOSING_DFT_PENCE
    closing_dft_share = CLOSING_DFT_SHARE
    held_by = Column(pl.String, "rule", "The rule that sets the amount", one_of=HELD_BY)
    is_capped = Column(pl.Boolean, "yes or no", "Whether the over-target cap applies to the area")
    is_lifted = Column(pl.Boolean, "yes or no", "Whether the area receives more than its floor")


class Relaxation(Schema):
    """One rule that gave way because the money did not fit, by how much, and for which area where it is one."""

    year = YEAR
    stream = STREAM
    step = Column(pl.Int64, "count", "Order in which rules gave way, from 1", key=True, ge=1)
    rule = Column(pl.String, "rule", "Rule that gave way")
    area_code = Column(pl.String, "code", "The one area for which it gave way, or empty for all areas", nullable=True)
    shortfall_pence = Column(
        pl.Int64, "pence", "Money missing (or, for a limit, left over) while the rule stood in full", ge=0
    )
    relieved_pence = Column(pl.Int64, "pence", "How much of it was met by the rule giving way", ge=0)
    measure = Column(pl.String, "words", "What the two numbers that follow measure")
    asked = Column(pl.Float64, "as measured", "What the rule asks")
    reached = Column(
        pl.Float64, "as measured", "What was reached; empty where the rule was set aside entirely", nullable=True
    )


class PaceSummary(Schema):
    """One stream's round in one row."""

    year = YEAR
    stream = STREAM
    quantum_pence = Column(pl.Int64, "pence", "Money to distribute", ge=0)
    opening_pence = OPENING_PENCE.but(about="Sum of openings")
    floors_pence = Column(pl.Int64, "pence", "Sum of floors and fixed amounts", ge=0)
    lower_bounds_pence = Column(pl.Int64, "pence", "Sum of lower bounds with all rules standing", ge=0)
    upper_bounds_pence = Column(
        pl.Int64, "pence", "Most the upper bounds hold; empty where there is no limit", ge=0, nullable=True
    )
    are_lower_bounds_affordable = Column(pl.Boolean, "yes or no", "Whether lower bounds cost no more than the quantum")
    common_closing_dft_share = Column(
        pl.Float64,
        "share of target",
        "Closing distance that lifted areas share; empty where none is shared",
        nullable=True,
    )
    areas = Column(pl.Int64, "count", "Areas in the round", ge=0)
    areas_capped = Column(pl.Int64, "count", "Areas under the over-target cap", ge=0)
    areas_lifted = Column(pl.Int64, "count", "Areas that receive more than their floor", ge=0)


@dataclass(frozen=True)
class PaceResult:
    """A round of pace of change.

    Attributes:
        allocations: one row an area.
        relaxations: one row for each rule that gave way; empty where all rules stood.
        summary: one row a stream and year.
    """

    allocations: Frame[PacedAllocation]
    relaxations: Frame[Relaxation]
    summary: Frame[PaceSummary]


def pace_of_change(
    openings: Frame[OpeningBaseline],
    target: Frame[AreaTarget],
    populations: Frame[AreaPopulation],
    quantum_pence: int,
    policy: PacePolicy,
    *,
    place_bounds: Frame[PlaceBound] | None = None,
) -> PaceResult:
    """Allocations of one stream and year that add to the quantum, with the bounds, the rule that holds each area, and what gave way.

    Args:
        openings: recurrent baselines, one row an area.
        target: target allocations of the same areas; they add to `quantum_pence`.
        populations: registered persons of the year and of the year before; only read where the policy has a floor per head.
        quantum_pence: recurrent money to distribute.
        policy: the rules; those of the stream in the year are used.
        place_bounds: targets over all streams and money of the other streams, where the place rule is to be kept as well.

    Returns:
        Three frames. More target share never brings an area less money and names of areas do not matter, beyond the rounding of
        its allocation and of its target (a penny each; the second counts x times where limits gave way and areas end at x times
        target). The order of rows never matters.

    Raises:
        FrameError: openings, targets and populations do not cover the same areas, or hold more than one stream or year.
        InfeasibleError: bounds cannot be met even after what the policy lets give way; the message says by how much.
        ParameterError: the policy has no rules for the year.

    Rule: allocation rule, section 4.2, steps 1 to 7.

    Example:
        Openings 100, 100; targets 110, 100; quantum 210; floor 2%: the second holds its 102, the first is lifted to 108.
    """
    year, stream = _only(target)
    require_same_keys(openings, target, AREA, "openings", "targets")
    rules = policy.rules_for(year, stream)
    rows = with_bounds(openings, target, populations, quantum_pence, rules)
    place = policy.place_for(year)
    allowed = rate(place.max_under) if place is not None and place_bounds is not None else None
    if allowed is not None and place_bounds is not None:
        rows = with_place(rows, place_bounds, allowed)
    round_ = RoundState(year, stream, quantum_pence, rules, rows, allowed)
    return _result(round_, _place_money(round_))


def _only(target: pl.DataFrame) -> tuple[str, str]:
    pairs = sorted(set(zip(target.get_column("year").to_list(), target.get_column("stream").to_list(), strict=True)))
    if len(pairs) != 1:
        shown = ", ".join(f"{y} {s}" for y, s in pairs[:6]) or "no rows"
        raise FrameError(
            f"pace of change runs on one stream and one year; found {shown}. Filter the targets, or use roll_forward"
        )
    return pairs[0]


def _place_money(r: RoundState) -> pl.DataFrame:
    """The rows with `allocation_pence` and, where a rule gave way, `__relaxed` with its name."""
    limit = pl.when(pl.col("__growth").is_not_null()).then(
        pl.max_horizontal("__floor", pl.min_horizontal("__growth", "target_pence"))
    )
    r.rows = r.rows.with_columns(
        pl.min_horizontal("__under", limit).alias("__under_within"),
        pl.min_horizontal("__raised", "__growth_place").alias("__raised_within"),
    )
    r.rows = r.rows.with_columns(lower_of(GUARANTEES).alias("__lower"))
    r.rows = r.rows.with_columns(upper_of(LIMITS).alias("__upper"), pl.lit(None, dtype=pl.String).alias("__relaxed"))
    _report_growth_limited(r)
    if int(r.rows.get_column("__lower").sum()) > r.quantum:
        return relax_guarantees(r)
    return _fill(r, relax_limits(r))


def _report_growth_limited(r: RoundState) -> None:
    """A row of `Relaxation` for each area whose growth limit keeps it further under target than a rule allows."""
    under = pl.when(~pl.col("is_capped")).then(pl.col("__under")).fill_null(0)
    areas = r.rows.select("area_code", "__lower", under.alias("max_under"), pl.col("__raised").alias("place_max_under"))
    measure = "pence of the area's lower bound, held down by max_growth"
    for rule in ("max_under", "place_max_under"):
        for row in areas.iter_rows(named=True):
            asked, lower = row[rule], row["__lower"]
            if asked > lower:
                r.relax(rule, asked - lower, asked - lower, measure, asked, lower, row["area_code"])


def _fill(r: RoundState, rows: pl.DataFrame) -> pl.DataFrame:
    if r.rules.method == "pro-rata":
        short = pl.max_horizontal(
            pl.lit(0, dtype=pl.Int64), pl.min_horizontal("target_pence", "__upper") - pl.col("__lower")
        )
        rows = rows.with_columns(short.alias("__short"))
        left, lacking = r.quantum - int(rows.get_column("__lower").sum()), int(rows.get_column("__short").sum())
        if left <= lacking:
            return with_share(rows, left, "__short", "__lower")
        rows = rows.with_columns((pl.col("__lower") + pl.col("__short")).alias("__from"))
    else:
        rows = rows.with_columns(pl.col("__lower").alias("__from"))
    filled = water_fill(
        rows,
        total=r.quantum,
        weight="target_pence",
        lower="__from",
        upper="__upper",
        order_by=["area_code"],
        into="allocation_pence",
    )
    r.level = filled.level if r.rules.method == "water-fill" else None
    return filled.frame


def _result(r: RoundState, rows: pl.DataFrame) -> PaceResult:
    given, lower, upper = pl.col("allocation_pence"), pl.col("__lower"), pl.col("__upper")
    floor = pl.when(pl.col("is_capped")).then(pl.col("__fixed")).otherwise(pl.col("__floor"))
    placed_by = "pro_rata" if r.rules.method == "pro-rata" else "common_distance"
    held_by = (
        pl.when(pl.col("__relaxed").is_not_null())
        .then(pl.col("__relaxed"))
        .when(pl.col("is_capped") & (given == pl.col("__fixed")))
        .then(pl.lit("over_target_cap"))
        .when((given == upper) & (given > lower))
        .then(pl.when(given == pl.col("__growth")).then(pl.lit("max_growth")).otherwise(pl.lit("target_ceiling")))
        .when(given > lower)
        .then(pl.lit(placed_by))
        .when(lower > pl.max_horizontal(floor, "__under_within"))
        .then(pl.lit("place_max_under"))
        .when(lower > floor)
        .then(pl.lit("max_under"))
        .otherwise(pl.col("floor_set_by").replace("none", "no_floor"))
    )
    rows = rows.with_columns(
        lower.alias("lower_pence"),
        upper.alias("upper_pence"),
        floor.alias("floor_pence"),
        given.alias("paced_pence"),
        held_by.alias("held_by"),
        pl.when(pl.col("is_capped"))
        .then(pl.lit("over_target_cap"))
        .otherwise(pl.col("floor_set_by"))
        .alias("floor_set_by"),
        (given - pl.col("target_pence")).alias("closing_dft_pence"),
        (over("allocation_pence", "opening_pence") - 1).alias("growth_rate"),
        (given > floor).alias("is_lifted"),
    ).with_columns(over("closing_dft_pence", "target_pence").alias("closing_dft_share"))
    allocations = PacedAllocation.validate(rows.select(*PacedAllocation.columns()))
    most = most_money(r.rows)
    lowest = int(rows.get_column("__lower").sum())
    common = float(r.level - 1) if r.level is not None else None
    summary = pl.DataFrame(
        {
            "year": [r.year],
            "stream": [r.stream],
            "quantum_pence": [r.quantum],
            "opening_pence": [int(rows.get_column("opening_pence").sum())],
            "floors_pence": [int(rows.get_column("floor_pence").sum())],
            "lower_bounds_pence": [lowest],
            "upper_bounds_pence": [most],
            "are_lower_bounds_affordable": [lowest <= r.quantum],
            "common_closing_dft_share": [common],
            "areas": [rows.height],
            "areas_capped": [int(rows.get_column("is_capped").sum())],
            "areas_lifted": [int(rows.get_column("is_lifted").sum())],
        },
        schema=PaceSummary.dtypes(),
    )
    relaxations = Relaxation.validate(pl.DataFrame(r.relaxed, schema=Relaxation.dtypes()))
    return PaceResult(allocations, relaxations, PaceSummary.validate(summary))
