"""No more solutions start in a year than the programme can manage (policy).

In words: the starts of a year, over all solutions and places, are at most the number stated.

    sum over s, l of start[s,l,t] <= most[t]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 210
FAMILIES = ("starts_per_year",)


def apply(p: Programme) -> None:
    """One row for each year with a stated number."""
    t = p.tables
    stated = pl.DataFrame(
        [(year, float(r.most)) for r in p.problem.start_limits for year in t.each_year(r.year)],
        schema={"t": pl.Int32, "most": pl.Float64},
        orient="row",
    ).unique("t", keep="last", maintain_order=True)
    if not stated.height:
        p.nothing("starts_per_year", "no number of starts is stated")
        return
    rows = p.rows(
        "starts_per_year", stated.join(t.years.select("t", "year"), on="t"), ["year"], kind="Q", unit="starts",
        label="starts in {year}", group="programme", upper="most",
    )  # fmt: skip
    p.add(rows.select("row", "t"), p.columns["start"].select("t", "col"), ["t"])
