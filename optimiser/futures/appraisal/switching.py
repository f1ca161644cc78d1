"""How far one thing of a solution may move before the solution leaves the mix: its effects, its costs, its start.

    effects_may_fall   share by which all its effects and savings may fall     costs_may_rise   share by which all its costs may rise
    start_may_move     years by which its start may slip

Small problems are solved again with that one thing moved (basis "solved again"). On a large one the rest of the mix is left
as it stands (basis "as the mix stands"): a solution leaves once its own part of net present value is nothing. A solution
whose own part is nothing or less already is in the mix because a limit asks for it, and says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from capitation.shift.solution import Solution
from optimiser.answers.optimise import Outcome, optimise, reach_goals
from optimiser.answers.whole.search import MERGE_FROM, Search
from optimiser.engines import highs
from optimiser.futures.appraisal.by_solution import Attributed
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import Problem
from optimiser.programme.core import Future

AGAIN, STANDS = "solved again", "as the mix stands"
_FOUND = 1e-4
"""A share is found to within this."""
_MOST = 100.0
"""Costs are not tried above so many times what they are."""
_IN = 1e-6

SCHEMA = {
    "solution": pl.String,
    "title": pl.String,
    "scale": pl.Float64,
    "effects_may_fall": pl.Float64,
    "costs_may_rise": pl.Float64,
    "start_may_move": pl.Int64,
    "basis": pl.String,
    "note": pl.String,
}
ASKED = "it costs more than it brings: a limit asks for it, or what it makes possible for others"


def switching_values(outcome: Outcome, parts: Attributed, *, time_limit: float = 20.0) -> pl.DataFrame:
    """The switching values of each solution in the mix; null where no movement takes it out.

    Args:
        outcome: a problem and its mix.
        parts: its net present value in parts.
        time_limit: seconds for solving again; what is not done by then is as the mix stands.
    """
    end = time.perf_counter() + time_limit
    small = outcome.answer.matrix.column_count < MERGE_FROM
    rows = []
    for row in parts.by_solution.filter(pl.col("scale") > _IN).iter_rows(named=True):
        moved = _as_it_stands(outcome, parts, row)
        if small and time.perf_counter() < end:
            moved = _solved_again(outcome, str(row["solution"]), moved, end)
        rows.append(
            (row["solution"], row["title"], row["scale"], moved.fall, moved.rise, moved.years, moved.basis, moved.note)
        )
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def switching_sentences(table: pl.DataFrame) -> list[str]:
    """One sentence for each solution."""
    said = []
    for row in table.iter_rows(named=True):
        moves = []
        if row["effects_may_fall"] is not None:
            moves.append(f"its effects fall by {row['effects_may_fall']:.0%}")
        if row["costs_may_rise"] is not None:
            moves.append(f"its costs rise by {row['costs_may_rise']:.0%}")
        if row["start_may_move"] is not None:
            late = row["start_may_move"] + 1
            moves.append(f"its start slips by {late} year{'' if late == 1 else 's'}")
        out = f"{row['title']} leaves the mix once {' or '.join(moves)}" if moves else f"{row['title']} stays"
        said.append(f"{out} ({row['basis']}{'; ' + row['note'] if row['note'] else ''}).")
    return said


@dataclass(frozen=True)
class _Moved:
    fall: float | None
    rise: float | None
    years: int | None
    basis: str
    note: str = ""


def _as_it_stands(outcome: Outcome, parts: Attributed, row: dict[str, float]) -> _Moved:
    """Where the solution's own part of net present value is nothing."""
    if row["npv"] <= 0:
        return _Moved(None, None, None, STANDS, ASKED)
    fall = row["npv"] / row["benefits"] if row["benefits"] > 0 else None
    rise = row["npv"] / row["costs"] if row["costs"] > 0 else None
    if fall is not None and fall > 1:
        fall = None
    order = {str(year): t for t, year in enumerate(outcome.problem.years)}
    rate = float(outcome.problem.discount_rate or 0)
    mine = parts.by_year.filter(solution=row["solution"]).drop_nulls("year")
    cash = {order[year]: gain - paid for _, year, gain, paid in mine.iter_rows()}
    years: int | None = None
    for late in range(1, len(order) + 1):
        left = sum(value * (1 + rate) ** -(t + late) for t, value in cash.items() if t + late < len(order))
        if left <= 0:
            years = late - 1
            break
    return _Moved(fall, rise, years, STANDS)


class _TimeIsUpError(Exception):
    """Solving again takes longer than there is time for."""


def _solved_again(outcome: Outcome, name: str, stands: _Moved, end: float) -> _Moved:
    """The same by solving the problem with one thing of the solution moved; as the mix stands where time is up before that is done."""
    try:
        return _moved_until(outcome, name, stands, end)
    except _TimeIsUpError:
        return stands


def _moved_until(outcome: Outcome, name: str, stands: _Moved, end: float) -> _Moved:
    def fall(share: float) -> bool:
        factors = {**outcome.future.effect_factors}
        factors[name] = Decimal(repr(1 - share)) * factors.get(name, Decimal(1))
        return _is_in(outcome.problem, outcome.future.model_copy(update={"effect_factors": factors}), name, end)

    def rise(share: float) -> bool:
        return _is_in(_dearer(outcome.problem, name, share), outcome.future, name, end)

    own = next(s for s in outcome.problem.solutions if s.id == name)
    effects = _edge(fall, 1.0, stands.fall) if own.effects or own.savings else None
    costs = _edge(rise, _MOST, stands.rise) if any(c.pounds > 0 for c in own.costs) else None
    note = stands.note
    if effects is None and costs is None:
        note = note or "no movement of its effects or costs takes it out"
    return _Moved(effects, costs, _years(outcome, own, end), AGAIN, note)


def _is_in(problem: Problem, future: Future, name: str, end: float) -> bool:
    """Whether the best mix holds some of the solution: the search alone, for nobody reads what else there is to say of that mix."""
    left = end - time.perf_counter()
    if left <= 0:
        raise _TimeIsUpError
    if problem.overlap.mode == "exact":  # which mix is best is then decided by the exact product
        answer = optimise(problem, future=future, explain_infeasible=False, time_limit=left).answer
    elif len(problem.goals) > 1 or any(len(s.curve) > 1 for s in problem.solutions):
        answer = reach_goals(problem, Search(time_limit=left), future=future).answers[-1]
    else:
        matrix = programme_matrix(problem, future=future).aim(problem.goals[0].measure)
        answer = highs.solve(matrix, prices=False, time_limit=left)
    if answer.status == "no_solution_by_limit":
        raise _TimeIsUpError
    if not answer.has_mix:
        return False
    return bool((answer.column("in_place").filter(solution=name)["value"].abs() > _IN).any())


def _edge(stays: Callable[[float], bool], most: float, guess: float | None) -> float | None:
    """The largest share at which the solution stays; None where it stays at `most`."""
    low, high = 0.0, most
    if guess is not None:
        # the part of its own is often the very edge: two solves then say so
        for near in (guess * (1 - _FOUND), guess * (1 + _FOUND), guess / 2, guess * 2):
            if low < near < high:
                low, high = (near, high) if stays(near) else (low, near)
    if high == most and stays(most):
        return None
    while high - low > _FOUND * max(0.1, low):
        middle = math.sqrt(low * high) if low > 1 else (low + high) / 2
        low, high = (middle, high) if stays(middle) else (low, middle)
    return (low + high) / 2


def _dearer(problem: Problem, name: str, share: float) -> Problem:
    times = Decimal(repr(1 + share))

    def changed(s: Solution) -> Solution:
        if s.id != name:
            return s
        costs = tuple(c.model_copy(update={"pounds": c.pounds * times}) if c.pounds > 0 else c for c in s.costs)
        return s.model_copy(update={"costs": costs})

    return problem.model_copy(update={"solutions": tuple(changed(s) for s in problem.solutions)})


def _years(outcome: Outcome, own: Solution, end: float) -> int | None:
    """The most years its start may slip with the solution still in the mix; None where it always stays."""
    problem, years = outcome.problem, [str(year) for year in outcome.problem.years]
    started = outcome.mix().filter(pl.col("solution") == own.id)["start"].drop_nulls().to_list()
    if not started:
        return None
    first = min(years.index(year) for year in started)
    for late in range(1, len(years) - first):
        when = years[first + late]
        if own.latest_start is not None and when > own.latest_start:
            return late - 1
        moved = own.model_copy(update={"earliest_start": when})
        rest = tuple(moved if s.id == own.id else s for s in problem.solutions)
        if not _is_in(problem.model_copy(update={"solutions": rest}), outcome.future, own.id, end):
            return late - 1
    return len(years) - first - 1
