"""Beds are no fuller than is safe (policy).

In words: bed-days of the activity that remains at a provider, per day, are at most the share of open beds that may be
occupied. Activity without a length of stay, or that nobody avoids, counts as given.

    sum over l, p of flow[l,h,p] stay[p] (need[l,p,t] - avoided[l,p,t]) / days[t] <= occupancy x beds[h,t]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 230
FAMILIES = ("bed_occupancy",)


def apply(p: Programme) -> None:
    """One row for each provider and year with stated beds."""
    t = p.tables
    stated = pl.DataFrame(
        [
            (r.provider, year, float(r.beds) * float(r.occupancy_most))
            for r in p.problem.beds
            for year in t.each_year(r.year)
        ],
        schema={"provider": pl.String, "t": pl.Int32, "safe": pl.Float64},
        orient="row",
    ).unique(["provider", "t"], keep="last", maintain_order=True)
    if not stated.height:
        p.nothing("quality_guard", "no beds are stated")
        return
    stays = pl.DataFrame(
        [(pod, days) for pod, (days, _) in t.points_of_delivery.items() if days],
        schema={"point_of_delivery": pl.String, "stay": pl.Float64},
        orient="row",
    )
    before = (
        t.need.join(stays, on="point_of_delivery")
        .join(t.flows, on=["locality", "point_of_delivery"])
        .group_by("provider", "t")
        .agg((pl.col("units") * pl.col("flow") * pl.col("stay")).sum().alias("bed_days"))
    )
    rows = stated.join(before, on=["provider", "t"], how="left").join(t.years, on="t")
    occupied = pl.col("bed_days").fill_null(0.0) / pl.col("days")
    rows = rows.with_columns((pl.col("safe") - occupied).alias("room"))
    made = p.rows(
        "bed_occupancy", rows, ["provider", "year"], kind="Q", unit="beds",
        label="safe bed occupancy of {provider} in {year}", group="quality", upper="room",
    )  # fmt: skip
    fewer = p.columns["donated"].join(stays, on="point_of_delivery").select("provider", "t", "stay", "col")
    p.add(made.select("row", "provider", "t", "days"), fewer, ["provider", "t"], -pl.col("stay") / pl.col("days"))
