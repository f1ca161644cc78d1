"""Spend of each purse in each year is what the mix costs then (physics).

In words: recurrent cost follows the scale in place; non-recurrent and capital cost fall in the year scale is added (or
evenly over the years stated); costs of starting fall at the start, whatever the scale. Received contacts, added
capacity and recruitment are paid from the same purses.

    spend[kind,t] = sum over s, l of cost[s,kind] in_place[s,l,t]                      recurrent
                  + sum over tau of cost[s,kind] / n launch[s,l,tau], t - n < tau <= t     non-recurrent, capital
                  + costs of starting + contacts received + capacity added + staff taken on
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 110
FAMILIES = ("spend_sum",)


def apply(p: Programme) -> None:
    """One row for each purse and year."""
    t = p.tables
    own = p.columns["spend"].rename({"col": "own"})
    rows = p.rows(
        "spend_sum", own, ["kind", "year"], kind="P", unit="£ thousand",
        label="{kind} spend in {year} adds up", lower=0.0, upper=0.0,
    )  # fmt: skip
    p.builder.terms(rows.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
    key = rows.select("row", "kind", "t")
    costs = t.costs.group_by("solution", "kind", "basis", "spread", maintain_order=True).agg(pl.col("thousand").sum())
    running = costs.filter((pl.col("kind") == "recurrent") & (pl.col("basis") == "scale"))
    _charge(p, key, p.columns["in_place"].join(running, on="solution"))
    started = p.columns["start"].rename({"t": "tau"})
    always = costs.filter((pl.col("kind") == "recurrent") & (pl.col("basis") == "start"))
    on = started.join(always, on="solution").join(t.years.select("t"), how="cross").filter(pl.col("tau") <= pl.col("t"))
    _charge(p, key, on)
    within = pl.col("t").is_between(pl.col("tau"), pl.col("tau") + pl.col("spread") - 1)
    for basis, family in (("scale", p.columns["launch"].rename({"t": "tau"})), ("start", started)):
        once = costs.filter((pl.col("kind") != "recurrent") & (pl.col("basis") == basis))
        spent = family.join(once, on="solution").join(t.years.select("t"), how="cross").filter(within)
        _charge(p, key, spent.with_columns(pl.col("thousand") / pl.col("spread")))
    _elsewhere(p, key)


def _charge(p: Programme, rows: pl.DataFrame, charged: pl.DataFrame) -> None:
    each = charged.select("kind", "t", "col", (pl.col("thousand") * pl.col("weight")).alias("each"))
    p.add(rows, each, ["kind", "t"], -pl.col("each"))


def _elsewhere(p: Programme, rows: pl.DataFrame) -> None:
    costs = pl.DataFrame(
        [(pod, each) for pod, (_, each) in p.tables.points_of_delivery.items() if each],
        schema={"point_of_delivery": pl.String, "each": pl.Float64},
        orient="row",
    )
    recurrent = rows.filter(pl.col("kind") == "recurrent")
    if p.has("received"):
        p.add(
            recurrent,
            p.columns["received"].join(costs, on="point_of_delivery").select("t", "each", "col"),
            ["t"],
            -pl.col("each"),
        )
    if p.has("capacity_added"):
        added = p.columns["capacity_added"].select(pl.col("t").alias("tau"), "capital", "recurrent", "col")
        p.add(rows.filter(pl.col("kind") == "capital"), added.rename({"tau": "t"}), ["t"], -pl.col("capital"))
        kept = recurrent.join(added, how="cross").filter(pl.col("tau") <= pl.col("t"))
        p.builder.terms(kept.select("row", "col", (-pl.col("recurrent")).alias("value")))
    if p.has("taken_on"):
        p.add(
            rows.filter(pl.col("kind") == "non_recurrent"),
            p.columns["taken_on"].select("t", "hire_cost", "col"),
            ["t"],
            -pl.col("hire_cost"),
        )
