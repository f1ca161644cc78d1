"""What one more of each limit is worth: certified prices of policy rows, with unit, range, and the programme they hold for.

At a corner where several limits meet, one more and one less of a limit are worth different amounts, or one less may
leave no mix at all. Such a limit has no single price: it is given as what one more and one less are worth, from two
re-solves with the limit moved a little each way.
"""

from __future__ import annotations

from dataclasses import replace
from weakref import finalize

import numpy as np
import polars as pl

from optimiser.engines.answer import Answer
from optimiser.engines.highs import HighsSession
from optimiser.programme.matrix import Matrix

SCHEMA = {
    "row": pl.Int32,
    "limit": pl.String,
    "group": pl.String,
    "unit": pl.String,
    "at": pl.Float64,
    "price": pl.Float64,
    "one_more": pl.Float64,
    "one_less": pl.Float64,
    "price_unit": pl.String,
    "holds_from": pl.Float64,
    "holds_to": pl.Float64,
    "basis": pl.String,
}
"""Columns of the report; `at` is the limit, prices are changes of the objective, in its own unit, per unit of the limit.

`price` is null where it is not unique; `one_less` is null where one less leaves no mix."""

_NOTHING = 1e-9
_STEP = 1e-4
_MOST_SIDES = 40


def price_report(answer: Answer, *, sides: bool = True) -> pl.DataFrame:
    """Prices of the policy rows that bind, dearest (price times limit) first; empty where prices are not available.

    Args:
        answer: a solved programme with prices.
        sides: whether to re-solve for one more and one less where a price may not be unique.
    """
    if not sides:
        return _report(answer, {})
    if id(answer) not in _MADE:  # the report, the drivers and the sentences of one mix all ask for it
        _MADE[id(answer)] = _report(answer, _two_sides(answer))
        finalize(answer, _MADE.pop, id(answer), None)
    return _MADE[id(answer)]


_MADE: dict[int, pl.DataFrame] = {}
"""Reports with both sides of the answers that are in use, by the identity of the answer."""


def _report(answer: Answer, both: dict[int, tuple[float | None, float | None]]) -> pl.DataFrame:
    """The report; `both` has the worth of one more and of one less where a price may not be unique."""
    prices, matrix = answer.prices, answer.matrix
    if prices is None or answer.values is None:
        return pl.DataFrame(schema=SCHEMA)
    activity = matrix.product(answer.values)
    rows = []
    for row in matrix.policy_rows.tolist():
        price = float(prices.rows[row])
        low, high = float(matrix.row_lower[row]), float(matrix.row_upper[row])
        binds = min(abs(activity[row] - low), abs(high - activity[row])) <= 1e-6 * max(1.0, abs(activity[row]))
        if not binds and abs(price) <= _NOTHING:
            continue
        family = matrix.row_family(row)
        if family.name == "goal":
            continue
        per = 1000.0 if family.unit == "£ thousand" else 1.0
        factor = matrix.scale / per
        limit = high if np.isfinite(high) and abs(activity[row] - high) <= abs(activity[row] - low) else low
        more, less = both.get(row, (price, price))
        known = [abs(x) for x in (more, less) if x is not None]
        if max(known, default=0.0) <= _NOTHING and less is not None:
            continue
        unique = more is not None and less is not None and abs(more - less) <= 1e-6 * max(1.0, abs(more), abs(less))
        unit = "£" if per == 1000.0 else family.unit
        rows.append(
            {
                "row": row,
                "limit": matrix.row_label(row),
                "group": family.group,
                "unit": unit,
                "at": limit * per,
                "price": (price if row not in both else more) * factor if unique and more is not None else None,
                "one_more": None if more is None else more * factor,
                "one_less": None if less is None else less * factor,
                "price_unit": f"{matrix.unit} of {matrix.objective} per {unit}",
                "holds_from": _number(prices.lowest[row] * per),
                "holds_to": _number(prices.highest[row] * per),
                "basis": prices.basis,
            }
        )
    table = pl.DataFrame(rows, schema=SCHEMA)
    worth = pl.max_horizontal(pl.col("one_more").abs(), pl.col("one_less").abs()).fill_null(0.0)
    return table.sort(worth * pl.col("at").abs().clip(lower_bound=1.0), descending=True, maintain_order=True)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _two_sides(answer: Answer) -> dict[int, tuple[float | None, float | None]]:
    """For binding policy rows whose price may not be unique: the worth of one more and of one less."""
    matrix, prices, values = answer.matrix, answer.prices, answer.values
    if prices is None or values is None:
        return {}
    fixed = _fixed(matrix, values)
    activity = matrix.product(values)
    doubtful = []
    for row in matrix.policy_rows.tolist():
        low, high = matrix.row_lower[row], matrix.row_upper[row]
        if min(abs(activity[row] - low), abs(high - activity[row])) > 1e-6 * max(1.0, abs(activity[row])):
            continue
        limit = high if np.isfinite(high) else low
        room = min(abs(prices.lowest[row] - limit), abs(prices.highest[row] - limit))
        if not np.isfinite(room) or room <= 1e-7 * max(1.0, abs(limit)) or abs(prices.rows[row]) <= _NOTHING:
            doubtful.append(row)
    if not doubtful:
        return {}
    session = HighsSession(fixed)
    base = session.solve(prices=False)
    if base.values is None:
        return {}
    best = float(fixed.cost @ base.values)
    found: dict[int, tuple[float | None, float | None]] = {}
    for row in doubtful[:_MOST_SIDES]:
        step = _STEP * max(1.0, abs(float(activity[row])))
        worth: list[float | None] = []
        # "one more" eases the limit as a ceiling and tightens it as a floor, in both cases a larger right-hand side
        for move in (step, -step):
            low, high = matrix.row_lower.copy(), matrix.row_upper.copy()
            low[row], high[row] = low[row] + move, high[row] + move
            session.change_rows(np.array([row]), low, high)
            moved = session.solve(prices=False)
            worth.append(None if moved.values is None else (float(fixed.cost @ moved.values) - best) / move)
        session.change_rows(np.array([row]), matrix.row_lower, matrix.row_upper)
        found[row] = (worth[0], worth[1])
    return found


def _fixed(matrix: Matrix, values: np.ndarray) -> Matrix:
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    whole = matrix.integer
    lower[whole] = upper[whole] = np.round(values[whole])
    return replace(matrix, lower=lower, upper=upper, integer=np.zeros(matrix.column_count, dtype=bool))


def price_sentences(report: pl.DataFrame, most: int = 3) -> list[str]:
    """The prices that matter most, in plain words."""
    out = []
    for row in report.head(most).iter_rows(named=True):
        unit = row["price_unit"].split(" of ")[0]
        aim = row["price_unit"].split(" of ")[1].split(" per ")[0]
        more, less = row["one_more"], row["one_less"]
        end = ""
        if row["price"] is not None:
            worth = f"is worth {_amount(row['price'], unit)}"
        elif more is None or less is None:
            known, side = (more, "less") if less is None else (less, "more")
            worth, end = f"is worth {_amount(known or 0.0, unit)}", f"; one {side} leaves no mix"
        else:
            low, high = sorted((more, less))
            worth = f"is worth between {_amount(low, unit)} and {_amount(high, unit)}"
        whole = " with the chosen starts fixed" if row["basis"] == "whole numbers fixed" else ""
        one = {"£": "one more £", "units": "one more unit"}.get(row["unit"], f"one more unit ({row['unit']})")
        out.append(f"{row['limit']}: {one} {worth} of {aim}{whole}{end}")
    return out


def _amount(value: float, unit: str) -> str:
    return f"{'-' if value < 0 else ''}£{abs(value):,.2f}" if unit == "£" else f"{value:,.4g} {unit}"
