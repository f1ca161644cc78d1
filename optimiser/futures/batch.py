"""Many futures of one programme in batches, each by whoever of a crew is free: threads of this machine or workers of a cluster.

Each batch is a warm sweep of its own, so its answers are the same whoever solves it and however many work at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from capitation.workers.crew import Crew, Progress
from optimiser.futures.sweep import sweep
from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix

BATCH = 10
"""Futures of a batch: enough to be warm, few enough to be shared out evenly."""


@dataclass(frozen=True)
class Solved:
    """One future's answer, without the programme it answers."""

    status: str
    objective: float | None
    values: Floats | None


def solve_batches(
    matrices: Sequence[Matrix],
    crew: Crew,
    *,
    plan: Matrix | None = None,
    gap: float = 0.0,
    progress: Progress | None = None,
) -> list[Solved]:
    """The answer to each matrix, in order.

    Args:
        matrices: programmes of the same shape.
        crew: who solves them.
        plan: the programme that the others are changes of; the first matrix by default.
        gap: relative gap at which a search for whole numbers may stop.
        progress: hears of the batches done.

    Raises:
        SolverError: a matrix of another shape, or a solver's refusal.
    """
    if not matrices:
        return []
    batches = [list(matrices[i : i + BATCH]) for i in range(0, len(matrices), BATCH)]
    found = crew.each(partial(_solve, plan=plan or matrices[0], gap=gap), batches, progress)
    return [each for batch in found for each in batch]


def _solve(batch: list[Matrix], plan: Matrix, gap: float) -> list[Solved]:
    return [Solved(a.status, a.objective, a.values) for a in sweep(batch, plan=plan, gap=gap, threads=1)]
