"""Solutions that exclude each other are not bought together where they would meet (policy by choice, physics in effect).

In words: in a place that both would reach, at most one of the two ever starts.

    sum over tau of start[s,l,tau] + sum over tau of start[s',l,tau] <= 1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 190
FAMILIES = ("exclusive",)


def apply(p: Programme) -> None:
    """One row for each pair of places at which two exclusive solutions meet."""
    pairs = sorted({tuple(sorted((s.id, other))) for s in p.problem.solutions for other in s.excludes})
    if not pairs:
        p.nothing("exclusive", "no solution excludes another")
        return
    table = pl.DataFrame(pairs, schema={"solution": pl.String, "other": pl.String}, orient="row")
    reach = p.tables.reach.select("solution", "place", "locality")
    meeting = (
        table.join(reach, on="solution")
        .join(reach.rename({"solution": "other", "place": "other_place"}), on=["other", "locality"])
        .select("solution", "place", "other", "other_place")
        .unique(maintain_order=True)
    )
    rows = p.rows(
        "exclusive", meeting, ["solution", "place", "other", "other_place"], kind="P", unit="starts",
        label="either {solution} ({place}) or {other} ({other_place})", upper=1.0,
    )  # fmt: skip
    start = p.columns["start"].select("solution", "place", "col")
    p.add(rows.select("row", "solution", "place"), start, ["solution", "place"])
    other = start.rename({"solution": "other", "place": "other_place"})
    p.add(rows.select("row", "other", "other_place"), other, ["other", "other_place"])
