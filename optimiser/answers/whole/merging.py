"""Localities that send their patients to the same providers in the same shares, put together for a search.

    credit, hazard, avoided and received of a group of alike localities are summed, and so are their rows;
    a hazard counts in units of its cell (eligible x hazard), so that cells add up; floors between localities are left out

A sum of rows is always a relaxation, so the best of the merged programme is a proved bound on the best of the full one.
Starts, launches and blocks stay as they are: a choice made in the merged programme is a choice in the full one.
Where columns of a group differ nothing is merged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from optimiser.blocks.flows import FLOWS
from optimiser.problem.document import Problem
from optimiser.programme.family import Family, Floats, Ints
from optimiser.programme.matrix import Matrix

_AGREE = 1e-9
"""Columns of a group that differ by less than this part of their largest coefficient are alike."""

_LEFT_OUT = ("equity", "system_benefit_sum")
_BY_PLACE = ("receiving_capacity",)
"""Rows that name their locality in the column `place`."""


@dataclass(frozen=True)
class Merged:
    """A smaller programme whose best is a bound on the full one's."""

    matrix: Matrix
    column: Ints
    """The merged column of each column of the full programme."""
    scale: Floats
    """How many of the merged column's units one of the full column's units is."""

    def of(self, values: Floats) -> Floats:
        """A mix of the full programme as a mix of the merged one."""
        summed = np.bincount(self.column, weights=values * self.scale, minlength=self.matrix.column_count)
        return summed.astype(np.float64, copy=False)


def alike_localities(problem: Problem) -> dict[str, str]:
    """For each locality the first one with the same shares of every point of delivery at every provider."""
    shares: dict[str, list[tuple[str, str, float]]] = {locality.id: [] for locality in problem.localities}
    for row in FLOWS.of(problem):
        shares.setdefault(row.locality, []).append((row.provider, row.point_of_delivery, float(row.share)))
    first: dict[tuple[tuple[str, str, float], ...], str] = {}
    return {place: first.setdefault(tuple(sorted(mine)), place) for place, mine in shares.items()}


def merge(matrix: Matrix, like: dict[str, str]) -> Merged | None:
    """The programme with alike localities put together; None where none are alike, or where their columns differ."""
    if len(set(like.values())) == len(like):
        return None
    columns, column = _put_together([(f, _named(f, "locality")) for f in matrix.columns], like)
    kept = [(f, _named(f, "place" if f.name in _BY_PLACE else "locality")) for f in matrix.rows]
    rows, row = _put_together([(f, by) for f, by in kept if f.name not in _LEFT_OUT], like)
    keep = np.concatenate([np.full(f.count, f.name not in _LEFT_OUT) for f in matrix.rows] or [np.zeros(0, bool)])
    joined = np.bincount(column, minlength=sum(f.count for f in columns)) > 1
    if not joined.any() or matrix.integer[joined[column]].any():
        return None
    scale, times = _units(matrix)
    row_count = sum(f.count for f in rows)
    new_row = np.full(matrix.row_count, -1, dtype=np.int64)
    new_row[keep] = row
    first = np.unique(column, return_index=True)[1].astype(np.int32)
    summed = _summed(matrix, new_row, column, times, scale)
    if summed is None:
        return None
    at, index, value = summed
    start = np.concatenate([[0], np.cumsum(np.bincount(at, minlength=row_count))]).astype(np.int32)
    measures = {}
    for name, m in matrix.measures.items():
        vector = m.vector / scale
        if _alike(vector, vector[first][column]):
            measures[name] = replace(m, vector=vector[first])
    cost = matrix.cost / scale
    if not _alike(cost, cost[first][column]):
        return None
    made = replace(
        matrix,
        cost=cost[first],
        lower=_sums(column, matrix.lower * scale, len(first)),
        upper=_sums(column, matrix.upper * scale, len(first)),
        integer=matrix.integer[first].copy(),
        row_lower=_sums(row, (matrix.row_lower * times)[keep], row_count),
        row_upper=_sums(row, (matrix.row_upper * times)[keep], row_count),
        start=start,
        index=index.astype(np.int32),
        value=value,
        columns=columns,
        rows=rows,
        measures=measures,
    )
    return Merged(made, column, scale)


def _named(family: Family, by: str) -> str | None:
    return by if by in family.index.columns and not family.first_stage else None


def _put_together(families: list[tuple[Family, str | None]], like: dict[str, str]) -> tuple[tuple[Family, ...], Ints]:
    """The families with alike localities as one, and the new id of each member."""
    made, ids, first = [], [np.zeros(0, dtype=np.int32)], 0
    for family, by in families:
        if by is None or not family.count:
            made.append(replace(family, first=first))
            ids.append(np.arange(first, first + family.count, dtype=np.int32))
        else:
            named = family.index.with_columns(pl.col(by).cast(pl.String).replace(like))
            unique = named.unique(maintain_order=True)
            numbered = unique.with_columns(pl.int_range(pl.len(), dtype=pl.Int32).alias("__id"))
            found = named.join(numbered, on=named.columns, how="left", maintain_order="left", nulls_equal=True)
            made.append(replace(family, first=first, count=unique.height, index=unique))
            ids.append(found["__id"].to_numpy() + np.int32(first))
        first = made[-1].last
    return tuple(made), np.concatenate(ids)


def _units(matrix: Matrix) -> tuple[Floats, Floats]:
    """What each column and each row is multiplied by so that hazards count in units of their cell."""
    scale, times = np.ones(matrix.column_count), np.ones(matrix.row_count)
    named = {f.name: f for f in matrix.columns}
    rows = {f.name: f for f in matrix.rows}
    hazard = named.get("hazard")
    if hazard is None or not hazard.count or not {"overlap_not_hidden", "hazard_sum"} <= set(rows):
        return scale, times
    for name, target in (("overlap_not_hidden", "column"), ("hazard_sum", "row")):
        family = rows[name]
        terms = slice(matrix.start[family.first], matrix.start[family.last])
        mine = (matrix.index[terms] >= hazard.first) & (matrix.index[terms] < hazard.last)
        cols, of, values = matrix.index[terms][mine], matrix.row_of[terms][mine], matrix.value[terms][mine]
        if target == "column":
            scale[cols] = np.where(values == 0, 1.0, np.abs(values))
        else:
            times[of] = scale[cols]
    return scale, times


def _summed(
    matrix: Matrix, new_row: npt.NDArray[np.int64], column: Ints, times: Floats, scale: Floats
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats] | None:
    """Row, column and value of each coefficient of the merged programme; None where columns of a group differ."""
    at = new_row[matrix.row_of]
    kept = at >= 0
    width = np.int64(matrix.column_count)
    value = (matrix.value * times[matrix.row_of] / scale[matrix.index])[kept]
    # rows of a group added up, each column still by itself
    keys, which = np.unique(at[kept] * width + matrix.index[kept], return_inverse=True)
    sums = np.bincount(which, weights=value, minlength=len(keys))
    rows, old = keys // width, keys % width
    # columns of a group side by side: they must all say the same, and a column that says nothing says 0
    pairs, group = np.unique(rows * width + column[old], return_inverse=True)
    size = np.bincount(column, minlength=matrix.column_count)[pairs % width]
    whole = np.bincount(group, minlength=len(pairs)) == size
    low, high = np.full(len(pairs), np.inf), np.full(len(pairs), -np.inf)
    np.minimum.at(low, group, sums)
    np.maximum.at(high, group, sums)
    low, high = np.where(whole, low, np.minimum(low, 0.0)), np.where(whole, high, np.maximum(high, 0.0))
    largest = float(np.abs(sums).max(initial=0.0))
    if float((high - low).max(initial=0.0)) > _AGREE * max(1.0, largest):
        return None
    mean: Floats = np.bincount(group, weights=sums, minlength=len(pairs)) / size
    return pairs // width, pairs % width, mean


def _alike(a: Floats, b: Floats) -> bool:
    return bool(np.abs(a - b).max(initial=0.0) <= _AGREE * max(1.0, float(np.abs(a).max(initial=0.0))))


def _sums(group: Ints, values: Floats, size: int) -> Floats:
    sums: Floats = np.zeros(size)
    np.add.at(sums, group, values)
    return sums
