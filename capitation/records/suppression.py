"""Small numbers of people are left out, and enough beside them that no total gives them away.

    small       a count from 1 up to, not including, the smallest shown, t; a count of 0 is shown
    beside it   further cells of its group, first by key, until whoever subtracts what is shown from the total finds
                every value from 1 to t - 1 possible for each small cell
    the total   of a group too small for that is left out too, and then the grand total

With p small cells and j cells beside them that add to S in all, every value is possible for each small cell where

    j >= 1 and S - j t - (p - 1) >= t - 1,    or    j = 0 and p + t - 2 <= S <= 1 + (p - 1)(t - 1).

Cells beside are taken in the order of the key and not of their size, since size would give their range away. What is left
out is marked alike, small or beside. This holds for one table with one total a group; where groups are rows of a further
table, or rows are cut in two ways, whoever publishes both must look at them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from capitation.errors import Faults, FrameError

MARK = "is_suppressed"
"""Column that says whether a row's numbers were left out."""


@dataclass(frozen=True)
class Suppressed:
    """A table that may be shown.

    Args:
        rows: the rows in their own order, numbers left out as null, with the Boolean column `is_suppressed`.
        totals: one row a group with its total, or null and `is_suppressed` where the total is left out.
        grand_total: the total of all rows, or nothing where a group's total is left out.
    """

    rows: pl.DataFrame
    totals: pl.DataFrame
    grand_total: int | None


def suppressed(
    frame: pl.DataFrame,
    count: str,
    *,
    within: Sequence[str],
    order_by: Sequence[str],
    smallest_shown: int,
    also: Sequence[str] = (),
) -> Suppressed:
    """The table with small counts, and what would give them away, left out.

    Args:
        frame: one row a cell.
        count: column of whole numbers of people or events, at least 0.
        within: columns that name a group whose total is shown; none means that the whole frame is one group.
        order_by: columns that name a cell in its group.
        smallest_shown: the smallest count other than 0 that may be shown, at least 3.
        also: columns that would give the count away, such as a rate, left out with it.

    Raises:
        FrameError: counts that are not whole, empty or below 0, a cell twice, or a smallest count below 3; all together.

    Example:
        Counts 2, 40, 60 with t = 5: 2 is small; 40 is beside it, since 100 less 60 leaves 42 for the two; 60 stays.
    """
    _check(frame, count, within, order_by, smallest_shown)
    t = smallest_shown
    work = frame.select(
        *(pl.col(name).alias(f"__g{i}") for i, name in enumerate(within)),
        *(pl.col(name).alias(f"__k{i}") for i, name in enumerate(order_by)),
        pl.col(count).cast(pl.Int64).alias("__n"),
    ).with_row_index("__row")
    group, keys = [f"__g{i}" for i in range(len(within))], [f"__k{i}" for i in range(len(order_by))]

    def per(value: pl.Expr) -> pl.Expr:
        return value.over(group) if group else value

    n = pl.col("__n")
    small, beside = n.is_between(1, t - 1), n >= t
    work = work.sort([*group, *keys]).with_columns(
        per(small.cast(pl.Int64).sum()).alias("__p"),
        per(pl.when(small).then(n).otherwise(0).sum()).alias("__s"),
        per(pl.when(beside).then(n - t).otherwise(0).cum_sum()).alias("__room"),
    )
    p, s, room = pl.col("__p"), pl.col("__s"), pl.col("__room")
    is_safe_alone = (p == 0) | ((s >= p + t - 2) & (s <= 1 + (p - 1) * (t - 1)))
    # s + room is what the hidden cells add to, less t for each cell beside; a cell is taken while those before are too few
    enough = p + t - 2
    before = s + room - (n - t)
    is_first = per(beside.cast(pl.Int64).cum_sum()) == 1
    is_taken = beside & ~is_safe_alone & (is_first | (before < enough))
    is_bare = ~is_safe_alone & (per(beside.cast(pl.Int64).sum() == 0) | (per(room.max()) + s < enough))
    work = work.with_columns((small | is_taken).alias(MARK), is_bare.alias("__bare")).sort("__row")
    hidden = work.get_column(MARK)
    rows = frame.with_columns(
        pl.when(hidden).then(None).otherwise(pl.col(name)).alias(name) for name in dict.fromkeys([count, *also])
    ).with_columns(hidden)
    sums = frame.select(*within, pl.col(count).cast(pl.Int64)).with_columns(work.get_column("__bare").alias(MARK))
    added = [pl.col(count).sum(), pl.col(MARK).any()]
    totals = sums.group_by(list(within)).agg(added).sort(list(within)) if within else sums.select(added)
    is_whole = not totals.get_column(MARK).any()
    grand_total = int(frame.get_column(count).sum()) if is_whole else None
    return Suppressed(rows, totals.with_columns(pl.when(~pl.col(MARK)).then(pl.col(count)).alias(count)), grand_total)


def _check(
    frame: pl.DataFrame, count: str, within: Sequence[str], order_by: Sequence[str], smallest_shown: int
) -> None:
    faults = Faults()
    for name in (count, *within, *order_by):
        if name not in frame.columns:
            faults.add("rows", f"no column {name!r}", "a column of the rows")
    if smallest_shown < 3:
        faults.add("smallest_shown", str(smallest_shown), "at least 3", "Below that a count left out can only be 1.")
    faults.raise_if_any(FrameError, "small numbers cannot be left out")
    counts = frame.get_column(count)
    if not counts.dtype.is_integer():
        faults.add(f"column {count!r}", f"type {counts.dtype}", "whole numbers")
    else:
        if counts.null_count():
            faults.add(f"column {count!r}", f"{counts.null_count()} empty value(s)", "a count in every row")
        low = counts.filter(counts < 0)
        if len(low):
            faults.add(f"column {count!r}", f"{len(low)} below 0, such as {low[0]}", "counts of at least 0")
    if frame.height and frame.select(*within, *order_by).is_duplicated().any():
        faults.add("rows", "a cell twice", f"unique {', '.join([*within, *order_by])}")
    faults.raise_if_any(FrameError, "small numbers cannot be left out")


__all__ = ["MARK", "Suppressed", "suppressed"]
