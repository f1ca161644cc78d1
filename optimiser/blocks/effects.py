"""What solutions avoid: the credit of each, and the activity avoided in all.

credit[s,l,p,c,t]  units avoided by solution s in cell c          avoided[l,p,t]  units avoided in all
"""

from __future__ import annotations

import polars as pl

from capitation.records.documents import Document
from capitation.shift.solution import Name, Share
from optimiser.blocks.flows import activity_before
from optimiser.blocks.scale import top_scale
from optimiser.blocks.start import reach
from optimiser.programme.core import rows
from optimiser.programme.meaning import Meaning
from optimiser.programme.programme import Programme, constraint, measures, variables
from optimiser.programme.tables import NUMBER, TEXT, ProblemTables, long, table

_KEY = ["locality", "point_of_delivery", "t"]
_INDEX = ["locality", "point_of_delivery", "year"]


class Cell(Document):
    """A group of patients within a point of delivery that the same solutions reach."""

    point_of_delivery: Name
    """Kind of activity."""
    id: Name
    """Short name, used by the effects of solutions."""
    share: Share
    """Part of that activity which the group makes up."""


CELLS = rows(
    "cells", Cell, "Groups of patients within a point of delivery.",
    Meaning("the share of cell {id} of {point_of_delivery}", "share", ("point_of_delivery", "id")),
)  # fmt: skip


@table
def overlap_cells(t: ProblemTables) -> pl.DataFrame:
    """point_of_delivery, cell, cell_share."""
    stated = [(c.point_of_delivery, c.id, float(c.share)) for c in CELLS.of(t.problem)]
    named = {(p, c) for p, c, _ in stated}
    wanted = {(e.point_of_delivery, e.cell) for s in t.problem.solutions for e in s.effects}
    stated += [(p, c, 1.0) for p, c in sorted(wanted - named) if c == "all"]
    return long(stated, point_of_delivery=TEXT, cell=TEXT, cell_share=NUMBER)


@table
def solution_effects(t: ProblemTables) -> pl.DataFrame:
    """solution, point_of_delivery, cell, share (avoided at full scale), evidence."""
    found = [
        (s.id, e.point_of_delivery, e.cell, min(1.0, float(e.at(t.level)) * t.factor(s.id)), e.evidence)
        for s in t.problem.solutions
        for e in s.effects
    ]
    return long(found, solution=TEXT, point_of_delivery=TEXT, cell=TEXT, share=NUMBER, evidence=TEXT)


@variables(50)
def credit(p: Programme) -> None:
    """The credit of each solution where it acts on activity that somebody has."""
    t = p.tables
    acting = (
        solution_effects(t)
        .filter(pl.col("share") > 0)
        .join(overlap_cells(t), on=["point_of_delivery", "cell"])
        .join(reach(t), on="solution")
        .join(activity_before(t).filter(pl.col("units") > 0), on=["locality", "point_of_delivery"])
        .with_columns((pl.col("units") * pl.col("cell_share")).alias("eligible"))
        .join(p["in_place"].select("solution", "place", "t"), on=["solution", "place", "t"], how="semi")
        .join(t.dates, on="t")
        .sort("point_of_delivery", "cell", "locality", "t", "solution", "place")
        .with_columns((pl.col("eligible") * pl.col("share") * top_scale(t)).alias("ceiling"))
    )
    p.columns(
        "credit", acting, ["solution", "locality", "point_of_delivery", "cell", "year"], unit="units",
        label="{point_of_delivery} avoided by {solution} in {locality} in {year} (cell {cell})", upper="ceiling",
    )  # fmt: skip


@variables(70)
def units_avoided(p: Programme) -> None:
    """What is avoided in each locality, point of delivery and year that some solution reaches."""
    reached = p["credit"].select(*_KEY, "year").unique(maintain_order=True)
    before = activity_before(p.tables).filter(pl.col("units") > 0)
    p.columns(
        "avoided", reached.join(before, on=_KEY), _INDEX, unit="units",
        label="{point_of_delivery} avoided in {locality} in {year}", upper="units",
    )  # fmt: skip


@constraint(60, "avoided_sum", "eligible")
def avoided(p: Programme) -> None:
    """Avoided activity is the credit of all solutions, and no more than can be reached (physics).

    In words: what is avoided in a place is what the solutions avoid there, at most the activity they can reach.

        avoided[l,p,t] = sum over s, c of credit[s,l,p,c,t]
        avoided[l,p,t] <= sum over c of share[p,c] activity_before[l,p,t]
    """
    if not p.has("avoided"):
        p.without_effect("avoided", "no solution avoids activity")
        return
    label = "{point_of_delivery} avoided in {locality} in {year} adds up"
    sums = p.sums("avoided_sum", "avoided", _INDEX, unit="units", label=label)
    p.add(sums.select("row", *_KEY), p["credit"].select(*_KEY, "col"), _KEY, -1.0)
    reachable = (
        p["credit"]
        .unique([*_KEY, "cell"], maintain_order=True)
        .group_by(_KEY, maintain_order=True)
        .agg(pl.col("eligible").sum().alias("most"))
    )
    most = p["avoided"].join(reachable, on=_KEY).with_columns(pl.min_horizontal("most", "units").alias("most"))
    rows = p.rows(
        "eligible", most, _INDEX, kind="P", unit="units",
        label="{point_of_delivery} that can be reached in {locality} in {year}", upper="most",
    )  # fmt: skip
    p.put(rows)


@measures(50)
def avoided_activity(p: Programme) -> None:
    """Activity avoided, all kinds together and each by itself."""
    units = p["avoided"]
    p.count("avoided", units, "units", "max", "activity avoided, all kinds and years")
    for pod in units["point_of_delivery"].unique(maintain_order=True).to_list():
        mine = units.filter(pl.col("point_of_delivery") == pod)
        p.count(f"avoided_{pod}", mine, "units", "max", f"{pod} avoided, all years")
