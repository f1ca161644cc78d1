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

from capitation.errors import InfeasibleError
from capitation.money.apportion import apportion
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
    rows = frame.select(
        *order_by,
        pl.col(weight).cast(pl.Int128).alias("__w"),
        pl.col(lower).cast(pl.Int128).alias("__lo"),
        pl.col(upper).cast(pl.Int128).alias("__hi"),
    ).with_row_index("__row")
    _check_limits(rows, total)
    fixed = pl.when((pl.col("__w") == 0) | (pl.col("__lo") == pl.col("__hi"))).then(pl.col("__lo"))
    rows = rows.with_columns(fixed.cast(pl.Int128).alias("__held"))
    while True:
        left = total - int(rows.get_column("__held").sum())
        free = rows.filter(pl.col("__held").is_null())
        if free.is_empty():
            return WaterFill(_with_amounts(frame, rows.with_columns(pl.col("__held").alias("__amount")), into), None)
        weights = int(free.get_column("__w").sum())
        reach = pl.col("__w") * pl.lit(left, dtype=pl.Int128)
        below = (pl.col("__lo") * pl.lit(weights, dtype=pl.Int128) - reach).clip(lower_bound=0)
        above = (reach - pl.col("__hi") * pl.lit(weights, dtype=pl.Int128)).clip(lower_bound=0).fill_null(0)
        open_row = pl.col("__held").is_null()
        rows = rows.with_columns(
            pl.when(open_row).then(below).otherwise(pl.lit(0, dtype=pl.Int128)).alias("__below"),
            pl.when(open_row).then(above).otherwise(pl.lit(0, dtype=pl.Int128)).alias("__above"),
        )
        short, surplus = int(rows.get_column("__below").sum()), int(rows.get_column("__above").sum())
        if short == 0 and surplus == 0:
            break
        keep = pl.col("__held")
        if short >= surplus:
            keep = pl.when(pl.col("__below") > 0).then(pl.col("__lo")).otherwise(keep)
        if surplus >= short:
            keep = pl.when(pl.col("__above") > 0).then(pl.col("__hi")).otherwise(keep)
        rows = rows.with_columns(keep.alias("__held"))
    shared = apportion(
        free.select(*order_by, "__row", pl.col("__w").cast(pl.Int64), pl.lit(left, dtype=pl.Int64).alias("__left")),
        total="__left",
        weight="__w",
        order_by=order_by,
        into="__share",
    ).select("__row", "__share")
    rows = rows.join(shared, on="__row", how="left", validate="1:1", maintain_order="left")
    rows = rows.with_columns(pl.coalesce(pl.col("__held"), pl.col("__share").cast(pl.Int128)).alias("__amount"))
    return WaterFill(_with_amounts(frame, rows, into), Fraction(left, weights))


def _check_limits(rows: pl.DataFrame, total: int) -> None:
    crossed = rows.filter(pl.col("__lo") > pl.col("__hi")).height
    if crossed:
        raise InfeasibleError(f"{crossed} row(s) have a lower limit above their upper limit")
    lowest = int(rows.get_column("__lo").sum())
    if lowest > total:
        raise InfeasibleError(
            f"lower limits cost {pounds_text(lowest)} pounds against {pounds_text(total)} to place: "
            f"short by {pounds_text(lowest - total)} pounds"
        )
    most = largest_placeable(rows, weight="__w", lower="__lo", upper="__hi")
    if most is not None and most < total:
        raise InfeasibleError(
            f"upper limits hold {pounds_text(most)} pounds against {pounds_text(total)} to place: "
            f"{pounds_text(total - most)} pounds cannot be placed"
        )


def largest_placeable(frame: pl.DataFrame, *, weight: str, lower: str, upper: str) -> int | None:
    """The largest total the limits allow in pence; None where some row with weight has no upper limit."""
    can_grow = pl.col(weight) > 0
    if frame.select((can_grow & pl.col(upper).is_null()).any()).item():
        return None
    return int(frame.select(pl.when(can_grow).then(pl.col(upper)).otherwise(pl.col(lower)).sum()).item() or 0)


def _with_amounts(frame: pl.DataFrame, rows: pl.DataFrame, into: str) -> pl.DataFrame:
    return frame.with_columns(rows.sort("__row").get_column("__amount").cast(pl.Int64).alias(into))
