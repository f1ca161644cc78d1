"""Why a solution is not in the mix: force it in, solve again, and show what is lost and which limits then bind.

Where it cannot be forced in at all, the answer is the policy limits that would have to give.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from capitation.errors import UnknownNameError
from optimiser.answers.optimise import Outcome, never_started
from optimiser.answers.what_must_give import Concessions, relax
from optimiser.answers.whole.merging import alike_localities
from optimiser.answers.whole.search import Search, solve_whole
from optimiser.engines.answer import Answer
from optimiser.programme.family import Family
from optimiser.programme.matrix import Matrix


@dataclass(frozen=True)
class WhyNot:
    """What forcing a solution in at a scale does to the objective."""

    solution: str
    scale: float
    best: float
    """The objective of the best mix, in its own unit."""
    forced: float | None
    """The objective with the solution forced in; None where no mix has it."""
    unit: str
    scales: dict[str, float]
    """The mix with the solution forced in: scale in the last year by solution."""
    binding: tuple[str, ...]
    """Policy limits that bind in that mix."""
    relaxation: Concessions | None
    """Where no mix has it: what would have to give."""
    because: str = ""
    """Why no mix can have it whatever gives, such as a first year of starting after the last year."""
    stopped: bool = False
    """Whether Ctrl-C ended the search for it."""

    @property
    def loss(self) -> float | None:
        """How much worse the objective is with it."""
        return None if self.forced is None else abs(self.best - self.forced)

    @property
    def sentence(self) -> str:
        """The answer in a sentence."""
        if self.because:
            return self.because
        if self.forced is None:
            gives = "; ".join(self.relaxation.sentences) if self.relaxation is not None else ""
            return f"{self.solution} at scale {self.scale:g} fits in no mix" + (f" unless: {gives}" if gives else "")
        limits = f"; then binding: {', '.join(self.binding)}" if self.binding else ""
        cost = f"£{self.loss:,.2f}" if self.unit == "£" else f"{self.loss:,.2f} {self.unit}"
        return f"{self.solution} at scale {self.scale:g} would cost {cost} of the objective{limits}"


def why_not(outcome: Outcome, solution: str, *, gap: float = 0.0, time_limit: float | None = None) -> WhyNot:
    """What it would cost to have `solution` in the mix at full scale (its largest) in the last year.

    Raises:
        UnknownNameError: the problem has no such solution.
    """
    problem = outcome.problem
    known = {s.id: s for s in problem.solutions}
    if solution not in known:
        raise UnknownNameError("solution", solution, known)
    ceiling = known[solution].ceiling
    scale = ceiling if np.isfinite(ceiling) else max(1.0, float(known[solution].smallest_scale))
    answer = outcome.headline
    best = answer.objective if answer.objective is not None else float("nan")
    if answer.has_mix and outcome.scales().get(solution, 0.0) >= scale - 1e-6:
        there = f"{solution} is in the mix already, at scale {scale:g}"
        return WhyNot(solution, scale, best, best, answer.matrix.unit, outcome.scales(), (), None, because=there)
    never = never_started(answer.matrix, [solution])
    if never:
        return WhyNot(solution, scale, best, None, answer.matrix.unit, {}, (), None, because=never[solution])
    forced = _forced(answer.matrix, solution, str(problem.years[-1]), scale)
    again = solve_whole(forced, alike_localities(problem), Search(gap=gap, time_limit=time_limit))
    if again.stopped_by_user:
        return WhyNot(solution, scale, best, None, answer.matrix.unit, {}, (), None, stopped=True)
    if again.values is None:
        return WhyNot(solution, scale, best, None, answer.matrix.unit, {}, (), relax(forced, time_limit=time_limit))
    new = replace(outcome, answers=(again,))
    return WhyNot(solution, scale, best, again.objective, answer.matrix.unit, new.scales(), binding_limits(again), None)


def _forced(matrix: Matrix, solution: str, year: str, scale: float) -> Matrix:
    block = matrix.family("in_place")
    mine = (block.index["solution"] == solution) & (block.index["year"] == year)
    columns = np.flatnonzero(mine.to_numpy()) + block.first
    index = pl.DataFrame({"solution": [solution] * len(columns), "number": np.arange(len(columns))})
    family = Family("forced", 0, len(columns), index, "scale", "{solution} forced into the mix", "P")
    terms = pl.DataFrame(
        {
            "row": np.arange(len(columns), dtype=np.int32),
            "col": columns.astype(np.int32),
            "value": np.ones(len(columns)),
        }
    )
    return matrix.with_rows(family, terms, np.full(len(columns), scale), np.full(len(columns), np.inf))


def binding_limits(answer: Answer) -> tuple[str, ...]:
    """Labels of the policy rows that the mix leaves no room in."""
    matrix = answer.matrix
    if answer.values is None:
        return ()
    activity = matrix.product(answer.values)
    room = np.minimum(matrix.row_upper - activity, activity - matrix.row_lower)
    tight = [r for r in matrix.policy_rows.tolist() if room[r] <= 1e-6 * max(1.0, abs(activity[r]))]
    return tuple(matrix.row_label(r) for r in tight)
