"""A mix for all futures together in which only whole blocks close: one that is near what no mix can pass, with that bound.

each future by itself       whole blocks, starts of places in parts: what no mix can pass there, and the blocks its own best closes
a future's blocks kept      launches anew for all futures, parts of blocks in the others; then those rounded down
blocks made free in turn    those of one group of alike futures, or the starts, from the best so far; until nothing gains or time ends
starts of places whole      with the blocks so found
full programme of all       with all whole numbers fixed, every locality by itself: a mix, and what it is worth in each future
that mix fixed              each future by itself may close more

The bounds of the futures bound what is weighed: no mix is worth more in a future than that future's own best.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from optimiser.answers.whole.former import FormerMix
from optimiser.answers.whole.search import in_places
from optimiser.engines import highs
from optimiser.engines.answer import Answer, relative_gap
from optimiser.futures.cvar import RiskAverse, conditional_value_at_risk
from optimiser.futures.regret import fix_first_stage
from optimiser.futures.together import Together, allows_no_more, together
from optimiser.programme.family import Floats, Ints
from optimiser.programme.matrix import Matrix

SECONDS_ALONE = 30.0
"""Seconds for each future by itself, on average, where the caller sets no limit; most need fewer."""
SECONDS_TOGETHER = 60.0
"""Seconds for all futures together where the caller sets no limit."""
SECONDS_EACH = 20.0
"""Seconds for what the mix is worth in a future: it takes moments."""
_ALONE = 0.55
"""Part of the time for each future by itself."""
_TOGETHER = 0.3
"""Part of it for all together; the rest is for what the mix is worth in each future."""
_LEAST = 0.25
"""A future that weighs less than this is given time as if it weighed so much."""
_WHOLE = 1e-6
_NEAR = 5e-3
_ROUGH = 0.02
"""How near the mix with parts comes whose blocks are rounded down first."""
_TURN = 10.0
"""Seconds for the blocks of one group, or the starts, made free once."""


@dataclass(frozen=True)
class Futures:
    """The futures for which one mix is looked for."""

    full: Sequence[Matrix]
    """The whole programme in each."""
    small: Sequence[Matrix]
    """The same with alike localities together, where that can be."""
    column: Ints | None
    """The column of the small programme of each column of the full one."""
    odds: Sequence[float]
    alpha: float
    weight: float

    def weigh(self, goals: Floats) -> float:
        """The goals in all futures as one amount."""
        odds = np.asarray(self.odds)
        worst = conditional_value_at_risk(goals, odds, self.alpha)
        return (1 - self.weight) * float(goals @ odds) + self.weight * worst

    def worth(self, k: int, values: Floats) -> float:
        """The goal in a future for values of its small programme."""
        matrix = self.small[k]
        return (float(matrix.cost @ values) + matrix.constant) * matrix.scale

    def carried(
        self, mix: Floats, closed: Sequence[Floats] | None, time_limit: float, *, stopped: bool
    ) -> tuple[Floats, list[float]] | None:
        """A mix carried to the full programme (`carried`)."""
        how = {"alpha": self.alpha, "weight": self.weight, "time_limit": time_limit}
        return carried(self.full, self.odds, mix, closed=closed, stopped=stopped, **how)

    def weights(self, goals: Sequence[float]) -> list[float]:
        """How much one more in each future adds to what is weighed, where the goals are these."""
        at = np.asarray(goals)
        return [self.weigh(at) - self.weigh(at - step) for step in np.eye(len(at))]


@dataclass
class Clock:
    """What is left of a time limit, and whether the user stopped."""

    seconds: float
    began: float = field(default_factory=time.perf_counter)
    stopped: bool = False

    def left(self, part: float = 1.0) -> float:
        """Seconds left of a part of the whole; never none at all."""
        return max(0.5, part * self.seconds - (time.perf_counter() - self.began))

    def goes_on(self, part: float = 1.0) -> bool:
        """Whether another search may begin."""
        return not self.stopped and time.perf_counter() - self.began < part * self.seconds

    def note(self, answer: Answer) -> Answer:
        """The answer, once it is noted whether the user stopped it."""
        self.stopped |= answer.stopped_by_user
        return answer


@dataclass(frozen=True)
class Own:
    """What is known of a future by itself: no mix is worth more there than `bound`, in the goal's unit; and its own mix."""

    bound: float
    values: Floats | None = None
    """Of the small programme; only its whole numbers count."""


def alone(
    futures: Futures, goals: Sequence[float], clock: Clock, former: FormerMix | None, report: Callable[[int, Own], None]
) -> list[Own]:
    """Each future by itself, those that weigh most first and longest; those that allow no more than another are taken from it.

    Args:
        futures: the futures.
        goals: what a mix is worth in each.
        clock: the time for all of them.
        former: a mix found before.
        report: is given the number of a future and what is known of it, when it was searched.
    """
    own: dict[int, Own] = {}
    lost = [max(weight, _LEAST) for weight in futures.weights(goals)]
    looser = [sum(allows_no_more(matrix, m) for m in futures.small) for matrix in futures.small]
    order = sorted(range(len(lost)), key=lambda k: (looser[k], -lost[k]))
    for k in order:
        matrix = futures.small[k]
        known = next((i for i in own if allows_no_more(matrix, futures.small[i])), None)
        proved = _known(futures, k, former)
        if known is not None or proved is not None:
            own[k] = Own(own[known].bound) if known is not None else proved or Own(float("inf"))
            continue
        own[k] = Own(highs.solve(matrix.relaxed(), prices=False).best_possible or float("inf"))
        if not clock.goes_on(_ALONE):
            continue
        rough = replace(matrix, integer=matrix.integer & ~in_places(matrix))
        share = lost[k] / sum(lost[i] for i in order if looser[i] == 1 or i == k)
        seconds = max(1.0, min(share * _ALONE * clock.seconds, clock.left(_ALONE)))
        answer = clock.note(highs.solve(rough, gap=_NEAR, time_limit=seconds, prices=False))
        bound = answer.best_possible
        own[k] = Own(own[k].bound if bound is None else min(bound, own[k].bound), answer.values)
        report(k, own[k])
    return [own[k] for k in range(len(lost))]


def _known(futures: Futures, k: int, former: FormerMix | None) -> Own | None:
    """What a former mix proved of a future."""
    full = futures.full[k]
    if former is None or former.bound is None or not former.is_of(full):
        return None
    values, column = former.on(full), futures.column
    if column is None:
        return Own(former.bound, values)
    small = np.zeros(futures.small[k].column_count)
    small[column[full.integer]] = values[full.integer]
    return Own(former.bound, small)


@dataclass
class _Search:
    """The best mix of all futures together so far, with starts of places in parts."""

    all: Together
    clock: Clock
    best: Answer | None = None

    def keep(self, answer: Answer) -> bool:
        """Keep a mix where it is better than the best so far."""
        self.clock.note(answer)
        if answer.objective is None:
            return False
        least = -np.inf if self.best is None else float(self.best.objective or 0.0)
        if answer.objective <= least + 1e-4 * abs(answer.objective) * (self.best is not None):
            return False
        self.best = answer
        return True

    def solve(self, values: Floats, fixed: Ints, whole: Ints, seconds: float, gap: float = _NEAR / 2) -> Answer:
        """The best mix with some columns fixed at whole numbers of `values`, and others to be whole."""
        matrix = self.all.matrix
        lower, upper = matrix.lower.copy(), matrix.upper.copy()
        lower[fixed] = upper[fixed] = np.clip(np.round(values[fixed]), lower[fixed], upper[fixed])
        integer = np.zeros(matrix.column_count, dtype=bool)
        integer[whole] = True
        start = None if self.best is None or not len(whole) else self.best.values
        near = replace(matrix, lower=lower, upper=upper, integer=integer)
        return highs.solve(near, gap=gap, time_limit=seconds, prices=False, start=start)

    @property
    def blocks(self) -> Ints:
        """All blocks of all groups."""
        return np.concatenate(self.all.blocks)

    def rounded_down(self, values: Floats) -> Floats:
        """The values with blocks rounded down."""
        down = values.copy()
        down[self.blocks] = np.floor(values[self.blocks] + _WHOLE)
        return down

    def from_parts(self, parts: Answer) -> None:
        """Keep the mix that rounding down the blocks of `parts` leaves."""
        if parts.values is not None:
            fixed = np.concatenate([self.blocks, self.all.starts])
            self.keep(self.solve(self.rounded_down(parts.values), fixed, fixed[:0], self.clock.left()))

    def from_own(self, k: int, own: Own) -> None:
        """Start from the blocks that the best mix of future `k` by itself closes."""
        if own.values is None:
            return
        values = np.zeros(self.all.matrix.column_count)
        values[self.all.places[k]] = own.values
        blocks = self.all.blocks[self.all.group[k]]
        wait, self.best = self.best, None  # its mix is no start: it breaks what is fixed here
        parts = self.clock.note(self.solve(values, blocks, self.all.starts, self.clock.left(0.4)))
        self.best = wait
        self.from_parts(parts)

    def in_turn(self, which: Sequence[Ints]) -> bool:
        """Make some whole columns free while all others are kept, one set after the other; whether that gained."""
        every, gained = np.concatenate([self.blocks, self.all.starts]), False
        for free in which:
            if self.best is None or self.best.values is None or not self.clock.goes_on():
                break
            kept = np.setdiff1d(every, free)
            seconds = min(_TURN, self.clock.left())
            gained |= self.keep(self.solve(self.best.values, kept, free, seconds))
        return gained


def _in_parts(futures: Futures) -> list[Matrix]:
    return [replace(m, integer=m.integer & ~in_places(m)) for m in futures.small]


def closed_whole(futures: Futures, own: Sequence[Own], goals: Sequence[float], clock: Clock) -> list[Floats] | None:
    """For each future the small programme's values of the best mix with whole blocks that was found; None where none was.

    Args:
        futures: the futures.
        own: what is known of each by itself.
        goals: what a mix found with parts of blocks is worth in each: those that weigh most come first.
        clock: the time for it.
    """
    every = together(_in_parts(futures), futures.odds, alpha=futures.alpha, weight=futures.weight)
    search = _Search(every, clock)
    nothing = np.zeros(every.matrix.column_count)
    search.from_parts(clock.note(search.solve(nothing, every.starts[:0], every.starts, clock.left(0.2), _ROUGH)))
    lost = futures.weights(goals)
    for k in sorted(range(len(lost)), key=lambda k: -lost[k]):
        if clock.goes_on(0.6):
            search.from_own(k, own[k])
    weighs = [sum(w for w, g in zip(lost, every.group, strict=True) if g == n) for n in range(len(every.blocks))]
    groups = [every.blocks[n] for n in sorted(range(len(weighs)), key=lambda n: weighs[n])]
    while search.in_turn([every.starts, *groups]):
        pass
    if search.best is None or search.best.values is None:
        return None
    values = _places_whole(futures, search)
    return None if values is None else [values[place] for place in every.places]


def _places_whole(futures: Futures, search: _Search) -> Floats | None:
    """The best mix with starts of places whole as well."""
    first, best = futures.small[0], search.best
    places = search.all.places[0][np.flatnonzero(in_places(first))]
    if best is None or best.values is None or not len(places):
        return None if best is None else best.values
    fixed = np.concatenate([search.blocks, search.all.starts])
    search.best = None
    return search.solve(best.values, fixed, places, search.clock.left() + _TURN).values


def carried(
    matrices: Sequence[Matrix],
    odds: Sequence[float],
    mix: Floats,
    *,
    alpha: float,
    weight: float,
    closed: Sequence[Floats] | None = None,
    time_limit: float | None = None,
    stopped: bool = False,
) -> tuple[Floats, list[float]] | None:
    """The mix with the starts of `mix` that keeps every limit in every future with whole blocks, and the goal in each.

    Args:
        matrices: the full programme in each future.
        odds: probabilities.
        mix: starts of the mix.
        alpha: share of worst futures.
        weight: of the worst futures against the mean.
        closed: for each future, values whose blocks are closed; without, those of a mix with parts are rounded down.
        time_limit: seconds.
        stopped: whether the user has stopped the search, so that blocks are rounded down and no more.

    None where no such mix was found.
    """
    every = together(matrices, odds, alpha=alpha, weight=weight)
    search = _Search(every, Clock(SECONDS_TOGETHER if time_limit is None else time_limit, stopped=stopped))
    values = np.zeros(every.matrix.column_count)
    values[every.places[0]] = mix
    if closed is None:
        search.from_parts(search.solve(values, every.starts, every.starts[:0], search.clock.left()))
        search.in_turn(every.blocks)
    else:
        blocks = np.flatnonzero(matrices[0].integer & ~matrices[0].first_stage)
        for place, own in zip(every.places, closed, strict=True):
            values[place[blocks]] = own[blocks]
        fixed = np.concatenate([search.blocks, every.starts])
        search.keep(search.solve(values, fixed, fixed[:0], search.clock.left()))
    if search.best is None or search.best.values is None:
        return None
    found = search.best.values
    goals = [(float(m.cost @ found[at]) + m.constant) * m.scale for m, at in zip(matrices, every.places, strict=True)]
    return found[every.places[0]], goals


def with_whole_blocks(
    futures: Futures,
    mix: Floats,
    found: RiskAverse,
    values: pl.DataFrame,
    search: Callable[[float], Callable[[Matrix], Answer]],
    *,
    time_limit: float | None,
    former: FormerMix | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[RiskAverse, pl.DataFrame, Floats, list[str]]:
    """The best mix with whole blocks that was found, what it is worth, what no mix can pass, and notes on it.

    Args:
        futures: the futures.
        mix: starts and launches found with parts of blocks, of the full programme.
        found: what was found with parts.
        values: future, probability, value (with parts).
        search: by seconds, what looks for the best answer to a programme.
        time_limit: seconds for all of it.
        former: a mix found before; what was proved of it counts for the future that it is the plan of.
        report: is given a line on where the search stands.
    """
    count = len(futures.full)
    limit = SECONDS_ALONE * count / _ALONE if time_limit is None else time_limit
    clock = Clock(limit)
    goals, names = values["value"].to_list(), values["future"].to_list()

    def said(k: int, own: Own) -> None:
        best = "no mix yet" if own.values is None else f"{futures.worth(k, own.values):,.0f}"
        report(f"{names[k]} by itself: {best}, no mix passes {own.bound:,.0f}")

    own = alone(futures, goals, clock, former, said)
    turn = Clock(min(SECONDS_TOGETHER, clock.left(_ALONE + _TOGETHER)), stopped=clock.stopped)
    if turn.stopped:
        report("stopped; the best mix so far is carried to whole wards, which takes some seconds")
    closed = closed_whole(futures, own, goals, turn)
    over = None
    if closed is not None:
        if futures.column is not None:
            closed = [small[futures.column] for small in closed]
        over = futures.carried(closed[0], closed, clock.left(), stopped=turn.stopped)
    if over is None:
        over = futures.carried(mix, None, clock.left(), stopped=turn.stopped)
    mix, known = (mix, [None] * count) if over is None else over
    each = min(SECONDS_EACH, clock.left() / count)
    worth = [
        goal
        if turn.stopped and goal is not None
        else _better(search(each)(fix_first_stage(matrix, mix)).objective, goal)
        for matrix, goal in zip(futures.full, known, strict=True)
    ]
    return _weighed(futures, own, found, values, worth, mix, stopped=turn.stopped)


def _weighed(
    futures: Futures,
    own: Sequence[Own],
    found: RiskAverse,
    values: pl.DataFrame,
    worth: Sequence[float | None],
    mix: Floats,
    *,
    stopped: bool,
) -> tuple[RiskAverse, pl.DataFrame, Floats, list[str]]:
    """What a mix is worth in each future and together, beside what no mix can pass."""
    notes = [
        "values are with whole wards, theatres and clinics closed. Were parts of them to close, the mean would be "
        f"{found.mean:,.2f} and the worst {found.cvar:,.2f}: no mix is better by what was weighed"
    ]
    bounds = np.array([each.bound for each in own])
    values = values.rename({"value": "with_parts"}).with_columns(
        pl.Series("value", worth, dtype=pl.Float64), pl.Series("bound", bounds)
    )
    missed = values.filter(pl.col("value").is_null())["future"].to_list()
    if missed:
        notes.append(
            f"with whole ones no closures that keep every limit were found in {', '.join(missed)}: its value there is with parts"
        )
    amounts = values.with_columns(pl.coalesce("value", "with_parts").alias("known"))["known"].to_numpy()
    bounds = np.maximum(bounds, amounts)
    odds = np.asarray(futures.odds)
    weighed, bound = futures.weigh(amounts), futures.weigh(bounds)
    with_parts = found.answer.best_possible
    if with_parts is not None:
        bound = min(bound, with_parts)
    gap = relative_gap(weighed, bound)
    notes.append(
        f"mean and worst weigh {weighed:,.2f} together, and no mix weighs more than {bound:,.2f} (gap {gap:.1%})"
    )
    notes.append(
        "that bound joins what no mix can pass in each future by itself; as one mix must serve all futures, part of the gap is the bound's"
    )
    enough = gap <= max(_NEAR, found.answer.asked_gap)
    answer = replace(
        found.answer,
        status="interrupted" if stopped else "gap" if enough else "time_limit",
        bound=bound / found.answer.matrix.scale,
    )
    whole = replace(
        found,
        answer=answer,
        values=tuple(amounts.tolist()),
        mean=float(amounts @ odds),
        cvar=conditional_value_at_risk(amounts, odds, futures.alpha),
    )
    apart = ((pl.col("bound") - pl.col("value")).abs() / pl.max_horizontal(1.0, pl.col("value").abs())).alias("gap")
    table = values.with_columns(pl.max_horizontal("bound", "value")).with_columns(apart)
    return whole, table.select("future", "probability", "value", "bound", "gap", "with_parts"), mix, notes


def _better(one: float | None, other: float | None) -> float | None:
    """The better of two values of a goal that is maximised; either may be unknown."""
    return max((value for value in (one, other) if value is not None), default=None)
