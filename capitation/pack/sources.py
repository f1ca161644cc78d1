"""Files meet the engine here, and only here: the data pack's sources and tables, and the tables that users bring.

`read_rows` reads a CSV or parquet file of a user against a schema, cell by cell, and reports every fault at once with the
line it stands on. `DataPack` opens the folder of figures the product carries: sources with their tables as printed
(one row a printed cell, or one row a subject in wide data sets), documents, and parameters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import polars as pl

from capitation.errors import Fault, Faults, FrameError, SourceError, UnknownNameError, suggest
from capitation.pack.layers import files_of, layers
from capitation.records.documents import Document, parse_document, parse_mapping, read_document
from capitation.records.frames import EVERY_ROW, Column, Frame, Schema

D = TypeVar("D", bound=Document)
S = TypeVar("S", bound=Schema)
T = TypeVar("T")


class PrintedCell(Schema):
    """One cell of a table as printed in its source."""

    row = Column(pl.String, "label", "Label of the printed row", key=True)
    column = Column(pl.String, "label", "Label of the printed column", key=True)
    value = Column(pl.String, "as printed", "The text of the cell, digit by digit as printed")
    unit = Column(pl.String, "unit", "What one of the printed number is")
    locator = Column(pl.String, "locator", "Page or slide, table and line at which the cell stands")


class SourceTable(Document):
    """One table of a source."""

    name: str
    """Short name of the table, unique in its source."""
    title: str
    """What the table shows."""
    file: str
    """File of the table, beside the manifest."""
    layout: Literal["cells", "wide"] = "cells"
    """"cells": one row a printed cell (row, column, value, unit, locator); "wide": one row a subject, as in a data set."""
    locator: str = ""
    """For a wide table: where it stands in the source."""
    sha256: str
    """Checksum of the file, so that an edited figure is noticed."""


class Source(Document):
    """The manifest of a source: who published what, when, under which licence."""

    id: str
    """Short name, the same as the folder's."""
    title: str
    """Title of the publication."""
    publisher: str
    """Who published it."""
    published: str
    """When, as exactly as is known."""
    licence: str
    """Licence or terms under which the figures are carried."""
    file: str = ""
    """File name of the document the figures were taken from, where it has one."""
    note: str = ""
    """What a reader should know before relying on it."""
    tables: tuple[SourceTable, ...] = ()
    """The tables taken from it."""


@dataclass(frozen=True)
class DataPack:
    """The folder of figures: sources, parameters, documents and places. Each file is opened once and kept as it was read.

    Args:
        root: the folder; it holds `pack.toml`.

    Raises:
        SourceError: the folder is not a data pack.
    """

    root: Path
    _opened: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    _contents: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    _read: dict[tuple[str, object], Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def folders(self) -> tuple[Path, ...]:
        """The folders of the pack: its own, then those of the packs that it extends."""
        return layers(self.root)

    def __post_init__(self) -> None:
        self.folders  # noqa: B018  # a pack that is none says so at once

    def path(self, relative: str) -> Path:
        """The path of a file of the pack, its own or of a pack that it extends; its checksum is kept for the manifest of a run.

        Raises:
            SourceError: there is no such file, or the name leads out of the pack.
        """
        places = [folder / relative for folder in self.folders]
        path = next((place for place in places if place.is_file()), places[0])
        if relative not in self._opened and not any(
            path.resolve().is_relative_to(folder.resolve()) for folder in self.folders
        ):
            raise SourceError(f"{relative!r}: found a name that leads out of the data pack; expected a file of it")
        if not path.is_file():
            near = suggest(path.name, (p.name for place in places for p in place.parent.glob("*")))
            raise SourceError(f"{path}: no such file in the data pack. {near}".rstrip())
        if relative not in self._opened:
            self._contents[relative] = path.read_bytes()
            self._opened[relative] = hashlib.sha256(self._contents[relative]).hexdigest()
        return path

    def files(self, pattern: str) -> dict[str, Path]:
        """Files of the pack and of those that it extends, by their path inside it, in order."""
        return files_of(self.folders, pattern)

    def names(self, room: str) -> list[str]:
        """Names of the TOML documents of a folder of the pack, without ending, in order."""
        return [Path(relative).stem for relative in self.files(f"{room}/*.toml")]

    @property
    def opened(self) -> dict[str, str]:
        """Checksums of the files opened so far, by their path inside the pack."""
        return dict(sorted(self._opened.items()))

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Manifests of all sources by id."""
        found = {}
        for manifest in self.files("sources/*/source.toml").values():
            source = read_document(manifest, Source)
            if source.id != manifest.parent.name:
                raise SourceError(
                    f"{manifest}: found id {source.id!r}; expected the folder's name {manifest.parent.name!r}"
                )
            found[source.id] = source
        return found

    def source(self, source_id: str) -> Source:
        """The manifest of one source.

        Raises:
            UnknownNameError: no source has this id.
        """
        if source_id not in self.sources:
            raise UnknownNameError("source", source_id, self.sources)
        return self.sources[source_id]

    def _table(self, source_id: str, name: str, layout: str) -> str:
        """The file of a printed or wide table, below the pack, once its checksum is the one its source states."""
        tables = {t.name: t for t in self.source(source_id).tables if t.layout == layout}
        if name not in tables:
            raise UnknownNameError(f"{layout} table", name, tables, where=f"source {source_id}")
        table = tables[name]
        relative = f"sources/{source_id}/{table.file}"
        path = self.path(relative)
        if self._opened[relative] != table.sha256:
            raise SourceError(
                f"{path}: found checksum {self._opened[relative]}; expected {table.sha256}. "
                "Printed figures are never edited"
            )
        return relative

    def printed(self, source_id: str, table: str) -> Frame[PrintedCell]:
        """The cells of a printed table, in key order.

        Raises:
            UnknownNameError: no such source or table.
            SourceError: the file was edited, or its cells break the schema.
        """
        return self.rows(self._table(source_id, table, "cells"), PrintedCell)

    def wide(self, source_id: str, table: str, schema: type[S]) -> Frame[S]:
        """The rows of a wide table of a source, read against `schema`."""
        return self.rows(self._table(source_id, table, "wide"), schema)

    def raw(self, relative: str) -> RawTable:
        """The cells of a CSV or parquet file of the pack, not yet read against a schema."""
        path = self.path(relative)
        return self._once(relative, RawTable, lambda: parse_raw(self._contents[relative], path))

    def rows(self, relative: str, schema: type[S]) -> Frame[S]:
        """The rows of a CSV or parquet file of the pack, read against `schema`."""
        return self._once(relative, schema, lambda: rows_of(self.raw(relative), schema))

    def document(self, relative: str, model: type[D]) -> D:
        """A document of the pack."""
        path = self.path(relative)
        return self._once(
            relative,
            model,
            lambda: parse_document(parse_mapping(self._contents[relative], path), model, where=str(path)),
        )

    def _once(self, relative: str, kind: object, read: Callable[[], T]) -> T:
        """What a file holds as `kind`, read the first time it is asked for."""
        if (relative, kind) not in self._read:
            self._read[relative, kind] = read()
        return cast("T", self._read[relative, kind])

    def documents(self, folder: str, model: type[D]) -> dict[str, D]:
        """All TOML documents of a folder of the pack, by file name without ending, in order."""
        return {name: self.document(f"{folder}/{name}.toml", model) for name in self.names(folder)}


def sha256_of(path: Path) -> str:
    """Checksum of a file as hexadecimal text."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class RawTable:
    """The cells of a table before they are read against a schema, and the table's name in messages."""

    where: str
    cells: pl.DataFrame


def read_rows(
    path: Path,
    schema: type[S],
    *,
    column_map: Mapping[str, str] | None = None,
    keep_extra: bool = False,
    gather: Faults | None = None,
) -> Frame[S]:
    """The rows of a CSV or parquet file, read against `schema` and returned in key order.

    Args:
        path: a .csv (UTF-8, comma separated, one header line) or .parquet file.
        schema: what the columns must be.
        column_map: the file's column name by the schema's column name, for files with other headings.
        keep_extra: True drops columns the schema does not know, False refuses them.
        gather: cells that cannot be read are added to these faults and left empty, for a caller that checks more
            before it raises them all; by default they are raised here, together with what else is wrong with the rows.

    Raises:
        SourceError: the file is missing, in another encoding, has wrong columns or cells that are not what their
            column holds; every fault is reported at once, cells with the line they stand on.
        FrameError: the cells can be read but the rows break a promise of the schema.
    """
    table = RawTable(str(path), read_raw(path))
    return rows_of(table, schema, column_map=column_map, keep_extra=keep_extra, gather=gather)


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
    mapping = dict(column_map or {})
    faults = Faults()
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
    columns = []
    for wanted, given in names.items():
        column = schema.columns()[wanted]
        if given not in raw.columns:
            columns.append(pl.Series(wanted, [None] * raw.height, dtype=column.dtype))
        else:
            columns.append(_cast(raw.get_column(given), column, where, faults))
    frame = pl.DataFrame(columns)
    if gather is not None:
        gather.extend(faults)
        return cast("Frame[S]", frame.sort(schema.key()) if schema.key() else frame)
    if len(faults):
        faults.extend(row_faults(schema, frame, where, faults))
        faults.raise_if_any(SourceError, f"{where}: some cells cannot be read")
    return schema.validate(frame, where=where)


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


def read_raw(path: Path) -> pl.DataFrame:
    """The cells of a CSV file as text, or the columns of a parquet file as they are.

    Raises:
        SourceError: the file is missing, empty, in another encoding, ragged, or has a repeated heading.
    """
    if not path.is_file():
        near = suggest(path.name, (p.name for p in path.parent.glob("*"))) if path.parent.is_dir() else ""
        raise SourceError(f"{path}: no such file. {near}".rstrip())
    if path.suffix not in {".csv", ".parquet"}:
        raise SourceError(f"{path}: found the ending {path.suffix!r}; expected .csv or .parquet")
    return parse_raw(path.read_bytes(), path).cells


def parse_raw(content: bytes, path: Path) -> RawTable:
    """The cells in a file's bytes; `path` gives their format by its ending, and their name in messages.

    Raises:
        SourceError: as `read_raw`.
    """
    if path.suffix != ".parquet":
        return RawTable(str(path), read_csv_text(content, str(path)))
    try:
        return RawTable(str(path), pl.read_parquet(BytesIO(content)))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(f"{path}: cannot be read as parquet: {error}") from error


def read_csv_text(content: bytes, where: str) -> pl.DataFrame:
    """The cells of a CSV file's bytes as text, with `where` as its name in messages.

    Raises:
        SourceError: as `read_raw`.
    """
    remedy = "Save it as plain UTF-8 CSV without a byte-order mark."
    if content.startswith(b"\xef\xbb\xbf"):
        raise SourceError(f"{where}: found a UTF-8 byte-order mark at the start; expected none. {remedy}")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError(f"{where}: found UTF-16 text; expected UTF-8. {remedy}")
    try:
        head = content.decode("utf-8").partition("\n")[0]
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SourceError(
            f"{where}: line {line}: found byte 0x{content[error.start]:02x}, which is not UTF-8 text. {remedy}"
        ) from error
    if not head.strip():
        raise SourceError(f"{where}: found no heading line; expected column names in the first line")
    headings = [name.strip().strip('"') for name in head.rstrip("\r").split(",")]
    repeated = sorted({name for name in headings if headings.count(name) > 1})
    if repeated:
        raise SourceError(
            f"{where}: found the heading(s) {', '.join(map(repr, repeated))} more than once; expected each once"
        )
    try:
        return pl.read_csv(BytesIO(content), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise SourceError(f"{where}: cannot be read as comma-separated text: {str(error).splitlines()[0]}") from error


def _cast(series: pl.Series, column: Column, where: str, faults: Faults) -> pl.Series:
    """`series` in the column's type; cells that do not fit are reported with their line (the heading is line 1)."""
    if series.dtype == column.dtype:
        return series.alias(column.name)
    given = series
    if series.dtype == pl.String:
        given = series.str.strip_chars()
        given = given.set(given == "", None)
        if column.dtype == pl.Boolean:
            low = given.str.to_lowercase()
            done = low.replace_strict(
                {"true": True, "false": False, "1": True, "0": False}, default=None, return_dtype=pl.Boolean
            )
        elif column.dtype == pl.Date:
            done = given.str.to_date("%Y-%m-%d", strict=False)
        else:
            done = given.cast(column.dtype, strict=False)
    else:
        done = series.cast(column.dtype, strict=False)
        if series.dtype.is_float() and column.dtype.is_integer():
            done = done.set(series != series.floor(), None)
    lost = (given.is_not_null() & done.is_null()).arg_true()
    for row in lost.head(20):
        kind = "a number" if column.dtype.is_numeric() else str(column.dtype)
        faults.add(f"{where}: line {row + 2}, column {series.name!r}", repr(series[row]), f"{kind} ({column.unit})")
    if len(lost) > 20:
        faults.add(f"{where}: column {series.name!r}", f"{len(lost) - 20} more such cells", "none")
    return done.alias(column.name)


__all__ = [
    "DataPack",
    "Fault",
    "PrintedCell",
    "RawTable",
    "Source",
    "SourceTable",
    "parse_raw",
    "read_csv_text",
    "read_raw",
    "read_rows",
    "row_faults",
    "rows_of",
    "sha256_of",
]
