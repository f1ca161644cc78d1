"""What floors that people have set on measures cost: net present value without each, less net present value with it.

Small problems are solved again without the floor. On a large one the whole numbers of the mix stay, so the cost is at least
what is shown.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from optimiser.answers.optimise import Outcome
from optimiser.answers.prices import price_report
from optimiser.answers.whole.search import MERGE_FROM, completed
from optimiser.engines import highs
from optimiser.programme.matrix import Matrix

SCHEMA = {
    "floor": pl.String, "at": pl.Float64, "unit": pl.String, "one_more": pl.Float64, "cost": pl.Float64, "basis": pl.String,
}  # fmt: skip


def floors_cost(outcome: Outcome, *, time_limit: float = 10.0) -> pl.DataFrame:
    """floor, at, unit, one_more (pounds of net present value for one more of it), cost, basis: and all floors together where several."""
    answer = outcome.headline
    named = [limit for limit in outcome.problem.limits if limit.at_least is not None]
    if not named or answer.values is None:
        return pl.DataFrame(schema=SCHEMA)
    matrix = answer.matrix.aim("npv")
    prices = {row["limit"]: row["price"] for row in price_report(answer).iter_rows(named=True)}
    rows: list[tuple[object, ...]] = []
    for limit in named:
        measure = matrix.measures[limit.measure]
        found, basis = _without(outcome, matrix, [limit.measure], time_limit / (len(named) + 1))
        price = prices.get(f"limit on {measure.label}")
        rows.append((measure.label, float(str(limit.at_least)), measure.unit, price, found, basis))
    if len(named) > 1:
        found, basis = _without(outcome, matrix, [x.measure for x in named], time_limit / (len(named) + 1))
        rows.append(("all floors together", None, "", None, found, basis))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def floor_sentences(table: pl.DataFrame) -> list[str]:
    """What each floor costs, in words, where it costs something."""
    return [
        f"The floor on {row['floor']} costs {'at least ' if row['basis'] != _AGAIN else ''}£{row['cost']:,.0f} of net present value."
        if row["floor"] != "all floors together"
        else f"All floors together cost {'at least ' if row['basis'] != _AGAIN else ''}£{row['cost']:,.0f}."
        for row in table.iter_rows(named=True)
        if row["cost"] is not None and row["cost"] > 0.5
    ]


_AGAIN = "solved again"


def _without(outcome: Outcome, matrix: Matrix, measures: list[str], seconds: float) -> tuple[float | None, str]:
    values = outcome.answer.values
    if values is None:
        return None, ""
    lower = matrix.row_lower.copy()
    for family in matrix.rows:
        if family.name in ("measure_limit", *(f"exact_{name}" for name in measures)):
            stated = family.index["measure"].to_list()
            for n, name in enumerate(stated):
                if any(name == m or name.rsplit("_", 1)[0] == m for m in measures):
                    lower[family.first + n] = -np.inf
    free = replace(matrix, row_lower=lower)
    with_it = outcome.answer.measure("npv")
    if matrix.column_count < MERGE_FROM:
        found = highs.solve(free, prices=False, gap=1e-6, time_limit=seconds)
        basis = _AGAIN if found.status in ("optimal", "gap") else "best found in the time there was"
        return (None if found.objective is None else found.objective - with_it), basis
    kept = completed(free, values)
    if kept is None or kept.objective is None:
        return None, ""
    return max(0.0, kept.objective - with_it), "with the whole numbers of the mix"
