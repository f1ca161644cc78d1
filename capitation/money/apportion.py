"""Sharing a total over rows by weights of any scale with the largest-remainder rule, exact to the penny.

    quota_i = total x weight_i / sum(weight)      pence_i = floor(quota_i), then one more penny each to the rows
                                                  with the largest fractions until the total is met; ties by key.

Weights are whole numbers, decimals or floats; `capitation/money/weights.py` makes them whole without rounding. Products are taken in
128-bit integers, and in Python's own where 128 bits are too few, so 200 bn pounds over a million weights leaves no error and weights
from 1e-9 to 1e15 stand side by side. A negative total is shared as its positive mirror, so that a recovery undoes a payment penny for
penny.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import cast

import numpy as np
import polars as pl

from capitation.errors import Fault, FrameError, NothingToShareError
from capitation.money.weights import Number, exact_weights, whole_weights

LARGEST_PENCE = 100_000_000_000_000
"""The largest total shared in one group, in pence (a thousand billion pounds), far inside 64-bit limits."""

_FEW = 1000
"""Rows up to which Python's own numbers are quicker than a frame's."""
_QUICK = 2.0**61
_SLICE = 16_384
_HALF_EXACT = 2**53
"""Whole weights below this are exact as floats, and so is the estimate of their floor to within one."""

_BITS_128 = 2**126
"""What the product of a total and a weight, and twice a sum of weights, may reach in 128 bits."""


def apportion(
    frame: pl.DataFrame, *, total: str, weight: str, order_by: Sequence[str], within: Sequence[str] = (), into: str
) -> pl.DataFrame:
    """The rows of `frame`, in their own order, with the Int64 column `into`: each row's whole pence of its group's total.

    Args:
        frame: one row per receiver.
        total: Int64 column with the pence to share, the same on every row of a group.
        weight: column of numbers, at least 0: whole, decimal or float.
        order_by: columns that break ties between equal remainders; together with `within` they must be unique.
        within: columns that name the group; none means that the whole frame is one group.
        into: name of the new column.

    Raises:
        FrameError: a null, a weight that is negative or no number, two totals in one group, or a repeated key.
        NothingToShareError: a group has money to share but its weights add to zero.

    Rule: largest remainder (Hamilton), ties by key.

    Example:
        100 pence over weights 1, 1, 1 in order a, b, c gives 34, 33, 33.
    """
    if frame.is_empty():
        return frame.with_columns(pl.lit(None, dtype=pl.Int64).alias(into))
    if frame.height <= _FEW:
        few = _of_few(frame, total=total, weight=weight, order_by=order_by, within=within)
        if few is not None:
            return frame.with_columns(few.alias(into))
    group = [f"__g{i}" for i in range(len(within))]
    keys = [f"__k{i}" for i in range(len(order_by))]
    work = frame.select(
        *(pl.col(c).alias(g) for c, g in zip(within, group, strict=True)),
        *(pl.col(c).alias(k) for c, k in zip(order_by, keys, strict=True)),
        pl.col(total).alias("__total"),
        pl.col(weight).alias("__weight"),
    ).with_row_index("__row")
    _check_shares(work, frame, total=total, weight=weight, group=group, keys=keys, within=within)
    _check_sums(work, total=total, weight=weight, group=group, within=within)
    quick = _quickly(work, keys) if not group else None
    if quick is not None:
        return frame.with_columns(quick.alias(into))
    whole = whole_weights(work.get_column("__weight"))
    lowest, highest = _ends(work.get_column("__total"))
    most = max(-lowest, highest)
    if whole is None or max(most, 1) * float(whole.cast(pl.Float64).sum()) * 1.01 >= _BITS_128:
        return frame.with_columns(_at_any_scale(work, group, keys).alias(into))
    work = work.with_columns(whole.alias("__weight"))
    work = work.with_columns(_per(group, pl.col("__weight").sum()).alias("__sum"))
    product = pl.col("__total").abs().cast(pl.Int128) * pl.col("__weight")
    work = work.with_columns(
        pl.max_horizontal(pl.col("__sum"), pl.lit(1, dtype=pl.Int128)).alias("__by"), product.alias("__product")
    ).with_columns((pl.col("__product") // pl.col("__by")).cast(pl.Int64).alias("__floor"))
    left = pl.col("__product") - pl.col("__floor").cast(pl.Int128) * pl.col("__by")
    if (
        cast("int", work.get_column("__sum").max()) < 2**63
    ):  # a remainder is smaller than the sum of weights; 64 bits sort faster
        left = left.cast(
            pl.Int64
        )  # a remainder is smaller than the sum of weights; sorting 64 bits is several times faster
    odd = pl.col("__total").abs() - _per(group, pl.col("__floor").sum())
    ranked = work.select(
        *group, *keys, "__row", left.alias("__left"), odd.alias("__odd"), (pl.col("__sum") > 0).alias("__shares")
    ).sort([*group, "__left", *keys], descending=[*(False for _ in group), True, *(False for _ in keys)])
    rank = _per(group, pl.int_range(pl.len(), dtype=pl.Int64))
    extra = ranked.select("__row", ((rank < pl.col("__odd")) & pl.col("__shares")).alias("__extra")).sort("__row")
    pence = (work.get_column("__floor") + extra.get_column("__extra").cast(pl.Int64)) * work.get_column(
        "__total"
    ).sign()
    return frame.with_columns(pence.alias(into))


def _of_few(
    frame: pl.DataFrame, *, total: str, weight: str, order_by: Sequence[str], within: Sequence[str]
) -> pl.Series | None:
    """The shares of a few rows in Python's own whole numbers; None where something is amiss, which is named the other way."""
    totals, weights = frame.get_column(total), frame.get_column(weight)
    if not totals.dtype.is_integer() or totals.null_count() or weights.null_count():
        return None
    pence, parts = totals.to_list(), _whole_parts(weights)
    if parts is None or max(map(abs, pence)) > LARGEST_PENCE:
        return None
    if not weights.dtype.is_integer() and max(1, *map(abs, pence)) * sum(parts) * 1.01 >= _BITS_128:
        return None  # such weights are taken as the decimals that they print as
    groups: dict[object, list[int]] = {}
    for row, group in enumerate(_rows_of(frame, within)):
        groups.setdefault(group, []).append(row)
    keys, shares = _rows_of(frame, order_by), [0] * frame.height
    if not all(isinstance(part, str | int) for key in keys for part in key):
        return None
    for rows in groups.values():
        rows.sort(key=keys.__getitem__)
        whole, mine = pence[rows[0]], [parts[row] for row in rows]
        distinct = len({keys[row] for row in rows}) == len(rows)
        if not distinct or any(pence[row] != whole for row in rows) or (whole and not any(mine)):
            return None
        for row, share in zip(rows, split(whole, mine), strict=True):
            shares[row] = share
    return pl.Series(shares, dtype=pl.Int64)


def _whole_parts(weights: pl.Series) -> list[int] | None:
    """Weights as whole numbers in the same proportions; None where one is negative or no number, or 128 bits cannot hold them."""
    if not weights.dtype.is_numeric() or not all(0 <= weight < inf for weight in weights.to_list()):
        return None
    found = weights if weights.dtype.is_integer() else whole_weights(weights)
    return None if found is None else found.to_list()


def _rows_of(frame: pl.DataFrame, names: Sequence[str]) -> list[tuple[object, ...]]:
    return (
        list(zip(*(frame.get_column(name).to_list() for name in names), strict=True)) if names else [()] * frame.height
    )


def _quickly(work: pl.DataFrame, keys: list[str]) -> pl.Series | None:
    """The shares of one group whose whole weights add to less than 2^61, without 128 bits and without a sort; none where that cannot be.

    A float says what each floor is, give or take one; what is left is then exact in 64 bits that wrap around, since it is smaller than
    they hold, and puts the floor right. The largest remainders are selected; only those that tie at the edge are put in the order of keys.
    """
    given = work.get_column("__weight")
    if not given.dtype.is_integer():
        found = whole_weights(given)
        if found is None or cast("int", found.max()) >= _HALF_EXACT:
            return None
        given = found
    largest = cast("int", given.max())
    if largest >= _HALF_EXACT or (
        largest * float(len(given)) >= _QUICK and float(given.cast(pl.Float64).sum()) >= _QUICK
    ):
        return None
    weights = given.cast(pl.Int64).to_numpy()
    signed = cast("int", work.item(0, "__total"))
    total, whole = np.int64(abs(signed)), np.int64(weights.sum())
    if not whole:
        return pl.Series(np.zeros(weights.size, np.int64))  # nothing to share, as was checked
    floors, left = np.empty_like(weights), np.empty_like(weights)
    ratio = float(total) / float(whole)
    for first in range(0, weights.size, _SLICE):  # slices stay in the processor's cache
        part = weights[first : first + _SLICE]
        floor = (part * ratio).astype(np.int64)
        rest = part * total  # wraps around, as does the next product; their difference does not
        rest -= floor * whole
        while int(rest.min()) < 0 or int(rest.max()) >= whole:
            step = (rest >= whole).astype(np.int64) - (rest < 0)
            floor += step
            rest -= step * whole
        floors[first : first + _SLICE], left[first : first + _SLICE] = floor, rest
    odd = int(total - floors.sum())
    if odd:
        edge = np.partition(left, left.size - odd)[left.size - odd]
        above = left > edge
        floors += above
        short = odd - int(np.count_nonzero(above))
        ties = np.flatnonzero(left == edge)
        if short < ties.size:
            rows = work.select(keys)[ties].with_columns(pl.Series("__row", ties))
            ties = rows.sort(keys).get_column("__row").head(short).to_numpy()
        floors[ties] += 1
    return pl.Series(-floors if signed < 0 else floors)


def _at_any_scale(work: pl.DataFrame, group: list[str], keys: list[str]) -> pl.Series:
    """The same shares in Python's own whole numbers, group by group: only for weights that 128 bits cannot hold."""
    ordered = work.sort([*group, *keys])
    parts = ordered.partition_by(group, maintain_order=True) if group else [ordered]
    shares = [
        pl.DataFrame({"__row": part["__row"], "__pence": split(part["__total"][0], part["__weight"].to_list())})
        for part in parts
    ]
    return pl.concat(shares).sort("__row").get_column("__pence")


def _check_sums(work: pl.DataFrame, *, total: str, weight: str, group: list[str], within: Sequence[str]) -> None:
    """Refuse groups that have money to share and no weight above 0."""
    if not group and cast("float", work.get_column("__weight").max()) > 0:
        return
    empty = work.filter((_per(group, pl.col("__weight").max()) == 0) & (pl.col("__total") != 0))
    if empty.height:
        faults = [
            Fault(
                _place(row, within), f"{row['__total']} pence and weights that add to 0", "at least one weight above 0"
            )
            for row in empty.unique(group or None, maintain_order=True).head(10).iter_rows(named=True)
        ]
        raise NothingToShareError(f"nothing to share {total!r} by: {weight!r} adds to 0", faults)


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
    for name, suits, expected in (
        (total, frame.schema[total].is_integer(), "whole numbers"),
        (weight, frame.schema[weight].is_numeric(), "numbers"),
    ):
        if not suits:
            faults.append(Fault(f"column {name!r}", f"type {frame.schema[name]}", expected))
    if faults:
        raise FrameError("these rows cannot be apportioned", faults)
    for name, col in ((total, "__total"), (weight, "__weight")):
        nulls = work.get_column(col).null_count()
        if nulls:
            faults.append(Fault(f"column {name!r}", f"{nulls} empty values", "a whole number in every row"))
    weights = work.get_column("__weight")
    if not weights.is_empty() and not weights.dtype.is_float() and cast("int", weights.min() or 0) >= 0:
        tests = []
    else:
        tests = [(pl.col("__weight") < 0, "a weight of 0 or more"), (_no_number(work), "a finite number")]
    for test, expected in tests:
        faults += [
            Fault(_place(row, within), f"{weight} {row['__weight']}", expected)
            for row in work.filter(test).head(5).iter_rows(named=True)
        ]
    lowest, highest = _ends(work.get_column("__total"))
    if max(-lowest, highest) > LARGEST_PENCE:
        faults.append(
            Fault(f"column {total!r}", "a total above a thousand billion pounds", f"at most {LARGEST_PENCE} pence")
        )
    if lowest != highest:
        spread = _per(group, pl.col("__total").max()) != _per(group, pl.col("__total").min())
        for row in work.filter(spread).unique(group or None, maintain_order=True).head(5).iter_rows(named=True):
            faults.append(Fault(_place(row, within), "different totals", "one total in each group"))
    names = work.select(*group, *keys)
    if not _rises(names) and (names.to_series() if names.width == 1 else names.to_struct()).n_unique() < work.height:
        repeated = work.filter(names.is_duplicated())
        row = repeated.row(0, named=True)
        shown = ", ".join(str(row[k]) for k in keys)
        faults.append(
            Fault(_place(row, within), f"{repeated.height} rows that share a key, such as {shown}", "unique keys")
        )
    if faults:
        raise FrameError("these rows cannot be apportioned", faults)


def _ends(totals: pl.Series) -> tuple[int, int]:
    """The lowest and the highest of whole numbers; 0 where there are none."""
    return cast("int", totals.min() or 0), cast("int", totals.max() or 0)


def _rises(names: pl.DataFrame) -> bool:
    """Whether a single key of whole numbers rises from row to row, so that none comes twice."""
    if names.width != 1 or not names.dtypes[0].is_integer() or names.to_series().null_count():
        return False
    values = names.to_series().to_numpy()
    return bool((values[1:] > values[:-1]).all())


def _no_number(work: pl.DataFrame) -> pl.Expr:
    value = pl.col("__weight")
    return ~value.is_finite() if work.schema["__weight"].is_float() else pl.lit(value=False)


def _place(row: dict[str, object], within: Sequence[str]) -> str:
    return ", ".join(f"{name} {row[f'__g{i}']}" for i, name in enumerate(within)) or "the whole frame"


def split(total: int, weights: Sequence[Number]) -> list[int]:
    """The same rule as `apportion` in plain Python, ties by position: the second way to each share, at any scale.

    Raises:
        NothingToShareError: `total` is not 0 and all weights are.
    """
    exact = exact_weights(weights)
    whole = sum(exact)
    if whole == 0:
        if total:
            raise NothingToShareError(f"nothing to share {total} pence by: the weights add to 0")
        return [0 for _ in weights]
    sign = -1 if total < 0 else 1
    quotas = [divmod(abs(total) * weight, whole) for weight in exact]
    odd = abs(total) - sum(floor for floor, _ in quotas)
    first = sorted(range(len(weights)), key=lambda i: (-quotas[i][1], i))[:odd]
    lucky = set(first)
    return [sign * (floor + (i in lucky)) for i, (floor, _) in enumerate(quotas)]
