"""Blocks of fixed cost close only when enough activity has gone, and stay closed (physics).

In words: the activity served by the closed blocks of a kind is at most what the provider no longer does there, after
the blocks' lag; a block closed stays closed.

    sum over q of size[q] block_released[h,q,t] <= donated[h,p,t - lag]        block_released[h,q,t] >= block_released[h,q,t-1]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 130
FAMILIES = ("block_release", "block_stays_closed")


def apply(p: Programme) -> None:
    """One row for each provider, point of delivery, lag and year; one for each block and year after the first."""
    if not p.has("block_released"):
        p.nothing("cost_release", "no block of fixed cost is stated; none is released")
        return
    blocks = p.columns["block_released"]
    key = ["provider", "point_of_delivery", "lag", "t"]
    places = blocks.select(*key, "year").unique(maintain_order=True)
    rows = p.rows(
        "block_release", places, ["provider", "point_of_delivery", "lag", "year"], kind="P", unit="units",
        label="blocks of {point_of_delivery} closed at {provider} in {year} match activity gone", upper=0.0,
    )  # fmt: skip
    p.add(rows.select("row", *key), blocks.select(*key, "size", "col"), key, pl.col("size"))
    gone = p.columns["donated"].select("provider", "point_of_delivery", pl.col("t").alias("when"), "col")
    p.builder.terms(
        rows.select("row", *key)
        .join(gone, on=["provider", "point_of_delivery"])
        .filter(pl.col("when") == pl.col("t") - pl.col("lag"))
        .select("row", "col", pl.lit(-1.0).alias("value"))
    )
    later = blocks.filter(pl.col("t") > 0).rename({"col": "own"})
    stay = p.rows(
        "block_stays_closed", later, ["provider", "block", "year"], kind="P", unit="blocks",
        label="blocks {block} of {provider} closed before {year} stay closed", lower=0.0,
    )  # fmt: skip
    p.builder.terms(stay.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
    before = blocks.select("provider", "block", (pl.col("t") + 1).cast(pl.Int32).alias("t"), "col")
    p.add(stay.select("row", "provider", "block", "t"), before, ["provider", "block", "t"], -1.0)
