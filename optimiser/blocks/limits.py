"""Floors and ceilings on any measure."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from capitation.records.documents import Document
from optimiser.programme.core import rows
from optimiser.programme.programme import Programme, constraint
from optimiser.programme.tables import NUMBER, TEXT, long


class MeasureLimit(Document):
    """A floor or ceiling on any measure."""

    measure: str
    """Which, such as "avoided_non_elective"."""
    at_least: Decimal | None = None
    """Floor, in the measure's unit."""
    at_most: Decimal | None = None
    """Ceiling, in the measure's unit."""


LIMITS = rows("limits", MeasureLimit, "Floors and ceilings on measures.")


@constraint(250, "measure_limit")
def measure_limits(p: Programme) -> None:
    """Floors and ceilings on named measures (policy).

    In words: a measure, in its own unit, keeps the floor and the ceiling stated.

        at_least <= measure <= at_most
    """
    limits = LIMITS.of(p.problem)
    if not limits:
        p.without_effect("measure_limits", "no limit on a measure is stated")
        return
    named = [limit.measure for limit in limits]
    rows, terms = [], []
    for number, limit in enumerate(limits):
        parts, constant, scale = p.measure_terms(limit.measure)
        label, unit = p.measure_label(limit.measure)
        low = float("-inf") if limit.at_least is None else float(limit.at_least) / scale - constant
        high = float("inf") if limit.at_most is None else float(limit.at_most) / scale - constant
        name = f"{limit.measure}_{number}" if named.count(limit.measure) > 1 else limit.measure
        rows.append((name, label, unit, low, high))
        terms.append(parts.with_columns(pl.lit(number).alias("number")))
    table = long(rows, measure=TEXT, words=TEXT, unit=TEXT, low=NUMBER, high=NUMBER)
    made = p.rows(
        "measure_limit", table, ["measure", "words"], kind="Q", unit=_unit(table),
        label="limit on {words}", group="measures", lower="low", upper="high",
    )  # fmt: skip
    numbered = made.with_row_index("number").select("row", pl.col("number").cast(pl.Int32))
    p.terms(pl.concat(terms).join(numbered, on="number"))


def _unit(table: pl.DataFrame) -> str:
    """The unit of the limits: that of their measures where they share one, money in the programme's thousands."""
    units = {"£ thousand" if unit == "£" else unit for unit in table["unit"]}
    return units.pop() if len(units) == 1 else "unit of its measure, money in £ thousand"
