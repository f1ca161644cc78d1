"""Water-filling with limits, exactly: the level x at which amounts in proportion to their weights, kept within limits, meet a total.

    amount_i = clip(x * weight_i, lower_i, upper_i)        x such that the amounts add to the total

The sum rises with x, so one level fits. It is found without floats: a trial level is the money left over the weight left,
a ratio of whole numbers; rows which that level would carry past the limit on the side where the sum errs stay there for
good, and the trial is repeated. Because limits are whole pence, the last odd pence (largest remainder, ties by key) cannot
carry a row past them.

Source: G. R. Bitran and A. C. Hax, Disaggregation and resource allocation using convex knapsack problems with bounded
variables, Management Science 27 (1981), 431-441.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import polars as pl

from capitation.errors import FrameError, InfeasibleError
from capitation.money.apportion import split
from capitation.money.pence import pounds_text


@dataclass(frozen=True)
class WaterFill:
    """Amounts that add to the total, and the level that gives them.

    Attributes:
        frame: the rows given, with the Int64 column of amounts.
        level: x, exact; None where every row is at a limit, so that no single level follows from the amounts.
    """

    frame: pl.DataFrame
    level: Fraction | None


def water_fill(
    frame: pl.DataFrame, *, total: int, weight: str, lower: str, upper: str, order_by: Sequence[str], into: str
) -> WaterFill:
    """Whole pence in proportion to weights, each within its limits, adding to `total` exactly.

    Args:
        frame: one row per receiver.
        total: pence to place.
        weight: integer column, at least 0; a row without weight stays at its lower limit.
        lower: integer column in pence, at least 0.
        upper: integer column in pence, not below `lower`; empty means no limit.
        order_by: columns that break ties between equal remainders.
        into: name of the column of amounts.

    Raises:
        InfeasibleError: the lower limits cost more than the total, or the upper limits hold less; the message says by how much.

    Example:
        100 pence over weights 1, 1, 2 with the first kept at or above 40: 40, 20, 40, level 20.
    """
    weights, least, most = (frame.get_column(name).to_list() for name in (weight, lower, upper))
    _check_limits(weights, least, most, total)
    amounts = [lo if w == 0 or lo == hi else None for w, lo, hi in zip(weights, least, most, strict=True)]
    while True:
        free = [row for row, amount in enumerate(amounts) if amount is None]
        left = total - sum(amount for amount in amounts if amount is not None)
        if not free:
            return WaterFill(frame.with_columns(pl.Series(into, amounts, dtype=pl.Int64)), None)
        whole = sum(weights[row] for row in free)
        # what the trial level, left / whole, takes each row past its limits, times `whole`
        below = {row: least[row] * whole - left * weights[row] for row in free}
        above = {row: left * weights[row] - most[row] * whole for row in free if most[row] is not None}
        short, surplus = (sum(max(0, past) for past in side.values()) for side in (below, above))
        if not short and not surplus:
            break
        for side, limit, stays in ((below, least, short >= surplus), (above, most, surplus >= short)):
            for row in (row for row, past in side.items() if stays and past > 0):
                amounts[row] = limit[row]
    keys = list(zip(*(frame.get_column(name).to_list() for name in order_by), strict=True))
    if len({keys[row] for row in free}) < len(free):
        raise FrameError(f"rows share a key: {', '.join(order_by)} must name each row alone")
    free.sort(key=keys.__getitem__)
    for row, share in zip(free, split(left, [weights[row] for row in free]), strict=True):
        amounts[row] = share
    return WaterFill(frame.with_columns(pl.Series(into, amounts, dtype=pl.Int64)), Fraction(left, whole))


def _check_limits(weights: list[int], least: list[int], most: list[int | None], total: int) -> None:
    crossed = sum(hi is not None and lo > hi for lo, hi in zip(least, most, strict=True))
    if crossed:
        raise InfeasibleError(f"{crossed} row(s) have a lower limit above their upper limit")
    lowest = sum(least)
    if lowest > total:
        raise InfeasibleError(
            f"lower limits cost {pounds_text(lowest)} pounds against {pounds_text(total)} to place: "
            f"short by {pounds_text(lowest - total)} pounds"
        )
    highest = _largest(weights, least, most)
    if highest is not None and highest < total:
        raise InfeasibleError(
            f"upper limits hold {pounds_text(highest)} pounds against {pounds_text(total)} to place: "
            f"{pounds_text(total - highest)} pounds cannot be placed"
        )


def largest_placeable(frame: pl.DataFrame, *, weight: str, lower: str, upper: str) -> int | None:
    """The largest total the limits allow in pence; None where some row with weight has no upper limit."""
    return _largest(*(frame.get_column(name).to_list() for name in (weight, lower, upper)))


def _largest(weights: list[int], least: list[int], most: list[int | None]) -> int | None:
    reached = 0
    for weight, lower, upper in zip(weights, least, most, strict=True):
        if weight > 0 and upper is None:
            return None
        reached += upper if weight > 0 and upper is not None else lower
    return reached
