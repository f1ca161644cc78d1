"""A very large programme: whole numbers in parts by interior point, rounded, with a bound that holds for any prices.

    bound = sum of price x limit of each row + sum of what the prices leave to each column x its own limit

By weak duality no mix passes that bound, whatever the prices, so prices that are not quite the best only make it a little
wider. Columns without a limit of their own take the one that rows imply. Most whole numbers come out whole; the rest are rounded, and
the linear programme that is left says what else goes with them.
"""

from __future__ import annotations

import numpy as np

from optimiser.programme.family import Flags, Floats
from optimiser.programme.matrix import Matrix

VERY_LARGE = 150_000
"""From this many columns on, a search for whole numbers starts from the interior point of the programme in parts."""

ROUND_UP_FROM = (0.5, 0.9, 0.1)
"""Parts from which a number is rounded up, tried in this order until some limit keeps."""

_ROUNDS = 6
"""How often limits are carried from rows to columns and back."""


def rounded(matrix: Matrix, values: Floats, up_from: float) -> Floats:
    """The values with whole columns rounded: up from the part given, otherwise down."""
    made = values.copy()
    whole = matrix.integer
    made[whole] = np.clip(np.floor(values[whole] + (1 - up_from) - 1e-6), matrix.lower[whole], matrix.upper[whole])
    return made


def bound_of(matrix: Matrix, prices: Floats) -> float | None:
    """What no mix can pass, by weak duality at any row prices; None where no limit of some column is implied."""
    sign = 1.0 if matrix.sense == "max" else -1.0
    y = sign * prices
    toward = np.where(y > 0, matrix.row_upper, matrix.row_lower)
    y = np.where(np.isfinite(toward), y, 0.0)
    charged = float((y * np.where(y == 0, 0.0, toward)).sum())
    left = sign * matrix.cost - matrix.transposed_product(y)
    lower, upper = matrix.lower, matrix.upper
    if not _all_limited(left, lower, upper):
        lower, upper = implied_limits(matrix)
    if not _all_limited(left, lower, upper):
        return None
    gained = float((left * np.where(left > 0, upper, np.where(left < 0, lower, 0.0))).sum())
    return sign * (charged + gained) + matrix.constant


def _all_limited(left: Floats, lower: Floats, upper: Floats) -> bool:
    return bool(np.isfinite(np.where(left > 0, upper, np.where(left < 0, lower, 0.0))).all())


def implied_limits(matrix: Matrix) -> tuple[Floats, Floats]:
    """Limits of every column that its own and its rows' limits imply; infinite where they imply none."""
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    for _ in range(_ROUNDS):
        before = int(np.isfinite(lower).sum() + np.isfinite(upper).sum())
        _from_rows(matrix, matrix.value > 0, lower, upper)
        if int(np.isfinite(lower).sum() + np.isfinite(upper).sum()) == before:
            break
    return lower, upper


def _from_rows(matrix: Matrix, up: Flags, lower: Floats, upper: Floats) -> None:
    """Give a limit to columns without one: what is left of a row once all its other columns are as low (or as high) as they go."""
    row, column, value = matrix.row_of, matrix.index, matrix.value
    for limit, at_least in ((matrix.row_upper, True), (matrix.row_lower, False)):
        low = up if at_least else ~up
        ends = value * np.where(low, lower[column], upper[column])
        endless = ~np.isfinite(ends)
        others = np.bincount(row, weights=endless, minlength=matrix.row_count)[row] - endless
        sums = np.bincount(row, weights=np.where(endless, 0.0, ends), minlength=matrix.row_count)
        able = (others == 0) & np.isfinite(limit[row])
        able &= ~np.isfinite(np.where(low, upper[column], lower[column]))
        rest = (limit[row[able]] - sums[row[able]] + np.where(endless[able], 0.0, ends[able])) / value[able]
        is_upper = low[able]
        np.minimum.at(upper, column[able][is_upper], rest[is_upper])
        np.maximum.at(lower, column[able][~is_upper], rest[~is_upper])
