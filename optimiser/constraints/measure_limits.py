"""Floors and ceilings on named measures (policy).

In words: a measure, in its own unit, keeps the floor and the ceiling stated.

    at_least <= measure <= at_most
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 250
FAMILIES = ("measure_limit",)


def apply(p: Programme) -> None:
    """One row for each limit stated."""
    if not p.problem.limits:
        p.nothing("measure_limits", "no limit on a measure is stated")
        return
    rows, terms = [], []
    for place, limit in enumerate(p.problem.limits):
        parts, constant, scale = p.builder.measure_terms(limit.measure)
        label, unit = p.builder.measure_label(limit.measure)
        low = float("-inf") if limit.at_least is None else float(limit.at_least) / scale - constant
        high = float("inf") if limit.at_most is None else float(limit.at_most) / scale - constant
        rows.append((f"{limit.measure}_{place}" if _twice(p, limit.measure) else limit.measure, label, unit, low, high))
        terms.append(parts.with_columns(pl.lit(place).alias("place")))
    table = pl.DataFrame(
        rows,
        schema={"measure": pl.String, "words": pl.String, "unit": pl.String, "low": pl.Float64, "high": pl.Float64},
        orient="row",
    )
    made = p.rows(
        "measure_limit", table, ["measure", "words"], kind="Q", unit=_unit(table),
        label="limit on {words}", group="measures", lower="low", upper="high",
    )  # fmt: skip
    placed = made.with_row_index("place").select("row", pl.col("place").cast(pl.Int32))
    p.builder.terms(pl.concat(terms).join(placed, on="place").select("row", "col", "value"))


def _unit(table: pl.DataFrame) -> str:
    """The unit of the limits: that of their measures where they share one, money in the programme's thousands."""
    units = {"£ thousand" if unit == "£" else unit for unit in table["unit"]}
    return units.pop() if len(units) == 1 else "unit of its measure, money in £ thousand"


def _twice(p: Programme, measure: str) -> bool:
    return sum(limit.measure == measure for limit in p.problem.limits) > 1
