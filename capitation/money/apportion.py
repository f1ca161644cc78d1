"""Sharing a total over rows by whole-number weights with the largest-remainder rule, exact to the penny.

    quota_i = total x weight_i / sum(weight)      pence_i = floor(quota_i), then one more penny each to the rows
                                                  with the largest fractions until the total is met; ties by key.

Products are taken in 128-bit integers, so 200 bn pounds over a million weights leaves no error. A negative total is shared as its
positive mirror, so that a recovery undoes a payment penny for penny.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from capitation.errors import Fault, FrameError, NothingToShareError

LARGEST_PENCE = 100_000_000_000_000
"""The largest total shared in one group, in pence (a thousand billion pounds), far inside 64-bit limits."""

LARGEST_WEIGHT = 2**63 - 1
"""The largest sum of weights: 64 bits hold the nation's registered persons in millionths 150,000 times over."""


def apportion(
    frame: pl.DataFrame, *, total: str, weight: str, order_by: Sequence[str], within: Sequence[str] = (), into: str
) -> pl.DataFrame:
    """The rows of `frame`, in their own order, with the Int64 column `into`: each row's whole pence of its group's total.

    Args:
        frame: one row per receiver.
        total: Int64 column with the pence to share, the same on every row of a group.
        weight: integer column, at least 0.
        order_by: columns that break ties between equal remainders; together with `within` they must be unique.
        within: columns that name the group; none means that the whole frame is one group.
        into: name of the new column.

    Raises:
        FrameError: a null, a negative weight, two totals in one group, or a repeated key.
        NothingToShareError: a group has money to share but its weights add to zero.

    Rule: largest remainder (Hamilton), ties by key.

    Example:
        100 pence over weights 1, 1, 1 in order a, b, c gives 34, 33, 33.
    """
    if frame.is_empty():
        return frame.with_columns(pl.lit(None, dtype=pl.Int64).alias(into))
    group = [f"__g{i}" for i in range(len(within))]
    keys = [f"__k{i}" for i in range(len(order_by))]
    work = frame.select(
        *(pl.col(c).alias(g) for c, g in zip(within, group, strict=True)),
        *(pl.col(c).alias(k) for c, k in zip(order_by, keys, strict=True)),
        pl.col(total).alias("__total"),
        pl.col(weight).alias("__weight"),
    ).with_row_index("__row")
    _check_shares(work, frame, total=total, weight=weight, group=group, keys=keys, within=within)
    work = work.with_columns(_per(group, pl.col("__weight").cast(pl.Int128).sum()).alias("__sum"))
    empty = work.filter((pl.col("__sum") == 0) & (pl.col("__total") != 0))
    if empty.height:
        faults = [
            Fault(
                _place(row, within), f"{row['__total']} pence and weights that add to 0", "at least one weight above 0"
            )
            for row in empty.unique(group or None, maintain_order=True).head(10).iter_rows(named=True)
        ]
        raise NothingToShareError(f"nothing to share {total!r} by: {weight!r} adds to 0", faults)
    product = pl.col("__total").abs().cast(pl.Int128) * pl.col("__weight").cast(pl.Int128)
    work = work.with_columns(
        pl.max_horizontal(pl.col("__sum"), pl.lit(1, dtype=pl.Int128)).alias("__by"), product.alias("__product")
    ).with_columns((pl.col("__product") // pl.col("__by")).cast(pl.Int64).alias("__floor"))
    # a remainder is smaller than the sum of weights, and the sum is a 64-bit number: sorting 64 bits is several times faster
    left = (pl.col("__product") - pl.col("__floor").cast(pl.Int128) * pl.col("__by")).cast(pl.Int64)
    odd = pl.col("__total").abs() - _per(group, pl.col("__floor").sum())
    ranked = work.select(
        *group, *keys, "__row", left.alias("__left"), odd.alias("__odd"), (pl.col("__sum") > 0).alias("__shares")
    ).sort([*group, "__left", *keys], descending=[*(False for _ in group), True, *(False for _ in keys)])
    place = _per(group, pl.int_range(pl.len(), dtype=pl.Int64))
    extra = ranked.select("__row", ((place < pl.col("__odd")) & pl.col("__shares")).alias("__extra")).sort("__row")
    pence = (work.get_column("__floor") + extra.get_column("__extra").cast(pl.Int64)) * work.get_column(
        "__total"
    ).sign()
    return frame.with_columns(pence.alias(into))


def _per(group: list[str], value: pl.Expr) -> pl.Expr:
    """`value` within each group, or over the whole frame where there is none."""
    return value.over(group) if group else value


def _check_shares(
    work: pl.DataFrame,
    frame: pl.DataFrame,
    *,
    total: str,
    weight: str,
    group: list[str],
    keys: list[str],
    within: Sequence[str],
) -> None:
    faults: list[Fault] = []
    for name in (total, weight):
        if not frame.schema[name].is_integer():
            faults.append(Fault(f"column {name!r}", f"type {frame.schema[name]}", "whole numbers"))
    if faults:
        raise FrameError("these rows cannot be apportioned", faults)
    for name, col in ((total, "__total"), (weight, "__weight")):
        nulls = work.get_column(col).null_count()
        if nulls:
            faults.append(Fault(f"column {name!r}", f"{nulls} empty values", "a whole number in every row"))
    weights = work.get_column("__weight")
    if (weights.min() or 0) < 0:  # type: ignore[operator]  # an integer column
        faults += [
            Fault(_place(row, within), f"{weight} {row['__weight']}", "a weight of 0 or more")
            for row in work.filter(pl.col("__weight") < 0).head(5).iter_rows(named=True)
        ]
    heaviest = work.select(_per(group, pl.col("__weight").cast(pl.Int128).sum()).max()).item()
    if heaviest is not None and heaviest > LARGEST_WEIGHT:
        faults.append(
            Fault(f"column {weight!r}", "weights that add to more than 64 bits hold", f"at most {LARGEST_WEIGHT}")
        )
    if (work.get_column("__total").abs().max() or 0) > LARGEST_PENCE:  # type: ignore[operator]  # an integer column
        faults.append(
            Fault(f"column {total!r}", "a total above a thousand billion pounds", f"at most {LARGEST_PENCE} pence")
        )
    spread = _per(group, pl.col("__total").max()) != _per(group, pl.col("__total").min())
    for row in work.filter(spread).unique(group or None, maintain_order=True).head(5).iter_rows(named=True):
        faults.append(Fault(_place(row, within), "different totals", "one total in each group"))
    names = work.select(*group, *keys)
    if (names.to_series() if names.width == 1 else names.to_struct()).n_unique() < work.height:
        repeated = work.filter(names.is_duplicated())
        row = repeated.row(0, named=True)
        shown = ", ".join(str(row[k]) for k in keys)
        faults.append(
            Fault(_place(row, within), f"{repeated.height} rows that share a key, such as {shown}", "unique keys")
        )
    if faults:
        raise FrameError("these rows cannot be apportioned", faults)


def _place(row: dict[str, object], within: Sequence[str]) -> str:
    return ", ".join(f"{name} {row[f'__g{i}']}" for i, name in enumerate(within)) or "the whole frame"


def split(total: int, weights: Sequence[int]) -> list[int]:
    """The same rule as `apportion` in plain Python, ties by position: the second way to each share.

    Raises:
        NothingToShareError: `total` is not 0 and all weights are.
    """
    whole = sum(weights)
    if whole == 0:
        if total:
            raise NothingToShareError(f"nothing to share {total} pence by: the weights add to 0")
        return [0 for _ in weights]
    sign = -1 if total < 0 else 1
    quotas = [divmod(abs(total) * weight, whole) for weight in weights]
    odd = abs(total) - sum(floor for floor, _ in quotas)
    first = sorted(range(len(weights)), key=lambda i: (-quotas[i][1], i))[:odd]
    lucky = set(first)
    return [sign * (floor + (i in lucky)) for i, (floor, _) in enumerate(quotas)]
