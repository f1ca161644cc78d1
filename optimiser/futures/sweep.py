"""Many futures of one programme, solved one after the other from where the last one stood.

Matrices of the same shape differ in costs, limits and a few coefficients; only what moved is changed in the solver. Small
programmes restart warm from where the plan stood: every future lies one change away from it, but two away from its
neighbour. On large ones a cold interior point solve can win, so the first futures race the two and the
quicker is kept.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from optimiser.engines.answer import Answer
from optimiser.engines.highs import INTERIOR_POINT_FROM, HighsSession
from optimiser.programme.matrix import Matrix

RACE = 3
"""How many futures of a large programme are solved both ways before one way is kept."""


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
    for number, matrix in enumerate(matrices, start=0 if plan is None else 1):
        if session is None:
            session = HighsSession(matrix)
            last = session.solve(gap=gap, time_limit=time_limit, prices=prices)
            stood = session.basis()
            yield last
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
