"""A register: a folder with `register.toml`, tables of codes, and parquet files of one row a person.

    register.toml      what it is, its columns, its age bands and flags, what is allowed of it (`RegisterDocument`)
    practices.csv      practice_code, and the levels above it (locality, place, system, or any other)
    areas.csv          area_code, and figures of the area that a formula may use (score, or any other)
    persons/*.parquet  a row a person: pseudonym, practice, area, age, sex, flags (one bit each), cost in pence
    lines/*.parquet    a row of activity: pseudonym, practice, service, month, cost in pence; need not be there

Practices and areas stand in the parquet files as row numbers of their tables, counted from 0, or as the codes themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, model_validator

from capitation.errors import DocumentError, Faults, SourceError
from capitation.pack.tables import read_table
from capitation.records.documents import Document, read_document

FILE = "register.toml"
"""Name of the document in its folder."""

SEXES = ("male", "female")
"""The sexes that weights know, in the order of their codes in cells."""

MOST_FLAGS = 16
"""Most condition flags of a register: a cell's class is a code of them all."""


class PersonColumns(Document):
    """Names of the columns of the persons' files."""

    person: str = "person"
    """Pseudonym: whole numbers or text; never an NHS number."""
    practice: str = "practice"
    """Practice: its row in practices.csv, counted from 0, or its code."""
    area: str = "area"
    """Small area of residence: its row in areas.csv, counted from 0, or its code."""
    age: str = "age"
    """Age in whole years."""
    sex: str = "sex"
    """Sex: 1 male, 2 female, or the words."""
    flags: str = "flags"
    """Condition flags as one whole number, the first flag its lowest bit."""
    cost: str = "cost_pence"
    """Cost of the year in pence."""


class LineColumns(Document):
    """Names of the columns of the files of activity."""

    person: str = "person"
    """Pseudonym, as in the persons' files."""
    practice: str = "practice"
    """Practice, as in the persons' files."""
    service: str = "service"
    """Service: its place in the document's list, counted from 0, or its name."""
    month: str = "month"
    """Month of the financial year: 1 is April, 12 is March."""
    cost: str = "cost_pence"
    """Cost in pence."""


class RegisterDocument(Document):
    """What a register is, how its files are read, and what is allowed of it."""

    id: str
    """Short name."""
    title: str
    """Display name."""
    about: str
    """What it holds, and for which day or year."""
    is_synthetic: bool
    """Whether the persons are made up."""
    source: str
    """Where it comes from."""
    persons: str = "persons/*.parquet"
    """Files of persons."""
    lines: str | None = None
    """Files of activity; none where it is left out."""
    columns: PersonColumns = PersonColumns()
    """Names of the persons' columns."""
    line_columns: LineColumns = LineColumns()
    """Names of the columns of activity."""
    services: tuple[str, ...] = ()
    """Services of the lines of activity."""
    age_from: tuple[int, ...] = tuple(range(0, 95, 5))
    """First age of each age band; the last band is open."""
    oldest: int = Field(default=120, ge=90, le=150)
    """Oldest age that is possible."""
    flags: tuple[str, ...] = Field(default=(), max_length=MOST_FLAGS)
    """Condition flags, lowest bit first."""
    most_duplicates: float = Field(default=0.001, ge=0, le=1)
    """Share of rows whose person stands in a row before, above which the register is refused."""

    @model_validator(mode="after")
    def _bands_rise(self) -> RegisterDocument:
        bands = self.age_from
        if not bands or bands[0] != 0 or list(bands) != sorted(set(bands)) or bands[-1] > self.oldest:
            raise ValueError("age_from begins with 0, rises, and ends at or before the oldest age")
        if len(set(self.flags)) < len(self.flags) or len(set(self.services)) < len(self.services):
            raise ValueError("each flag and each service once")
        if self.lines is not None and not self.services:
            raise ValueError("lines of activity need the list of services")
        return self


@dataclass(frozen=True)
class Codes:
    """What the numbers of cells stand for: practices, areas, age bands, sexes and flags."""

    practices: pl.DataFrame
    """practice_code and the levels above it, one row a practice, in the order of the numbers."""
    areas: pl.DataFrame
    """area_code and the area's figures, one row an area, in the order of the numbers."""
    age_from: tuple[int, ...]
    oldest: int
    flags: tuple[str, ...]

    @property
    def classes(self) -> int:
        """Classes of persons: age band, sex and flags together."""
        return len(self.age_from) * len(SEXES) << len(self.flags)

    @cached_property
    def bands(self) -> np.ndarray:
        """The age band of each age from 0 to the oldest, as the first class of its band."""
        ages = np.arange(self.oldest + 1)
        band = np.searchsorted(np.asarray(self.age_from), ages, side="right") - 1
        return np.asarray(band * len(SEXES) * 2 ** len(self.flags), dtype=np.int32)

    @property
    def levels(self) -> list[str]:
        """What practices can be added up by."""
        return [name for name in self.practices.columns if name != "practice_code"]


@dataclass(frozen=True)
class Register:
    """A register that can be read: its folder, document, codes and files."""

    folder: Path
    document: RegisterDocument
    codes: Codes
    persons: tuple[Path, ...]
    lines: tuple[Path, ...]


def read_register(folder: Path) -> Register:
    """The register of a folder; its files of persons are not opened yet.

    Raises:
        SourceError: there is no register, a table of codes is missing or broken, or no file of persons is there.
        DocumentError: its document breaks its model.
    """
    path = folder / FILE
    if not path.is_file():
        raise SourceError(f"{folder}: found no {FILE}; expected the folder of a register, as `register make` writes it")
    document = read_document(path, RegisterDocument)
    faults = Faults()
    practices = _table(folder / "practices.csv", "practice_code", faults, figures=False)
    areas = _table(folder / "areas.csv", "area_code", faults, figures=True)
    persons = tuple(sorted(folder.glob(document.persons)))
    lines = tuple(sorted(folder.glob(document.lines))) if document.lines is not None else ()
    if not persons:
        faults.add(f"{path}: persons", f"no file {document.persons}", "at least one parquet file of persons")
    elif not any(_has_rows(each) for each in persons):
        faults.add(
            f"{path}: persons", f"no person in the {len(persons)} file(s) {document.persons}", "at least one person"
        )
    for each in _left_out(folder, {*persons, *lines}):
        faults.add(
            str(each.relative_to(folder)), "a table that the register does not name", f"files {document.persons} only"
        )
    if document.lines is not None and not lines:
        faults.add(f"{path}: lines", f"no file {document.lines}", "files of activity, or no such key")
    faults.raise_if_any(SourceError, f"{folder}: the register cannot be read")
    codes = Codes(practices, areas, document.age_from, document.oldest, document.flags)
    if practices.height * areas.height * codes.classes >= 2**62:
        message = f"{path}: found {practices.height} practices x {areas.height} areas x {codes.classes} classes; expected fewer"
        raise DocumentError(f"{message} than 2^62 cells. Leave out flags or join age bands")
    return Register(folder, document, codes, persons, lines)


def _has_rows(path: Path) -> bool:
    """Whether a file has a row; one that cannot be read is named where it is read."""
    try:
        return bool(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return True


def _left_out(folder: Path, named: set[Path]) -> list[Path]:
    """Tables beside the files of persons or activity that would be left out in silence."""
    rooms = {path.parent for path in named} - {folder}
    beside = (path for room in rooms for path in room.iterdir() if path.suffix.lower() in {".csv", ".parquet", ".xlsx"})
    return sorted(path for path in beside if path not in named and not path.name.startswith("."))


def _table(path: Path, key: str, faults: Faults, *, figures: bool) -> pl.DataFrame:
    """A table of codes: its key is text and unique; of areas, the other columns are figures where all their cells are."""
    empty = pl.DataFrame({key: pl.Series([], dtype=pl.String)})
    if not path.is_file():
        faults.add(str(path), "no such file", f"a table with the column {key}")
        return empty
    table = read_table(path).frame
    if key not in table.columns:
        faults.add(f"{path}: columns", ", ".join(table.columns), f"a column {key}")
        return empty
    table = table.with_columns(pl.col(key).cast(pl.String).str.strip_chars())
    codes = table.get_column(key)
    for code in codes.filter(codes.is_duplicated()).unique().sort().head(10):
        faults.add(f"{path}: {key}", f"{code!r} more than once", "each code once")
    missing = codes.is_null() | (codes == "")
    if missing.any():
        faults.add(f"{path}: {key}", f"{int(missing.sum())} empty cell(s)", "a code in every row")
    if not table.height:
        faults.add(str(path), "no row", "at least one")
    others = [name for name in table.columns if name != key]
    numbers = table.select(pl.col(name).cast(pl.Float64, strict=False) for name in others)
    whole = [name for name in others if figures and numbers[name].null_count() == table[name].null_count()]
    return table.select(key, *(numbers[name] if name in whole else table[name].cast(pl.String) for name in others))


__all__ = ["SEXES", "Codes", "LineColumns", "PersonColumns", "Register", "RegisterDocument", "read_register"]
