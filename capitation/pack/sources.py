"""Files meet the engine here, and only here: the data pack's sources and tables, and the tables that users bring.

`read_rows` (capitation/pack/rows.py) reads a table of a user against a schema. `DataPack` opens the folder of figures the
product carries: sources with their tables as printed (one row a printed cell, or one row a subject in wide data sets),
documents, and parameters.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import polars as pl

from capitation.errors import Fault, SourceError, UnknownNameError, suggest
from capitation.pack.layers import files_of, layers
from capitation.pack.rows import RawTable, parse_raw, read_raw, read_rows, row_faults, rows_of
from capitation.records.documents import Document, parse_document, parse_mapping
from capitation.records.frames import Column, Frame, Schema, content_digest
from capitation.records.identity import canonical, digest

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
class _Found:
    """Where the files of a pack were found in one run."""

    paths: dict[str, Path] = field(default_factory=dict)
    patterns: dict[str, dict[str, Path]] = field(default_factory=dict)
    inside: dict[Path, bool] = field(default_factory=dict)
    looked_for: dict[str, Path | None] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


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
    _given: dict[tuple[str, object], Any] = field(default_factory=dict, compare=False, repr=False)
    _listed: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)
    _looked: set[str] = field(default_factory=set, compare=False, repr=False)

    _layers: tuple[Path, ...] = field(default=(), compare=False, repr=False)
    _once_found: _Found | None = field(default=None, compare=False, repr=False)
    """Where files were found, for the parts of one run; a pack of its own looks anew each time."""

    @cached_property
    def folders(self) -> tuple[Path, ...]:
        """The folders of the pack: its own, then those of the packs that it extends."""
        return self._layers or layers(self.root)

    def __post_init__(self) -> None:
        self.folders  # noqa: B018  # a pack that is none says so at once

    def path(self, relative: str) -> Path:
        """The path of a file of the pack, its own or of a pack that it extends; its checksum is kept for the manifest of a run.

        Raises:
            SourceError: there is no such file, or the name leads out of the pack.
        """
        path = self._path(relative)
        if relative not in self._opened:
            if relative not in self._contents:
                self._contents[relative] = path.read_bytes()
            self._opened[relative] = "varied" if relative in self.varied else self._content_digest(relative)
        return path

    def _content_digest(self, relative: str) -> str:
        """Checksum of what a file that was read holds, worked out once in a run."""
        known = self._once_found
        if known is None:
            return hashlib.sha256(self._contents[relative]).hexdigest()
        if relative not in known.digests:
            known.digests[relative] = hashlib.sha256(self._contents[relative]).hexdigest()
        return known.digests[relative]

    def _place(self, relative: str) -> Path | None:
        """Where a file lies in the pack's own folder or in one that it extends; none where it is in no folder."""
        for folder in self.folders:
            place = os.path.join(folder, relative)  # noqa: PTH118  # hundreds of files are looked for at every change
            if os.path.isfile(place):  # noqa: PTH113  # as above
                return Path(place)
        return None

    def _path(self, relative: str) -> Path:
        """Where a file is, once it is known to be one of the pack."""
        known = self._once_found
        if known is not None and relative in known.paths:
            return known.paths[relative]
        found = self._place(relative)
        path = found or self.folders[0] / relative
        if relative not in self._opened and not self._is_inside(path):
            raise SourceError(f"{relative!r}: found a name that leads out of the data pack; expected a file of it")
        if found is None:
            places = [folder / relative for folder in self.folders]
            near = suggest(path.name, (p.name for place in places for p in place.parent.glob("*")))
            raise SourceError(f"{path}: no such file in the data pack. {near}".rstrip())
        if known is not None:
            known.paths[relative] = path
        return path

    def _is_inside(self, path: Path) -> bool:
        """Whether a file lies in a folder of the pack, wherever links lead; each folder is looked at once in a run."""
        known = self._once_found
        if known is None or path.is_symlink():
            return any(path.resolve().is_relative_to(folder.resolve()) for folder in self.folders)
        if path.parent not in known.inside:
            home = path.parent.resolve()
            known.inside[path.parent] = any(home.is_relative_to(folder.resolve()) for folder in self.folders)
        return known.inside[path.parent] and path.name not in {"", ".", ".."}

    def afresh(self) -> DataPack:
        """The same pack with no file opened yet, so that a manifest names the files of one run and no others."""
        found = _Found()
        return replace(self.part(), _once_found=found) if self._given else DataPack(self.root, _once_found=found)

    def part(self) -> DataPack:
        """The same pack for one stage of a run: what was read is not read again, and `opened` and `listed` name what the stage reads."""
        return DataPack(
            self.root,
            _contents=self._contents,
            _read=self._read,
            _given=self._given,
            _layers=self.folders,
            _once_found=self._once_found,
        )

    def opened_too(self, relatives: Iterable[str]) -> None:
        """Name files in the manifest that a stage has read."""
        for relative in relatives:
            if relative not in self._opened:
                self.path(relative)

    def read_too(self, opened: Iterable[str], looked: Iterable[str], listed: Mapping[str, tuple[str, ...]]) -> None:
        """Take over what a stage within a stage has read: files for the manifest, files looked at, and patterns with what they found."""
        self.opened_too(opened)
        self._looked.update(looked)
        self._listed.update(listed)

    def state(self, relative: str) -> str:
        """What a file holds now, as a digest: its bytes, and what it is read as where it is varied; empty where there is none."""
        known = self._once_found
        if known is None:
            path = self._place(relative)
        elif (path := known.paths.get(relative)) is None:
            if relative not in known.looked_for:
                known.looked_for[relative] = self._place(relative)
            path = known.looked_for[relative]
        if path is None:
            return ""
        if relative not in self._contents:
            self._contents[relative] = path.read_bytes()
        if relative not in self.varied:
            return self._opened.get(relative) or self._content_digest(relative)
        given = [
            canonical([str(kind), content_digest(value) if isinstance(value, pl.DataFrame) else value])
            for (name, kind), value in self._given.items()
            if name == relative
        ]
        return digest("\n".join([self._content_digest(relative), *sorted(given)]))

    @property
    def looked_at(self) -> dict[str, str]:
        """What each file that was read holds, by its path inside the pack: those of `opened`, and manifests of sources."""
        return {relative: self.state(relative) for relative in sorted({*self._opened, *self._looked})}

    @property
    def listed(self) -> dict[str, tuple[str, ...]]:
        """Files found by each pattern that was asked for, by their path inside the pack."""
        return dict(self._listed)

    @property
    def varied(self) -> frozenset[str]:
        """Files that are read as something else than they hold, by their path inside the pack."""
        return frozenset(relative for relative, _ in self._given)

    def with_reading(self, relative: str, kind: object, value: object) -> DataPack:
        """The pack where one file reads as something else, for a figure that is varied; its manifest calls that file varied.

        Args:
            relative: the file, by its path inside the pack.
            kind: the model or schema that it is read as.
            value: what is read.
        """
        given = {**self._given, (relative, kind): value}
        return DataPack(self.root, _contents=self._contents, _read=self._read, _given=given, _layers=self.folders)

    def files(self, pattern: str) -> dict[str, Path]:
        """Files of the pack and of those that it extends, by their path inside it, in order."""
        known = self._once_found
        found = None if known is None else known.patterns.get(pattern)
        if found is None:
            found = files_of(self.folders, pattern)
            if known is not None:
                known.patterns[pattern] = found
        self._listed[pattern] = tuple(found)
        return dict(found)

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
        for relative, manifest in self.files("sources/*/source.toml").items():
            source = self._once(relative, Source, partial(self._manifest, relative, manifest))
            self._looked.add(relative)
            if source.id != manifest.parent.name:
                raise SourceError(
                    f"{manifest}: found id {source.id!r}; expected the folder's name {manifest.parent.name!r}"
                )
            found[source.id] = source
        return found

    def _manifest(self, relative: str, manifest: Path) -> Source:
        if relative not in self._contents:
            self._contents[relative] = manifest.read_bytes()
        return parse_document(parse_mapping(self._contents[relative], manifest), Source, where=str(manifest))

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
        self.path(relative)
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
        if (relative, kind) in self._given:
            return cast("T", self._given[relative, kind])
        if (relative, kind) not in self._read:
            self._read[relative, kind] = read()
        return cast("T", self._read[relative, kind])

    def documents(self, folder: str, model: type[D]) -> dict[str, D]:
        """All TOML documents of a folder of the pack, by file name without ending, in order."""
        return {name: self.document(f"{folder}/{name}.toml", model) for name in self.names(folder)}


def sha256_of(path: Path) -> str:
    """Checksum of a file as hexadecimal text."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


__all__ = [
    "DataPack",
    "Fault",
    "PrintedCell",
    "RawTable",
    "Source",
    "SourceTable",
    "parse_raw",
    "read_raw",
    "read_rows",
    "row_faults",
    "rows_of",
    "sha256_of",
]
