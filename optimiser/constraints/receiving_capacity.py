"""A point of delivery receives no more than it can take (policy).

In words: activity that is there already, plus what is received, stays within capacity and what is added to it.

    need[l,r,t] + received[l,r,t] <= capacity[l,r,t] + sum over tau <= t of capacity_added[l,r,tau]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from optimiser.problem.document import ALL

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 90
FAMILIES = ("receiving_capacity",)


def apply(p: Programme) -> None:
    """One row for each place, receiving point of delivery and year with a stated capacity."""
    t = p.tables
    stated = pl.DataFrame(
        [
            (r.locality, r.point_of_delivery, year, float(r.units))
            for r in p.problem.receiving_capacity
            for year in t.each_year(r.year)
        ],
        schema={"place": pl.String, "point_of_delivery": pl.String, "t": pl.Int32, "capacity": pl.Float64},
        orient="row",
    ).unique(["place", "point_of_delivery", "t"], keep="last", maintain_order=True)
    if not stated.height:
        p.nothing("receiving_capacity", "no capacity is stated; nothing limits what is received")
        return
    everywhere = t.localities.select("locality")
    places = pl.concat(
        [
            stated.filter(pl.col("place") == ALL).select("place").unique().join(everywhere, how="cross"),
            stated.filter(pl.col("place") != ALL)
            .select("place", pl.col("place").alias("locality"))
            .unique(maintain_order=True),
        ]
    )
    already = (
        places.join(t.need, on="locality")
        .group_by("place", "point_of_delivery", "t")
        .agg(pl.col("units").sum().alias("already"))
    )
    room = (
        stated.join(already, on=["place", "point_of_delivery", "t"], how="left")
        .with_columns((pl.col("capacity") - pl.col("already").fill_null(0.0)).alias("room"))
        .join(t.years.select("t", "year"), on="t")
    )
    rows = p.rows(
        "receiving_capacity", room, ["place", "point_of_delivery", "year"], kind="Q", unit="contacts",
        label="capacity of {point_of_delivery} in {place} in {year}", group="capacity", upper="room",
    )  # fmt: skip
    received = places.join(p.columns["received"], on="locality").select("place", "point_of_delivery", "t", "col")
    p.add(rows.select("row", "place", "point_of_delivery", "t"), received, ["place", "point_of_delivery", "t"])
    if p.has("capacity_added"):
        added = p.columns["capacity_added"].select("place", "point_of_delivery", pl.col("t").alias("tau"), "col")
        p.builder.terms(
            rows.join(added, on=["place", "point_of_delivery"])
            .filter(pl.col("tau") <= pl.col("t"))
            .select("row", "col", pl.lit(-1.0).alias("value"))
        )
