"""The frontier between two or three goals: the best of the first for each level the others must reach.

    maximise goal 1   subject to   goal 2 >= eps_2 (and goal 3 >= eps_3),   eps on a grid between the two ends

The ends are the best of each goal, and the level each other goal has when the first is at its best. All points are
solved in one warm session in which only the kept levels move. The price of a kept level is the exchange rate between
the goals, such as pounds for each bed-day. At the far end, where a kept goal can go no further, there is no rate; there
the first goal is optimised over the mixes that are best for the kept one (columns and rows with a price stay where they
are), which is exact and much easier than holding it at its very best by a limit.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from capitation.errors import CapitationError
from optimiser.answers.whole.former import FormerMix, former_mix
from optimiser.answers.whole.search import MERGE_FROM, Search, solve_whole
from optimiser.engines.answer import Answer
from optimiser.engines.highs import INTERIOR_POINT_FROM, HighsSession
from optimiser.engines.series import STOPPED, Series
from optimiser.programme.family import Family, Floats, Measure
from optimiser.programme.matrix import Matrix

_FIRST = 0.6
"""Part of the time that the search for a first mix may take, where there is none to start from."""
_TRACE = 1e-2
_LEANS = 1e-7
"""Prices below this size count as none: rows and columns that bear one stay where they are."""


@dataclass(frozen=True)
class Frontier:
    """Points of the frontier, in the order of the grid."""

    points: pl.DataFrame
    """point, one column a goal (in its own unit), `rate_<goal>` (worth of one more of a kept goal in the first), status."""
    answers: tuple[Answer, ...]
    """The answer at each point that has a mix."""
    goals: tuple[str, ...]
    ended: str = ""
    """Why it has fewer points than were asked for, where it was ended early."""


def frontier(
    matrix: Matrix,
    goals: tuple[str, ...],
    *,
    points: int = 15,
    gap: float = 0.0,
    time_limit: float | None = None,
    prices: bool = True,
    like: Mapping[str, str] | None = None,
    start: FormerMix | None = None,
) -> Frontier:
    """The frontier of the measures `goals` (two or three) of `matrix`, with `points` levels for each kept goal.

    `time_limit` is for all of it; where it ends or Ctrl-C comes, the points done are kept and `ended` says why. A large programme
    with whole numbers is searched as `optimise` searches it, with alike localities (`like`) put together, from `start` on.

    Reason: nine parameters, each one choice of the search that its caller names.

    Raises:
        CapitationError: not two or three different goals, fewer than two points, or no mix at all.
        UnknownNameError: a goal is no measure of the matrix.
    """
    if len(goals) not in (2, 3) or len(set(goals)) != len(goals):
        raise CapitationError(f"a frontier is between two or three different goals, not {', '.join(goals)}")
    if points < 2:
        raise CapitationError(f"a frontier needs at least 2 points, not {points}")
    main, kept = goals[0], goals[1:]
    if like is not None and matrix.is_whole and matrix.column_count >= MERGE_FROM:
        return _whole_frontier(matrix, goals, points, gap, Series(time_limit), dict(like), start)
    aimed = matrix.aim(main)
    rows = {name: matrix.row_count + i for i, name in enumerate(kept)}
    for name in kept:
        aimed = _held(aimed, matrix, name)
    session, series = HighsSession(aimed), Series(time_limit)
    first = series.solve(session, gap=gap, prices=False)
    if first is None or first.values is None:
        raise CapitationError(f"there is no frontier: {series.ended or (first.meaning if first else '')}")
    stood = None if aimed.is_whole else session.basis()
    levels = [_levels(session, series, aimed, matrix, name, first, points, gap) for name in kept]
    ends: dict[int, Answer] = {}
    if len(kept) == 1 and not aimed.is_whole:
        end = _far_end(session, series, aimed, matrix.measures[kept[0]], gap)
        if end is not None:
            ends[points - 1] = end
    ids = np.array(list(rows.values()))
    found: dict[int, dict[str, object]] = {}
    answers: dict[int, Answer] = {}
    grid = list(enumerate(itertools.product(*levels)))
    if stood is None:
        # from the far end back: the last solve stood at the best of a kept goal, which keeps every level of that goal
        grid.reverse()
    else:
        # from the best of the first goal on: each level is a short way from the one before, the far end a long way from all
        session.stand_at(stood)
        _go_on_with(session, aimed, primal=False)
    for number, kept_at in grid:
        low, high = aimed.row_lower.copy(), aimed.row_upper.copy()
        for name, level in zip(kept, kept_at, strict=True):
            _set(matrix, name, rows[name], level, low, high)
        session.change_rows(ids, low, high)
        if number in ends:
            answer = replace(ends[number], matrix=session.matrix)
        else:
            solved = series.solve(session, gap=gap, prices=prices, ranges=False)
            if solved is None:
                break
            answer = solved
        _go_on_with(session, aimed, primal=False)
        row: dict[str, object] = {"point": number, "status": answer.status}
        for name in goals:
            row[name] = None if answer.values is None else answer.measure(name)
        for name in kept:
            row[f"rate_{name}"] = _rate(answer, matrix, main, name, rows[name])
        found[number] = row
        if answer.values is not None:
            answers[number] = answer
    ordered = pl.DataFrame([found[number] for number in sorted(found)], schema=_schema(goals))
    return Frontier(ordered, tuple(answers[number] for number in sorted(answers)), goals, series.ended)


def _whole_frontier(
    matrix: Matrix,
    goals: tuple[str, ...],
    points: int,
    gap: float,
    series: Series,
    like: dict[str, str],
    start: FormerMix | None,
) -> Frontier:
    """The same for a large programme with whole numbers: each point searched with alike localities together, from the one before."""
    main, kept = goals[0], goals[1:]
    aimed = matrix.aim(main)
    rows = {name: matrix.row_count + i for i, name in enumerate(kept)}
    for name in kept:
        aimed = _held(aimed, matrix, name)
    total = points ** len(kept)
    still = [total + 1 + len(kept)]

    def search(programme: Matrix, former: FormerMix | None) -> Answer | None:
        if not series.goes_on():
            return None
        left = series.left()
        # from the first mix all others start: without it there is no frontier at all
        share = max(_FIRST if former is None else 0.0, 1 / max(1, still[0]))
        part = None if left is None else left * share
        still[0] -= 1
        try:
            return series.note(solve_whole(programme, like, Search(gap=gap, time_limit=part), former))
        except KeyboardInterrupt:
            series.ended = STOPPED
            return None

    first = search(aimed, start)
    if first is None or first.values is None:
        raise CapitationError(f"there is no frontier: {series.ended or (first.meaning if first else '')}")
    former = former_mix(first)
    levels = []
    for name in kept:
        own = search(matrix.aim(name), former)
        if own is None or own.values is None:
            raise CapitationError(
                f"the goal '{name}' has no best of its own: {series.ended or (own.meaning if own else '')}"
            )
        vector = matrix.measures[name].vector
        ends = float(vector @ first.values[: matrix.column_count]), float(vector @ own.values)
        levels.append([float(x) for x in np.linspace(*ends, points)])
    found, answers = [], []
    for number, kept_at in enumerate(itertools.product(*levels)):
        low, high = aimed.row_lower.copy(), aimed.row_upper.copy()
        for name, level in zip(kept, kept_at, strict=True):
            _set(matrix, name, rows[name], level, low, high)
        answer = search(replace(aimed, row_lower=low, row_upper=high), former)
        if answer is None:
            break
        row: dict[str, object] = {"point": number, "status": answer.status}
        for name in goals:
            row[name] = None if answer.values is None else answer.measure(name)
        for name in kept:
            row[f"rate_{name}"] = _rate(answer, matrix, main, name, rows[name])
        found.append(row)
        if answer.values is not None:
            answers.append(answer)
            former = former_mix(answer) or former
    return Frontier(pl.DataFrame(found, schema=_schema(goals)), tuple(answers), goals, series.ended)


def _schema(goals: tuple[str, ...]) -> dict[str, type[pl.DataType]]:
    kept = {f"rate_{name}": pl.Float64 for name in goals[1:]}
    return {"point": pl.Int64, "status": pl.String, **dict.fromkeys(goals, pl.Float64), **kept}


def _go_on_with(session: HighsSession, matrix: Matrix, *, primal: bool) -> None:
    """Simplex from where it stood, where the programme is linear and small enough for that to pay."""
    if not matrix.is_whole and matrix.column_count < INTERIOR_POINT_FROM:
        session.use("simplex", primal=primal)


def _held(aimed: Matrix, matrix: Matrix, name: str) -> Matrix:
    m = matrix.aim(name).measures[name]
    used = np.flatnonzero(m.vector)
    terms = pl.DataFrame({"row": np.zeros(len(used), np.int32), "col": used.astype(np.int32), "value": m.vector[used]})
    family = Family(f"held_{name}", 0, 1, pl.DataFrame({"goal": [name]}), m.unit, f"level of {m.label}", "Q", "goals")
    return aimed.with_rows(family, terms, np.array([-np.inf]), np.array([np.inf]))


def _set(matrix: Matrix, name: str, row: int, level: float, low: np.ndarray, high: np.ndarray) -> None:
    # a hair of slack, so that a grid point at the very end is not lost to rounding
    slack = 1e-9 * max(1.0, abs(level))
    if matrix.measures[name].sense == "max":
        low[row] = level - slack
    else:
        high[row] = level + slack


def _levels(
    session: HighsSession,
    series: Series,
    aimed: Matrix,
    matrix: Matrix,
    name: str,
    first: Answer,
    points: int,
    gap: float,
) -> list[float]:
    """Levels of a kept goal from where it stands at the best of the first goal to its own best, in the matrix's unit."""
    m, width = matrix.measures[name], aimed.column_count
    at_first = float(m.vector @ first.values)  # type: ignore[operator]  # the caller has checked that there is a mix
    every = np.arange(width, dtype=np.int32)
    turn = 1.0 if m.sense == matrix.measures[aimed.objective].sense else -1.0
    _go_on_with(session, aimed, primal=True)
    # first the kept goal with a trace of the main one: among the many mixes best for it, one that is good for both,
    # from which the far end of the frontier is near
    trace = _TRACE * float(np.abs(m.vector).max(initial=0.0)) / max(1e-300, float(np.abs(aimed.cost).max(initial=0.0)))
    session.change_cost(every, turn * m.vector + trace * aimed.cost)
    series.solve(session, gap=gap, prices=False)
    session.change_cost(every, turn * m.vector)
    own = series.solve(session, gap=gap, prices=False)
    session.change_cost(every, aimed.cost)
    if own is None or own.values is None:
        why = series.ended or (own.meaning if own else "")
        raise CapitationError(f"the goal '{name}' has no best of its own: {why}")
    return [float(x) for x in np.linspace(at_first, float(m.vector @ own.values), points)]


def _far_end(session: HighsSession, series: Series, aimed: Matrix, measure: Measure, gap: float) -> Answer | None:
    """The best of the main goal among the mixes that are best for the kept one; the session has just solved for it."""
    every = np.arange(aimed.column_count, dtype=np.int32)
    turn = 1.0 if measure.sense == aimed.sense else -1.0
    session.change_cost(every, turn * measure.vector)
    own = series.solve(session, gap=gap, ranges=False)
    if own is None or own.prices is None:
        session.change_cost(every, aimed.cost)
        return series.solve(session, gap=gap, prices=False)
    y, d = own.prices.rows, own.prices.columns
    better = 1.0 if aimed.sense == "max" else -1.0
    low, high, rows = _held_where_priced(better * y, aimed.row_lower, aimed.row_upper)
    floor, ceiling, columns = _held_where_priced(better * d, aimed.lower, aimed.upper)
    session.change_rows(rows, low, high)
    session.change_columns(columns, floor, ceiling)
    session.change_cost(every, aimed.cost)
    answer = series.solve(session, gap=gap, prices=False)
    session.change_rows(rows, aimed.row_lower, aimed.row_upper)
    session.change_columns(columns, aimed.lower, aimed.upper)
    return answer and replace(
        answer, no_prices_because="at its end the kept goal can go no further, so it has no exchange rate"
    )


def _held_where_priced(lean: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats, npt.NDArray[np.intp]]:
    """Limits in which everything that bears a price stays at the limit it leans on, and which those are."""
    at = np.where(lean > 0, high, low)
    pinned = np.flatnonzero((np.abs(lean) > _LEANS) & np.isfinite(at))
    floor, ceiling = low.copy(), high.copy()
    floor[pinned], ceiling[pinned] = at[pinned], at[pinned]
    return floor, ceiling, pinned


def _rate(answer: Answer, matrix: Matrix, main: str, name: str, row: int) -> float | None:
    """What one more unit of the kept goal costs (or gives) in the first, both in their own units."""
    if answer.prices is None:
        return None
    price = float(answer.prices.rows[row])
    return price * matrix.measures[main].scale / matrix.measures[name].scale
