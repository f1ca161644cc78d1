"""What each rule of a pace-of-change policy asks of an area: least and most money, in whole pence.

A bound is rounded once, from exact integers: least amounts upwards and most amounts downwards, so no rule is missed by a penny.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

import polars as pl

from capitation.errors import Fault, FrameError
from capitation.money.pence import pounds_text
from capitation.money.rounding import micro
from capitation.pace.policy import BandTable, PaceRules, Rate, rate
from capitation.pace.target import AREA, AreaPopulation, StreamArea, require_same_keys
from capitation.records.columns import OTHER_STREAMS_PENCE, PLACE_TARGET_PENCE
from capitation.records.years import FinancialYear


class PlaceBound(StreamArea):
    """What the place rule asks of the core stream of an area."""

    place_target_pence = PLACE_TARGET_PENCE
    other_streams_pence = OTHER_STREAMS_PENCE


def with_bounds(
    openings: pl.DataFrame, target: pl.DataFrame, populations: pl.DataFrame, quantum: int, rules: PaceRules
) -> pl.DataFrame:
    """Each area with its guarantees and limits in pence, and the least and most it may have."""
    rows = target.select(*AREA, "target_pence").join(openings, on=AREA, how="inner", validate="1:1").sort("area_code")
    targeted, opening = int(rows.get_column("target_pence").sum()), int(rows.get_column("opening_pence").sum())
    if targeted != quantum:
        raise FrameError(
            f"targets add to {pounds_text(targeted)} pounds; expected the quantum of {pounds_text(quantum)}",
            [Fault("targets", f"{targeted} pence", f"{quantum} pence", "Form targets from this quantum.")],
        )
    distance = pl.col("opening_pence") * (quantum / opening if opening else 0.0) / pl.col("target_pence") - 1
    rows = rows.with_columns(
        pl.when(pl.col("target_pence") > 0).then(distance).alias("opening_dft_share"),
        # opening distance < edge is compared in whole numbers: opening x quantum against (1 + edge) x all openings x target
        (pl.col("opening_pence").cast(pl.Int128) * wide(quantum)).alias("__have"),
        (pl.col("target_pence").cast(pl.Int128) * wide(opening)).alias("__fair"),
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
        if rules.cap_from:
            rows = _phased_in(rows, fixed, rate(rules.cap_from), rate(rules.cap_threshold))
    growth, faster = _growth_limit(rules.max_growth), _growth_limit(rules.max_growth_place or rules.max_growth)
    under = (
        scaled_pence(t, 1 - rate(rules.max_under), up=True).cast(pl.Int64)
        if rules.max_under
        else pl.lit(0, dtype=pl.Int64)
    )
    return rows.with_columns(
        capped.alias("is_capped"),
        pl.when(capped).then(fixed).cast(pl.Int64).alias("__fixed"),
        # an area without an opening has no growth to limit, though other areas have
        pl.when(growth.is_not_null()).then(pl.max_horizontal(growth, "__floor")).alias("__growth"),
        pl.when(faster.is_not_null()).then(pl.max_horizontal(faster, "__floor")).alias("__growth_place"),
        under.alias("__under"),
        pl.lit(0, dtype=pl.Int64).alias("__place_target"),
        pl.lit(0, dtype=pl.Int64).alias("__others"),
        pl.lit(0, dtype=pl.Int64).alias("__raised"),
    )


def _growth_limit(most: Rate | None) -> pl.Expr:
    """Most money after growth at a rate, rounded down; empty without a limit and for an area without an opening."""
    if most is None:
        return pl.lit(None, dtype=pl.Int64)
    opening = pl.col("opening_pence")
    return pl.when(opening > 0).then(scaled_pence(opening, 1 + rate(most), up=False)).cast(pl.Int64)


def _phased_in(rows: pl.DataFrame, fixed: pl.Expr, since: Decimal, threshold: Decimal) -> pl.DataFrame:
    """Floors that fall in a straight line to the amount of a capped area, between the distance where the cap begins and its threshold."""
    part = ((pl.col("opening_dft_share").fill_null(-1.0) - float(since)) / float(threshold - since)).clip(0.0, 1.0)
    kept = (_PICO - (part * _PICO).round().cast(pl.Int64)).cast(pl.Int128)

    def lowered(name: str) -> pl.Expr:
        above = (pl.col(name).cast(pl.Int128) - fixed).clip(lower_bound=0)
        # what lies above the capped amount is kept in part, rounded up as every guarantee is
        fallen = pl.col(name).cast(pl.Int128) - above + (above * kept + wide(_PICO - 1)) // wide(_PICO)
        return pl.when(part > 0).then(fallen).otherwise(pl.col(name).cast(pl.Int128)).cast(pl.Int64)

    fallen = rows.with_columns(lowered("__floor").alias("__fallen"))
    return fallen.with_columns(
        pl.when(pl.col("__fallen") < pl.col("__floor"))
        .then(pl.lit("phased_cap"))
        .otherwise(pl.col("floor_set_by"))
        .alias("floor_set_by"),
        lowered("__floor_without_bands").alias("__floor_without_bands"),
        lowered("__band").alias("__band"),
        pl.col("__fallen").alias("__floor"),
    ).drop("__fallen")


def with_place(rows: pl.DataFrame, bounds: pl.DataFrame, max_under: Decimal) -> pl.DataFrame:
    """Guarantees of streams raised so that no area closes further below its target over all streams than the policy allows."""
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
        counted = people.filter(pl.col("year") == when).select(
            "area_code", micro(pl.col("registered_persons")).alias(name)
        )
        rows = rows.join(counted, on="area_code", how="left", validate="1:1", maintain_order="left")
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
        raise FrameError("the floor per head cannot be formed", faults)
    return rows


def _per_head_pence(growth: Decimal) -> pl.Expr:
    """Opening x (1 + rate) x persons over persons before, rounded up; nothing for an area that had neither."""
    kept = Fraction(1 + growth)
    product = pl.col("opening_pence").cast(pl.Int128) * wide(kept.numerator) * pl.col("__persons").cast(pl.Int128)
    divisor = pl.col("__persons_before").cast(pl.Int128).clip(lower_bound=1) * wide(kept.denominator)
    return (product + divisor - wide(1)) // divisor


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
    return (b.cast(pl.Int128) * kept.cast(pl.Int128) + wide(_PICO - 1)) // wide(_PICO)


def _is_beyond(edge: Decimal) -> pl.Expr:
    """Whether the opening distance lies above `edge`, compared in whole numbers."""
    kept = Fraction(1 + edge)
    return pl.col("__have") * wide(kept.denominator) > pl.col("__fair") * wide(kept.numerator)


def scaled_pence(amount: pl.Expr, factor: Decimal, *, up: bool) -> pl.Expr:
    """Amount x factor in whole pence (Int128, exact), rounded up for a guarantee and down for a limit."""
    exact = Fraction(factor)
    more = exact.denominator - 1 if up else 0
    return (amount.cast(pl.Int128) * wide(exact.numerator) + wide(more)) // wide(exact.denominator)


def wide(number: int) -> pl.Expr:
    """A whole number in 128 bits, so that products of pence stay exact."""
    return pl.lit(number, dtype=pl.Int128)


def _none() -> pl.Expr:
    return pl.lit(None, dtype=pl.Int128)


def lower_of(rules_standing: Iterable[str]) -> pl.Expr:
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


def upper_of(limits_standing: Iterable[str]) -> pl.Expr:
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
