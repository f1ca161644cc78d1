"""Stranded cost is income lost beyond the cost a provider can release (physics).

In words: what a provider loses in income, less variable cost it saves at once, less fixed cost of blocks it has closed.

    stranded[h,t] = income_lost[h,t] - sum over p of variable[h,p,t] donated[h,p,t] - sum over q of saving[q] block_released[h,q,t]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 150
FAMILIES = ("stranded_sum",)


def apply(p: Programme) -> None:
    """One row for each provider and year with priced activity."""
    if not p.has("stranded"):
        p.nothing("stranded_cost", "no avoided activity has a price")
        return
    key = ["provider", "t"]
    own = p.columns["stranded"].rename({"col": "own"})
    rows = p.rows(
        "stranded_sum", own, ["provider", "year"], kind="P", unit="£ thousand",
        label="stranded cost of {provider} in {year} adds up", lower=0.0, upper=0.0,
    )  # fmt: skip
    p.builder.terms(rows.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
    p.add(rows.select("row", *key), p.columns["income_lost"].select(*key, "col"), key, -1.0)
    saved = p.columns["donated"].join(p.tables.prices, on=["provider", "point_of_delivery", "t"])
    p.add(rows.select("row", *key), saved.select(*key, "variable", "col"), key, pl.col("variable"))
    blocks = p.columns["block_released"]
    p.add(rows.select("row", *key), blocks.select(*key, "saving", "col"), key, pl.col("saving"))
