"""Avoided activity disappears at providers in the shares in which a locality's patients go there (physics).

In words: a provider no longer does its share of what each locality avoids.

    donated[h,p,t] = sum over l of flow[l,h,p] avoided[l,p,t]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 70
FAMILIES = ("flow",)


def apply(p: Programme) -> None:
    """One row for each provider, point of delivery and year that activity moves from."""
    if not p.has("donated"):
        p.nothing("flows", "no avoided activity flows to a provider")
        return
    own = p.columns["donated"].rename({"col": "own"})
    rows = p.rows(
        "flow", own, ["provider", "point_of_delivery", "year"], kind="P", unit="units",
        label="{point_of_delivery} no longer done at {provider} in {year} adds up", lower=0.0, upper=0.0,
    )  # fmt: skip
    p.builder.terms(rows.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
    shares = p.columns["avoided"].join(p.tables.flows, on=["locality", "point_of_delivery"])
    key = ["provider", "point_of_delivery", "t"]
    p.add(rows.select("row", *key), shares.select(*key, "flow", "col"), key, -pl.col("flow"))
