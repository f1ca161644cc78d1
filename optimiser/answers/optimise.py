"""The best mix of a problem: goals in order, segments filled in order, and an explanation where there is no mix.

Goals are met one after the other: each is optimised, then kept at its best (less its tolerance) while the next is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from optimiser.answers.contradicting_limits import Conflict, conflict_set
from optimiser.answers.exact import Exact, effective_scales, exact_results
from optimiser.answers.in_order import ORDERS, skipped_segments, stopped_out_of_order
from optimiser.answers.shapley import credit_by_solution
from optimiser.answers.what_must_give import Concessions, relax
from optimiser.answers.whole.exact_limits import limits_kept
from optimiser.answers.whole.floors import kept_by_exact
from optimiser.answers.whole.former import FormerMix, former_mix
from optimiser.answers.whole.merging import alike_localities
from optimiser.answers.whole.search import Search, parts_bound, solve_whole
from optimiser.blocks.start import starts
from optimiser.engines.answer import Answer, Status
from optimiser.engines.highs import Progress
from optimiser.engines.solver import Engine
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import Problem
from optimiser.problem.tables import tables_of
from optimiser.programme.core import PLAIN, Future
from optimiser.programme.family import Family
from optimiser.programme.matrix import Matrix

_FULL = 1e-6


@dataclass(frozen=True)
class Outcome:
    """The answer to a problem, goal by goal, with the mix, what it moves, and why there is none where there is none."""

    problem: Problem
    answers: tuple[Answer, ...]
    """One for each goal reached, in order."""
    seconds: dict[str, float]
    relaxation: Concessions | None = None
    conflict: Conflict | None = None
    exact: Exact | None = None
    credit: pl.DataFrame | None = None
    warnings: tuple[str, ...] = ()
    future: Future = field(default=PLAIN)
    not_reached: tuple[tuple[str, Status], ...] = ()
    """Goals for which the search found no mix, with what it said of them; the mix is that of the goals before."""

    parts_bound: float | None = None
    """What the first reported goal cannot pass even if parts of blocks could close, in its unit."""

    @property
    def answer(self) -> Answer:
        """The answer to the last goal reached: the mix."""
        return self.answers[-1]

    @property
    def headline(self) -> Answer:
        """The answer whose objective and prices are reported first: the net present value where it is a goal."""
        for answer in self.answers:
            if answer.matrix.objective.endswith("npv"):
                return answer
        return self.answers[0]

    @property
    def status(self) -> str:
        """The worst status of the goals."""
        order = ["optimal", "gap", "time_limit", "interrupted", "no_solution_by_limit", "unbounded", "infeasible"]
        missed = ["time_limit" if s == "no_solution_by_limit" else s for _, s in self.not_reached if s != "infeasible"]
        return max([*(a.status for a in self.answers), *missed], key=order.index)

    def mix(self) -> pl.DataFrame:
        """solution, place, start (year), scale (in the last year), for every solution and place; start is null if not bought.

        A solution that can never start in the years has its rows too, at scale 0.
        """
        answer = self.answer
        last = str(self.problem.years[-1])
        scale = answer.column("in_place").filter(pl.col("year") == last).select("solution", "place", "value")
        launched = (
            answer.column("launch")
            .filter(pl.col("value") > _FULL)
            .group_by("solution", "place", maintain_order=True)
            .agg(pl.col("year").min().alias("start"))
        )
        every = starts(tables_of(self.problem, self.future)).select("solution", "place")
        table = every.join(
            scale.rename({"value": "scale"}), on=["solution", "place"], how="left", maintain_order="left"
        )
        table = table.join(launched, on=["solution", "place"], how="left", maintain_order="left")
        return table.select("solution", "place", "start", _plain_scale("scale").fill_null(0.0))

    def cannot_start(self) -> dict[str, str]:
        """Why a solution can start in none of the years, for each of which that is so."""
        return never_started(self.answer.matrix, [s.id for s in self.problem.solutions])

    def scales(self) -> dict[str, float]:
        """Scale in the last year by solution; places weigh as their part of system amounts."""
        weights = starts(tables_of(self.problem, self.future)).select("solution", "place", "weight")
        table = self.mix().join(weights, on=["solution", "place"], maintain_order="left")
        sums = table.group_by("solution", maintain_order=True).agg((pl.col("scale") * pl.col("weight")).sum())
        return dict(sums.select("solution", _plain_scale("scale")).iter_rows())


def never_started(matrix: Matrix, solutions: Iterable[str]) -> dict[str, str]:
    """The reason, in a sentence, why no mix of the programme ever has a solution; only those of which that was said."""
    said = [text.removeprefix("start: ") for text in matrix.no_effect if text.startswith("start: ")]
    reasons = {name: "; ".join(text for text in said if text.startswith(f"{name} ")) for name in solutions}
    return {name: reason for name, reason in reasons.items() if reason}


SCALE_DECIMALS = 9
"""Scales are given to so many decimals: a solver's last bits are no part of a mix."""


def _plain_scale(name: str) -> pl.Expr:
    clean = pl.col(name).round(SCALE_DECIMALS)
    return pl.when(clean == 0).then(0.0).otherwise(clean).alias(name)  # nothing is never below nothing


def optimise(
    problem: Problem,
    *,
    engine: Engine = "highs",
    solver: str | None = None,
    gap: float = 0.0,
    time_limit: float | None = None,
    progress: Callable[[Progress], None] | None = None,
    future: Future = PLAIN,
    explain_infeasible: bool = True,
    former: FormerMix | None = None,
) -> Outcome:
    """The best mix of `problem`, or the reason why there is none.

    Reason: nine parameters, each one choice of the search that its caller names.

    Args:
        problem: the document.
        engine: "highs" or "pulp".
        solver: for "pulp", which of its solvers.
        gap: relative gap at which a search for whole numbers may stop.
        time_limit: seconds for all goals together.
        progress: called with bound and best mix so far (highs only).
        future: how the future turns out.
        explain_infeasible: whether to work out what would have to give.
        former: a mix found before, from which the search for the first goal starts.

    Raises:
        DocumentError: the document contradicts itself.
        SolverError: an engine refused or failed.
    """
    began = time.perf_counter()
    reached = reach_goals(problem, Search(engine, solver, gap, time_limit, progress), future=future, former=former)
    matrix, seconds = reached.matrix, reached.seconds
    outcome = Outcome(
        problem,
        tuple(reached.answers),
        seconds,
        warnings=tuple(matrix.badly_scaled()),
        future=future,
        not_reached=tuple(reached.missed),
    )
    started = time.perf_counter()
    if outcome.answer.status == "infeasible" and explain_infeasible:
        outcome = replace(
            outcome, relaxation=relax(matrix, time_limit=60.0), conflict=conflict_set(matrix, time_limit=60.0)
        )
        seconds["explain"] = time.perf_counter() - started
    elif outcome.answer.has_mix:
        tables = tables_of(problem, future)
        before, broken = kept_by_exact(problem, outcome.answer, tables)
        kept, off = limits_kept(problem, before, tables, broken=bool(broken))
        if kept.values is not before.values:  # it keeps every floor and closure too
            broken = ()
        outcome = replace(
            outcome,
            answers=(*outcome.answers[:-1], kept),
            warnings=(*outcome.warnings, *(found.sentence for found in (*broken, *off))),
        )
        credit = credit_by_solution(tables, effective_scales(outcome.answer))
        outcome = replace(
            outcome,
            exact=exact_results(problem, outcome.answer, tables),
            credit=credit,
            parts_bound=_with_parts(problem, outcome.headline, _left(time_limit, began), former),
        )
        seconds["recompute"] = time.perf_counter() - started
    seconds["total"] = time.perf_counter() - began
    return outcome


@dataclass(frozen=True)
class Reached:
    """What a search found for the goals of a problem, before anything is said of it."""

    matrix: Matrix
    answers: list[Answer]
    """One for each goal reached, in order; at least one."""
    missed: list[tuple[str, Status]]
    """Goals not reached, with what was said of them."""
    seconds: dict[str, float]


def reach_goals(
    problem: Problem, search: Search, *, future: Future = PLAIN, former: FormerMix | None = None
) -> Reached:
    """The goals of `problem` reached one after the other, with segments of curves filled in order.

    Raises:
        DocumentError: the document contradicts itself.
        SolverError: an engine refused or failed.
    """
    seconds = {"build": 0.0, "hand_over": 0.0, "solve": 0.0, "read": 0.0, "prices": 0.0}
    goals, in_order = _Goals(problem, search, time.perf_counter(), former), frozenset[tuple[str, str]]()
    for _ in range(ORDERS):
        started = time.perf_counter()
        matrix = programme_matrix(problem, future=future, in_order=in_order)
        seconds["build"] += time.perf_counter() - started
        answers, missed = goals.reach(matrix)
        for answer in answers:
            for stage, spent in answer.seconds.items():
                seconds[stage] = seconds.get(stage, 0.0) + spent
        skipped = skipped_segments(problem, answers[-1], in_order)
        if not skipped:
            break
        if answers[-1].stopped_by_user or any(status == "interrupted" for _, status in missed):
            answers[-1] = replace(answers[-1], notes=(*answers[-1].notes, stopped_out_of_order(skipped)))
            break
        in_order |= skipped
    return Reached(matrix, answers, missed, seconds)


@dataclass(frozen=True)
class _Goals:
    """The goals of a problem, reached one after the other within one time limit."""

    problem: Problem
    search: Search
    began: float
    former: FormerMix | None

    def reach(self, matrix: Matrix) -> tuple[list[Answer], list[tuple[str, Status]]]:
        """The answer to each goal reached, and what was said of those that were not."""
        like = alike_localities(self.problem)
        answers: list[Answer] = []
        missed: list[tuple[str, Status]] = []
        former = self.former
        for goal in self.problem.goals:
            if missed or (answers and (answers[-1].values is None or answers[-1].stopped_by_user)):
                missed.append((goal.measure, _why_not(answers, missed)))
                continue
            try:
                search = replace(self.search, time_limit=self.left())
                answer = solve_whole(matrix.aim(goal.measure), like, search, former)
            except KeyboardInterrupt:
                if not answers:
                    raise
                missed.append((goal.measure, "interrupted"))
                continue
            if answers and not answer.has_mix:
                missed.append((goal.measure, answer.status))
                continue
            answers.append(answer)
            if answer.values is None:
                continue
            matrix = hold(matrix, goal.measure, answer, float(goal.tolerance))
            former = former_mix(answer)
        return answers, missed

    def left(self) -> float | None:
        """Seconds left for the goals; None where there is no limit."""
        return _left(self.search.time_limit, self.began)


def _left(limit: float | None, began: float) -> float | None:
    return None if limit is None else max(0.1, limit - (time.perf_counter() - began))


def _why_not(answers: list[Answer], missed: list[tuple[str, Status]]) -> Status:
    """What to say of a goal whose turn did not come: what ended the goals before it."""
    if missed:
        return missed[-1][1]
    last = answers[-1]
    return "interrupted" if last.stopped_by_user else last.status


def _with_parts(problem: Problem, answer: Answer, left: float | None, former: FormerMix | None) -> float | None:
    """The bound on the headline with parts of blocks, where only whole ones may close."""
    if not problem.blocks or not problem.whole_blocks:
        return None
    if former is not None and former.parts_bound is not None and former.is_of(answer.matrix):
        return former.parts_bound
    return parts_bound(answer.matrix, alike_localities(problem), time_limit=min(5.0, max(1.0, left or 5.0)))


def hold(matrix: Matrix, measure: str, answer: Answer, tolerance: float) -> Matrix:
    """The matrix with one more policy row: the measure is no worse than in `answer`, less a share of it."""
    m = matrix.measures[measure]
    found = float(m.vector @ answer.values)  # type: ignore[operator]  # the caller has a mix
    slack = tolerance * max(1.0 / m.scale, abs(found + m.constant))
    used = np.flatnonzero(m.vector)
    terms = pl.DataFrame({"row": np.zeros(len(used), np.int32), "col": used.astype(np.int32), "value": m.vector[used]})
    low, high = (found - slack, np.inf) if m.sense == "max" else (-np.inf, found + slack)
    unit = "£ thousand" if m.scale != 1 else m.unit
    family = Family("goal", 0, 1, pl.DataFrame({"goal": [measure]}), unit, f"goal met before: {m.label}", "Q", "goals")
    return matrix.with_rows(family, terms, np.array([low]), np.array([high]))
