"""Many futures of one programme, solved one after the other from where the last one stood.

Matrices of the same shape differ in costs, limits and a few coefficients; only what moved is changed in the solver. Small
programmes restart warm from where the plan stood: every future lies one change away from it, but two away from its
neighbour. Where little moved, costs move first and the primal simplex goes on, since the plan keeps all limits; then limits move
and the dual simplex goes on. On large ones a cold interior point solve can win, so the first futures race the two and the
quicker is kept.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from optimiser.engines.answer import Answer
from optimiser.engines.highs import INTERIOR_POINT_FROM, HighsSession
from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix

RACE = 3
"""How many futures of a large programme are solved both ways before one way is kept."""

NEAR = 0.06
"""How far costs, and limits, may move in proportion to their size (root mean square) for a future to be near the plan."""

_NEAR_OPTIONS = {
    "simplex_dual_edge_weight_strategy": 1,  # exact weights would be worked out anew for each future
    "simplex_update_limit": 150,
    "no_unnecessary_rebuild_refactor": False,
}


class _NearPlan:
    """Futures of a small linear programme in which little moved, solved from where the plan stood: first its costs, then its limits."""

    def __init__(self, plan: Matrix, stood: Any) -> None:  # noqa: ANN401  # highspy's own object
        self._plan, self._stood = plan, stood
        self._session: HighsSession | None = None

    def is_near(self, matrix: Matrix) -> bool:
        """Whether only costs and limits moved, and little."""
        plan = self._plan
        if self._stood is None or matrix.row_count != plan.row_count or matrix.column_count != plan.column_count:
            return False
        same = all(
            ours is theirs or np.array_equal(ours, theirs)
            for ours, theirs in (
                (matrix.value, plan.value),
                (matrix.index, plan.index),
                (matrix.start, plan.start),
                (matrix.lower, plan.lower),
                (matrix.upper, plan.upper),
            )
        )
        moves = ((matrix.cost, plan.cost), (matrix.row_upper, plan.row_upper), (matrix.row_lower, plan.row_lower))
        return same and matrix.sense == plan.sense and all(_moved(new, old) <= NEAR for new, old in moves)

    def solve(self, matrix: Matrix, time_limit: float | None, *, prices: bool) -> Answer:
        """The answer to a future near the plan."""
        if self._session is None:
            self._session = HighsSession(self._plan, _NEAR_OPTIONS)
        session, plan, before = self._session, self._plan, 0.0
        costs = matrix.cost is not plan.cost and not np.array_equal(matrix.cost, plan.cost)
        session.change(replace(matrix, row_lower=plan.row_lower, row_upper=plan.row_upper) if costs else matrix)
        session.stand_at(self._stood)
        session.use("simplex", primal=costs)
        if costs:
            if np.array_equal(matrix.row_lower, plan.row_lower) and np.array_equal(matrix.row_upper, plan.row_upper):
                return session.solve(time_limit=time_limit, prices=prices)
            before = session.solve(time_limit=time_limit, prices=False).seconds["solve"]
            session.change(matrix)
            session.use("simplex")
        answer = session.solve(time_limit=time_limit, prices=prices)
        return replace(answer, seconds={**answer.seconds, "solve": answer.seconds["solve"] + before})


def _moved(new: Floats, old: Floats) -> float:
    """How far numbers moved in proportion to their size; without end where a limit comes or goes."""
    if new is old:
        return 0.0
    finite = np.isfinite(old)
    if not np.array_equal(finite, np.isfinite(new)):
        return float("inf")
    size = float(np.linalg.norm(old[finite]))
    return (
        float(np.linalg.norm(new[finite] - old[finite])) / size
        if size
        else float(np.abs(new[finite]).max(initial=0.0) > 0)
    )


def sweep(
    matrices: Iterable[Matrix],
    *,
    plan: Matrix | None = None,
    gap: float = 0.0,
    time_limit: float | None = None,
    prices: bool = False,
) -> Iterator[Answer]:
    """The answer to each matrix, in order.

    Args:
        matrices: programmes of the same shape.
        plan: the programme that the others are changes of, solved first and not returned; the first matrix by default.
        gap: relative gap at which a search for whole numbers may stop.
        time_limit: seconds for each.
        prices: whether to work out certified prices for each.

    Raises:
        SolverError: a matrix of another shape, or a solver's refusal.
    """
    session: HighsSession | None = None
    if plan is not None:
        session = HighsSession(plan)
        session.solve(gap=gap, time_limit=time_limit, prices=False)
    spent = {"warm": 0.0, "cold": 0.0}
    last: Answer | None = None
    stood = session.basis() if session is not None else None
    near = None if plan is None else _NearPlan(plan, stood)
    for number, matrix in enumerate(matrices, start=0 if plan is None else 1):
        if session is None:
            session = HighsSession(matrix)
            last = session.solve(gap=gap, time_limit=time_limit, prices=prices)
            stood = session.basis()
            near = _NearPlan(matrix, stood)
            yield last
            continue
        small = matrix.column_count < INTERIOR_POINT_FROM and not matrix.is_whole
        if small and near is not None and near.is_near(matrix):
            yield near.solve(matrix, time_limit, prices=prices)
            continue
        session.change(matrix)
        large = matrix.column_count >= INTERIOR_POINT_FROM and not matrix.is_whole
        if not large:
            start = last.values if last is not None and matrix.is_whole else None
            if not matrix.is_whole:
                session.stand_at(stood)
            last = session.solve(gap=gap, time_limit=time_limit, prices=prices, start=start)
        elif number <= RACE:
            session.use("simplex")
            began = time.perf_counter()
            last = session.solve(gap=gap, time_limit=time_limit, prices=prices)
            spent["warm"] += time.perf_counter() - began
            began = time.perf_counter()
            HighsSession(matrix).solve(gap=gap, time_limit=time_limit, prices=False)
            spent["cold"] += time.perf_counter() - began
        elif spent["warm"] <= spent["cold"]:
            last = session.solve(gap=gap, time_limit=time_limit, prices=prices)
        else:
            session = HighsSession(matrix)
            last = session.solve(gap=gap, time_limit=time_limit, prices=prices)
        yield last
