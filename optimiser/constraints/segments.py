"""A segment of the curve of returns is used at most to its width, and in order (physics).

In words: over all years no more scale is launched on a segment than it is wide. Where returns fall from segment to
segment the best order is the natural one; where they rise (set-up effects), or where a solved mix was found to skip a
cheap segment, a yes-or-no variable opens a segment only when the one before is full.

    sum over tau of launch[s,l,tau,k] <= width[s,k]
    launched by t on k  >= width[s,k] open[s,l,k+1,t]            launched by t on k+1 <= width[s,k+1] open[s,l,k+1,t]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 40
FAMILIES = ("segment_width", "segment_full_before_next", "segment_open")


def apply(p: Programme) -> None:
    """One row for each segment of a curve with several; three families of rows where order is forced."""
    key = ["solution", "place"]
    several = p.tables.segments.filter(pl.len().over("solution") > 1)
    if not several.height:
        p.nothing("segments", "no solution has a curve of returns")
        return
    wide = p.tables.units.join(several, on="solution")
    rows = p.rows(
        "segment_width", wide, [*key, "k"], kind="P", unit="scale",
        label="width of segment {k} of {solution} in {place}", upper="width",
    )  # fmt: skip
    p.add(rows.select("row", *key, "k"), p.columns["launch"].select(*key, "k", "col"), [*key, "k"])
    pairs = pl.DataFrame(sorted(p.in_order), schema={"solution": pl.String, "place": pl.String}, orient="row")
    forced = wide.filter(pl.col("solution").is_in(sorted(p.tables.bent_up)))
    forced = pl.concat([forced, wide.join(pairs, on=key, how="semi")]).unique([*key, "k"], maintain_order=True)
    if not forced.height:
        return
    years = p.tables.years.select("t", "year")
    later = forced.filter(pl.col("k") > 1).join(years, how="cross").filter(pl.col("t") >= pl.col("first"))
    opened = p.builder.columns(
        "segment_opened", later, [*key, "k", "year"], unit="yes or no",
        label="whether {solution} in {place} uses segment {k} in {year}", upper=1.0, integer=True, first_stage=True,
    )  # fmt: skip
    launch = p.columns["launch"].select(*key, pl.col("t").alias("tau"), pl.col("k").alias("segment"), "col")
    opened = opened.rename({"col": "own"}).join(
        several.select("solution", (pl.col("k") + 1).cast(pl.Int32).alias("k"), pl.col("width").alias("before")),
        on=["solution", "k"],
    )
    full = p.rows(
        "segment_full_before_next", opened, [*key, "k", "year"], kind="P", unit="scale",
        label="{solution} in {place}: the segment before {k} is full in {year}", lower=0.0,
    )  # fmt: skip
    p.builder.terms(full.select("row", pl.col("own").alias("col"), (-pl.col("before")).alias("value")))
    p.builder.terms(_launched(full, launch, -1))
    used = p.rows(
        "segment_open", opened, [*key, "k", "year"], kind="P", unit="scale",
        label="{solution} in {place}: segment {k} is used in {year} only if opened", upper=0.0,
    )  # fmt: skip
    p.builder.terms(used.select("row", pl.col("own").alias("col"), (-pl.col("width")).alias("value")))
    p.builder.terms(_launched(used, launch, 0))


def _launched(rows: pl.DataFrame, launch: pl.DataFrame, shift: int) -> pl.DataFrame:
    wanted = rows.select("row", "solution", "place", "t", (pl.col("k") + shift).cast(pl.Int32).alias("segment"))
    joined = wanted.join(launch, on=["solution", "place", "segment"]).filter(pl.col("tau") <= pl.col("t"))
    return joined.select("row", "col", pl.lit(1.0).alias("value"))
