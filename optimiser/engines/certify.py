"""Certificates: proof, by arithmetic alone, that shadow prices are right for the mix they are reported with.

With prices y and what they leave on the columns, d = cost - A'y, a pair (v, y) is optimal exactly when

    v keeps every limit;  each price leans only on a limit that binds;  each d leans only on a bound that binds.

Nothing of the solver's own report is used, so a wrong sign or a price of another programme cannot pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimiser.programme.family import Floats
from optimiser.programme.matrix import Matrix

TOLERANCE = 1e-6
"""The largest relative miss at which a certificate holds."""


@dataclass(frozen=True)
class Certificate:
    """How well a mix and its prices satisfy the conditions of optimality; each number is a relative miss."""

    primal_infeasibility: float
    dual_infeasibility: float
    complementarity: float
    duality_gap: float

    @property
    def holds(self) -> bool:
        """Whether every condition is met to 1e-6."""
        return self.worst <= TOLERANCE

    @property
    def worst(self) -> float:
        """The largest miss."""
        return max(self.primal_infeasibility, self.dual_infeasibility, self.complementarity, self.duality_gap)

    @property
    def reason(self) -> str:
        """Why it does not hold, in words; empty where it does."""
        if self.holds:
            return ""
        parts = [
            ("the mix misses a limit", self.primal_infeasibility),
            ("a price has the wrong sign for its limit", self.dual_infeasibility),
            ("a price leans on a limit that does not bind", self.complementarity),
            ("the prices do not add up to the objective", self.duality_gap),
        ]
        return "; ".join(f"{text} by {miss:.2g}" for text, miss in parts if miss > TOLERANCE)


def certify(
    matrix: Matrix, values: Floats, prices: Floats, lower: Floats | None = None, upper: Floats | None = None
) -> Certificate:
    """The certificate of `prices` for `values` in the linear programme of `matrix`.

    Args:
        matrix: the programme; columns marked whole are treated as continuous within their bounds.
        values: one value a column.
        prices: one price a row: change of the objective per unit more of the right-hand side.
        lower: column floors to use instead of the matrix's, as when whole columns are fixed.
        upper: column ceilings to use instead of the matrix's.

    Example:
        Maximise 3a with a <= 2: a = 2 and a price of 3 certify; a price of -3 does not.
    """
    lower = matrix.lower if lower is None else lower
    upper = matrix.upper if upper is None else upper
    sign = 1.0 if matrix.sense == "max" else -1.0
    activity = matrix.product(values)
    left = sign * (matrix.cost - matrix.transposed_product(prices))
    lean = sign * prices
    cost_size = 1.0 + float(np.abs(matrix.cost).max(initial=0.0))
    # a price's own size decides what counts as "no lean": rounding of the sum that makes d is relative to its parts
    part_size = 1.0 + np.abs(matrix.cost) + _column_size(matrix, prices)
    objective = float(matrix.cost @ values)
    row_miss, row_wrong, row_product, row_dual = _lean(
        lean, activity, matrix.row_lower, matrix.row_upper, np.full(matrix.row_count, cost_size)
    )
    col_miss, col_wrong, col_product, col_dual = _lean(left, values, lower, upper, part_size)
    money = 1.0 + abs(objective)
    return Certificate(
        primal_infeasibility=max(row_miss, col_miss),
        dual_infeasibility=max(row_wrong, col_wrong),
        complementarity=max(row_product, col_product) / money,
        duality_gap=abs(sign * objective - row_dual - col_dual) / money,
    )


def _column_size(matrix: Matrix, prices: Floats) -> Floats:
    size = np.abs(matrix.value * prices[matrix.row_of])
    sums = np.bincount(matrix.index, weights=size, minlength=matrix.column_count)
    return sums.astype(np.float64, copy=False)


def _lean(lean: Floats, at: Floats, low: Floats, high: Floats, size: Floats) -> tuple[float, float, float, float]:
    """Largest relative breach of a limit, of a sign, of complementarity; and the sum of lean times limit."""
    if not len(at):
        return 0.0, 0.0, 0.0, 0.0
    room_up, room_down = high - at, at - low
    limit = 1.0 + np.maximum(
        np.where(np.isfinite(high), np.abs(high), 0.0), np.where(np.isfinite(low), np.abs(low), 0.0)
    )
    breach = np.maximum(0.0, -np.minimum(room_up, room_down)) / np.maximum(limit, 1.0 + np.abs(at))
    up, down = np.maximum(lean, 0.0), np.maximum(-lean, 0.0)
    wrong = np.maximum(np.where(np.isfinite(high), 0.0, up), np.where(np.isfinite(low), 0.0, down)) / size
    held_up, held_down = np.isfinite(high), np.isfinite(low)
    product = np.maximum(
        np.where(held_up, up * np.abs(np.where(held_up, room_up, 0.0)), 0.0),
        np.where(held_down, down * np.abs(np.where(held_down, room_down, 0.0)), 0.0),
    )
    dual = float(np.sum(np.where(held_up, up * np.where(held_up, high, 0.0), 0.0)))
    dual -= float(np.sum(np.where(held_down, down * np.where(held_down, low, 0.0), 0.0)))
    return float(breach.max()), float(wrong.max()), float(product.max()), dual
