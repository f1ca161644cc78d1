"""What a programme settles by itself: columns that its limits leave one value, and rows that cannot bind, are not handed to a solver.

    a row whose least possible activity is its ceiling (or whose largest is its floor) leaves each of its columns one end

With whole numbers fixed most of a very large programme is settled so: what is not started has no scale, no effect and no credit.
A solver's own presolve finds the same, but only once it has several copies of everything in memory. Prices of the whole follow from
those of the rest, the rows that settled something taken backwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from optimiser.engines.answer import Answer
from optimiser.engines.certify import certify
from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix

SETTLE_FROM = 150_000
"""From this many columns on a linear programme is settled before it is handed over."""

_ROUNDS = 12
_FEW = 1e-4
"""A round that settles a smaller share of the columns is the last: a solver finds the rest as quickly."""
_HAIR = 1e-9
_BROKEN = 1e-6

_Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RestOfProgramme:
    """The rest of a linear programme, and what its limits settled."""

    whole: Matrix
    """The programme it is the rest of."""
    rest: Matrix
    columns: _Ids
    """The columns of the rest."""
    rows: _Ids
    """The rows of the rest."""
    settled: Floats
    """The value of each column that is settled; 0 for the rest."""
    rounds: tuple[tuple[_Ids, _Ids], ...]
    """By round: the columns that were settled, and the row that settled each."""

    def values(self, rest: Floats) -> Floats:
        """Values of all columns from those of the rest."""
        found = self.settled.copy()
        found[self.columns] = rest
        return found

    def prices(self, rest: Floats) -> Floats:
        """Prices of all rows from those of the rest."""
        matrix = self.whole
        sign = 1.0 if matrix.sense == "max" else -1.0
        y = np.zeros(matrix.row_count)
        y[self.rows] = rest
        for columns, rows in reversed(self.rounds):
            left = sign * (matrix.cost[columns] - matrix.transposed_product(y)[columns])
            each = _coefficients(matrix, columns, rows)
            wanted = left / each
            up = np.zeros(matrix.row_count)
            down = np.zeros(matrix.row_count)
            # each column leans away from its end by `left`; the row that settled it charges just enough
            low = self.settled[columns] <= matrix.lower[columns]
            leans = np.where(low, left > 0, left < 0)
            np.maximum.at(up, rows[leans], wanted[leans])
            np.minimum.at(down, rows[leans], wanted[leans])
            y += sign * np.where(up > -down, up, down)
        return y

    def answer(self, found: Answer) -> Answer:
        """The answer to the whole from the answer to the rest, its prices certified again."""
        whole = self.whole
        if found.values is None:
            return replace(found, matrix=whole)
        values = self.values(found.values)
        answer = replace(found, matrix=whole, values=values, prices=None)
        if found.prices is None:
            return answer
        y = self.prices(found.prices.rows)
        certificate = certify(whole, values, y)
        if not certificate.holds:
            return replace(answer, no_prices_because=f"the prices failed their check: {certificate.reason}")
        moved = whole.product(self.settled)[self.rows]
        lowest, highest = np.full(whole.row_count, np.nan), np.full(whole.row_count, np.nan)
        lowest[self.rows], highest[self.rows] = found.prices.lowest + moved, found.prices.highest + moved
        left = whole.cost - whole.transposed_product(y)
        prices = replace(found.prices, rows=y, columns=left, certificate=certificate, lowest=lowest, highest=highest)
        return replace(answer, prices=prices)


def settle(matrix: Matrix) -> RestOfProgramme | None:
    """The rest of a linear programme once its limits have settled what they can; None where they contradict each other."""
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    row, column, value = matrix.row_of, matrix.index, matrix.value
    rounds: list[tuple[_Ids, _Ids]] = []
    for _ in range(_ROUNDS):
        least, most = _activity(matrix, lower, upper)
        forced = np.isfinite(matrix.row_upper) & (least >= matrix.row_upper - _hair(matrix.row_upper))
        forced_up = np.isfinite(matrix.row_lower) & (most <= matrix.row_lower + _hair(matrix.row_lower)) & ~forced
        mine = (forced | forced_up)[row] & (lower < upper)[column]
        if not mine.any():
            break
        at_low = forced[row[mine]] == (value[mine] > 0)
        ids, by = column[mine].astype(np.int64), row[mine].astype(np.int64)
        first = np.unique(ids, return_index=True)[1]
        ids, by, at_low = ids[first], by[first], at_low[first]
        upper[ids[at_low]] = lower[ids[at_low]]
        lower[ids[~at_low]] = upper[ids[~at_low]]
        rounds.append((ids, by))
        if len(ids) < _FEW * matrix.column_count:
            break
    least, most = _activity(matrix, lower, upper)
    worse = _BROKEN / _HAIR
    if (least > matrix.row_upper + worse * _hair(matrix.row_upper)).any():
        return None
    if (most < matrix.row_lower - worse * _hair(matrix.row_lower)).any():
        return None
    free = lower < upper
    binds = (most > matrix.row_upper) | (least < matrix.row_lower)
    terms = np.flatnonzero(free[column] & binds[row])
    has = np.zeros(matrix.row_count, dtype=bool)
    has[row[terms]] = True
    columns, rows = np.flatnonzero(free), np.flatnonzero(has)
    settled = np.where(free, 0.0, lower)
    moved = matrix.product(settled)[rows]
    return RestOfProgramme(
        matrix,
        _rest(matrix, columns, rows, terms, moved, float(matrix.cost @ settled)),
        columns,
        rows,
        settled,
        tuple(rounds),
    )


def _hair(limit: Floats) -> Floats:
    return np.where(np.isfinite(limit), _HAIR * np.maximum(1.0, np.abs(limit)), 0.0)


def _activity(matrix: Matrix, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """The least and the largest that each row can come to."""
    row, column, value = matrix.row_of, matrix.index, matrix.value
    up = value > 0
    low, high = value * np.where(up, lower[column], upper[column]), value * np.where(up, upper[column], lower[column])
    least: Floats = np.bincount(row, weights=low, minlength=matrix.row_count).astype(np.float64, copy=False)
    most: Floats = np.bincount(row, weights=high, minlength=matrix.row_count).astype(np.float64, copy=False)
    return least, most


def _coefficients(matrix: Matrix, columns: _Ids, rows: _Ids) -> Floats:
    """The coefficient of each column in the row beside it."""
    wanted = np.full(matrix.column_count, -1, dtype=np.int64)
    wanted[columns] = rows
    mine = np.flatnonzero(wanted[matrix.index] == matrix.row_of)
    found = np.ones(matrix.column_count)
    found[matrix.index[mine]] = matrix.value[mine]
    return found[columns]


def _rest(matrix: Matrix, columns: _Ids, rows: _Ids, terms: _Ids, moved: Floats, constant: float) -> Matrix:
    new_column = np.zeros(matrix.column_count, dtype=np.int32)
    new_column[columns] = np.arange(len(columns), dtype=np.int32)
    new_row = np.zeros(matrix.row_count, dtype=np.int32)
    new_row[rows] = np.arange(len(rows), dtype=np.int32)
    at = new_row[matrix.row_of[terms]]
    return Matrix(
        cost=matrix.cost[columns],
        lower=matrix.lower[columns],
        upper=matrix.upper[columns],
        integer=np.zeros(len(columns), dtype=bool),
        row_lower=matrix.row_lower[rows] - moved,
        row_upper=matrix.row_upper[rows] - moved,
        start=np.concatenate([[0], np.cumsum(np.bincount(at, minlength=len(rows)))]).astype(np.int32),
        index=new_column[matrix.index[terms]],
        value=matrix.value[terms],
        sense=matrix.sense,
        constant=matrix.constant + constant,
        columns=(),
        rows=(),
        scale=matrix.scale,
    )
