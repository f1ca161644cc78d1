"""The futures that a document names, put to use: the best mix in each, the plan's mix in all, and mixes that stand them.

Every answer here is plain values and frames, so that a command and a service can show the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

import numpy as np
import polars as pl

from capitation.chance.document import Uncertainty
from capitation.errors import CapitationError, UnknownNameError
from optimiser.answers.in_order import Pairs, kept_in_order
from optimiser.answers.optimise import Outcome, optimise, reach_goals
from optimiser.answers.whole.former import FormerMix, former_mix
from optimiser.answers.whole.merging import alike_localities, merge
from optimiser.answers.whole.search import MERGE_FROM, Search, solve_whole
from optimiser.engines import highs
from optimiser.engines.answer import Answer
from optimiser.engines.highs import Progress
from optimiser.futures.appraisal.documented import low_shares
from optimiser.futures.cvar import RiskAverse, risk_averse
from optimiser.futures.regret import REGRET, fix_first_stage
from optimiser.futures.robust import disappointments, protect, worst_case
from optimiser.futures.whole_wards import with_whole_blocks
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import Problem
from optimiser.programme.core import Future
from optimiser.programme.matrix import Matrix

PLAN = "the plan's mix"


@dataclass(frozen=True)
class Played:
    """Each future's own best mix, the plan's mix in each, and what every mix loses in every future."""

    plan: Outcome
    futures: pl.DataFrame
    """future, probability, status, best, bound (the goal in its unit), plan (the plan's mix there; null where it breaks a limit), regret."""
    regret: pl.DataFrame
    """candidate, future, value, best, regret: the plan's mix and each future's own best mix in every future."""
    notes: tuple[str, ...]


def named_futures(problem: Problem) -> list[tuple[Future, float]]:
    """The document's futures with their probabilities, equal where none is given.

    Raises:
        CapitationError: it names none, or gives probabilities that do not add to 1.
    """
    if not problem.futures:
        raise CapitationError(
            f"problem {problem.id!r} names no futures: state them as [[futures]] with an id and what is different, "
            'such as effects = "low" or cost_factor = 1.15'
        )
    given = [f.probability for f in problem.futures]
    if all(p is None for p in given):
        return [(f, 1 / len(problem.futures)) for f in problem.futures]
    total = sum(float(p or 0) for p in given)
    if any(p is None for p in given) or abs(total - 1) > 1e-9:
        raise CapitationError(
            f"problem {problem.id!r}: found futures whose probabilities add to {total:g}; expected every future to have one "
            "and their sum to be 1, or none to have one (then all are equally likely)"
        )
    return [(f, float(f.probability or 0)) for f in problem.futures]


def without_futures(problem: Problem, names: Collection[str]) -> Problem:
    """The problem without some of its futures; probabilities of the rest add to 1 again.

    Raises:
        UnknownNameError: it names no such future.
    """
    known = [f.id for f in problem.futures]
    for name in names:
        if name not in known:
            raise UnknownNameError("future", name, known, where=f"problem {problem.id!r}")
    kept = [f for f in problem.futures if f.id not in names]
    total = sum((f.probability or Decimal(0) for f in kept), Decimal(0))
    if total:
        kept = [f.model_copy(update={"probability": (f.probability or Decimal(0)) / total}) for f in kept]
    return problem.model_copy(update={"futures": tuple(kept)})


def mix_in_futures(outcome: Outcome, *, gap: float = 0.005, time_limit: float = 20.0) -> pl.DataFrame:
    """future, status, value: the headline goal of a mix in each future, with its starts and launches as bought; value is null where it breaks a limit."""
    rows: list[dict[str, object]] = []
    each = time_limit / max(1, len(outcome.problem.futures))
    values, goal = outcome.headline.values, outcome.headline.matrix.objective
    for future in outcome.problem.futures if values is not None else ():
        matrix = programme_matrix(outcome.problem, future=future).aim(goal)
        fixed = fix_first_stage(matrix, values)  # type: ignore[arg-type]  # there is a mix
        answer = _search(outcome.problem, gap, each)(fixed)
        rows.append({"future": future.id, "status": answer.status, "value": answer.objective})
    return pl.DataFrame(rows, schema={"future": pl.String, "status": pl.String, "value": pl.Float64})


def play_futures(
    problem: Problem, *, gap: float = 0.0, time_limit: float | None = None, former: FormerMix | None = None
) -> Played:
    """The best mix of every future, and what each of these mixes and the plan's loses in every other (regret).

    Args:
        problem: a document that names futures.
        gap: relative gap at which a search may stop.
        time_limit: seconds for everything together.
        former: a mix found before, from which the search for the plan starts.

    Raises:
        CapitationError: the document names no futures, or the plan has no mix.
    """
    chances = named_futures(problem)
    began, count = time.perf_counter(), len(chances) + 1

    def part(still: int) -> float | None:
        return None if time_limit is None else max(0.1, (time_limit - (time.perf_counter() - began)) / still)

    plan = optimise(problem, gap=gap, time_limit=part(count + 1), former=former, explain_infeasible=False)
    if plan.headline.values is None:
        raise CapitationError(
            f"the plan itself has no mix: {plan.answer.meaning}. `capitation optimise` says what must give"
        )
    goal, notes = plan.headline.matrix.objective, []
    candidates = {PLAN: plan.headline.values}
    best: dict[str, Answer] = {}
    matrices: dict[str, Matrix] = {}
    for n, (future, _) in enumerate(chances):
        large = plan.headline.matrix.column_count >= MERGE_FROM  # a future is searched from the plan's mix
        look = _search(problem, gap, part(count - n), former_mix(plan.headline) if large else None)

        def solved(forced: Pairs, future: Future = future, look: Callable[[Matrix], Answer] = look) -> Answer:
            return look(programme_matrix(problem, future=future, in_order=forced).aim(goal))

        matrices[future.id] = programme_matrix(problem, future=future).aim(goal)
        answer = kept_in_order(problem, solved, lambda found: [found])
        best[future.id] = answer
        if answer.values is not None:
            candidates[future.id] = answer.values
        else:
            notes.append(f"future '{future.id}': {answer.meaning}")
        if answer.stopped_by_user:
            notes.append("stopped by the user; the futures after it were not played")
            break
    rows = [
        _in_future(name, values, future, best[future], matrices[future], _search(problem, gap, part(1)))
        for future in best
        for name, values in candidates.items()
    ]
    regret = pl.DataFrame(rows, schema=REGRET)
    own = regret.filter(candidate=PLAN).select("future", pl.col("value").alias("plan"), "regret")
    table = pl.DataFrame(
        [
            {
                "future": future.id,
                "probability": chance,
                "status": best[future.id].status,
                "best": best[future.id].objective,
                "bound": best[future.id].best_possible,
            }
            for future, chance in chances
            if future.id in best
        ]
    )
    return Played(plan, table.join(own, on="future", how="left", maintain_order="left"), regret, tuple(notes))


def _left(time_limit: float | None, began: float) -> float | None:
    """Seconds left of a limit on everything together; None where there is none."""
    return None if time_limit is None else max(0.1, time_limit - (time.perf_counter() - began))


def _search(
    problem: Problem,
    gap: float,
    time_limit: float | None,
    former: FormerMix | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Callable[[Matrix], Answer]:
    like = alike_localities(problem)
    search = Search(gap=gap, time_limit=time_limit, progress=progress)
    return partial(solve_whole, like=like, search=search, former=former)


def _in_future(
    candidate: str, values: np.ndarray, future: str, best: Answer, matrix: Matrix, search: Callable[[Matrix], Answer]
) -> dict[str, object]:
    value = best.objective if candidate == future else search(fix_first_stage(matrix, values)).objective
    sign = 1.0 if matrix.sense == "max" else -1.0
    top = best.objective
    regret = None if value is None or top is None else max(0.0, sign * (top - value))
    return {"candidate": candidate, "future": future, "value": value, "best": top, "regret": regret}


@dataclass(frozen=True)
class RobustMix:
    """The mix that is best when at most some solutions disappoint."""

    outcome: Outcome
    """The mix; its headline is the worst case."""
    gamma: float
    as_planned: float
    """The goal if nothing disappoints."""
    worst: float
    """The goal if the worst set of at most gamma solutions falls to its low effects and savings."""
    losses: pl.DataFrame
    """solution, loss: what the goal loses if that one disappoints (own unit), largest first."""


def robust_mix(
    problem: Problem,
    *,
    gamma: float = 2.0,
    gap: float = 0.0,
    time_limit: float | None = None,
    uncertainty: Uncertainty | None = None,
    former: FormerMix | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RobustMix:
    """The mix whose worst case over at most `gamma` disappointments is best.

    Args:
        problem: the problem.
        gamma: how many may disappoint at once.
        gap: relative gap at which the search may stop.
        time_limit: seconds.
        uncertainty: what a disappointment delivers (the value of its effect that one in ten is below), in place of the solutions' low ends.
        former: a mix found before, from which the search starts.
        progress: called with bound and best mix so far.

    Raises:
        CapitationError: the first goal is minimised, gamma is negative, no mix keeps every limit, or an uncertainty document
            without delivery.
    """
    share = None if uncertainty is None else low_shares(problem, uncertainty)
    began = time.perf_counter()
    if former is None and programme_matrix(problem).column_count >= MERGE_FROM:
        # the protected programme is much slower to search than the plan's, whose mix is a good one to start from
        former, stopped = _rough_plan(problem, gap, time_limit, progress)
        if stopped:
            raise CapitationError(
                "there is no robust mix: stopped by the user while the plan's own mix was sought, from which it starts"
            )

    def solved(forced: Pairs) -> tuple[Matrix, dict[str, np.ndarray], Answer]:
        matrix = programme_matrix(problem, in_order=forced)
        losses = disappointments(problem, matrix, share)
        look = _search(problem, gap, _left(time_limit, began), former, progress)
        return matrix, losses, look(protect(matrix, losses, gamma))

    matrix, losses, answer = kept_in_order(problem, solved, lambda found: [found[2]])
    if answer.values is None:
        raise CapitationError(f"there is no mix: {answer.meaning}. `capitation optimise` says what would have to give")
    values = answer.values[: matrix.column_count]
    each = {name: float(row @ values) * matrix.scale for name, row in losses.items()}
    planned = (float(matrix.cost @ values) + matrix.constant) * matrix.scale
    table = pl.DataFrame(
        {"solution": list(each), "loss": list(each.values())}, schema={"solution": pl.String, "loss": pl.Float64}
    )
    return RobustMix(
        Outcome(problem, (answer,), dict(answer.seconds)),
        gamma,
        planned,
        planned - worst_case(np.array(list(each.values())), gamma),
        table.sort("loss", descending=True),
    )


def _rough_plan(
    problem: Problem, gap: float, time_limit: float | None, progress: Callable[[Progress], None] | None = None
) -> tuple[FormerMix | None, bool]:
    """A good mix for the plan, to start from; and whether Ctrl-C ended the search for it."""
    part = None if time_limit is None else _FOR_THE_PLAN * time_limit
    rough = Search(gap=max(gap, _ROUGH), time_limit=part, progress=progress)
    found = reach_goals(problem, rough).answers[0]
    return former_mix(found), found.stopped_by_user


_FOR_THE_PLAN = 0.25
"""Part of the time that the search for a start may take, and how near it comes (`_ROUGH`)."""
_ROUGH = 0.02


@dataclass(frozen=True)
class CvarMix:
    """The mix chosen against all futures together."""

    found: RiskAverse
    values: pl.DataFrame
    """future, probability, value; on a large programme with blocks also `with_parts`: what it would be if parts of them closed."""
    scales: dict[str, float]
    notes: tuple[str, ...]


def cvar_mix(
    problem: Problem,
    *,
    alpha: float = 0.1,
    weight: float = 0.5,
    gap: float = 0.0,
    time_limit: float | None = None,
) -> CvarMix:
    """The mix that weighs the mean of all futures against the mean of the worst share `alpha` of them.

    Where the programme is large, alike localities are put together and the search lets parts of blocks close in each future;
    its blocks are then made whole, with launches anew, what the mix is worth is worked out in each future by itself, and the notes
    say what no mix can pass.

    Raises:
        CapitationError: no futures, numbers outside their range, or a future that no mix survives (named).
    """
    began = time.perf_counter()

    def solved(forced: Pairs) -> tuple[CvarMix, Answer]:
        left = _left(time_limit, began)
        return _cvar(problem, forced, alpha=alpha, weight=weight, gap=gap, time_limit=left)

    return kept_in_order(problem, solved, lambda found: [found[1]])[0]


def _cvar(
    problem: Problem,
    forced: Pairs,
    *,
    alpha: float,
    weight: float,
    gap: float,
    time_limit: float | None,
) -> tuple[CvarMix, Answer]:
    """The mix with the order of some places forced, and its starts and launches as an answer of one future."""
    chances, began = named_futures(problem), time.perf_counter()
    goal = problem.goals[0].measure
    whole = [programme_matrix(problem, future=future, in_order=forced).aim(goal) for future, _ in chances]
    large = whole[0].column_count >= MERGE_FROM
    matrices, columns = _smaller(problem, whole) if large else (whole, None)
    parts = large and any(matrix.integer[~matrix.first_stage].any() for matrix in whole)
    odds = [p for _, p in chances]
    seconds = time_limit if time_limit is None or not parts else _SEARCH * time_limit
    found = risk_averse(matrices, odds, alpha=alpha, weight=weight, gap=gap, time_limit=seconds)
    if found.answer.values is None:
        alone = [
            future.id
            for (future, _), matrix in zip(chances, matrices, strict=True)
            if highs.solve(matrix.relaxed(), prices=False).status == "infeasible"
        ]
        why = f"no mix keeps every limit in {', '.join(alone)}" if alone else found.answer.meaning
        left_out = ",".join(alone) or "a,b"
        raise CapitationError(
            f"no one mix stands all {len(chances)} futures: {why}. "
            f"Leave them out (`--without {left_out}`), or ease their limits"
        )
    first = np.zeros(matrices[0].column_count)
    first[matrices[0].first_stage] = found.first_stage
    mix = first if columns is None else first[columns]
    values = pl.DataFrame(
        {"future": [future.id for future, _ in chances], "probability": odds, "value": list(found.values)}
    )
    notes: list[str] = []
    if columns is not None:
        notes.append("alike localities were put together for the search")
    if parts:
        found, values, mix, said = with_whole_blocks(
            whole,
            mix,
            found,
            values,
            partial(_search, problem, 0.005),
            alpha=alpha,
            weight=weight,
            time_limit=_left(time_limit, began),
        )
        notes += said
    elif columns is not None:
        notes.append("floors between localities were left out: values are at most a little too high")
    answer = Answer(whole[0], found.answer.status, mix, None, "highs", {}, {})
    return CvarMix(found, values, Outcome(problem, (answer,), {}).scales(), tuple(notes)), answer


_SEARCH = 0.5
"""Part of the time for the search; the rest is for what its mix is worth with whole blocks."""


def _smaller(problem: Problem, matrices: list[Matrix]) -> tuple[list[Matrix], np.ndarray | None]:
    """The programmes with parts of blocks and, where that can be, alike localities together; and the new column of each column."""
    merged = [merge(matrix, alike_localities(problem)) for matrix in matrices]
    small = [m.matrix for m in merged if m is not None]
    if len(small) < len(matrices):
        return [_with_parts(matrix) for matrix in matrices], None
    return [_with_parts(matrix) for matrix in small], merged[0].column if merged[0] is not None else None


def _with_parts(matrix: Matrix) -> Matrix:
    return replace(matrix, integer=matrix.integer & matrix.first_stage)
