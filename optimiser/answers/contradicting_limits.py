"""Contradicting limits: policy limits that cannot all be kept, none of which can be spared from the list.

First the elastic filter: let every policy row give, fix those that gave, and repeat until no mix exists; the rows fixed
contain a conflict. Then the deletion filter: let go of one fixed row at a time, and keep it let go where there is still
no mix. Physics is never relaxed. Where the relaxed programme (no whole numbers) is already without a mix the search runs
on it, which is quicker and just as true.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from optimiser.answers.what_must_give import stretched_matrix
from optimiser.engines.highs import HighsSession
from optimiser.programme.family import Floats, Ints
from optimiser.programme.matrix import Matrix

_NOTHING = 1e-7


@dataclass(frozen=True)
class Conflict:
    """Policy rows that cannot all be kept."""

    rows: pl.DataFrame
    """row, label, group, unit, floor, ceiling."""
    is_minimal: bool
    """Whether leaving out any one of them would leave a mix (false where time ran out)."""
    through_whole_numbers: bool
    """Whether the conflict exists only because some variables are whole numbers."""
    physics: bool = False
    """Whether there is no mix even with all policy lifted, so that no policy row is to blame."""


def conflict_set(matrix: Matrix, *, time_limit: float | None = None) -> Conflict:
    """Policy rows of `matrix` that cannot all be kept; no rows where a mix exists or where physics alone forbids it."""
    relaxed = matrix.relaxed()
    found = _search(relaxed, time_limit)
    if found is not None or not matrix.is_whole:
        rows, minimal, physics = found if found is not None else (np.zeros(0, np.int32), True, False)
        return Conflict(_described(matrix, rows), minimal, False, physics)
    found = _search(matrix, time_limit)
    rows, minimal, physics = found if found is not None else (np.zeros(0, np.int32), True, False)
    return Conflict(_described(matrix, rows), minimal, found is not None, physics)


def _search(matrix: Matrix, time_limit: float | None) -> tuple[Ints, bool, bool] | None:
    """Rows of a conflict, whether it is minimal, whether physics alone is to blame; None where a mix exists."""
    stretched, which, _ = stretched_matrix(matrix)
    first = matrix.column_count
    session = HighsSession(stretched)
    upper = stretched.upper.copy()
    fixed: list[int] = []
    while True:
        answer = session.solve(prices=False, gap=1e-4, time_limit=time_limit)
        if answer.values is None:
            if not fixed:
                return np.zeros(0, np.int32), True, True
            break
        given = answer.values[first:]
        gave = np.flatnonzero((given > _NOTHING * _limit_size(matrix, which)) & (upper[first:] > 0))
        if not len(gave):
            return None
        fixed += gave.tolist()
        upper[first + gave] = 0.0
        session.change_columns(first + gave, stretched.lower, upper)
    every = np.arange(first, stretched.column_count, dtype=np.int32)
    session.change_cost(every, np.zeros(stretched.column_count))
    minimal = True
    kept = list(dict.fromkeys(fixed))
    for slack in list(kept):
        upper[first + slack] = np.inf
        session.change_columns(np.array([first + slack]), stretched.lower, upper)
        status = session.solve(prices=False, time_limit=time_limit).status
        if status == "infeasible":
            kept.remove(slack)
            continue
        minimal = minimal and status != "no_solution_by_limit"
        upper[first + slack] = 0.0
        session.change_columns(np.array([first + slack]), stretched.lower, upper)
    return np.unique(which[np.array(kept, dtype=int)]).astype(np.int32), minimal, False


def _limit_size(matrix: Matrix, which: Ints) -> Floats:
    limits = np.maximum(
        np.where(np.isfinite(matrix.row_upper[which]), np.abs(matrix.row_upper[which]), 0.0),
        np.where(np.isfinite(matrix.row_lower[which]), np.abs(matrix.row_lower[which]), 0.0),
    )
    return np.maximum(1.0, limits)


def _described(matrix: Matrix, rows: Ints) -> pl.DataFrame:
    labels = matrix.row_labels() if len(rows) else []
    families = [matrix.row_family(int(r)) for r in rows]
    return pl.DataFrame(
        {
            "row": rows,
            "label": [labels[r] for r in rows],
            "group": [f.group for f in families],
            "unit": [f.unit for f in families],
            "floor": matrix.row_lower[rows],
            "ceiling": matrix.row_upper[rows],
        },
        schema={
            "row": pl.Int32,
            "label": pl.String,
            "group": pl.String,
            "unit": pl.String,
            "floor": pl.Float64,
            "ceiling": pl.Float64,
        },
    )
