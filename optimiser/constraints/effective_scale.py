"""Effective scale: what was launched, matured by its age and bent by the curve of returns (physics).

In words: each launch counts with the share of its full effect reached at its age, and with the slope of its segment.

    effective[s,l,t] = sum over tau <= t, k of maturity[s, t - tau] slope[s,k] launch[s,l,tau,k]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 30
FAMILIES = ("effective_scale",)


def apply(p: Programme) -> None:
    """One row for each solution, place and year."""
    key = ["solution", "place"]
    own = p.columns["effective"].rename({"col": "own"})
    rows = p.rows(
        "effective_scale", own, [*key, "year"], kind="P", unit="scale",
        label="effective scale of {solution} in {place} in {year}", lower=0.0, upper=0.0,
    )  # fmt: skip
    p.builder.terms(rows.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
    launch = p.columns["launch"].select(*key, pl.col("t").alias("tau"), "slope", "col")
    terms = (
        rows.select("row", *key, "t")
        .join(launch, on=key)
        .filter(pl.col("tau") <= pl.col("t"))
        .with_columns((pl.col("t") - pl.col("tau")).cast(pl.Int32).alias("age"))
        .join(p.tables.maturity, on=["solution", "age"])
        .select("row", "col", (-pl.col("share") * pl.col("slope")).alias("value"))
    )
    p.builder.terms(terms)
