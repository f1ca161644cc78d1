"""Rows that are the sum of the others: a total that stands in a table as if it were one more place, and would be counted twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from capitation.errors import Fault
from capitation.pack.cells import numbers
from capitation.pack.rows import RawTable

WORDS = (
    "total",
    "totals",
    "grand total",
    "sum",
    "all",
    "england",
    "uk",
    "national",
    "sub-total",
    "subtotal",
    "overall",
)
"""What a row of totals is called, in any case."""

_CALLED = r"^(grand |sub-?)?totals?( (of|for)\b.*|[:*])?$|\b(sub-?)?totals?$|^all (practices|places|localities|ccgs|icbs|areas|england)$"
_BEGINS = r"^(grand |sub-?)?totals?\b"
_CLOSE = 1e-9
_FEWEST = 4  # a row without a name of a total is one only if at least three others add up to it, in every column


@dataclass(frozen=True)
class TotalRow:
    """A row that is, or is called, the sum of the others."""

    row: int
    """Its place in the frame, from 0."""
    label: str
    """What it is called."""
    sums: bool
    """Whether it is the sum of the others in every column of numbers."""
    of_those_above: bool = False
    """Whether it is the sum of the rows above it, back to the subtotal before."""


def total_rows(frame: pl.DataFrame, labels: Sequence[str], amounts: Sequence[str]) -> list[TotalRow]:
    """Rows that are the sum of all others, or are called so.

    Args:
        frame: the rows.
        labels: columns of codes or names.
        amounts: columns of numbers that a total would sum.

    A row is one where every amount is the sum of that column's other rows and its label is a word for a total, or it is the last or first
    of at least four rows; a row whose label is a word for a total but does not sum is one too, since it is no place.
    """
    if frame.height < 2 or not amounts:
        return []
    values = frame.select(pl.col(list(amounts)).cast(pl.Float64, strict=False).fill_null(0.0))
    whole = values.sum()
    sums = values.select(
        pl.all_horizontal(
            (2 * pl.col(name) - whole[name][0]).abs() <= _CLOSE * max(abs(whole[name][0]), 1e-300) for name in amounts
        )
        & pl.any_horizontal(pl.col(name) != 0 for name in amounts)
    ).to_series()
    called = frame.select(
        pl.any_horizontal(_is_called(name) & (pl.col(name).n_unique() > 1) for name in labels)
        if labels
        else pl.lit(value=False)
    ).to_series()
    if called.len() == 1:
        called = called.new_from_index(0, frame.height)
    at_end = pl.Series([frame.height >= _FEWEST and row in {0, frame.height - 1} for row in range(frame.height)])
    part = _subtotals(frame, values, labels)
    hits = sorted({*(called | (sums & at_end)).arg_true(), *part})
    return [
        TotalRow(
            row,
            " ".join(str(frame[name][row]) for name in labels if frame[name][row] is not None),
            bool(sums[row]),
            row in part,
        )
        for row in hits
    ]


def _subtotals(frame: pl.DataFrame, values: pl.DataFrame, labels: Sequence[str]) -> list[int]:
    """Rows whose label begins with a word for a total and that sum the rows above them, back to the subtotal before."""
    if not labels:
        return []
    begins = frame.select(
        pl.any_horizontal(
            pl.col(name)
            .cast(pl.String)
            .str.strip_chars()
            .str.to_lowercase()
            .str.contains(_BEGINS)
            .fill_null(value=False)
            for name in labels
        )
    ).to_series()
    found, start = [], 0
    for row in begins.arg_true():
        above, own = values[start:row].sum(), values[row]
        whole = [(float(above[name][0]), float(own[name][0])) for name in values.columns] if row > start else []
        if whole and any(b for _, b in whole) and all(abs(a - b) <= _CLOSE * max(abs(b), 1e-300) for a, b in whole):
            found.append(row)
            start = row + 1
    return found


def _is_called(name: str) -> pl.Expr:
    """Whether a label is a word for a total, alone or with what it totals: "Total", "Vale total", "Total of England"."""
    label = pl.col(name).cast(pl.String).str.strip_chars().str.to_lowercase()
    return (label.is_in(WORDS) | label.str.contains(_CALLED)).fill_null(value=False)


def table_total_faults(table: RawTable, labels: Sequence[str], amounts: Sequence[str]) -> list[Fault]:
    """One fault for each row of a table that is, or is called, the sum of the others; none where the user says that none is.

    Args:
        table: the table as it was read.
        labels: columns of codes or names; those that the table has not are left out.
        amounts: columns of numbers; those that the table has not are left out.
    """
    if table.may_total:
        return []
    cells = table.cells
    given = [cells.get_column(name) for name in dict.fromkeys(amounts) if name in cells.columns]
    values = [numbers(each) if each.dtype == pl.String else each.cast(pl.Float64, strict=False) for each in given]
    named = [name for name in dict.fromkeys(labels) if name in cells.columns]
    kept = [each.name for each in values if each.null_count() < len(each)]
    frame = cells.select(named).with_columns(each for each in values if each.name in kept)
    return total_faults(frame, named, kept, table.where, table.lines, "--no-total-row")


def _what(found: TotalRow) -> str:
    if found.sums:
        return "the sum of the other rows"
    if found.of_those_above:
        return "the sum of the rows above it"
    return "called a total, though it is not the sum of the other rows"


def total_faults(
    frame: pl.DataFrame, labels: Sequence[str], amounts: Sequence[str], where: str, lines: Sequence[int], flag: str
) -> list[Fault]:
    """One fault for each row that is, or is called, the sum of the others.

    Args:
        frame: the rows.
        labels: columns of codes or names.
        amounts: columns of numbers that a total would sum.
        where: the file, for messages.
        lines: the line of each row.
        flag: what the user gives to say that it is none.
    """
    return [
        Fault(
            f"{where}: line {lines[found.row]}",
            f"{found.label!r}, {_what(found)}",
            "one row for each receiver, and no total",
            f"Take the row out, or give {flag} where it is one of them.",
        )
        for found in total_rows(frame, labels, amounts)
    ]
