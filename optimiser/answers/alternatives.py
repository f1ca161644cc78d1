"""Mixes that are nearly as good: how far each solution can go up or down, and whole mixes that differ.

    goal >= (1 - x) best        then smallest and largest spend of every solution, and mixes along random directions

A board that sees one optimum does not see that a solution could be half or twice as large for 1% of the gain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from capitation.errors import CapitationError
from optimiser.answers.optimise import hold
from optimiser.answers.whole.former import former_mix
from optimiser.answers.whole.search import MERGE_FROM, Search, solve_whole
from optimiser.engines.answer import Answer
from optimiser.engines.highs import HighsSession
from optimiser.engines.series import STOPPED, Series
from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix

SEED = 20_161_021
"""Seed of the random directions, so that the same problem always shows the same alternatives."""


@dataclass(frozen=True)
class Alternatives:
    """Near-optimal mixes."""

    within: float
    """Share of the objective that was given up."""
    ranges: pl.DataFrame
    """solution, best, least, most: scale in the last year (weighted over places) in the best mix and in near-optimal ones."""
    mixes: pl.DataFrame
    """mix (0 is the best), objective, solution, scale: whole mixes that differ from each other."""
    ended: str = ""
    """Why fewer directions were looked along, where the search was ended early."""


def alternatives(
    matrix: Matrix,
    answer: Answer,
    weights: pl.DataFrame,
    *,
    within: float = 0.02,
    directions: int = 10,
    each: bool = True,
    apart: float = 0.05,
    most: int = 8,
    gap: float = 0.0,
    time_limit: float | None = None,
    like: Mapping[str, str] | None = None,
) -> Alternatives:
    """Near-optimal mixes of `matrix`, whose best is `answer`.

    Reason: eleven parameters, each one choice of the search that its caller names.

    Args:
        matrix: the programme, aimed at the goal.
        answer: its best mix.
        weights: solution, place, weight: what part of a solution's amounts a place is.
        within: share of the objective that may be given up.
        directions: random directions to look along beside each solution's own.
        each: whether to look along each solution's own, up and down; without, the ranges are only those of the mixes found.
        apart: two mixes are different where the largest change of a solution's scale is at least this.
        most: most whole mixes to return.
        gap: relative gap at which a search for whole numbers may stop.
        time_limit: seconds for all of it; what is done by then is kept.
        like: for each locality the one that it is alike (`alike_localities`), to search a large programme as `optimise` does.

    Raises:
        CapitationError: there is no mix to start from, or `within` is not between 0 and 1.
    """
    if answer.values is None:
        raise CapitationError(f"there are no alternatives: {answer.meaning}")
    if not 0 < within < 1:
        raise CapitationError(f"alternatives lie within a share between 0 and 1 of the best, not {within:g}")
    names, table = _scale_rows(matrix, weights)
    near = hold(matrix, matrix.objective, answer, within)
    series = Series(time_limit)
    whole = like is not None and near.is_whole and near.column_count >= MERGE_FROM
    look = _whole_look(near, dict(like or {}), answer, gap, series) if whole else _look(near, gap, series)
    sign = 1.0 if matrix.sense == "max" else -1.0
    best = table @ answer.values
    seen: list[tuple[float, Floats]] = [(float(answer.objective or 0.0), best)]
    least, greatest = best.copy(), best.copy()
    generator = np.random.default_rng(SEED)
    aims = [d * row for row in np.eye(len(names)) for d in (1.0, -1.0)] if each else []
    aims += [generator.normal(size=len(names)) for _ in range(directions)]
    for number, aim in enumerate(aims):
        found = look(sign * (aim @ table), len(aims) - number)
        if found is None:
            break
        if found.values is None:
            continue
        scale = table @ found.values
        least, greatest = np.minimum(least, scale), np.maximum(greatest, scale)
        objective = (float(matrix.cost @ found.values) + matrix.constant) * matrix.scale
        if all(np.abs(scale - other).max(initial=0.0) >= apart for _, other in seen):
            seen.append((objective, scale))
    kept = _spread(seen, most)
    mixes = [
        {"mix": i, "objective": objective, "solution": name, "scale": float(_clean(value))}
        for i, (objective, scale) in enumerate(kept)
        for name, value in zip(names, scale, strict=True)
    ]
    schema = {"mix": pl.Int64, "objective": pl.Float64, "solution": pl.String, "scale": pl.Float64}
    ranges = pl.DataFrame(
        {"solution": names, "best": _clean(best), "least": _clean(least), "most": _clean(greatest)},
        schema={"solution": pl.String, "best": pl.Float64, "least": pl.Float64, "most": pl.Float64},
    )
    return Alternatives(within, ranges, pl.DataFrame(mixes, schema=schema), series.ended)


_Look = Callable[[Floats, int], Answer | None]
"""The best mix along costs, given how many directions are still to be looked along; None where the series has ended."""

SECONDS = 10.0
"""Seconds for each direction of a large programme with whole numbers, where no time limit is given."""


def _look(near: Matrix, gap: float, series: Series) -> _Look:
    session = HighsSession(near)
    series.solve(session, prices=False, gap=gap)
    every = np.arange(near.column_count, dtype=np.int32)

    def along(cost: Floats, _: int) -> Answer | None:
        session.change_cost(every, cost)
        return series.solve(session, prices=False, gap=gap)

    return along


def _whole_look(near: Matrix, like: dict[str, str], answer: Answer, gap: float, series: Series) -> _Look:
    former = former_mix(answer)

    def along(cost: Floats, still: int) -> Answer | None:
        if not series.goes_on():
            return None
        left = series.left()
        search = Search(gap=max(gap, 1e-3), time_limit=SECONDS if left is None else left / still)
        try:
            return series.note(solve_whole(replace(near, cost=cost, constant=0.0), like, search, former))
        except KeyboardInterrupt:
            series.ended = STOPPED
            return None

    return along


def _clean(values: Floats) -> Floats:
    return np.where(np.abs(values) < 1e-7, 0.0, values)


def _scale_rows(matrix: Matrix, weights: pl.DataFrame) -> tuple[list[str], Floats]:
    """Solutions, and for each the row that turns column values into its weighted scale in the last year (0 for what never starts)."""
    block = matrix.family("in_place")
    index = block.index.with_columns(pl.Series("col", np.arange(block.first, block.last)))
    last = index.filter(pl.col("year") == pl.col("year").max()).join(
        weights.select("solution", "place", "weight"), on=["solution", "place"], maintain_order="left"
    )
    names = weights["solution"].unique(maintain_order=True).to_list()
    table = np.zeros((len(names), matrix.column_count))
    for solution, col, weight in last.select("solution", "col", "weight").iter_rows():
        table[names.index(solution), col] = weight
    return names, table


def _spread(seen: list[tuple[float, Floats]], most: int) -> list[tuple[float, Floats]]:
    """The best mix and then those farthest from all kept so far."""
    kept, rest = [seen[0]], seen[1:]
    while rest and len(kept) < most:
        far = max(range(len(rest)), key=lambda i: min(float(np.abs(rest[i][1] - k[1]).sum()) for k in kept))
        kept.append(rest.pop(far))
    return kept
