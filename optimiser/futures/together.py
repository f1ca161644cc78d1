"""Futures put together for one search: which are alike in what moves activity, and which allow nothing that another does not.

Futures that differ only in costs, staff or limits move activity in the same way: given the same starts and launches they can
close the same blocks. In a search they share those columns, which makes it several times shorter; what is found is then worked
out again in every future by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from optimiser.futures.cvar import extensive_form
from optimiser.programme.family import Family, Flags, Floats, Ints
from optimiser.programme.matrix import Matrix

_MOVED = ("credit", "hazard", "avoided", "donated", "received", "block_released")
"""Families of columns that follow from starts and launches alone, where futures are alike."""


@dataclass(frozen=True)
class Together:
    """All futures as one programme in which alike ones share what moves activity."""

    matrix: Matrix
    places: tuple[Ints, ...]
    """For each future, where each of its columns stands."""
    starts: Ints
    """Whole columns of the first stage."""
    blocks: tuple[Ints, ...]
    """For each group of alike futures, its whole columns of the second stage."""
    group: tuple[int, ...]
    """The group of each future."""


def together(matrices: Sequence[Matrix], probabilities: Sequence[float], *, alpha: float, weight: float) -> Together:
    """The programme of all futures (`extensive_form`) with what alike futures share as one."""
    big, _, places = extensive_form(matrices, probabilities, alpha=alpha, weight=weight)
    first = matrices[0]
    moved = _columns_named(first, _MOVED)
    leads = alike_futures(matrices)
    to = np.arange(big.column_count)
    for k, lead in enumerate(leads):
        to[places[k][moved]] = places[lead][moved]
    column = np.unique(to, return_inverse=True)[1].astype(np.int32)
    at = tuple(column[place] for place in places)
    names = sorted(set(leads))
    second = np.flatnonzero(first.integer & ~first.first_stage)
    return Together(
        matrix=_joined(big, column),
        places=at,
        starts=at[0][np.flatnonzero(first.integer & first.first_stage)],
        blocks=tuple(at[lead][second] for lead in names),
        group=tuple(names.index(lead) for lead in leads),
    )


def alike_futures(matrices: Sequence[Matrix]) -> list[int]:
    """For each future the first one that moves activity in the same way."""
    leads: list[int] = []
    for k, matrix in enumerate(matrices):
        leads.append(next((i for i in sorted(set(leads)) if _moves_alike(matrices[i], matrix)), k))
    return leads


def allows_no_more(matrix: Matrix, other: Matrix) -> bool:
    """Whether every mix of `matrix` is one of `other` with the same worth, so that what bounds `other` bounds it too."""
    return (
        _same_terms(matrix, other)
        and np.array_equal(matrix.value, other.value)
        and np.array_equal(matrix.cost, other.cost)
        and matrix.constant == other.constant
        and bool((matrix.lower >= other.lower).all() and (matrix.upper <= other.upper).all())
        and bool((matrix.row_lower >= other.row_lower).all() and (matrix.row_upper <= other.row_upper).all())
    )


def _same_terms(a: Matrix, b: Matrix) -> bool:
    return (
        (a.row_count, a.column_count, a.sense) == (b.row_count, b.column_count, b.sense)
        and np.array_equal(a.start, b.start)
        and np.array_equal(a.index, b.index)
        and np.array_equal(a.integer, b.integer)
    )


def _moves_alike(a: Matrix, b: Matrix) -> bool:
    """Whether the limits on what moves activity are the same."""
    if not _same_terms(a, b):
        return False
    moved = _columns_named(a, _MOVED)
    outside = np.bincount(a.row_of, weights=~(moved | a.first_stage)[a.index], minlength=a.row_count)
    rows = (outside == 0) & (np.bincount(a.row_of, weights=moved[a.index], minlength=a.row_count) > 0)
    terms = rows[a.row_of]
    return (
        np.array_equal(a.value[terms], b.value[terms])
        and np.array_equal(a.row_lower[rows], b.row_lower[rows])
        and np.array_equal(a.row_upper[rows], b.row_upper[rows])
    )


def _columns_named(matrix: Matrix, names: Sequence[str]) -> Flags:
    mine = np.zeros(matrix.column_count, dtype=bool)
    for family in matrix.columns:
        if family.name in names:
            mine[family.first : family.last] = True
    return mine


def _joined(matrix: Matrix, column: Ints) -> Matrix:
    """The matrix with the columns of one number as one: their costs add up, and all their limits hold."""
    count = int(column.max()) + 1
    lower, upper = np.full(count, -np.inf), np.full(count, np.inf)
    np.maximum.at(lower, column, matrix.lower)
    np.minimum.at(upper, column, matrix.upper)
    whole = np.zeros(count, dtype=bool)
    whole[column[matrix.integer]] = True
    cost: Floats = np.zeros(count)
    np.add.at(cost, column, matrix.cost)
    keys, which = np.unique(matrix.row_of.astype(np.int64) * count + column[matrix.index], return_inverse=True)
    value: Floats = np.zeros(len(keys))
    np.add.at(value, which, matrix.value)
    start = np.concatenate([[0], np.cumsum(np.bincount(keys // count, minlength=matrix.row_count))])
    names = pl.DataFrame({"number": np.arange(count)})
    return replace(
        matrix,
        cost=cost,
        lower=lower,
        upper=upper,
        integer=whole,
        start=start.astype(np.int32),
        index=(keys % count).astype(np.int32),
        value=value,
        columns=(Family("all_futures", 0, count, names, "", "variable {number} over all futures"),),
    )
