"""Links between solutions: which exclude each other, and which need another first."""

from __future__ import annotations

import polars as pl

from optimiser.blocks.start import reach
from optimiser.programme.programme import Programme, constraint
from optimiser.programme.tables import TEXT, WHOLE, long


@constraint(190, "exclusive")
def exclusive(p: Programme) -> None:
    """Solutions that exclude each other are not bought together where they would meet (policy by choice, physics in effect).

    In words: in a place that both would reach, at most one of the two ever starts.

        sum over tau of start[s,l,tau] + sum over tau of start[s',l,tau] <= 1
    """
    pairs = sorted({tuple(sorted((s.id, other))) for s in p.problem.solutions for other in s.excludes})
    if not pairs:
        p.without_effect("exclusive", "no solution excludes another")
        return
    meeting = _meeting(p, long(pairs, solution=TEXT, other=TEXT), "inner")
    index = ["solution", "place", "other", "other_place"]
    rows = p.rows(
        "exclusive", meeting.select(index).unique(maintain_order=True), index, kind="P", unit="starts",
        label="either {solution} ({place}) or {other} ({other_place})", upper=1.0,
    )  # fmt: skip
    start = p["start"].select("solution", "place", "col")
    p.add(rows.select("row", "solution", "place"), start, ["solution", "place"])
    other = start.rename({"solution": "other", "place": "other_place"})
    p.add(rows.select("row", "other", "other_place"), other, ["other", "other_place"])


@constraint(200, "prerequisite")
def prerequisite(p: Programme) -> None:
    """A solution runs only where what it requires has been running long enough (physics).

    In words: in every place and year it is on, its prerequisite has started there at least so many years before.

        on[s,l,t] <= on[s',l,t - years_before]            on[s,l,t] = sum over tau <= t of start[s,l,tau]
    """
    pairs = [(s.id, q.solution, q.years_before) for s in p.problem.solutions for q in s.requires]
    if not pairs:
        p.without_effect("prerequisite", "no solution requires another")
        return
    least = {s.id: s.ceiling if s.whole else float(s.smallest_scale) for s in p.problem.solutions}
    for name in sorted({other for _, other, _ in pairs if not least[other]}):
        p.without_effect(
            "prerequisite", f"{name} has no smallest scale: it counts as started however little of it is bought"
        )
    meeting = (
        _meeting(p, long(pairs, solution=TEXT, other=TEXT, lag=WHOLE), "left")
        .select("solution", "place", "other", pl.col("other_place").fill_null(""), "lag")
        .unique(maintain_order=True)
        .join(p.tables.dates, how="cross")
    )
    rows = p.rows(
        "prerequisite", meeting, ["solution", "place", "other", "other_place", "year"], kind="P", unit="starts",
        label="{solution} in {place} in {year} needs {other}", upper=0.0,
    )  # fmt: skip
    start = p["start"].select("solution", "place", pl.col("t").alias("tau"), "col")
    p.put(rows.join(start, on=["solution", "place"]).filter(pl.col("tau") <= pl.col("t")))
    needed = start.rename({"solution": "other", "place": "other_place"})
    met = rows.join(needed, on=["other", "other_place"]).filter(pl.col("tau") <= pl.col("t") - pl.col("lag"))
    p.put(met, -1.0)


def _meeting(p: Programme, pairs: pl.DataFrame, how: str) -> pl.DataFrame:
    """Where the two of each pair meet: the places of both that reach the same locality."""
    own = reach(p.tables).select("solution", "place", "locality")
    other = own.rename({"solution": "other", "place": "other_place"})
    return pairs.join(own, on="solution").join(
        other, on=["other", "locality"], how="left" if how == "left" else "inner"
    )
