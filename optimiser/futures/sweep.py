"""Many futures of one programme, solved one after the other from where the last one stood.

Matrices of the same shape differ in costs, limits and a few coefficients; only what moved is changed in the solver. Small
programmes restart warm from where the plan stood: every future lies one change away from it, but two away from its
neighbour. Where little moved, costs move first and the primal simplex goes on, since the plan keeps all limits; then limits move
and the dual simplex goes on; none waits for another, so they are solved side by side. On large ones a cold interior point solve
can win, so the first futures race the two and the quicker is kept.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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

LANES = 4
"""How many solvers futures near the plan go to in turn; as many on any machine, so that the answers are the same on all."""

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


class _Lanes:
    """Solvers of futures near the plan, each with a thread of its own; at most `threads` of them work at once.

    Future n goes to lane n modulo LANES, whichever is free: what a solver has solved before is then the same on any machine.
    """

    def __init__(self, plan: Matrix, stood: Any, threads: int) -> None:  # noqa: ANN401  # highspy's own object
        self._near = [_NearPlan(plan, stood) for _ in range(LANES)]
        self._threads = [ThreadPoolExecutor(1) for _ in range(LANES)]
        self._working = threading.Semaphore(threads)
        self._pending: deque[Future[Answer]] = deque()
        self._count = 0

    def is_near(self, matrix: Matrix) -> bool:
        """Whether the matrix is one for these solvers."""
        return self._near[0].is_near(matrix)

    def take(self, matrix: Matrix, time_limit: float | None, *, prices: bool) -> None:
        """Put a future into the next lane."""
        lane = self._count % LANES
        self._count += 1
        near = self._near[lane]

        def work() -> Answer:
            with self._working:
                return near.solve(matrix, time_limit, prices=prices)

        self._pending.append(self._threads[lane].submit(work))

    def answers(self, left: int = 0) -> Iterator[Answer]:
        """Answers in the order of the futures, until no more than `left` are awaited."""
        while len(self._pending) > left:
            yield self._pending.popleft().result()

    def close(self) -> None:
        """Begin nothing more."""
        for thread in self._threads:
            thread.shutdown(cancel_futures=True)


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


class _OneByOne:
    """Futures of any kind, each from where the plan or the one before it stood."""

    def __init__(self, session: HighsSession, stood: Any, last: Answer | None) -> None:  # noqa: ANN401  # highspy's own object
        self._session, self._stood, self._last = session, stood, last
        self._spent = {"warm": 0.0, "cold": 0.0}
        self._raced = 0

    def solve(self, matrix: Matrix, gap: float, time_limit: float | None, *, prices: bool) -> Answer:
        """The answer to the next matrix."""
        session, last = self._session, self._last
        session.change(matrix)
        if matrix.is_whole or matrix.column_count < INTERIOR_POINT_FROM:
            start = last.values if last is not None and matrix.is_whole else None
            if not matrix.is_whole:
                session.stand_at(self._stood)
            answer = session.solve(gap=gap, time_limit=time_limit, prices=prices, start=start)
        elif self._raced < RACE:
            self._raced += 1
            session.use("simplex")
            began = time.perf_counter()
            answer = session.solve(gap=gap, time_limit=time_limit, prices=prices)
            self._spent["warm"] += time.perf_counter() - began
            began = time.perf_counter()
            HighsSession(matrix).solve(gap=gap, time_limit=time_limit, prices=False)
            self._spent["cold"] += time.perf_counter() - began
        elif self._spent["warm"] <= self._spent["cold"]:
            answer = session.solve(gap=gap, time_limit=time_limit, prices=prices)
        else:
            self._session = HighsSession(matrix)
            answer = self._session.solve(gap=gap, time_limit=time_limit, prices=prices)
        self._last = answer
        return answer


def sweep(
    matrices: Iterable[Matrix],
    *,
    plan: Matrix | None = None,
    gap: float = 0.0,
    time_limit: float | None = None,
    prices: bool = False,
    threads: int | None = None,
) -> Iterator[Answer]:
    """The answer to each matrix, in order; the same answers on any number of threads.

    Args:
        matrices: programmes of the same shape; a few are taken before their answers are asked for.
        plan: the programme that the others are changes of, solved first and not returned; the first matrix by default.
        gap: relative gap at which a search for whole numbers may stop.
        time_limit: seconds for each.
        prices: whether to work out certified prices for each.
        threads: how many futures near the plan are solved at once; as many as the machine has processors by default.

    Raises:
        SolverError: a matrix of another shape, or a solver's refusal.
    """
    rest = iter(matrices)
    first = plan if plan is not None else next(rest, None)
    if first is None:
        return
    session = HighsSession(first)
    last = session.solve(gap=gap, time_limit=time_limit, prices=prices and plan is None)
    if plan is None:
        yield last
    stood = session.basis()
    one_by_one = _OneByOne(session, stood, last if plan is None else None)
    lanes = _Lanes(first, stood, threads or os.cpu_count() or 1)
    try:
        for matrix in rest:
            if matrix.column_count < INTERIOR_POINT_FROM and not matrix.is_whole and lanes.is_near(matrix):
                lanes.take(matrix, time_limit, prices=prices)
                yield from lanes.answers(left=2 * LANES)
                continue
            yield from lanes.answers()
            yield one_by_one.solve(matrix, gap, time_limit, prices=prices)
        yield from lanes.answers()
    finally:
        lanes.close()
