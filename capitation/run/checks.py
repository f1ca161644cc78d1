"""What is wrong with a data pack: every fault at once, so that a pack is mended in one sitting.

Each check below looks at one thing, never stops at the first fault, and is listed in CHECKS. None of them changes the
pack, and none depends on another having passed: a source whose manifest cannot be read is reported once and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from capitation.errors import CapitationError, Fault, suggest
from capitation.pack.layers import PACK_FILE
from capitation.pack.parameters import Parameter
from capitation.pack.rows import raw_table
from capitation.pack.sources import DataPack, PrintedCell, Source, read_raw, read_rows, sha256_of
from capitation.places.organisations import ORGANISATIONS_FILE, Organisation
from capitation.records.documents import read_document, read_mapping
from capitation.run.aims.checks import aims_stand, shares_that_do_not_follow, starts_that_differ
from capitation.run.document_checks import DOCUMENT_CHECKS, TABLES

ASSUMPTION = "assumption"
"""What a judgement names as its source."""

PACK_KEYS = ("id", "title", "version", "about", "licence")
"""Keys that pack.toml must give."""

PRACTICES_FILE = "places/practices-2018-19.csv"
"""Practices of the places, inside the pack."""

PRACTICES_SOURCE = ("nhs-england-ccg-target-2018-19", "practices")
"""Source and table in which the numbers of the practices were published."""


def check_pack(pack: DataPack) -> list[Fault]:
    """Every fault of the pack, in the order of CHECKS; an empty list where there is none.

    Example:
        A pack in which one figure was edited and one parameter lost its source has two faults, and both come back.
    """
    return list(dict.fromkeys(fault for check in CHECKS for fault in check(pack)))


def pack_file_is_complete(pack: DataPack) -> Iterator[Fault]:
    """Faults of pack.toml: it must give its id, title, version, description and licence."""
    for path in (folder / PACK_FILE for folder in pack.folders):
        try:
            content = read_mapping(path)
        except CapitationError as error:
            yield from _faults(error, path)
            continue
        for key in PACK_KEYS:
            if not str(content.get(key, "")).strip():
                yield Fault(f"{path}: {key}", "nothing", "a text", "Add the key.")
        for key in content:
            if key not in (*PACK_KEYS, "extends"):
                yield Fault(f"{path}: {key}", "a key that is not known", "only known keys", suggest(key, PACK_KEYS))


def manifests_are_valid(pack: DataPack) -> Iterator[Fault]:
    """Faults of the sources' manifests: missing, unreadable, wrongly named, or with two tables of one name."""
    for folder in _source_folders(pack):
        manifest = folder / "source.toml"
        try:
            source = read_document(manifest, Source)
        except CapitationError as error:
            yield from _faults(error, manifest)
            continue
        if source.id != folder.name:
            yield Fault(f"{manifest}: id", repr(source.id), f"the folder's name {folder.name!r}")
        for field in ("title", "publisher", "published", "licence"):
            if not str(getattr(source, field)).strip():
                yield Fault(f"{manifest}: {field}", "an empty text", "a text")
        names = [table.name for table in source.tables]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Fault(f"{manifest}: tables", f"{names.count(name)} tables named {name!r}", "one of each name")


def tables_are_as_printed(pack: DataPack) -> Iterator[Fault]:
    """Faults of the sources' tables: missing, edited since they were printed, unreadable, or not in a manifest."""
    for folder in _source_folders(pack):
        try:
            source = read_document(folder / "source.toml", Source)
        except CapitationError:
            continue
        for table in source.tables:
            path = folder / table.file
            if not path.is_file():
                near = suggest(table.file, (p.name for p in folder.glob("*.csv")))
                yield Fault(f"{folder / 'source.toml'}: table {table.name}", f"no file {table.file!r}", "a file", near)
                continue
            if sha256_of(path) != table.sha256:
                yield Fault(
                    str(path),
                    f"checksum {sha256_of(path)}",
                    table.sha256,
                    "Printed figures are never edited; put the file back, or give a corrected printing its own table.",
                )
            try:
                if table.layout == "cells":
                    cells = read_rows(path, PrintedCell)
                    blank = cells.filter(pl.any_horizontal(pl.all().str.strip_chars() == ""))
                    if blank.height:
                        yield Fault(str(path), f"{blank.height} row(s) with a blank cell", "no blank cell")
                elif not read_raw(path).height:
                    yield Fault(str(path), "no rows", "at least one row")
            except CapitationError as error:
                yield from _faults(error, path)
        listed = {table.file for table in source.tables}
        for path in sorted(folder.glob("*.csv")):
            if path.name not in listed:
                yield Fault(str(path), "a table that the manifest does not list", "a [[tables]] entry in source.toml")


def parameters_are_sound(pack: DataPack) -> Iterator[Fault]:
    """Faults of the parameters: unreadable, without a unit or a place in their source, or outside their own range."""
    for path in pack.files("parameters/*/*.toml").values():
        try:
            parameter = read_document(path, Parameter)
        except CapitationError as error:
            yield from _faults(error, path)
            continue
        for field in ("about", "unit"):
            if not str(getattr(parameter, field)).strip():
                yield Fault(f"{path}: {field}", "an empty text", "a text")
        low, high = parameter.low, parameter.high
        if low is not None and high is not None and low > high:
            yield Fault(f"{path}: low", f"{low} above high {high}", "low at most high")
            continue
        for dated in parameter.values:
            if not dated.where.strip():
                yield Fault(f"{path}: value from {dated.since}", "no place in its source", "a locator in 'where'")
            below = low is not None and dated.value < low
            above = high is not None and dated.value > high
            if dated.source == ASSUMPTION and (below or above):
                yield Fault(
                    f"{path}: value from {dated.since}",
                    f"{dated.value}",
                    f"a value in its own range, {low if low is not None else 'any'} to {high if high is not None else 'any'}",
                )


def sources_referred_to_exist(pack: DataPack) -> Iterator[Fault]:
    """Figures of the pack's documents that name a source which the pack does not have.

    Contracts and their tables are left out: they cite clauses of law and agreements, which their own model checks.
    """
    known = {folder.name for folder in _source_folders(pack)}
    for relative, path in pack.files("**/*.toml").items():
        if path.name == "source.toml" or relative.startswith("contracts/"):
            continue
        try:
            content = read_mapping(path)
        except CapitationError as error:
            if not relative.startswith("parameters/") and relative != PACK_FILE:
                yield from _faults(error, path)
            continue
        for key, source in _named_sources(content, ""):
            if source not in known and source != ASSUMPTION:
                yield Fault(f"{path}: {key}", f"source {source!r}", "a folder of sources/", suggest(source, known))


def sources_of_tables_exist(pack: DataPack) -> Iterator[Fault]:
    """Rows of the pack's own tables that name a source which the pack does not have.

    A column that holds the words of a source (a practice's evidence, a national price's publication) has no ids and is left out; in a
    table that the engine does not know, so are cells of several words. Tables of contracts are left out as above.
    """
    known = {folder.name for folder in _source_folders(pack)}
    for relative, path in pack.files("**/*.csv").items():
        if relative.startswith(("sources/", "contracts/")):
            continue
        try:
            table = raw_table(path)
        except CapitationError:
            continue
        rows = table.cells
        columns = TABLES[relative].columns() if relative in TABLES else {}
        for name in ("source", "code_source"):
            if name not in rows.columns or (name in columns and columns[name].unit == "text"):
                continue
            cell = pl.col("cell")
            is_an_id = pl.lit(value=True) if name in columns else ~cell.str.contains(r"\s")
            cells = rows.select(pl.col(name).str.strip_chars().fill_null("").alias("cell")).with_row_index("row")
            for number, source in cells.filter(is_an_id, ~cell.is_in([*sorted(known), ASSUMPTION])).iter_rows():
                found = f"source {source!r}"
                yield Fault(
                    f"{path}: line {table.line(number)}, {name}", found, "a folder of sources/", suggest(source, known)
                )


def organisations_are_valid(pack: DataPack) -> Iterator[Fault]:
    """Faults of the organisations table, where the pack has one."""
    path = pack.files(ORGANISATIONS_FILE).get(ORGANISATIONS_FILE)
    if path is None:
        return
    try:
        read_rows(path, Organisation)
    except CapitationError as error:
        yield from _faults(error, path)


def practice_numbers_are_published(pack: DataPack) -> Iterator[Fault]:
    """Practices of the places whose list differs from the published one, is missing on either side, or is no number."""
    source, table = PRACTICES_SOURCE
    published_path, placed_path = (
        pack.files(name).get(name) for name in (f"sources/{source}/{table}.csv", PRACTICES_FILE)
    )
    if published_path is None or placed_path is None:
        return
    lists = {}
    for path, side in ((published_path, "published"), (placed_path, "placed")):
        try:
            rows = read_raw(path)
        except CapitationError as error:
            yield from _faults(error, path)
            return
        column = _list_column(pack, rows.columns) if side == "published" else "registered_persons"
        missing = [name for name in ("practice_code", column) if name not in rows.columns]
        for name in missing:
            yield Fault(str(path), f"no column {name!r}", "the column", suggest(name, rows.columns))
        if missing:
            return
        repeated = rows.filter(pl.col("practice_code").is_duplicated()).get_column("practice_code").unique().sort()
        for code in repeated:
            yield Fault(f"{path}: {code}", "a practice given more than once", "one row a practice")
        lists[side] = rows.select("practice_code", pl.col(column).alias("text")).unique("practice_code")
        number = pl.col("text").cast(pl.Float64, strict=False)
        for code, text in (
            lists[side].filter(~(number.is_finite() & (number >= 0)).fill_null(False)).sort("practice_code").iter_rows()
        ):
            yield Fault(f"{path}: {code}, column {column!r}", repr(text), "a number of persons, at least 0")
    both = lists["published"].join(
        lists["placed"], on="practice_code", how="full", coalesce=True, suffix="_placed", validate="1:1"
    )
    for code, published, placed in both.sort("practice_code").iter_rows():
        if placed is None:
            yield Fault(f"{placed_path}: {code}", "no row", f"the published practice with {published} persons")
        elif published is None:
            yield Fault(
                f"{placed_path}: {code}", "a practice that was not published", f"a practice of {published_path}"
            )
        elif _number(published) != _number(placed):
            yield Fault(f"{placed_path}: {code}", f"{placed} registered persons", f"{published} as published")


def _list_column(pack: DataPack, headings: list[str]) -> str:
    """The column of persons in the published table of practices: that of the vintage of the scenario that uses the table."""
    columns: dict[str, str] = {}
    for path in pack.files("need/vintages/*.toml").values():
        vintage = _mapping(path)
        population = vintage.get("population")
        if isinstance(population, dict) and isinstance(population.get("column"), str):
            columns[str(vintage.get("year"))] = population["column"]
    for path in pack.files("scenarios/*.toml").values():
        scenario = _mapping(path)
        used = scenario.get("practices")
        named = (used.get("source"), used.get("table")) if isinstance(used, dict) else None
        if named == PRACTICES_SOURCE and scenario.get("need_year") in columns:
            return columns[scenario["need_year"]]
    registered = next((name for name in headings if name.startswith("registered")), "registered_persons")
    return next(iter(columns.values()), registered)


def _mapping(path: Path) -> dict[str, Any]:
    """The keys of a document, none where it cannot be read: the check of documents says why."""
    try:
        return read_mapping(path)
    except CapitationError:
        return {}


CHECKS: tuple[Callable[[DataPack], Iterator[Fault]], ...] = (
    pack_file_is_complete,
    manifests_are_valid,
    tables_are_as_printed,
    parameters_are_sound,
    sources_referred_to_exist,
    sources_of_tables_exist,
    organisations_are_valid,
    practice_numbers_are_published,
    *DOCUMENT_CHECKS,
    aims_stand,
    starts_that_differ,
    shares_that_do_not_follow,
)
"""The checks of a pack, in the order in which their faults are reported."""


def _source_folders(pack: DataPack) -> list[Path]:
    return sorted(path for folder in pack.folders for path in (folder / "sources").glob("*") if path.is_dir())


def _named_sources(content: Any, key: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # walks any document
    """Keys and source ids of every mapping that gives both a source and a place in it."""
    if isinstance(content, dict):
        if isinstance(content.get("source"), str) and "where" in content:
            yield key or "the whole document", content["source"]
        for name, inner in content.items():
            yield from _named_sources(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(content, list):
        for number, inner in enumerate(content, 1):
            yield from _named_sources(inner, f"{key}[{number}]")


def _faults(error: CapitationError, path: Path) -> Iterator[Fault]:
    if error.faults:
        yield from error.faults
    else:
        yield Fault(str(path), error.message, "a file that can be read")


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
