"""Rows of a table read against a schema, cell by cell; every fault is reported at once with the line it stands on.

Whatever the file is (see `capitation.pack.tables`), the rules are the same: cells are stripped, numbers are read where they mean one
thing only, and keys that differ only by case or spaces are one key written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, cast

import polars as pl

from capitation.errors import Fault, Faults, FrameError, SourceError, suggest
from capitation.pack.cells import doubt, numbers
from capitation.pack.tables import FileTable, Sheet, read_table, table_of
from capitation.records.frames import EVERY_ROW, Column, Frame, Schema
from capitation.sentences import capital

S = TypeVar("S", bound=Schema)

_SHOWN = 20
_MOST_EXACT = 2**53
_UNSEEN = "[\\s\u00a0\u200b\u200c\u200d\u2060\ufeff]+"
"""Spaces of every kind, those of no width among them."""


@dataclass(frozen=True)
class RawTable:
    """The cells of a table before they are read against a schema, the table's name in messages, and the line of each row."""

    where: str
    cells: pl.DataFrame
    notes: tuple[str, ...] = ()
    """What the reader left out or chose, one sentence each."""
    may_total: bool = False
    """Whether the user says that no row is the sum of the others."""
    _lines: Callable[[], Sequence[int]] | None = field(default=None, repr=False, compare=False)

    @property
    def lines(self) -> Sequence[int]:
        """The line of each row; the heading of a table without lines of its own is line 1."""
        return range(2, self.cells.height + 2) if self._lines is None else self._lines()

    def line(self, row: int) -> int:
        """The line that a row stands on."""
        return self.lines[row]

    def with_cells(self, cells: pl.DataFrame) -> RawTable:
        """The same table with other cells in the same rows."""
        return replace(self, cells=cells)


Given = Path | RawTable
"""A table that a user gives: its file, or its cells once they were read."""


def raw_table(given: Given, sheet: Sheet | None = None) -> RawTable:
    """The cells of a table, with the line of each row.

    Raises:
        SourceError: the file cannot be read as a table; every fault at once.
    """
    return given if isinstance(given, RawTable) else _raw(read_table(given, sheet))


def _raw(table: FileTable) -> RawTable:
    return RawTable(table.where, table.frame, table.notes, _lines=lambda: table.lines)


def read_raw(given: Given) -> pl.DataFrame:
    """The cells of a text file or workbook as text, or the columns of a parquet file as they are.

    Raises:
        SourceError: as `raw_table`.
    """
    return raw_table(given).cells


def parse_raw(content: bytes, path: Path, sheet: Sheet | None = None) -> RawTable:
    """The cells in a file's bytes; `path` gives their form by its ending, and their name in messages.

    Raises:
        SourceError: as `raw_table`.
    """
    return _raw(table_of(content, path, sheet))


def read_rows(
    given: Given,
    schema: type[S],
    *,
    column_map: Mapping[str, str] | None = None,
    keep_extra: bool = False,
    gather: Faults | None = None,
) -> Frame[S]:
    """The rows of a table, read against `schema` and returned in key order.

    Args:
        given: a text file, workbook or parquet file, or its cells.
        schema: what the columns must be.
        column_map: the file's column name by the schema's column name, for files with other headings.
        keep_extra: True drops columns the schema does not know, False refuses them.
        gather: cells that cannot be read are added to these faults and left empty, for a caller that checks more
            before it raises them all; by default they are raised here, together with what else is wrong with the rows.

    Raises:
        SourceError: the file is missing, in another encoding, has wrong columns or cells that are not what their
            column holds, or has one key in two spellings; every fault is reported at once, cells with their line.
        FrameError: the cells can be read but the rows break a promise of the schema.
    """
    return rows_of(raw_table(given), schema, column_map=column_map, keep_extra=keep_extra, gather=gather)


def rows_of(
    table: RawTable,
    schema: type[S],
    *,
    column_map: Mapping[str, str] | None = None,
    keep_extra: bool = False,
    gather: Faults | None = None,
) -> Frame[S]:
    """The rows of a table, read against `schema`; arguments and errors are those of `read_rows`."""
    where, raw = table.where, table.cells
    names = _named(table, schema, dict(column_map or {}), keep_extra=keep_extra)
    faults, columns = Faults(), []
    for wanted, given in names.items():
        column = schema.columns()[wanted]
        if given not in raw.columns:
            columns.append(pl.Series(wanted, [None] * raw.height, dtype=column.dtype))
        else:
            columns.append(_cast(raw.get_column(given), column, table, faults))
    frame = pl.DataFrame(columns)
    faults.extend(spelling_faults(frame, schema.key(), table))
    if gather is not None:
        gather.extend(faults)
        return cast("Frame[S]", frame.sort(schema.key()) if schema.key() else frame)
    if len(faults):
        faults.extend(row_faults(schema, frame, where, faults))
        faults.raise_if_any(SourceError, f"{where}: some cells cannot be read")
    return schema.validate(frame, where=where, line=table.line)


def _named(table: RawTable, schema: type[Schema], mapping: dict[str, str], *, keep_extra: bool) -> dict[str, str]:
    """The file's column by the schema's; columns that are missing, unknown or wrongly mapped are refused together."""
    where, raw, faults = table.where, table.cells, Faults()
    for wanted, given in mapping.items():
        if wanted not in schema.columns():
            faults.add(where, f"a map for {wanted!r}", "a known column", suggest(wanted, schema.columns()))
        elif given not in raw.columns:
            faults.add(
                where,
                f"no column {given!r} (mapped to {wanted!r})",
                "a column of the file",
                suggest(given, raw.columns),
            )
    names = {wanted: mapping.get(wanted, wanted) for wanted in schema.columns()}
    for wanted, given in names.items():
        column = schema.columns()[wanted]
        if given not in raw.columns and wanted not in mapping and not column.nullable:
            faults.add(where, f"no column {given!r}", f"{column.about} ({column.unit})", suggest(given, raw.columns))
    if not keep_extra:
        for name in raw.columns:
            if name not in names.values():
                faults.add(where, f"an unexpected column {name!r}", "only known columns", suggest(name, names))
    faults.raise_if_any(SourceError, f"{where}: the columns are not those expected")
    return names


def spelling_faults(frame: pl.DataFrame, key: list[str], table: RawTable) -> list[Fault]:
    """Keys that differ only by case or spaces: one key written twice, with the lines of both.

    Args:
        frame: the rows, in the order of the file.
        key: the columns that together name a row.
        table: the table they were read from.
    """
    texts = [name for name in key if frame.schema[name] == pl.String]
    if not texts or frame.is_empty():
        return []
    plain = [
        pl.col(name).str.replace_all(_UNSEEN, "").str.to_lowercase().alias(name) if name in texts else pl.col(name)
        for name in key
    ]
    folded = frame.select(pl.struct(plain)).to_series()
    if not folded.is_duplicated().any():
        return []
    rows = frame.select(pl.struct(key).alias("written"), folded.alias("plain")).with_row_index("row")
    several = rows.filter(pl.col("plain").is_duplicated() & (pl.col("written").n_unique().over("plain") > 1))
    faults = []
    for (_,), group in several.group_by(["plain"], maintain_order=True):
        first = group.unique("written", keep="first", maintain_order=True)
        spelt = " and ".join(", ".join(repr(v) for v in w.values()) for w in first["written"].head(4))
        lines = ", ".join(str(table.line(r)) for r in first["row"].head(4))
        faults.append(
            Fault(
                f"{table.where}: lines {lines}, column {', '.join(map(repr, key))}",
                f"{spelt}, which differ only by case or spaces",
                "one spelling of one key, in one row",
            )
        )
    return faults[:_SHOWN]


def row_faults(schema: type[Schema], frame: pl.DataFrame, where: str, cells: Faults) -> list[Fault]:
    """What is wrong with rows of which some cells could not be read, those cells' emptiness left out.

    Args:
        schema: what the rows must be.
        frame: the rows, unreadable cells empty.
        where: a name for messages.
        cells: the faults of the unreadable cells.
    """
    try:
        schema.validate(frame, where=where)
    except FrameError as error:
        lost = {f.where.rpartition(", ")[2] for f in cells}
        return [f for f in error.faults if not (f.expected == EVERY_ROW and f.where.rpartition(": ")[2] in lost)]
    return []


def _cast(series: pl.Series, column: Column, table: RawTable, faults: Faults) -> pl.Series:
    """`series` in the column's type; cells that do not fit are reported with their line."""
    given, done = series, series
    if series.dtype == pl.String:
        given = series.str.strip_chars()
        empty = given == ""
        given = given.set(empty, None) if empty.any() else given
        done = _from_text(given, column)
    elif series.dtype != column.dtype:
        done = series.cast(column.dtype, strict=False)
        if series.dtype.is_float() and column.dtype.is_integer():
            done = done.set(series != series.floor(), None)
    if done.null_count() == given.null_count():
        return done.alias(column.name)
    lost = (given.is_not_null() & done.is_null()).arg_true()
    for row in lost.head(_SHOWN):
        number = column.dtype.is_numeric()
        kind = "a number" if number else str(column.dtype)
        said = doubt(str(series[row])) if number and series.dtype == pl.String else ""
        said = "£ says pounds; write whole pence, without a sign" if said and "£" in str(series[row]) else said
        faults.add(
            f"{table.where}: line {table.line(row)}, column {series.name!r}",
            repr(series[row]),
            f"{kind} ({column.unit})",
            f"{capital(said)}." if said else "",
        )
    if len(lost) > _SHOWN:
        faults.add(f"{table.where}: column {series.name!r}", f"{len(lost) - _SHOWN} more such cells", "none")
    return done.alias(column.name)


def _from_text(given: pl.Series, column: Column) -> pl.Series:
    """Texts in a column's type, empty where they are none of it."""
    if column.dtype == pl.String:
        return given
    if column.dtype == pl.Boolean:
        return given.str.to_lowercase().replace_strict(
            {"true": True, "false": False, "1": True, "0": False}, default=None, return_dtype=pl.Boolean
        )
    if column.dtype == pl.Date:
        return given.str.to_date("%Y-%m-%d", strict=False)
    done = given.cast(column.dtype, strict=False)
    if done.dtype.is_float():
        done = done.set(~done.is_finite(), None)
    if done.null_count() > given.null_count() and column.dtype.is_numeric():
        read = numbers(given, column.unit if "pence" in column.unit else "")
        if column.dtype.is_integer():
            read = read.set((read != read.floor()) | (read.abs() >= _MOST_EXACT), None)
        done = done.zip_with(done.is_not_null(), read.cast(column.dtype, strict=False))
    return done
