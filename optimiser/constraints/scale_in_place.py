"""Scale in place is what has been launched so far, between its floor and its ceiling once started (physics).

In words: the scale in place adds up the launches; it is nothing before the start and at least the smallest scale after
it; no year adds more than one step.

    in_place[s,l,t] = sum over tau <= t, k of launch[s,l,tau,k]
    floor_s on[s,l,t] <= in_place[s,l,t] <= ceiling_s on[s,l,t]       on[s,l,t] = sum over tau <= t of start[s,l,tau]
    sum over k of launch[s,l,tau,k] <= step_s

Where there is no ceiling (bought without limit) scale needs no start, and only the sum is stated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 20
FAMILIES = ("scale_sum", "scale_ceiling", "scale_floor", "scale_step")


def apply(p: Programme) -> None:
    """Rows for each solution, place and year."""
    in_place = p.columns["in_place"].rename({"col": "own"})
    key, index = ["solution", "place"], ["solution", "place", "year"]
    launch = p.columns["launch"].select(*key, pl.col("t").alias("tau"), "col")
    start = p.columns["start"].select(*key, pl.col("t").alias("tau"), "col")

    sums = p.rows(
        "scale_sum", in_place, index, kind="P", unit="scale",
        label="scale of {solution} in {place} in {year} adds up", lower=0.0, upper=0.0,
    )  # fmt: skip
    p.builder.terms(sums.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
    p.builder.terms(
        sums.join(launch, on=key).filter(pl.col("tau") <= pl.col("t")).select("row", "col", pl.lit(-1.0).alias("value"))
    )
    limited = in_place.filter(pl.col("ceiling").is_finite())
    tops = p.rows(
        "scale_ceiling", limited, index, kind="P", unit="scale",
        label="{solution} in {place} runs in {year} only if started", upper=0.0,
    )  # fmt: skip
    p.builder.terms(tops.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
    p.builder.terms(
        tops.join(start, on=key)
        .filter(pl.col("tau") <= pl.col("t"))
        .select("row", "col", (-pl.col("ceiling")).alias("value"))
    )
    floored = limited.filter(pl.col("floor") > 0)
    floors = p.rows(
        "scale_floor", floored, index, kind="P", unit="scale",
        label="{solution} in {place} runs in {year} at its smallest scale at least", lower=0.0,
    )  # fmt: skip
    p.builder.terms(floors.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
    p.builder.terms(
        floors.join(start, on=key)
        .filter(pl.col("tau") <= pl.col("t"))
        .select("row", "col", (-pl.col("floor")).alias("value"))
    )
    stepped = p.columns["launch"].filter(pl.col("step").is_finite() & (pl.col("step") < pl.col("ceiling")))
    if not stepped.height:
        p.nothing("scale_step", "no solution says how fast it can be rolled out")
        return
    years = stepped.select(*key, "year", "t", "step").unique(maintain_order=True)
    steps = p.rows(
        "scale_step", years, index, kind="P", unit="scale",
        label="most scale of {solution} added in {place} in {year}", upper="step",
    )  # fmt: skip
    p.add(steps.select("row", *key, "t"), p.columns["launch"].select(*key, "t", "col"), [*key, "t"])
