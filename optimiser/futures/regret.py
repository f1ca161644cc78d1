"""Regret: what each candidate mix loses in each future against the mix that would have been best there.

A candidate keeps its starts and scale (first stage); everything else is decided anew in each future.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from optimiser.engines import highs
from optimiser.engines.highs import HighsSession
from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix

REGRET = {"candidate": pl.String, "future": pl.String, "value": pl.Float64, "best": pl.Float64, "regret": pl.Float64}
"""Columns of what each candidate mix is worth in each future, beside the best there."""


def regret_table(
    futures: Mapping[str, Matrix],
    candidates: Mapping[str, Floats],
    *,
    gap: float = 0.0,
    time_limit: float | None = None,
) -> pl.DataFrame:
    """candidate, future, value, best, regret (in the goal's unit); value and regret are null where the mix breaks a limit there.

    Args:
        futures: the programme under each future, same columns.
        candidates: column values of each candidate mix; only the first-stage ones are used.
        gap: relative gap at which a search for whole numbers may stop.
        time_limit: seconds for each solve.
    """
    rows = []
    for future, matrix in futures.items():
        best = highs.solve(matrix, gap=gap, time_limit=time_limit, prices=False).objective
        session: HighsSession | None = None
        for candidate, values in candidates.items():
            fixed = fix_first_stage(matrix, values)
            if session is None:
                session = HighsSession(fixed)
            else:
                session.change(fixed)
            value = session.solve(gap=gap, time_limit=time_limit, prices=False).objective
            sign = 1.0 if matrix.sense == "max" else -1.0
            regret = None if value is None or best is None else max(0.0, sign * (best - value))
            rows.append({"candidate": candidate, "future": future, "value": value, "best": best, "regret": regret})
    return pl.DataFrame(rows, schema=REGRET)


def fix_first_stage(matrix: Matrix, values: Floats) -> Matrix:
    """The matrix with starts and launches fixed at `values` (what follows from them is left to follow)."""
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    for family in matrix.columns:
        if family.name in ("start", "launch"):
            block = slice(family.first, family.last)
            fixed = np.clip(values[block], matrix.lower[block], matrix.upper[block])
            fixed = np.where(matrix.integer[block], np.round(fixed), fixed)
            lower[block], upper[block] = fixed, fixed
    return replace(matrix, lower=lower, upper=upper)
