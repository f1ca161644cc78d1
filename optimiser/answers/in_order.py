"""Returns fall in order of time: no later segment of a curve is used, in any year, before the earlier ones are full.

A linear programme mostly fills segments in order by itself, so order is asked for (with a yes or no for each segment) only where
an answer broke it, and the answer is worked out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import polars as pl

from optimiser.engines.answer import Answer
from optimiser.problem.document import Problem

Pairs = frozenset[tuple[str, str]]
"""Solutions and places whose segments are filled in order by force."""
T = TypeVar("T")

ORDERS = 20
"""How often an answer is worked out again at most."""
_FULL = 1e-6


def kept_in_order(problem: Problem, solve: Callable[[Pairs], T], answers: Callable[[T], Iterable[Answer]]) -> T:
    """What `solve` gives once none of its answers uses a later segment before an earlier one is full.

    Args:
        problem: the document.
        solve: works something out with the order of some places forced.
        answers: the answers in it that must be in order; once Ctrl-C ended one of them, nothing is worked out again.
    """
    forced: Pairs = frozenset()
    found = solve(forced)
    for _ in range(ORDERS):
        skipped: Pairs = frozenset().union(*(skipped_segments(problem, a, forced) for a in answers(found)))
        if not skipped or any(a.stopped_by_user for a in answers(found)):
            break
        forced |= skipped
        found = solve(forced)
    return found


def stopped_out_of_order(skipped: Pairs) -> str:
    """What to say of a mix that the user took before its segments were put in order."""
    names = ", ".join(sorted({solution for solution, _ in skipped}))
    return f"stopped by the user before returns were put in order: a later part of the curve of {names} is used before an earlier one is full"


def skipped_segments(problem: Problem, answer: Answer, done: Pairs) -> Pairs:
    """Places where, in some year, a later segment of a falling curve is used before an earlier one is full."""
    curves = {s.id: [w for w, _ in s.curve] for s in problem.solutions if len(s.curve) > 1}
    if answer.values is None or not curves:
        return frozenset()
    launch = answer.column("launch").filter(pl.col("solution").is_in(sorted(curves)))
    broken: set[tuple[str, str]] = set()
    used: dict[tuple[str, str], dict[int, float]] = {}
    for (solution, place, _year), added in launch.sort("year").group_by(
        "solution", "place", "year", maintain_order=True
    ):
        at = used.setdefault((str(solution), str(place)), {})
        for k, value in added.select("k", "value").iter_rows():
            at[k] = at.get(k, 0.0) + value
        widths = curves[str(solution)]
        for k in range(1, len(widths)):
            if at.get(k + 1, 0.0) > _FULL and at.get(k, 0.0) < widths[k - 1] - _FULL:
                broken.add((str(solution), str(place)))
    return frozenset(broken) - done
