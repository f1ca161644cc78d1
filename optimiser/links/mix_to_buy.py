"""The mix that a plan buys: from the one kept beside its problem in a moment, and searched for anew where that one keeps its limits no more."""

from __future__ import annotations

from capitation.errors import SolverError
from optimiser.answers.optimise import Outcome, optimise
from optimiser.answers.whole.former import FormerMix
from optimiser.problem.document import Problem

GAP = 0.005
"""Relative gap at which the search stops."""
STARTED, UNSTARTED = 0.5, 60.0
"""Seconds that the search may take from a mix found before, and without one."""


def mix_to_buy(problem: Problem, former: FormerMix | None, seconds: float = STARTED) -> Outcome:
    """The best mix of a problem.

    A mix found before that keeps every limit is made better for a moment. Where a changed budget, cost or limit leaves nothing of it, the
    search takes the time it would take without one.

    Args:
        problem: the problem.
        former: a mix found before, if there is one.
        seconds: how long the search may take from that one.

    Raises:
        SolverError: no mix keeps every limit, or none was found.
    """
    outcome = optimise(problem, gap=GAP, time_limit=UNSTARTED if former is None else seconds, former=former)
    first = outcome.answer
    if former is not None and first.values is None and first.status != "infeasible" and not first.stopped_by_user:
        outcome = optimise(problem, gap=GAP, time_limit=UNSTARTED, former=former)
    if outcome.answer.values is None:
        raise SolverError(
            f"problem {problem.id}: {outcome.answer.meaning}; a plan buys a mix, so loosen a budget, a floor or a ceiling "
            "(capitation optimise on the problem says which limits contradict each other)"
        )
    return outcome


__all__ = ["GAP", "STARTED", "UNSTARTED", "mix_to_buy"]
