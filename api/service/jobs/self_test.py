"""The solver's test: a shipped problem whose best mix is known by hand, solved by the engine the optimiser uses."""

from __future__ import annotations

import time

from api.service.records.pack import Pack
from optimiser.answers.optimise import optimise
from optimiser.problem.document import read_problem

PROBLEM = "problems/overlap_pair.toml"
"""The problem, in the data pack; its answer stands under `expected`."""

KEPT_SECONDS = 10.0
"""How long an answer is taken to hold, so that probes do not load the machine."""

_last: list[tuple[float, str]] = []


def solver_says(pack: Pack) -> str:
    """The word "optimal" where the solver found the known answer within the last ten seconds; otherwise what it found.

    Raises:
        CapitationError: the pack does not hold the problem, or the solver failed.
    """
    now = time.monotonic()
    if _last and now - _last[0][0] < KEPT_SECONDS:
        return _last[0][1]
    said = _solve(pack)
    _last[:] = [(now, said)]
    return said


def _solve(pack: Pack) -> str:
    problem = read_problem(pack.opened().path(PROBLEM))
    outcome = optimise(problem, explain_infeasible=False)
    found, expected = outcome.headline.objective, problem.expected
    if expected is None or expected.objective is None:
        return f"nothing to compare with: {PROBLEM} names no expected objective"
    if outcome.status != "optimal" or found is None:
        return outcome.status
    known = float(expected.objective)
    return "optimal" if abs(found - known) <= 1e-6 * abs(known) else f"optimal at {found}, not {known}"
