"""The largest in-year deficit, where it is a goal or a limit (physics: it is measured, not chosen).

In words: in no year is the cash of the mix further below nothing than the largest deficit.

    peak_deficit + cash[t] >= 0   for every year
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from optimiser.programme.measures import cash

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 240
FAMILIES = ("peak_deficit",)


def apply(p: Programme) -> None:
    """One row for each year."""
    if not p.has("peak_deficit"):
        p.nothing("peak_deficit", "the largest in-year deficit is neither a goal nor a limit")
        return
    rows = p.rows(
        "peak_deficit", p.tables.years, ["year"], kind="P", unit="£ thousand",
        label="deficit of {year} within the largest", lower=0.0,
    )  # fmt: skip
    p.add(rows.select("row", "t"), cash(p, p.problem.perspective), ["t"], pl.col("value"))
    p.add(rows.select("row"), p.columns["peak_deficit"].select("col"), [])
