"""Avoided activity is the credit of all solutions, and no more than can be reached (physics).

In words: what is avoided in a place is what the solutions avoid there, at most the activity they can reach.

    avoided[l,p,t] = sum over s, c of credit[s,l,p,c,t]
    avoided[l,p,t] <= sum over c of share[p,c] need[l,p,t]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 60
FAMILIES = ("avoided_sum", "eligible")


def apply(p: Programme) -> None:
    """Two rows for each locality, point of delivery and year."""
    key = ["locality", "point_of_delivery", "t"]
    index = ["locality", "point_of_delivery", "year"]
    if not p.has("avoided"):
        p.nothing("avoided", "no solution avoids activity")
        return
    own = p.columns["avoided"].rename({"col": "own"})
    sums = p.rows(
        "avoided_sum", own, index, kind="P", unit="units",
        label="{point_of_delivery} avoided in {locality} in {year} adds up", lower=0.0, upper=0.0,
    )  # fmt: skip
    p.builder.terms(sums.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
    p.add(sums.select("row", *key), p.columns["credit"].select(*key, "col"), key, -1.0)
    reachable = (
        p.columns["credit"]
        .unique([*key, "cell"], maintain_order=True)
        .group_by(key, maintain_order=True)
        .agg(pl.col("eligible").sum().alias("most"))
    )
    rows = p.rows(
        "eligible", own.join(reachable, on=key).with_columns(pl.min_horizontal("most", "units").alias("most")), index,
        kind="P", unit="units", label="{point_of_delivery} that can be reached in {locality} in {year}", upper="most",
    )  # fmt: skip
    p.builder.terms(rows.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
