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
    numbered = table.with_row_index("number").with_columns(pl.col("number").cast(pl.Int32))
    for (unit,), same in numbered.group_by("unit", maintain_order=True):
        made = p.rows(
            "measure_limit", same, ["measure", "words"], kind="Q", unit="£ thousand" if unit == "£" else str(unit),
            label="limit on {words}", group="measures", lower="low", upper="high",
        )  # fmt: skip
        p.terms(pl.concat(terms).join(made.select("row", "number"), on="number"))
