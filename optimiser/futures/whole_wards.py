"""A mix that was found for all futures together with parts of blocks, carried to whole ones in every future.

starts as found      the programme of all futures with every locality by itself: launches anew, parts of blocks
blocks rounded down  launches anew once more, so that every limit holds with whole blocks: a mix with a value in each future
that mix fixed       each future by itself may close more: what the mix is worth there
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from optimiser.engines import highs
from optimiser.engines.answer import Answer, relative_gap
from optimiser.futures.cvar import RiskAverse, conditional_value_at_risk, extensive_form
from optimiser.futures.regret import fix_first_stage
from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix

SECONDS_EACH = 20.0
"""Seconds for each future where the caller sets no limit."""
_WHOLE = 1e-6
_NEAR = 5e-3
_SECONDS = 60.0
"""Seconds for closing more blocks than rounding down leaves, where the caller sets no limit."""
_CARRYING = 0.5
"""Part of the time for carrying a mix over; the rest is for what it is worth in each future."""


def carried(
    matrices: Sequence[Matrix],
    odds: Sequence[float],
    mix: Floats,
    *,
    alpha: float,
    weight: float,
    time_limit: float | None,
) -> tuple[Floats, list[float]] | None:
    """The mix with the starts of `mix` that keeps every limit in every future with whole blocks, and the goal in each.

    None where no rounding of the blocks leaves such a mix, or there was no time to find one.
    """
    big, _, places = extensive_form(matrices, odds, alpha=alpha, weight=weight)
    began, first = time.perf_counter(), matrices[0]
    starts = np.flatnonzero(first.integer & first.first_stage)
    lower, upper = big.lower.copy(), big.upper.copy()
    at = places[0][starts]
    lower[at] = upper[at] = np.clip(np.round(mix[starts]), big.lower[at], big.upper[at])
    parts = highs.solve(replace(big, lower=lower, upper=upper).relaxed(), prices=False, time_limit=time_limit)
    if parts.values is None:
        return None
    down, up = _blocks_whole(matrices, places, parts.values)
    blocks = down > -1
    floor, ceiling = lower.copy(), upper.copy()
    floor[blocks] = ceiling[blocks] = down[blocks]
    kept = replace(big, lower=floor, upper=ceiling)
    best = highs.solve(kept, gap=_NEAR, prices=False, time_limit=_left(time_limit, began))
    ceiling = np.where(blocks, up, ceiling)
    wider = highs.solve(
        replace(big, lower=floor, upper=ceiling), gap=_NEAR, prices=False, start=best.values,
        time_limit=_SECONDS if time_limit is None else _left(time_limit, began),
    )  # fmt: skip
    if wider.values is not None:
        best = wider
    if best.values is None:
        return None
    values = best.values
    goals = [(float(m.cost @ values[place]) + m.constant) * m.scale for m, place in zip(matrices, places, strict=True)]
    return values[places[0]], goals


def _left(time_limit: float | None, began: float) -> float | None:
    return None if time_limit is None else max(1.0, time_limit - (time.perf_counter() - began))


def _blocks_whole(matrices: Sequence[Matrix], places: Sequence[np.ndarray], parts: Floats) -> tuple[Floats, Floats]:
    """For each column of all futures: the whole number of blocks at or below what is closed, and at or above; -1 for all others."""
    down, up = np.full(len(parts), -1.0), np.full(len(parts), -1.0)
    for matrix, place in zip(matrices, places, strict=True):
        for family in matrix.columns:
            if family.name == "block_released":
                blocks = place[family.first : family.last]
                down[blocks], up[blocks] = np.floor(parts[blocks] + _WHOLE), np.ceil(parts[blocks] - _WHOLE)
    return down, up


def with_whole_blocks(
    matrices: Sequence[Matrix],
    mix: Floats,
    found: RiskAverse,
    values: pl.DataFrame,
    search: Callable[[float], Callable[[Matrix], Answer]],
    *,
    alpha: float,
    weight: float,
    time_limit: float | None,
) -> tuple[RiskAverse, pl.DataFrame, Floats, list[str]]:
    """What a mix that was found with parts of blocks is worth where only whole ones close, the mix itself, and notes on it.

    Args:
        matrices: the whole programme in each future.
        mix: starts and launches found with parts.
        found: what was found with parts.
        values: future, probability, value (with parts).
        search: by seconds, what looks for the best answer to a programme.
        alpha: share of worst futures.
        weight: of the worst futures against the mean.
        time_limit: seconds for all of it.
    """
    began, odds = time.perf_counter(), values["probability"].to_numpy()
    limit = SECONDS_EACH * len(matrices) if time_limit is None else time_limit
    over = carried(matrices, odds.tolist(), mix, alpha=alpha, weight=weight, time_limit=_CARRYING * limit)
    mix, known = (mix, [None] * len(matrices)) if over is None else over
    each = max(1.0, limit - (time.perf_counter() - began)) / len(matrices)
    worth = [
        _better(search(each)(fix_first_stage(matrix, mix)).objective, goal)
        for matrix, goal in zip(matrices, known, strict=True)
    ]
    values = values.rename({"value": "with_parts"}).with_columns(pl.Series("value", worth, dtype=pl.Float64))
    notes = [
        "the search let parts of wards, theatres and clinics close in each future; values are with whole ones. With parts the mean "
        f"would be {found.mean:,.2f} and the worst {found.cvar:,.2f}: no mix is better by what was weighed"
    ]
    missed = values.filter(pl.col("value").is_null())["future"].to_list()
    if missed:
        notes.append(
            f"with whole ones no closures that keep every limit were found in {', '.join(missed)}: its value there is with parts"
        )
    amounts = values.with_columns(pl.coalesce("value", "with_parts").alias("known"))["known"].to_numpy()
    mean, cvar = float(amounts @ odds), conditional_value_at_risk(amounts, odds, alpha)
    bound, weighed = found.answer.best_possible, (1 - weight) * mean + weight * cvar
    status = found.answer.status
    if bound is not None:
        gap = relative_gap(weighed, bound)
        notes.append(
            f"mean and worst weigh {weighed:,.2f} together, and no mix weighs more than {bound:,.2f} (gap {gap:.1%})"
        )
        if status in ("optimal", "gap"):
            status = "gap" if gap <= max(_NEAR, found.answer.asked_gap) else "time_limit"
    whole = replace(
        found,
        answer=replace(found.answer, status=status),
        values=tuple(amounts.tolist()),
        mean=mean,
        cvar=cvar,
    )
    return whole, values.select("future", "probability", "value", "with_parts"), mix, notes


def _better(one: float | None, other: float | None) -> float | None:
    """The better of two values of a goal that is maximised; either may be unknown."""
    return max((value for value in (one, other) if value is not None), default=None)
