"""Prices for a very large programme, place by place: those of common limits from some places, the rest from each place by itself.

Rows and columns that name no locality and no place are common (budgets, staff, what a provider loses). Without them the programme
falls apart.

    some places, with their part of every common limit       prices of the common rows
    each group of places, common rows charged at those       prices of its own rows, and what it would buy

Any prices give a bound, by weak duality; these are near the best ones where the places are many and not too unlike.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from optimiser.engines import highs
from optimiser.programme.core import ALL
from optimiser.programme.family import Family, Flags, Floats
from optimiser.programme.matrix import Matrix

FEWEST_PLACES = 10
"""With fewer places the prices of some are no guide to those of all."""

SAMPLE_COLUMNS = 60_000
"""About how many columns the places have from which the common prices are read."""

GROUP_COLUMNS = 15_000
"""About how many columns are solved at a time."""

_Numbers = npt.NDArray[np.int64]


def by_places(matrix: Matrix, *, time_limit: float | None = None) -> tuple[Floats, Floats] | None:
    """What each place would buy at common prices, and the price of every row; None where the places are few or hang together, or there was no time."""
    began = time.perf_counter()
    place, rows = _places(matrix)
    count = int(place.max(initial=-1)) + 1
    if count < FEWEST_PLACES or 10 * int((rows < 0).sum()) > matrix.row_count:
        return None
    size = np.bincount(place[place >= 0], minlength=count)
    order = np.random.default_rng(1).permutation(count)
    sampled = order[: max(FEWEST_PLACES, int(np.searchsorted(np.cumsum(size[order]), SAMPLE_COLUMNS)) + 1)]
    inside = _solved(_sample(matrix, place, rows, sampled, count), time_limit)
    if inside is None:
        return None
    values, prices = np.zeros(matrix.column_count), np.zeros(matrix.row_count)
    common = rows < 0
    prices[common] = inside[1][: int(common.sum())]
    charged = matrix.cost - matrix.transposed_product(prices)
    ends = np.cumsum(size)
    groups = np.split(np.arange(count), np.searchsorted(ends, np.arange(GROUP_COLUMNS, ends[-1], GROUP_COLUMNS)))
    group_of = np.full(count + 1, -1)  # the last for what is common, at -1
    for number, members in enumerate(groups):
        group_of[members] = number
    of_column, of_row = group_of[place], group_of[rows]
    of_term = of_row[matrix.row_of]
    for number in range(len(groups)):
        left = None if time_limit is None else time_limit - (time.perf_counter() - began)
        if left is not None and left <= 0:
            return None
        mine, own = np.flatnonzero(of_column == number), np.flatnonzero(of_row == number)
        if not len(mine):
            continue
        part = _part(matrix, mine, own, np.flatnonzero(of_term == number), charged)
        found = _solved(part, left)
        if found is None:
            return None
        values[mine], prices[own] = found
    return values, prices


def _places(matrix: Matrix) -> tuple[_Numbers, _Numbers]:
    """The number of the place of each column and of each row; -1 for what is common."""
    numbers: dict[str, int] = {}
    columns = np.concatenate([_numbered(f, numbers) for f in matrix.columns])
    rows = np.concatenate([_numbered(f, numbers) for f in matrix.rows])
    other = columns[matrix.index] != rows[matrix.row_of]
    rows[np.unique(matrix.row_of[other])] = -1
    return columns, rows


def _numbered(family: Family, numbers: dict[str, int]) -> _Numbers:
    by = next((name for name in ("locality", "place") if name in family.index.columns), None)
    if by is None or not family.count:
        return np.full(family.count, -1, dtype=np.int64)
    names = family.index[by].cast(str)
    known = {
        name: -1 if name == ALL else numbers.setdefault(name, len(numbers))
        for name in names.unique(maintain_order=True)
    }
    return names.replace_strict(known).to_numpy().astype(np.int64)


def _sample(matrix: Matrix, place: _Numbers, rows: _Numbers, sampled: _Numbers, count: int) -> Matrix:
    """The common rows and some places, with their part of every common limit; common rows come first."""
    chosen = np.append(np.isin(np.arange(count), sampled), True)
    columns = np.flatnonzero(chosen[place])
    kept = np.concatenate([np.flatnonzero(rows < 0), np.flatnonzero((rows >= 0) & chosen[rows])])
    part = len(sampled) / count
    wide = np.where(rows < 0, part, 1.0)
    broad = np.where(place < 0, part, 1.0)
    scaled = replace(
        matrix,
        row_lower=matrix.row_lower * wide,
        row_upper=matrix.row_upper * wide,
        lower=matrix.lower * broad,
        upper=matrix.upper * broad,
    )
    has: Flags = np.zeros(matrix.row_count, dtype=bool)
    has[kept] = True
    takes: Flags = np.zeros(matrix.column_count, dtype=bool)
    takes[columns] = True
    terms = np.flatnonzero(has[matrix.row_of] & takes[matrix.index])
    return _part(scaled, columns, kept, terms, matrix.cost)


def _part(matrix: Matrix, columns: _Numbers, rows: _Numbers, terms: _Numbers, cost: Floats) -> Matrix:
    """A programme of some of the columns and rows, in the order given, with the terms of both."""
    new_column = np.zeros(matrix.column_count, dtype=np.int32)
    new_column[columns] = np.arange(len(columns), dtype=np.int32)
    new_row = np.zeros(matrix.row_count, dtype=np.int32)
    new_row[rows] = np.arange(len(rows), dtype=np.int32)
    at = new_row[matrix.row_of[terms]]
    order = np.argsort(at, kind="stable")
    return Matrix(
        cost=cost[columns],
        lower=matrix.lower[columns],
        upper=matrix.upper[columns],
        integer=np.zeros(len(columns), dtype=bool),
        row_lower=matrix.row_lower[rows],
        row_upper=matrix.row_upper[rows],
        start=np.concatenate([[0], np.cumsum(np.bincount(at, minlength=len(rows)))]).astype(np.int32),
        index=new_column[matrix.index[terms]][order],
        value=matrix.value[terms][order],
        sense=matrix.sense,
        constant=0.0,
        columns=(),
        rows=(),
    )


def _solved(part: Matrix, time_limit: float | None) -> tuple[Floats, Floats] | None:
    """Values and row prices of a linear programme."""
    return highs.HighsSession(part).interior(time_limit)
