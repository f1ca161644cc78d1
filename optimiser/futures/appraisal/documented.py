"""Draws of delivery by an uncertainty document: those with which `capitation simulate` draws the same mix and its contracts.

    effect or saving in a draw = what the plan counts on x share delivered      (nil where the solution fails; a year later where it is late)
    own cost in a draw         = the planned one x (1 + cost above plan)

A solution keeps its draws by its place in the problem, whatever else is bought, so one seed gives one fate here and there.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from capitation.chance.delivery import EFFECT_BOUNDS
from capitation.chance.document import Uncertainty
from capitation.chance.scores.draws import source
from capitation.chance.shared import Promises, Shared, unknown_solutions
from capitation.errors import CapitationError, DocumentError, Faults
from optimiser.futures.appraisal.delivery import Delivered
from optimiser.problem.document import Problem
from optimiser.programme.core import Future
from optimiser.programme.family import Floats

FUTURES = 20
"""How many futures are drawn for a mix that weighs them unless its caller says otherwise."""


MOST_FUTURES = 500
"""Futures that are drawn at most: each is a programme of its own."""

LEAST = 1e-4
"""Share that a future keeps of what a failing solution promised, so that all futures are programmes of the same columns."""


@dataclass(frozen=True)
class Documented:
    """How each solution turns out in each draw."""

    share: Floats
    """Share of its effects and savings that comes, by draw and solution, where it comes at all."""
    delivered: Delivered
    """Years late, whether it comes, and its costs."""


def documented(problem: Problem, uncertainty: Uncertainty, count: int, seed: int) -> Documented:
    """How each solution of a problem turns out in each of `count` draws.

    Raises:
        CapitationError: the document says nothing of delivery, or there is no draw.
        DocumentError: it says something of a solution that the problem does not have.
    """
    if count < 1:
        raise CapitationError(f"a mix is scored on at least one draw, not {count}")
    _check_solutions(problem, uncertainty)
    found = _promises(problem, uncertainty, count, seed)
    share, fails, late, above = (
        np.concatenate([getattr(part, name) for part in found], axis=1)[:, :count].T
        for name in ("share", "fails", "late", "above")
    )
    return Documented(share, Delivered(late.astype(np.int64), ~fails, 1 + above))


def _promises(problem: Problem, uncertainty: Uncertainty, count: int, seed: int) -> list[Promises]:
    drawn = source("monte-carlo", seed, count, ())
    parts = [
        Shared(uncertainty, ("delivery",), drawn, block, np.float64).promises([s.id for s in problem.solutions])
        for block in range(-(-count // drawn.block))
    ]
    if uncertainty.delivery is None:
        raise CapitationError(
            f"uncertainty {uncertainty.id}: found no [delivery]; expected effect, cost, delay, failure and correlation of solutions"
        )
    return [part for part in parts if part is not None]


def _check_solutions(problem: Problem, uncertainty: Uncertainty) -> None:
    faults = Faults()
    unknown_solutions(uncertainty, [s.id for s in problem.solutions], faults)
    faults.raise_if_any(DocumentError, f"uncertainty {uncertainty.id} does not go with problem {problem.id}")


def low_shares(problem: Problem, uncertainty: Uncertainty) -> dict[str, float]:
    """By solution, the share of its promise to which one that disappoints falls: one in ten delivers less.

    Raises:
        CapitationError: the document says nothing of delivery.
        DocumentError: it says something of a solution that the problem does not have.
    """
    _check_solutions(problem, uncertainty)
    if uncertainty.delivery is None:
        raise CapitationError(
            f"uncertainty {uncertainty.id}: found no [delivery]; expected the share of promises that is delivered"
        )
    known = {s.id: uncertainty.delivery.of(s.id).effect for s in problem.solutions}
    return {name: effect.tenth(*EFFECT_BOUNDS) for name, effect in known.items() if effect is not None}


def without_promises(problem: Problem) -> tuple[Problem, tuple[str, ...]]:
    """A problem without what a drawn future may miss, control totals and floors on measures, and notes that say so."""
    floors = [limit for limit in problem.limits if limit.at_least is not None]
    kept = tuple(limit.model_copy(update={"at_least": None}) for limit in problem.limits if limit.at_most is not None)
    notes = []
    if problem.control_totals or floors:
        notes.append(
            f"{len(problem.control_totals)} control totals and {len(floors)} floors on measures are promises that a drawn future may "
            "miss; they are left out, and `appraise --uncertainty` says how likely each is kept"
        )
    return problem.model_copy(update={"control_totals": (), "limits": kept}), tuple(notes)


def drawn_futures(
    problem: Problem, uncertainty: Uncertainty, count: int = FUTURES, seed: int = 1
) -> tuple[Future, ...]:
    """So many futures of a problem, equally likely: what each solution delivers and costs in the first draws.

    A future has one share for all years, so one that is late by a year of several loses that part of its effect in all of them.

    Raises:
        CapitationError: as `documented`.
    """
    found = documented(problem, uncertainty, count, seed)
    years = len(problem.years)
    comes = np.maximum(found.share * found.delivered.comes * np.maximum(1 - found.delivered.late / years, 0.0), LEAST)
    return tuple(
        Future(
            id=f"draw_{n + 1}",
            effect_factors={s.id: _decimal(comes[n, i]) for i, s in enumerate(problem.solutions)},
            cost_factors={s.id: _decimal(found.delivered.cost[n, i]) for i, s in enumerate(problem.solutions)},
        )
        for n in range(count)
    )


def _decimal(number: float) -> Decimal:
    return Decimal(f"{float(number):.6f}")


__all__ = ["FUTURES", "MOST_FUTURES", "Documented", "documented", "drawn_futures", "low_shares", "without_promises"]
