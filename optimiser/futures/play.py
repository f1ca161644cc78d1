"""The futures that a document names, put to use: the best mix in each, the plan's mix in all, and mixes that stand them.

Every answer here is plain values and frames, so that a command and a service can show the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from capitation.chance.document import Uncertainty
from capitation.errors import CapitationError
from optimiser.answers.in_order import Pairs, kept_in_order
from optimiser.answers.optimise import Outcome, optimise, reach_goals
from optimiser.answers.whole.former import FormerMix, former_mix
from optimiser.answers.whole.merging import alike_localities, merge
from optimiser.answers.whole.search import MERGE_FROM, Search, in_places, solve_whole
from optimiser.engines import highs
from optimiser.engines.answer import Answer, relative_gap
from optimiser.engines.highs import Progress
from optimiser.futures.appraisal.documented import low_shares
from optimiser.futures.cvar import RiskAverse, risk_averse
from optimiser.futures.named import named_futures
from optimiser.futures.regret import REGRET, fix_first_stage
from optimiser.futures.robust import disappointments, protect, worst_case
from optimiser.futures.together import allows_no_more
from optimiser.futures.whole_wards import Futures, with_whole_blocks
from optimiser.futures.withstood import Protected, Withstood, standing
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
    """future, probability, status, best, bound (the goal in its unit), gap between them, plan (the plan's mix there; null where it breaks a limit), regret."""
    regret: pl.DataFrame
    """candidate, future, value, best, regret: the plan's mix and each future's own best mix in every future."""
    notes: tuple[str, ...]


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
    problem: Problem,
    *,
    gap: float = 0.0,
    time_limit: float | None = None,
    former: FormerMix | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Played:
    """The best mix of every future, and what each of these mixes and the plan's loses in every other (regret).

    Args:
        problem: a document that names futures.
        gap: relative gap at which a search may stop.
        time_limit: seconds for everything together; by default each search ends by a limit of its own, and the notes say by which.
        former: a mix found before, from which the search for the plan starts.
        report: is given a line for each future that was searched.

    Raises:
        CapitationError: the document names no futures, or the plan has no mix.
    """
    chances = named_futures(problem)
    began, count = time.perf_counter(), len(chances) + 1

    def part(still: int, most: float) -> float:
        if time_limit is None:
            return most
        return max(0.1, (time_limit - (time.perf_counter() - began)) / still)

    plan = optimise(problem, gap=gap, time_limit=part(count + 1, SECONDS_PLAN), former=former, explain_infeasible=False)
    if plan.headline.values is None:
        raise CapitationError(
            f"the plan itself has no mix: {plan.answer.meaning}. `capitation optimise` says what must give"
        )
    report(f"the plan: {_where(plan.headline)}")
    best, matrices, notes = _searched(problem, plan, gap, lambda n: part(count - n, SECONDS_FUTURE), report)
    missed = [future.id for future, _ in chances if future.id not in best]
    if missed:
        notes.append(f"stopped by the user; not played: {', '.join(missed)}")
    found = {name: answer.values for name, answer in best.items() if answer.values is not None}
    candidates = {PLAN: plan.headline.values, **found}
    rows: list[dict[str, object]] = []
    pairs = [(future, name) for future in best for name in candidates]
    try:
        for n, (future, name) in enumerate(pairs):
            quick = _search(problem, gap, min(SECONDS_WORTH, part(len(pairs) - n, SECONDS_WORTH)))
            rows.append(_in_future(name, candidates[name], future, best[future], matrices[future], quick))
    except KeyboardInterrupt:
        notes.append("stopped by the user; what was worked out by then is kept")
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
                "gap": best[future.id].gap,
            }
            for future, chance in chances
            if future.id in best
        ],
        schema=_PLAYED,
    )
    return Played(plan, table.join(own, on="future", how="left", maintain_order="left"), regret, tuple(notes))


def _searched(
    problem: Problem, plan: Outcome, gap: float, seconds: Callable[[int], float], report: Callable[[str], None]
) -> tuple[dict[str, Answer], dict[str, Matrix], list[str]]:
    """The best mix of each future, by `seconds` of its number, until the user stops; the programmes; and notes."""
    best: dict[str, Answer] = {}
    matrices: dict[str, Matrix] = {}
    notes: list[str] = []
    goal, limits = plan.headline.matrix.objective, list[float]()
    large = plan.headline.matrix.column_count >= MERGE_FROM
    for n, future in enumerate(problem.futures):
        if plan.answer.stopped_by_user or any(answer.stopped_by_user for answer in best.values()):
            break
        limits.append(seconds(n))
        try:
            matrix = programme_matrix(problem, future=future).aim(goal)
            former = _nearest(matrix, [plan.headline, *best.values()]) if large else None
            look = _search(problem, gap, limits[-1], former)

            def solved(forced: Pairs, future: Future = future, look: Callable[[Matrix], Answer] = look) -> Answer:
                return look(programme_matrix(problem, future=future, in_order=forced).aim(goal))

            answer = kept_in_order(problem, solved, lambda found: [found])
        except KeyboardInterrupt:
            break
        matrices[future.id], best[future.id] = matrix, answer
        report(f"{future.id}: {_where(answer)}")
        if answer.values is None:
            notes.append(f"future '{future.id}': {answer.meaning}")
    if large and limits:
        notes.append(
            f"each future was searched for at most {max(limits):.0f} seconds (`--time-limit` is for all together)"
        )
    return best, matrices, notes


SECONDS_PLAN = 120.0
"""Seconds for the plan's own mix where no limit is given."""
SECONDS_FUTURE = 90.0
"""Seconds for the best mix of a future where no limit is given."""
SECONDS_WORTH = 10.0
"""Seconds for what a mix is worth in a future: it takes moments."""
_PLAYED = {
    "future": pl.String,
    "probability": pl.Float64,
    "status": pl.String,
    "best": pl.Float64,
    "bound": pl.Float64,
    "gap": pl.Float64,
}


def _nearest(matrix: Matrix, known: list[Answer]) -> FormerMix | None:
    """The mix from which a future's search starts: the plan's, or that of a programme in which all its mixes are, with that bound."""
    for answer in reversed(known):
        if answer.best_possible is not None and allows_no_more(matrix, answer.matrix):
            found = former_mix(answer)
            return None if found is None else replace(found, matrix_hash=matrix.content_hash)
    return former_mix(known[0])


def _where(answer: Answer) -> str:
    """Where a search ended, in a line."""
    if answer.objective is None:
        return answer.meaning
    bound = "" if answer.best_possible is None else f", no mix passes {answer.best_possible:,.0f}"
    return f"{answer.objective:,.0f}{bound}" + ("" if answer.gap is None else f" (gap {answer.gap:.2%})")


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
    value = best.objective
    if candidate != future and best.status != "infeasible":
        value = search(fix_first_stage(matrix, values)).objective
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
    """The goal if nothing disappoints; where there are blocks, by the exact product, with those open whose activity stays."""
    worst: float
    """The same if the worst set of at most gamma solutions falls to its low effects and savings."""
    losses: pl.DataFrame
    """solution, loss: what the goal loses if that one disappoints (own unit), largest first."""
    exact: Withstood | None = None
    """Both by the exact product of effects, with the solutions that make the worst case; None where the goal is no present value."""
    claimed: tuple[float, float] = (0.0, 0.0)
    """Both as the search counts them, with every planned block closed."""


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

    def solved(forced: Pairs) -> Protected:
        matrix = programme_matrix(problem, in_order=forced)
        losses = disappointments(problem, matrix, share)
        look = _search(problem, gap, _left(time_limit, began), former, progress)
        return Protected(matrix, losses, look(protect(matrix, losses, gamma)))

    found = kept_in_order(problem, solved, lambda found: [found.answer])
    if found.answer.values is None:
        raise CapitationError(
            f"there is no mix: {found.answer.meaning}. `capitation optimise` says what would have to give"
        )
    look = _search(problem, gap, _left(time_limit, began), None, progress)
    kept, exact = standing(problem, found, gamma, share, look)
    each = found.each(kept)
    planned = found.planned(kept)
    worst = planned - worst_case(np.array(list(each.values())), gamma)
    table = pl.DataFrame(
        {"solution": list(each), "loss": list(each.values())}, schema={"solution": pl.String, "loss": pl.Float64}
    )
    by_exact = exact is not None and bool(problem.blocks)
    return RobustMix(
        Outcome(problem, (kept,), dict(kept.seconds)),
        gamma,
        exact.planned if exact is not None and by_exact else planned,
        exact.worst if exact is not None and by_exact else worst,
        table.sort("loss", descending=True),
        exact,
        (planned, worst),
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
    """future, probability, value; on a large programme with blocks also `bound` (what no mix can pass in that future), `gap` and
    `with_parts`: what the value would be if parts of blocks closed."""
    scales: dict[str, float]
    notes: tuple[str, ...]
    weighed: float
    """Mean and worst together, as they were weighed."""

    @property
    def gap(self) -> float | None:
        """How far what no mix can pass lies from what was weighed, as a share of it."""
        bound = self.found.answer.best_possible
        return None if bound is None else relative_gap(self.weighed, bound)


def cvar_mix(
    problem: Problem,
    *,
    alpha: float = 0.1,
    weight: float = 0.5,
    gap: float = 0.0,
    time_limit: float | None = None,
    former: FormerMix | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> CvarMix:
    """The mix that weighs the mean of all futures against the mean of the worst share `alpha` of them.

    Where the programme is large, alike localities are put together for the search; where it has blocks, `whole_wards` says how only
    whole ones close, and what no mix can pass is given for each future and for what is weighed.

    Reason: eight parameters, each one choice of the search that its caller names.

    Args:
        problem: the problem.
        alpha: share of worst futures that is averaged.
        weight: 0 for the mean alone, 1 for the worst futures alone.
        gap: relative gap at which a search may stop.
        time_limit: seconds for everything together.
        former: a mix found before; what was proved of it counts in the future that it is the plan of.
        report: is given a line on where the search stands.

    Raises:
        CapitationError: no futures, numbers outside their range, or a future that no mix survives (named).
    """
    began = time.perf_counter()

    def solved(forced: Pairs) -> tuple[CvarMix, Answer]:
        left = _left(time_limit, began)
        how = {"alpha": alpha, "weight": weight, "gap": gap}
        return _cvar(problem, forced, **how, time_limit=left, former=former, report=report)

    return kept_in_order(problem, solved, lambda found: [found[1]])[0]


def _cvar(
    problem: Problem,
    forced: Pairs,
    *,
    alpha: float,
    weight: float,
    gap: float,
    time_limit: float | None,
    former: FormerMix | None,
    report: Callable[[str], None],
) -> tuple[CvarMix, Answer]:
    """The mix with the order of some places forced, and its starts and launches as an answer of one future."""
    chances, began = named_futures(problem), time.perf_counter()
    goal = problem.goals[0].measure
    whole = [programme_matrix(problem, future=future, in_order=forced).aim(goal) for future, _ in chances]
    large = whole[0].column_count >= MERGE_FROM
    matrices, columns = _smaller(problem, whole) if large else (whole, None)
    parts = large and any(matrix.integer[~matrix.first_stage].any() for matrix in whole)
    odds = [p for _, p in chances]
    seconds, near = (time_limit, gap) if not parts else (_in_time(time_limit), max(gap, _ROUGH))
    loose = [_with_parts(matrix) for matrix in matrices] if parts else matrices
    found = risk_averse(loose, odds, alpha=alpha, weight=weight, gap=near, time_limit=seconds)
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
            Futures(whole, matrices, columns, odds, alpha, weight),
            mix,
            found,
            values,
            partial(_search, problem, 0.005),
            time_limit=_left(time_limit, began),
            former=former,
            report=report,
        )
        notes += said
    elif columns is not None:
        notes.append("floors between localities were left out: values are at most a little too high")
    answer = Answer(whole[0], found.answer.status, mix, None, "highs", {}, {})
    weighed = (1 - weight) * found.mean + weight * found.cvar
    return CvarMix(found, values, Outcome(problem, (answer,), {}).scales(), tuple(notes), weighed), answer


_PARTS = 0.15
"""Part of the time for the mix with parts of blocks; the rest is for whole ones."""
_PARTS_SECONDS = 15.0
"""Seconds for it where the caller sets no limit."""


def _in_time(time_limit: float | None) -> float:
    return _PARTS_SECONDS if time_limit is None else _PARTS * time_limit


def _smaller(problem: Problem, matrices: list[Matrix]) -> tuple[list[Matrix], np.ndarray | None]:
    """The programmes with alike localities together, where that can be, and the new column of each column."""
    merged = [merge(matrix, alike_localities(problem)) for matrix in matrices]
    small = [m.matrix for m in merged if m is not None]
    if len(small) < len(matrices):
        return matrices, None
    return small, merged[0].column if merged[0] is not None else None


def _with_parts(matrix: Matrix) -> Matrix:
    return replace(matrix, integer=matrix.integer & matrix.first_stage & ~in_places(matrix))
