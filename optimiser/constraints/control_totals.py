"""Each organisation, and the system, reaches its control total (policy).

In words: the position without the mix, plus what the mix does to it, plus any shortfall admitted, reaches the total. The
commissioner's saving and the provider's lost income are one transfer, so the system's row holds neither. Capital is
not part of the position.

    baseline[o,t] + cash[o,t] + shortfall[o,t] >= control_total[o,t]

Shortfall exists only where it is a goal; otherwise the total must be met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from optimiser.programme.measures import cash

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 170
FAMILIES = ("control_total",)


def apply(p: Programme) -> None:
    """One row for each control total stated."""
    t = p.tables
    stated = pl.DataFrame(
        [
            (c.organisation, t.each_year(c.year)[0], float(c.target_pounds - c.baseline_pounds) / 1000)
            for c in p.problem.control_totals
        ],
        schema={"organisation": pl.String, "t": pl.Int32, "gap": pl.Float64},
        orient="row",
    ).join(t.years.select("t", "year"), on="t")
    if not stated.height:
        p.nothing("control_totals", "no control total is stated")
        return
    rows = p.rows(
        "control_total", stated, ["organisation", "year"], kind="Q", unit="£ thousand",
        label="control total of {organisation} in {year}", group="money", lower="gap",
    )  # fmt: skip
    for organisation in stated["organisation"].unique(maintain_order=True).to_list():
        mine = rows.filter(pl.col("organisation") == organisation).select("row", "t")
        p.add(mine, cash(p, organisation, with_capital=False), ["t"], pl.col("value"))
    if p.has("shortfall"):
        key = ["organisation", "t"]
        p.add(rows.select("row", *key), p.columns["shortfall"].select(*key, "col"), key)
