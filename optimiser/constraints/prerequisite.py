"""A solution runs only where what it requires has been running long enough (physics).

In words: in every place and year it is on, its prerequisite has started there at least so many years before.

    on[s,l,t] <= on[s',l,t - years_before]            on[s,l,t] = sum over tau <= t of start[s,l,tau]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 200
FAMILIES = ("prerequisite",)


def apply(p: Programme) -> None:
    """One row for each solution with a prerequisite, place where they meet, and year."""
    pairs = [(s.id, q.solution, q.years_before) for s in p.problem.solutions for q in s.requires]
    if not pairs:
        p.nothing("prerequisite", "no solution requires another")
        return
    table = pl.DataFrame(pairs, schema={"solution": pl.String, "other": pl.String, "lag": pl.Int32}, orient="row")
    reach = p.tables.reach.select("solution", "place", "locality")
    meeting = (
        table.join(reach, on="solution")
        .join(reach.rename({"solution": "other", "place": "other_place"}), on=["other", "locality"], how="left")
        .select("solution", "place", "other", pl.col("other_place").fill_null(""), "lag")
        .unique(maintain_order=True)
        .join(p.tables.years.select("t", "year"), how="cross")
    )
    rows = p.rows(
        "prerequisite", meeting, ["solution", "place", "other", "other_place", "year"], kind="P", unit="starts",
        label="{solution} in {place} in {year} needs {other}", upper=0.0,
    )  # fmt: skip
    start = p.columns["start"].select("solution", "place", pl.col("t").alias("tau"), "col")
    own = rows.join(start, on=["solution", "place"]).filter(pl.col("tau") <= pl.col("t"))
    p.builder.terms(own.select("row", "col", pl.lit(1.0).alias("value")))
    needed = start.rename({"solution": "other", "place": "other_place"})
    met = rows.join(needed, on=["other", "other_place"]).filter(pl.col("tau") <= pl.col("t") - pl.col("lag"))
    p.builder.terms(met.select("row", "col", pl.lit(-1.0).alias("value")))
