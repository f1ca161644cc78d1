"""The search for a mix of whole numbers: alike localities together first, then the full programme from what that found.

    very large: in parts, then rounded      a bound by weak duality, and a mix
    merged programme, starts of places in parts, then whole      a proved bound, and whole numbers worth trying
    merged programme, all whole numbers    where that is not yet within the gap
    full programme, those numbers fixed    a linear programme: a mix
    counts fixed, starts free              where that mix is not yet within the gap, or breaks a floor between localities
    full programme, started from the mix   for the time that is left

The bound of the merged programme stays valid throughout. Buying nothing is tried where no other mix was found.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from capitation.errors import SolverError
from optimiser.answers.whole.by_places import by_places
from optimiser.answers.whole.former import FormerMix
from optimiser.answers.whole.interior import ROUND_UP_FROM, VERY_LARGE, bound_of, rounded
from optimiser.answers.whole.merging import Merged, merge
from optimiser.engines import highs
from optimiser.engines.answer import PROVED, Answer, Status, relative_gap
from optimiser.engines.highs import Progress
from optimiser.engines.solver import Engine, solve
from optimiser.programme.core import ALL
from optimiser.programme.family import Flags, Floats
from optimiser.programme.matrix import Matrix

MERGE_FROM = 2_000
"""From this many columns on, alike localities are put together for the search."""

LINEAR_SECONDS = 30.0
"""Seconds for a linear programme that is left when whole numbers are fixed: it takes moments, or goes in circles."""

ROUNDED_SECONDS = 150.0
"""The same on a very large programme."""

_PART = 0.7
"""Part of the time that the merged programme may take."""
_IN_PARTS = 0.45
"""Part of it for starts of places in parts: making them whole must still find time, or there is no mix at all."""


@dataclass(frozen=True)
class Search:
    """How to look for the best mix."""

    engine: Engine = "highs"
    solver: str | None = None
    gap: float = 0.0
    """Relative gap at which it may stop."""
    time_limit: float | None = None
    """Seconds after which it must."""
    progress: Callable[[Progress], None] | None = None


def parts_bound(matrix: Matrix, like: dict[str, str], *, gap: float = 5e-3, time_limit: float = 5.0) -> float | None:
    """What no mix can pass even if parts of blocks could close, in the goal's unit; None where no time was enough to prove one."""
    merged = merge(matrix, like) if matrix.column_count >= MERGE_FROM else None
    small = matrix if merged is None else merged.matrix
    free = small.integer & small.first_stage
    began = time.perf_counter()
    rough = highs.solve(small.relaxed(), prices=False).best_possible
    left = max(0.1, time_limit - (time.perf_counter() - began))
    finer = highs.solve(replace(small, integer=free), gap=gap, time_limit=left, prices=False).best_possible
    found = [bound for bound in (rough, finer) if bound is not None]
    return (min if matrix.sense == "max" else max)(found, default=None)


@dataclass
class _Found:
    """The best mix and the bound so far, in the programme's unit, and how they were come by."""

    matrix: Matrix
    began: float
    values: Floats | None = None
    fixed: Answer | None = None
    """The answer with the whole numbers of `values` fixed, where that was worked out."""
    bound: float | None = None
    stopped: Status | None = None
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def worth(self, values: Floats) -> float:
        return float(self.matrix.cost @ values) + self.matrix.constant

    def better(self, values: Floats | None) -> bool:
        """Keep a mix where it is better than the best so far."""
        sign = 1.0 if self.matrix.sense == "max" else -1.0
        if values is None or (self.values is not None and sign * (self.worth(values) - self.worth(self.values)) <= 0):
            return False
        self.values, self.fixed = values, None
        return True

    def complete(self, values: Floats, seconds: float | None) -> None:
        """Keep the best mix with the whole numbers of `values`, where it is better, with its prices."""
        limit = LINEAR_SECONDS if seconds is None else min(LINEAR_SECONDS, max(1.0, seconds))
        answer = completed(self.matrix, values, prices=True, time_limit=limit)
        if answer is not None and self.better(answer.values):
            self.fixed = answer

    def bounded(self, bound: float | None) -> None:
        if bound is None or not np.isfinite(bound):
            return
        tighter = min if self.matrix.sense == "max" else max
        self.bound = bound if self.bound is None else tighter(self.bound, bound)

    @property
    def gap(self) -> float:
        if self.values is None or self.bound is None:
            return float("inf")
        scale = self.matrix.scale
        return relative_gap(self.worth(self.values) * scale, self.bound * scale)

    def took(self, answer: Answer) -> None:
        for stage, spent in answer.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
        if answer.stopped_by_user:
            self.stopped = "interrupted"

    def left(self, search: Search, part: float = 1.0) -> float | None:
        if search.time_limit is None:
            return None
        return max(0.1, part * (search.time_limit - (time.perf_counter() - self.began)))

    def time_is_up(self, search: Search) -> bool:
        return search.time_limit is not None and time.perf_counter() - self.began >= search.time_limit


def solve_whole(matrix: Matrix, like: dict[str, str], search: Search, former: FormerMix | None = None) -> Answer:
    """The best mix of `matrix`, with the bound that was proved; a linear or a small programme goes straight to the engine.

    Args:
        matrix: the programme, aimed at a goal.
        like: for each locality the one that it is alike (`alike_localities`).
        search: engine, gap and time.
        former: a mix found before, to start from.

    Raises:
        SolverError: an engine refused or failed.
    """
    stops = highs.stops()
    return highs.noted(_searched(matrix, like, search, former), stops)


def _searched(matrix: Matrix, like: dict[str, str], search: Search, former: FormerMix | None) -> Answer:
    found = _Found(matrix, time.perf_counter())
    if not matrix.is_whole or (former is None and matrix.column_count < MERGE_FROM):
        return _or_nothing(_engine(matrix, search, found.left(search), prices=True))
    if former is not None:
        # on a busy machine the start is completed all the same: a plan has a mix whatever the limit
        found.complete(former.on(matrix), None)
        proved = former.proves(matrix)
        if found.values is None:
            found.notes.append("the former mix no longer meets every limit, so the search began without it")
        elif proved is not None:
            found.bounded(proved)
            found.notes.append("the bound was proved for this same programme by the search that found the former mix")
    if found.gap > search.gap and matrix.column_count >= VERY_LARGE and search.engine == "highs":
        _rounded_first(found, search)
    merged = merge(matrix, like) if found.gap > search.gap and matrix.column_count >= MERGE_FROM else None
    if merged is not None:
        answer = _merged_first(found, merged, search)
        if answer is not None:
            return answer
    if found.gap > search.gap and found.stopped is None and not found.time_is_up(search):
        answer = _engine(matrix, search, found.left(search), found.values)
        found.took(answer)
        if answer.status in ("infeasible", "unbounded") and found.values is None:
            return answer
        found.better(answer.values)
        found.bounded(answer.bound)
    return _finished(found, search)


def _rounded_first(found: _Found, search: Search) -> None:
    """Bound a very large programme by prices found place by place, or by its interior point, and round what they buy to a mix."""
    matrix, began = found.matrix, time.perf_counter()
    inside = by_places(matrix, time_limit=found.left(search, _PART))
    if inside is None and not found.time_is_up(search):
        inside = highs.HighsSession(matrix.relaxed()).interior(found.left(search, _PART))
    found.seconds["solve"] = found.seconds.get("solve", 0.0) + time.perf_counter() - began
    if inside is None:
        return
    values, prices = inside
    found.bounded(bound_of(matrix, prices))
    for up_from in ROUND_UP_FROM:
        if found.time_is_up(search):
            return
        left = found.left(search)
        limit = ROUNDED_SECONDS if left is None else min(ROUNDED_SECONDS, left)
        answer = completed(matrix, rounded(matrix, values, up_from), prices=True, time_limit=limit)
        if answer is not None:
            found.took(answer)
            if found.better(answer.values):
                found.fixed = answer
            return


def in_places(matrix: Matrix) -> Flags:
    """Whole columns that say whether a solution starts in one place of many."""
    some = np.zeros(matrix.column_count, dtype=bool)
    for family in matrix.columns:
        if family.first_stage and "place" in family.index.columns:
            some[family.first : family.last] = (family.index["place"] != ALL).to_numpy()
    return some & matrix.integer


def _places_in_parts(found: _Found, merged: Merged, search: Search) -> Answer | None:
    """Search the merged programme with starts of places in parts, then make them whole; an answer only where there can be no mix.

    Many alike starts hardly move the bound, but make the search several times as long.
    """
    small = merged.matrix
    rough = small.integer & ~in_places(small)
    if 2 * int(rough.sum()) > int(small.integer.sum()):
        return None
    wanted = replace(search, gap=max(search.gap * 0.1, 1e-4))
    first = _engine(replace(small, integer=rough), wanted, found.left(search, _IN_PARTS))
    found.took(first)
    if first.status == "infeasible":
        return replace(first, matrix=found.matrix)
    found.bounded(first.bound)
    if first.values is None or first.status == "unbounded" or found.stopped is not None:
        return None
    kept = _fixed(small, first.values, rough)
    second = _engine(kept, replace(search, gap=max(search.gap * 0.2, 1e-4)), found.left(search, _PART))
    found.took(second)
    if second.values is not None:
        found.complete(second.values[merged.column], found.left(search))
    return None


def _merged_first(found: _Found, merged: Merged, search: Search) -> Answer | None:
    """Search the merged programme and carry what it chose into the full one; an answer only where there can be no mix."""
    matrix = found.matrix
    none = _places_in_parts(found, merged, search)
    if none is not None or found.gap <= search.gap or found.stopped is not None or found.time_is_up(search):
        return none
    start = None if found.values is None else merged.of(found.values)
    wanted = replace(search, gap=max(search.gap * 0.6, 1e-4))
    small = _engine(merged.matrix, wanted, found.left(search, _PART), start)
    found.took(small)
    if small.status == "infeasible":
        return replace(small, matrix=matrix)
    if small.status == "unbounded":
        return None
    found.bounded(small.bound)
    if small.values is None:
        return None
    chosen = small.values[merged.column]
    found.complete(chosen, found.left(search))
    if found.gap > search.gap and found.stopped is None and not found.time_is_up(search):
        counts = matrix.integer & ~matrix.first_stage
        kept = _fixed(matrix, chosen, counts)
        again = _engine(kept, search, found.left(search, 0.5), found.values)
        found.took(again)
        found.better(again.values)
    return None


def completed(
    matrix: Matrix, values: Floats, *, prices: bool = False, time_limit: float = LINEAR_SECONDS
) -> Answer | None:
    """The best mix that has the whole numbers of `values`, with prices where they are asked for; None where none was found in time."""
    fixed = _fixed(matrix, values, matrix.integer).relaxed()
    try:
        answer = highs.fixed_solve(fixed, prices=prices, time_limit=time_limit)
    except SolverError:  # highspy lost its way: no mix that can be relied on
        return None
    if answer.values is None:
        return None
    rounded = answer.values.copy()
    rounded[matrix.integer] = np.round(rounded[matrix.integer])
    priced = None if answer.prices is None else replace(answer.prices, basis="whole numbers fixed")
    return replace(answer, values=rounded, prices=priced)


def _fixed(matrix: Matrix, values: Floats, which: Flags) -> Matrix:
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    lower[which] = upper[which] = np.round(values[which])
    return replace(matrix, lower=lower, upper=upper)


def nothing_bought(matrix: Matrix) -> Floats | None:
    """The mix in which nothing is bought and nothing is closed; None where that breaks a limit."""
    idle = matrix.integer | matrix.first_stage
    at = np.clip(np.zeros(matrix.column_count), matrix.lower, matrix.upper)
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    lower[idle] = upper[idle] = at[idle]
    return highs.solve(replace(matrix, lower=lower, upper=upper).relaxed(), prices=False).values


def _engine(
    matrix: Matrix, search: Search, seconds: float | None, start: Floats | None = None, *, prices: bool = False
) -> Answer:
    return solve(
        matrix,
        engine=search.engine,
        solver=search.solver,
        gap=search.gap,
        time_limit=seconds,
        progress=search.progress,
        start=start,
        prices=prices,
    )


def _or_nothing(answer: Answer) -> Answer:
    """The answer; where no mix was found by the time limit, the mix that buys nothing, if that keeps every limit."""
    if answer.status != "no_solution_by_limit":
        return answer
    values = nothing_bought(answer.matrix)
    if values is None:
        return answer
    stopped = answer.stopped_by_user
    note = f"no better mix than buying nothing was found {'before it was stopped' if stopped else 'by the time limit'}"
    status: Status = "interrupted" if stopped else "time_limit"
    return priced(replace(answer, values=values, status=status, notes=(*answer.notes, note)))


def _finished(found: _Found, search: Search) -> Answer:
    matrix = found.matrix
    if found.values is None:
        found.better(nothing_bought(matrix))
        if found.values is not None:
            found.notes.append("no better mix than buying nothing was found by the time limit")
    status: Status
    if found.values is None:
        status = "no_solution_by_limit"
    elif found.gap <= PROVED:
        status = "optimal"
    elif found.stopped is not None:
        status = found.stopped
    else:
        status = "gap" if found.gap <= search.gap else "time_limit"
    answer = Answer(
        matrix=matrix,
        status=status,
        values=found.values,
        bound=found.bound,
        engine=search.engine,
        seconds=found.seconds,
        versions=highs.versions(),
        asked_gap=search.gap,
        notes=tuple(found.notes),
    )
    if found.fixed is None:
        return priced(answer)
    return replace(answer, prices=found.fixed.prices, no_prices_because=found.fixed.no_prices_because)


def priced(answer: Answer) -> Answer:
    """The answer with certified prices of the programme with its whole numbers fixed."""
    if answer.values is None:
        return replace(answer, no_prices_because=f"there is no mix: {answer.meaning}")
    began = time.perf_counter()
    prices, reason = highs.fixed_prices(answer.matrix, answer.values)
    seconds = {**answer.seconds, "prices": time.perf_counter() - began}
    return replace(answer, prices=prices, no_prices_because=reason, seconds=seconds)
