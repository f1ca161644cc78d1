"""A mix that bears bad futures well: the mean of all futures weighed against the mean of the worst ones.

First stage (starts and scale) is decided once; everything else is decided in each future. With V_w the goal in future w,
of probability p_w, and alpha the share of worst futures that matter,

    maximise (1 - weight) sum over w of p_w V_w + weight [ eta - 1/alpha sum over w of p_w q_w ]
    q_w >= eta - V_w,   q_w >= 0                                (Rockafellar and Uryasev, 2000)

The bracket is the conditional value at risk: the mean of the worst alpha of futures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from capitation.errors import CapitationError
from optimiser.engines import highs
from optimiser.engines.answer import Answer
from optimiser.futures.regret import fix_first_stage
from optimiser.programme.family import Family, Floats
from optimiser.programme.matrix import Matrix


@dataclass(frozen=True)
class RiskAverse:
    """The mix chosen against all futures together."""

    answer: Answer
    values: tuple[float, ...]
    """The goal in each future, in its own unit."""
    mean: float
    """Mean of the goal over futures."""
    cvar: float
    """Mean of the goal over the worst alpha of futures."""
    first_stage: Floats | None
    """Values of the first-stage columns, in their order."""


def conditional_value_at_risk(values: Floats, probabilities: Floats, alpha: float) -> float:
    """Mean of the worst `alpha` of futures, part of the last one counted where it is only partly in.

    Example:
        Values 10, 20, 30, 40, equally likely, alpha 0.5: the mean of 10 and 20, 15.
    """
    order = np.argsort(values, kind="stable")
    left, total = alpha, 0.0
    for i in order:
        taken = min(left, float(probabilities[i]))
        total += taken * float(values[i])
        left -= taken
        if left <= 1e-15:
            break
    return total / (alpha - max(left, 0.0))


def _check_futures(matrices: Sequence[Matrix], probabilities: Sequence[float], alpha: float, weight: float) -> None:
    first = matrices[0]
    if any(
        (m.column_count, m.sense, m.objective) != (first.column_count, first.sense, first.objective) for m in matrices
    ):
        raise CapitationError("futures must have the same columns and goal")
    if first.sense != "max":
        raise CapitationError(f"risk is weighed for a goal that is maximised, not '{first.objective}'")
    if not 0 < alpha <= 1 or not 0 <= weight <= 1 or abs(sum(probabilities) - 1) > 1e-9:
        raise CapitationError("alpha lies above 0 and up to 1, weight between 0 and 1, and probabilities add to 1")


def extensive_form(
    matrices: Sequence[Matrix], probabilities: Sequence[float], *, alpha: float, weight: float
) -> tuple[Matrix, np.ndarray, list[np.ndarray]]:
    """One matrix of all futures, the ids of its first-stage columns, and for each future where its columns stand.

    Raises:
        CapitationError: matrices of different shapes or aims, or numbers outside their range.
    """
    _check_futures(matrices, probabilities, alpha, weight)
    first = matrices[0]
    shared = np.flatnonzero(first.first_stage)
    own = np.flatnonzero(~first.first_stage)
    futures = len(matrices)
    places = []
    for w in range(futures):
        place = np.empty(first.column_count, dtype=np.int64)
        place[shared] = np.arange(len(shared))
        place[own] = len(shared) + w * len(own) + np.arange(len(own))
        places.append(place)
    eta = len(shared) + futures * len(own)
    count = eta + 1 + futures
    cost = np.zeros(count)
    lower, upper = np.full(count, -np.inf), np.full(count, np.inf)
    whole = np.zeros(count, dtype=bool)
    row, col, value = [], [], []
    low, high = [], []
    # rows may differ: where effects coincide in one future and not in another, their overlap has fewer chords
    begins = np.cumsum([0, *(m.row_count for m in matrices)])
    for w, (m, p) in enumerate(zip(matrices, probabilities, strict=True)):
        place = places[w]
        np.add.at(cost, place, (1 - weight) * p * m.cost)
        lower[place], upper[place] = np.maximum(lower[place], m.lower), np.minimum(upper[place], m.upper)
        whole[place] = m.integer
        row.append(m.row_of.astype(np.int64) + begins[w])
        col.append(place[m.index])
        value.append(m.value)
        low.append(m.row_lower)
        high.append(m.row_upper)
    cost[eta] = weight
    cost[eta + 1 :] = -weight / alpha * np.asarray(probabilities)
    lower[eta + 1 :] = 0.0
    base = int(begins[-1])
    for w, m in enumerate(matrices):
        used = np.flatnonzero(m.cost)
        row.append(np.full(len(used) + 2, base + w))
        col.append(np.concatenate([places[w][used], [eta, eta + 1 + w]]))
        value.append(np.concatenate([m.cost[used], [-1.0, 1.0]]))
        low.append(np.array([-m.constant]))
        high.append(np.array([np.inf]))
    rows, cols, values = np.concatenate(row), np.concatenate(col), np.concatenate(value)
    order = np.lexsort((cols, rows))
    total_rows = base + futures
    start = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=total_rows))]).astype(np.int32)
    names = pl.DataFrame({"number": np.arange(count)})
    limits = pl.DataFrame({"number": np.arange(total_rows)})
    constant = (1 - weight) * sum(p * m.constant for m, p in zip(matrices, probabilities, strict=True))
    big = replace(
        first,
        cost=cost,
        lower=lower,
        upper=upper,
        integer=whole,
        row_lower=np.concatenate(low),
        row_upper=np.concatenate(high),
        start=start,
        index=cols[order].astype(np.int32),
        value=values[order],
        constant=constant,
        columns=(Family("all_futures", 0, count, names, "", "variable {number} over all futures"),),
        rows=(Family("all_futures", 0, total_rows, limits, "", "limit {number} over all futures"),),
        measures={},
        objective=f"{first.objective} over futures",
    )
    return big, shared, places


def risk_averse(
    matrices: Sequence[Matrix],
    probabilities: Sequence[float],
    *,
    alpha: float = 0.1,
    weight: float = 0.5,
    gap: float = 0.0,
    time_limit: float | None = None,
) -> RiskAverse:
    """The mix that maximises the weighted mean and conditional value at risk over futures.

    Args:
        matrices: the programme under each future, same shape.
        probabilities: of each future, adding to 1.
        alpha: share of worst futures that the risk measure averages.
        weight: 0 for the mean alone, 1 for the worst futures alone.
        gap: relative gap at which a search for whole numbers may stop.
        time_limit: seconds.

    Raises:
        CapitationError: see `extensive_form`.
    """
    big, shared, places = extensive_form(matrices, probabilities, alpha=alpha, weight=weight)
    answer = highs.solve(big, gap=gap, time_limit=time_limit, prices=False)
    if answer.values is None:
        return RiskAverse(answer, (), float("nan"), float("nan"), None)
    found = np.array(
        [
            (float(m.cost @ answer.values[place]) + m.constant) * m.scale
            for m, place in zip(matrices, places, strict=True)
        ]
    )
    if weight == 1:  # the good futures have no weight: what they are worth follows from the first stage
        found = _best_of_each(matrices, answer.values[places[0]], found, gap, time_limit)
    chances = np.asarray(probabilities)
    return RiskAverse(
        answer,
        tuple(found.tolist()),
        float(found @ chances),
        conditional_value_at_risk(found, chances, alpha),
        answer.values[: len(shared)],
    )


def _best_of_each(
    matrices: Sequence[Matrix], values: Floats, found: Floats, gap: float, time_limit: float | None
) -> Floats:
    """The goal in each future with everything after the first stage decided for that future alone."""
    best = found.copy()
    for w, m in enumerate(matrices):
        alone = highs.solve(fix_first_stage(m, values), gap=gap, time_limit=time_limit, prices=False).objective
        if alone is not None:
            best[w] = max(best[w], alone)
    return best
