"""One door to the engines: the same matrix in, the same `Answer` out, whichever engine solves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from optimiser.engines import highs
from optimiser.engines.answer import Answer
from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix

Engine = Literal["highs", "pulp"]

_BOX = 1e7
"""A stand-in ceiling with which columns that have none are found when the objective can grow without end."""


def solve(
    matrix: Matrix,
    *,
    engine: Engine = "highs",
    solver: str | None = None,
    gap: float = 0.0,
    time_limit: float | None = None,
    progress: Callable[[highs.Progress], None] | None = None,
    options: Mapping[str, Any] | None = None,
    start: Floats | None = None,
    prices: bool = True,
) -> Answer:
    """The answer to `matrix`; where the objective can grow without end, with the limits that are missing named.

    Reason: nine parameters, those of both engines side by side.

    Args:
        matrix: the programme.
        engine: "highs" (highspy directly) or "pulp".
        solver: for "pulp", which of its solvers; HiGHS by default.
        gap: relative gap at which a search for whole numbers may stop.
        time_limit: seconds after which it must.
        progress: called with bound and best mix so far (highs only).
        options: further highspy options, from a closed list.
        start: column values of a known mix to start from (highs only).
        prices: whether to work out certified shadow prices.

    Raises:
        SolverError: the engine refused or failed.
        UnknownNameError: a PuLP solver that is not there.
    """
    if engine == "pulp":
        from optimiser.engines import pulp_engine

        answer = pulp_engine.solve(
            matrix, solver=solver or pulp_engine.DEFAULT_SOLVER, gap=gap, time_limit=time_limit, prices=prices
        )
    else:
        answer = highs.solve(
            matrix, gap=gap, time_limit=time_limit, progress=progress, options=options, start=start, prices=prices
        )
    if answer.status == "unbounded":
        return replace(answer, missing_limits=missing_limits(matrix))
    return answer


def missing_limits(matrix: Matrix) -> tuple[str, ...]:
    """Which quantities have no ceiling (or floor) and let the objective grow without end, in words."""
    box = replace(matrix, lower=np.maximum(matrix.lower, -_BOX), upper=np.minimum(matrix.upper, _BOX)).relaxed()
    answer = highs.solve(box, prices=False)
    if answer.values is None:
        return ()
    at_top = ~np.isfinite(matrix.upper) & (answer.values >= _BOX * (1 - 1e-6))
    at_floor = ~np.isfinite(matrix.lower) & (answer.values <= -_BOX * (1 - 1e-6))
    sign = 1.0 if matrix.sense == "max" else -1.0
    gain = np.abs(sign * matrix.cost * answer.values)
    found = sorted(np.flatnonzero(at_top | at_floor).tolist(), key=lambda j: -gain[j])
    words = []
    for j in found[:5]:
        side = "no ceiling" if at_top[j] else "no floor"
        words.append(f"'{matrix.column_label(j)}' has {side}: set a limit on it, or on what it uses")
    return tuple(words)
