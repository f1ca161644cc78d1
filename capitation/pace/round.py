"""Pace of change: how far each area's allocation moves towards its target in one round, exact to the penny.

    floor_i    = opening_i x (1 + max(floor_total, band(opening distance_i), (1 + floor_per_head) x persons_i / persons before_i - 1))
    capped     where opening distance_i > cap_threshold: allocation_i = opening_i x (1 + cap_growth)
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

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import polars as pl

from capitation.errors import Fault, FrameError, InfeasibleError
from capitation.money.apportion import apportion
from capitation.money.pence import pounds_text
from capitation.money.rounding import micro
from capitation.money.water_filling import largest_placeable, water_fill
from capitation.pace.policy import BandTable, PacePolicy, PaceRules, rate
from capitation.pace.target import (
    AREA,
    AreaAllocation,
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
    OTHER_STREAMS_PENCE,
    PLACE_TARGET_PENCE,
    STREAM,
    TARGET_PENCE,
    YEAR,
)
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear

FLOOR_RULES = ("none", "floor_total", "floor_per_head", "band", "over_target_cap")
HELD_BY = (
    "over_target_cap",
    "floor_total",
    "floor_per_head",
    "band",
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
    allocation_pence = ALLOCATION_PENCE.but(about="Allocation of the round; over all areas they add to the quantum")
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

    def area_allocations(self) -> Frame[AreaAllocation]:
        """Year, stream, area and allocation alone."""
        return AreaAllocation.validate(self.allocations.select(*AreaAllocation.columns()))


class PlaceBound(StreamArea):
    """What the place rule asks of the core stream of an area."""

    place_target_pence = PLACE_TARGET_PENCE
    other_streams_pence = OTHER_STREAMS_PENCE


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
    rows = _with_bounds(openings, target, populations, quantum_pence, rules)
    place = policy.place_for(year)
    allowed = rate(place.max_under) if place is not None and place_bounds is not None else None
    if allowed is not None and place_bounds is not None:
        rows = _with_place(rows, place_bounds, allowed)
    round_ = _Round(year, stream, quantum_pence, rules, rows, allowed)
    return _result(round_, _place_money(round_))


# --- bounds -----------------------------------------------------------------------------------------------------------------------


@dataclass
class _Round:
    year: str
    stream: str
    quantum: int
    rules: PaceRules
    rows: pl.DataFrame
    place_max_under: Decimal | None

    def __post_init__(self) -> None:
        self.relaxed: list[dict[str, object]] = []
        self.level: Fraction | None = None

    def relax(
        self,
        rule: str,
        shortfall: int,
        relieved: int,
        measure: str,
        asked: float,
        reached: float | None,
        area: str | None = None,
    ) -> None:
        self.relaxed.append(
            {
                "year": self.year,
                "stream": self.stream,
                "step": len(self.relaxed) + 1,
                "rule": rule,
                "area_code": area,
                "shortfall_pence": shortfall,
                "relieved_pence": relieved,
                "measure": measure,
                "asked": asked,
                "reached": reached,
            }
        )


def _only(target: pl.DataFrame) -> tuple[str, str]:
    pairs = target.select("year", "stream").unique().sort("year", "stream")
    if pairs.height != 1:
        shown = ", ".join(f"{y} {s}" for y, s in pairs.head(6).iter_rows()) or "no rows"
        message = (
            f"pace of change runs on one stream and one year; found {shown}. Filter the targets, or use roll_forward"
        )
        raise FrameError(message)
    year, stream = pairs.row(0)
    return year, stream


def _with_bounds(
    openings: pl.DataFrame,
    target: pl.DataFrame,
    populations: pl.DataFrame,
    quantum: int,
    rules: PaceRules,
) -> pl.DataFrame:
    rows = target.select(*AREA, "target_pence").join(openings, on=AREA, how="inner", validate="1:1").sort("area_code")
    targeted, opening = int(rows.get_column("target_pence").sum()), int(rows.get_column("opening_pence").sum())
    if targeted != quantum:
        message = f"targets add to {pounds_text(targeted)} pounds; expected the quantum of {pounds_text(quantum)}"
        raise FrameError(
            message, [Fault("targets", f"{targeted} pence", f"{quantum} pence", "Form targets from this quantum.")]
        )
    distance = pl.col("opening_pence") * (quantum / opening if opening else 0.0) / pl.col("target_pence") - 1
    rows = rows.with_columns(
        pl.when(pl.col("target_pence") > 0).then(distance).alias("opening_dft_share"),
        # opening distance < edge is compared in whole numbers: opening x quantum against (1 + edge) x all openings x target
        (pl.col("opening_pence").cast(pl.Int128) * _wide(quantum)).alias("__have"),
        (pl.col("target_pence").cast(pl.Int128) * _wide(opening)).alias("__fair"),
    )
    b, t = pl.col("opening_pence"), pl.col("target_pence")
    total = scaled_pence(b, 1 + rate(rules.floor_total), up=True) if rules.floor_total else _none()
    band = _band_pence(rules.bands) if rules.bands else _none()
    head = _none()
    if rules.floor_per_head:
        rows = _with_populations(rows, populations)
        head = _per_head_pence(rate(rules.floor_per_head))
    rows = rows.with_columns(
        total.cast(pl.Int64).alias("__total"), head.cast(pl.Int64).alias("__head"), band.cast(pl.Int64).alias("__band")
    )
    floor = pl.max_horizontal("__total", "__head", "__band").fill_null(0)
    rows = rows.with_columns(
        floor.alias("__floor"),
        pl.max_horizontal("__total", "__head").fill_null(0).alias("__floor_without_bands"),
        pl.when(pl.col("__total") == floor)
        .then(pl.lit("floor_total"))
        .when(pl.col("__head") == floor)
        .then(pl.lit("floor_per_head"))
        .when(pl.col("__band") == floor)
        .then(pl.lit("band"))
        .otherwise(pl.lit("none"))
        .alias("floor_set_by"),
    )
    capped, fixed = pl.lit(False), _none()
    if rules.cap_threshold and rules.cap_growth:
        capped = _is_beyond(rate(rules.cap_threshold))
        fixed = scaled_pence(b, 1 + rate(rules.cap_growth), up=False)
    growth = pl.lit(None, dtype=pl.Int64)
    if rules.max_growth:
        growth = pl.when(b > 0).then(scaled_pence(b, 1 + rate(rules.max_growth), up=False)).cast(pl.Int64)
    under = (
        scaled_pence(t, 1 - rate(rules.max_under), up=True).cast(pl.Int64)
        if rules.max_under
        else pl.lit(0, dtype=pl.Int64)
    )
    return rows.with_columns(
        capped.alias("is_capped"),
        pl.when(capped).then(fixed).cast(pl.Int64).alias("__fixed"),
        pl.max_horizontal(growth, "__floor").alias("__growth") if rules.max_growth else growth.alias("__growth"),
        under.alias("__under"),
        pl.lit(0, dtype=pl.Int64).alias("__place_target"),
        pl.lit(0, dtype=pl.Int64).alias("__others"),
        pl.lit(0, dtype=pl.Int64).alias("__raised"),
    ).with_columns(
        # an area without an opening has no growth to limit, though other areas have
        pl.when(b > 0).then(pl.col("__growth")).alias("__growth")
    )


def _with_place(rows: pl.DataFrame, bounds: pl.DataFrame, max_under: Decimal) -> pl.DataFrame:
    require_same_keys(bounds, rows, AREA, "place bounds", "targets")
    raised = scaled_pence(pl.col("place_target_pence"), 1 - max_under, up=True).cast(pl.Int64) - pl.col(
        "other_streams_pence"
    )
    return (
        rows.drop("__place_target", "__others", "__raised")
        .join(bounds, on=AREA, how="left", validate="1:1", maintain_order="left")
        .with_columns(raised.clip(lower_bound=0).alias("__raised"))
        .rename({"place_target_pence": "__place_target", "other_streams_pence": "__others"})
    )


def _with_populations(rows: pl.DataFrame, populations: pl.DataFrame) -> pl.DataFrame:
    people = AreaPopulation.validate(populations)
    year = rows.get_column("year")[0]
    before = str(FinancialYear(year).previous)
    for when, name in ((year, "__persons"), (before, "__persons_before")):
        held = people.filter(pl.col("year") == when).select(
            "area_code", micro(pl.col("registered_persons")).alias(name)
        )
        rows = rows.join(held, on="area_code", how="left", validate="1:1", maintain_order="left")
    faults = [
        Fault(f"{code}, {when}", "no population", "registered persons, for the floor per head")
        for name, when in (("__persons", year), ("__persons_before", before))
        for code in rows.filter(pl.col(name).is_null()).get_column("area_code").head(10)
    ]
    faults += [
        Fault(f"{code}, {before}", "0 persons and an opening allocation", "registered persons, for the floor per head")
        for code in rows.filter((pl.col("__persons_before") == 0) & (pl.col("opening_pence") > 0))
        .get_column("area_code")
        .head(10)
    ]
    if faults:
        message = "the floor per head cannot be formed"
        raise FrameError(message, faults)
    return rows


def _per_head_pence(growth: Decimal) -> pl.Expr:
    """Opening x (1 + rate) x persons over persons before, rounded up; nothing for an area that had neither."""
    kept = Fraction(1 + growth)
    product = pl.col("opening_pence").cast(pl.Int128) * _wide(kept.numerator) * pl.col("__persons").cast(pl.Int128)
    divisor = pl.col("__persons_before").cast(pl.Int128).clip(lower_bound=1) * _wide(kept.denominator)
    return (product + divisor - _wide(1)) // divisor


_PICO = 10**12


def _band_pence(bands: BandTable) -> pl.Expr:
    """Opening x (1 + growth of the band), rounded up; empty for an area above all lines of a step table."""
    b = pl.col("opening_pence")
    if bands.mode == "step":
        amount = _none()
        for line in reversed(bands.lines):
            amount = (
                pl.when(~_is_beyond(line.opening_dft))
                .then(scaled_pence(b, 1 + line.minimum_growth, up=True))
                .otherwise(amount)
            )
        return amount
    at = pl.col("opening_dft_share").fill_null(float("inf"))
    growth = pl.lit(float(bands.lines[0].minimum_growth))
    for one, two in zip(bands.lines, bands.lines[1:], strict=False):
        width = float(two.opening_dft - one.opening_dft)
        slope = float(two.minimum_growth - one.minimum_growth) / width
        growth = growth + (at - float(one.opening_dft)).clip(0.0, width) * slope
    kept = ((1.0 + growth) * _PICO).round().cast(pl.Int64)
    return (b.cast(pl.Int128) * kept.cast(pl.Int128) + _wide(_PICO - 1)) // _wide(_PICO)


def _is_beyond(edge: Decimal) -> pl.Expr:
    """Whether the opening distance lies above `edge`, compared in whole numbers."""
    kept = Fraction(1 + edge)
    return pl.col("__have") * _wide(kept.denominator) > pl.col("__fair") * _wide(kept.numerator)


def scaled_pence(amount: pl.Expr, factor: Decimal, *, up: bool) -> pl.Expr:
    """Amount x factor in whole pence (Int128, exact), rounded up for a guarantee and down for a limit."""
    exact = Fraction(factor)
    more = exact.denominator - 1 if up else 0
    return (amount.cast(pl.Int128) * _wide(exact.numerator) + _wide(more)) // _wide(exact.denominator)


def _wide(number: int) -> pl.Expr:
    return pl.lit(number, dtype=pl.Int128)


def _none() -> pl.Expr:
    return pl.lit(None, dtype=pl.Int128)


def _lower(rules_standing: Iterable[str]) -> pl.Expr:
    """The lower bound in pence with only these rules standing, never above the upper bound that stands."""
    standing = set(rules_standing)
    if {"floors", "bands"} <= standing:
        floor: pl.Expr = pl.col("__floor")
    elif "floors" in standing:
        floor = pl.col("__floor_without_bands")
    elif "bands" in standing:
        floor = pl.col("__band").fill_null(0)
    else:
        floor = pl.lit(0, dtype=pl.Int64)
    under = floor
    if "max_under" in standing:
        under = pl.max_horizontal(floor, "__under_within")
    fixed = pl.col("__fixed") if "floors" in standing else pl.lit(0, dtype=pl.Int64)
    lower = pl.when(pl.col("is_capped")).then(fixed).otherwise(under)
    if "place_max_under" in standing:
        lower = pl.max_horizontal(lower, "__raised_within")
    return lower


def _upper(limits_standing: Iterable[str]) -> pl.Expr:
    """The upper bound in pence with only these limits standing; empty where there is none."""
    standing = set(limits_standing)
    growth = pl.col("__growth") if "max_growth" in standing else pl.lit(None, dtype=pl.Int64)
    upper = growth
    if "target_ceiling" in standing:
        upper = pl.when(pl.col("__growth").is_not_null()).then(
            pl.max_horizontal("__floor", pl.min_horizontal(growth, "target_pence"))
        )
    fixed = pl.col("__fixed") if "over_target_cap" in standing else upper
    upper = pl.when(pl.col("is_capped")).then(fixed).otherwise(upper)
    return pl.when(upper.is_not_null()).then(pl.max_horizontal(upper, "__lower"))


_GUARANTEES = ("place_max_under", "max_under", "bands", "floors")
_LIMITS = ("target_ceiling", "max_growth", "over_target_cap")


# --- placing the money ------------------------------------------------------------------------------------------------------------


def _place_money(r: _Round) -> pl.DataFrame:
    """The rows with `allocation_pence` and, where a rule gave way, `__relaxed` with its name."""
    limit = pl.when(pl.col("__growth").is_not_null()).then(
        pl.max_horizontal("__floor", pl.min_horizontal("__growth", "target_pence"))
    )
    r.rows = r.rows.with_columns(
        pl.min_horizontal("__under", limit).alias("__under_within"),
        pl.min_horizontal("__raised", "__growth").alias("__raised_within"),
    )
    r.rows = r.rows.with_columns(_lower(_GUARANTEES).alias("__lower"))
    r.rows = r.rows.with_columns(_upper(_LIMITS).alias("__upper"), pl.lit(None, dtype=pl.String).alias("__relaxed"))
    _report_growth_limited(r)
    if int(r.rows.get_column("__lower").sum()) > r.quantum:
        return _relax_guarantees(r)
    return _fill(r, _relax_limits(r))


def _report_growth_limited(r: _Round) -> None:
    """A row of `Relaxation` for each area whose growth limit keeps it further under target than a rule allows."""
    for rule, wanted in (
        ("max_under", pl.when(~pl.col("is_capped")).then(pl.col("__under"))),
        ("place_max_under", pl.col("__raised")),
    ):
        missing = r.rows.select("area_code", wanted.alias("asked"), "__lower").filter(
            pl.col("asked") > pl.col("__lower")
        )
        for area, asked, lower in missing.iter_rows():
            r.relax(
                rule,
                asked - lower,
                asked - lower,
                "pence of the area's lower bound, held down by max_growth",
                asked,
                lower,
                area,
            )


def _fill(r: _Round, rows: pl.DataFrame) -> pl.DataFrame:
    if r.rules.method == "pro-rata":
        short = pl.max_horizontal(
            pl.lit(0, dtype=pl.Int64),
            pl.min_horizontal("target_pence", "__upper") - pl.col("__lower"),
        )
        rows = rows.with_columns(short.alias("__short"))
        left, lacking = r.quantum - int(rows.get_column("__lower").sum()), int(rows.get_column("__short").sum())
        if left <= lacking:
            return _with_share(rows, left, "__short", "__lower")
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


def _with_share(rows: pl.DataFrame, left: int, weight: str, start: str) -> pl.DataFrame:
    shared = apportion(
        rows.with_columns(pl.lit(left, dtype=pl.Int64).alias("__left")),
        total="__left",
        weight=weight,
        order_by=["area_code"],
        into="__share",
    )
    return shared.with_columns((pl.col(start) + pl.col("__share")).alias("allocation_pence")).drop("__left", "__share")


def _relax_guarantees(r: _Round) -> pl.DataFrame:
    standing = list(_GUARANTEES)
    rows = r.rows.with_columns(pl.col("__lower").alias("__asked"))
    for rule in r.rules.relaxation:
        standing.remove(rule)
        rows = rows.with_columns(_lower(standing).alias("__kept"))
        asked, kept = int(rows.get_column("__asked").sum()), int(rows.get_column("__kept").sum())
        if kept > r.quantum:
            r.relax(rule, asked - r.quantum, asked - kept, "the whole rule", 1.0, None)
            rows = rows.with_columns(pl.col("__kept").alias("__asked"))
            continue
        return _relax_in_part(r, rows, rule, asked)
    asked = int(rows.get_column("__asked").sum())
    raise InfeasibleError(
        f"{r.stream} {r.year}: lower bounds cost {pounds_text(asked)} pounds against a quantum of {pounds_text(r.quantum)}: "
        f"short by {pounds_text(asked - r.quantum)} pounds"
        + (f" after relaxing {', '.join(r.rules.relaxation)}" if r.rules.relaxation else "")
        + ". Raise the quantum, or let another rule give way in the policy's relaxation order",
        [
            Fault(
                f"{r.stream} {r.year}: {rule}",
                f"a cost of {pounds_text(cost)} pounds above the rules that remain",
                "less",
            )
            for rule, cost in _cost_of_rules(rows, standing)
            if cost
        ],
    )


def _cost_of_rules(rows: pl.DataFrame, standing: list[str]) -> list[tuple[str, int]]:
    whole = int(rows.get_column("__asked").sum())
    return [
        (rule, whole - int(rows.select(_lower([s for s in standing if s != rule]).sum()).item())) for rule in standing
    ]


def _relax_in_part(r: _Round, rows: pl.DataFrame, rule: str, asked: int) -> pl.DataFrame:
    """The least relaxation of `rule` that makes the lower bounds cost the quantum exactly."""
    shortfall = asked - r.quantum
    if rule == "max_under":
        rows, level = _between(rows, r.quantum, "target_pence", "__kept", "__asked", "allocation_pence")
        r.level = level
        wanted = -float(rate(r.rules.max_under)) if r.rules.max_under else -1.0
        reached = float(level - 1) if level is not None else _worst_distance(rows, "allocation_pence", "target_pence")
        r.relax(rule, shortfall, shortfall, "closing distance from target of the areas it held", wanted, reached)
    elif rule == "place_max_under":
        kept, most = pl.col("__kept") + pl.col("__others"), pl.col("__asked") + pl.col("__others")
        rows = rows.with_columns(kept.alias("__place_kept"), most.alias("__place_asked"))
        total = r.quantum + int(rows.get_column("__others").sum())
        rows, level = _between(rows, total, "__place_target", "__place_kept", "__place_asked", "__place")
        wanted = -float(r.place_max_under) if r.place_max_under is not None else -1.0
        reached = float(level - 1) if level is not None else _worst_distance(rows, "__place", "__place_target")
        r.relax(rule, shortfall, shortfall, "closing distance from place target of the areas it held", wanted, reached)
        rows = rows.with_columns((pl.col("__place") - pl.col("__others")).alias("allocation_pence"))
    elif rule == "bands":
        rows = rows.with_columns((pl.col("__asked") - pl.col("__kept")).alias("__added"))
        left, added = r.quantum - int(rows.get_column("__kept").sum()), int(rows.get_column("__added").sum())
        r.relax(rule, shortfall, shortfall, "part kept of what bands add above the other bounds", 1.0, left / added)
        rows = _with_share(rows, left, "__added", "__kept")
    else:
        # a capped area has a floor as well, never below its cap (the policy sees to that); its lower bound holds it to the cap
        rows, level = _between(rows, r.quantum, "__floor_without_bands", "__kept", "__asked", "allocation_pence")
        r.relax(rule, shortfall, shortfall, "part kept of each floor", 1.0, float(level) if level is not None else None)
    gave = pl.col("allocation_pence") < pl.col("__lower")
    return rows.with_columns(pl.when(gave).then(pl.lit(f"relaxed_{rule}")).alias("__relaxed"))


def _between(
    rows: pl.DataFrame, total: int, weight: str, lower: str, upper: str, into: str
) -> tuple[pl.DataFrame, Fraction | None]:
    filled = water_fill(rows, total=total, weight=weight, lower=lower, upper=upper, order_by=["area_code"], into=into)
    return filled.frame, filled.level


def _worst_distance(rows: pl.DataFrame, amount: str, fair: str) -> float:
    """The furthest closing distance under target among areas whose bound gave way."""
    held = rows.filter((pl.col("__asked") > pl.col("__kept")) & (pl.col(fair) > 0))
    return float(held.select((pl.col(amount) / pl.col(fair) - 1).min()).item())


def _relax_limits(r: _Round) -> pl.DataFrame:
    """The rows with upper bounds that hold the quantum."""
    rows, standing = r.rows, list(_LIMITS)
    most = _most(rows)
    for rule in r.rules.surplus_relaxation:
        if most is None or most >= r.quantum:
            break
        standing.remove(rule)
        rows = rows.with_columns(_upper(standing).alias("__upper"))
        before, most = most, _most(rows)
        met = r.quantum - before if most is None else min(most, r.quantum) - before
        r.relax(rule, r.quantum - before, met, "the whole limit", 1.0, None)
    if most is not None and most < r.quantum:
        message = (
            f"{r.stream} {r.year}: upper bounds hold {pounds_text(most)} pounds against a quantum of {pounds_text(r.quantum)}: "
            f"{pounds_text(r.quantum - most)} pounds cannot be placed. Raise max_growth, or let a limit give way in the policy's "
            "surplus_relaxation order"
        )
        raise InfeasibleError(message)
    return rows


def _most(rows: pl.DataFrame) -> int | None:
    return largest_placeable(rows, weight="target_pence", lower="__lower", upper="__upper")


# --- results ----------------------------------------------------------------------------------------------------------------------


def _result(r: _Round, rows: pl.DataFrame) -> PaceResult:
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
    most = _most(r.rows)
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
    relaxations = pl.DataFrame(r.relaxed, schema=Relaxation.dtypes())
    return PaceResult(allocations, Relaxation.validate(relaxations), PaceSummary.validate(summary))
