"""Each purse is spent within its budget of the year and what was carried into it (policy).

In words: spend, plus what is carried into next year, is at most this year's budget plus what came from last year.

    spend[kind,t] + carried[kind,t] - carried[kind,t-1] <= budget[kind,t]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 120
FAMILIES = ("budget",)


def apply(p: Programme) -> None:
    """One row for each budget stated."""
    t = p.tables
    stated = pl.DataFrame(
        [(b.kind, t.each_year(b.year)[0], float(b.pounds) / 1000) for b in p.problem.budgets],
        schema={"kind": pl.String, "t": pl.Int32, "budget": pl.Float64},
        orient="row",
    ).join(t.years.select("t", "year"), on="t")
    if not stated.height:
        p.nothing("budgets", "no budget is stated; nothing limits spend")
        return
    rows = p.rows(
        "budget", stated, ["kind", "year"], kind="Q", unit="£ thousand",
        label="{kind} budget of {year}", group="money", upper="budget",
    )  # fmt: skip
    key = rows.select("row", "kind", "t")
    p.add(key, p.columns["spend"].select("kind", "t", "col"), ["kind", "t"])
    if p.has("carried"):
        carried = p.columns["carried"].select("kind", "t", "col")
        p.add(key, carried, ["kind", "t"])
        p.add(key, carried.with_columns((pl.col("t") + 1).cast(pl.Int32)), ["kind", "t"], -1.0)
