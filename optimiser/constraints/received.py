"""Activity avoided in one place appears in another (physics).

In words: contacts received are those that follow each avoided unit, and those that solutions create by themselves.

    received[l,r,t] = sum over s, p, c of contacts[s,p,r] credit[s,l,p,c,t] + sum over s of created[s,r] effective[s,l,t]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 80
FAMILIES = ("received_sum",)


def apply(p: Programme) -> None:
    """One row for each locality, receiving point of delivery and year."""
    if not p.has("received"):
        p.nothing("received", "no solution moves contacts elsewhere")
        return
    key = ["locality", "point_of_delivery", "t"]
    own = p.columns["received"].rename({"col": "own"})
    rows = p.rows(
        "received_sum", own, ["locality", "point_of_delivery", "year"], kind="P", unit="contacts",
        label="{point_of_delivery} received in {locality} in {year} adds up", lower=0.0, upper=0.0,
    )  # fmt: skip
    p.builder.terms(rows.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
    p.add(rows.select("row", *key), p.columns["_received_from"], key, -pl.col("rate"))
