"""One file of a register read in chunks: its columns checked, its codes as whole numbers, what is wrong named with its row.

A chunk is a few hundred thousand rows; nothing here keeps more than one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from capitation.errors import Fault, suggest
from capitation.register.document import SEXES, Register
from capitation.register.kernel import classes

CHUNK = 262_144
"""Rows of a chunk, at least, but for the last of a file."""

LARGEST_GROUP = 2_000_000
"""Rows of a row group that is unpacked whole."""

Numbers = np.ndarray[Any, Any]

_SEX_WORDS = {"male": 1, "m": 1, "1": 1, "female": 2, "f": 2, "2": 2}


@dataclass(frozen=True)
class Partition:
    """One file of persons or of activity, named for messages as it stands below its register's folder."""

    register: Register
    path: Path

    @property
    def name(self) -> str:
        """The file's name in messages."""
        return str(self.path.relative_to(self.register.folder))

    def faults_of_columns(self, like: Mapping[str, str] | None, wanted: Sequence[str]) -> list[Fault]:
        """What is wrong with the file as a whole: it cannot be read, or its columns are not those of the others.

        Args:
            like: the kind of each column of the register's first file; None for that file itself.
            wanted: the columns that are read.
        """
        try:
            mine = self.kinds()
        except (OSError, pa.ArrowException) as error:
            return [Fault(self.name, f"a file that cannot be read ({str(error).splitlines()[0]})", "a parquet file")]
        faults = []
        for name in wanted:
            if name not in mine:
                near = suggest(name, mine)
                faults.append(Fault(self.name, f"no column {name!r}", "the columns that the register names", near))
        if like is not None and not faults:
            gone, more = sorted(set(like) - set(mine)), sorted(set(mine) - set(like))
            if gone or more:
                found = "; ".join(
                    f"{words} {', '.join(names)}" for words, names in (("without", gone), ("with", more)) if names
                )
                faults.append(Fault(self.name, f"columns {found}", "the columns of the register's other files"))
            for name in wanted:
                if like.get(name, mine[name]) != mine[name]:
                    expected = f"{like[name]}, as in the register's other files"
                    faults.append(Fault(f"{self.name}: column {name!r}", mine[name], expected))
        return faults

    def kinds(self) -> dict[str, str]:
        """What each column holds, in words."""
        return {field.name: kind_of(field.type) for field in pq.read_schema(self.path)}

    def chunks(self, columns: Sequence[str]) -> Iterator[tuple[int, list[pl.Series]]]:
        """Number of the first row, and the columns of each chunk."""
        file = pq.ParquetFile(self.path)
        groups = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
        if max(groups, default=0) > LARGEST_GROUP:
            yield from self._through_arrow(file, columns)
            return
        first = last = 0
        for number, rows in enumerate(groups, start=1):
            last += rows
            if last - first >= CHUNK or number == len(groups):
                read = pl.scan_parquet(self.path, glob=False).select(columns).slice(first, last - first).collect()
                yield first, read.get_columns()
                first = last

    def _through_arrow(self, file: pq.ParquetFile, columns: Sequence[str]) -> Iterator[tuple[int, list[pl.Series]]]:
        """The same for a file of few large row groups, which are never unpacked whole."""
        row = 0
        for batch in file.iter_batches(batch_size=CHUNK, columns=list(columns), use_threads=False):
            frame = pl.DataFrame(pl.from_arrow(batch)).select(columns)
            yield row, frame.get_columns()
            row += frame.height


WHOLE, TEXT = "whole numbers", "text"


def kind_of(kind: pa.DataType) -> str:
    """What a type of parquet holds, in words."""
    if pa.types.is_dictionary(kind):
        return kind_of(kind.value_type)
    if pa.types.is_integer(kind):
        return WHOLE
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return TEXT
    return str(kind)


class Coded:
    """Columns of a partition as whole numbers that codes allow; what they do not allow is counted, with its first row.

    Args:
        partition: the file, for messages.
    """

    def __init__(self, partition: Partition) -> None:
        self._name = partition.name
        self._found: dict[tuple[str, str], tuple[int, str]] = {}

    def faults(self) -> list[Fault]:
        """What was found, a fault a column and kind."""
        return [
            Fault(f"{self._name}: column {column!r}", f"{count:,} row(s) with {example}", expected)
            for (column, expected), (count, example) in self._found.items()
        ]

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found so far."""
        return not self._found

    def codes(self, column: str, cells: pl.Series, known: pl.Series, row: int, what: str) -> Numbers:
        """Row numbers of a table of codes; unknown ones are counted and become 0."""
        if _is_text(cells):
            numbers = _text_codes(cells, {str(code): i for i, code in enumerate(known)})
        else:
            numbers = self._whole(column, cells, row)
        return self.within(column, numbers, (0, len(known) - 1), row, f"a known {what}", cells)

    def sexes(self, column: str, cells: pl.Series, row: int) -> Numbers:
        """Sexes as 1 and 2 in the order of `SEXES`."""
        if _is_text(cells):
            numbers = _text_codes(cells.cast(pl.String).str.to_lowercase(), _SEX_WORDS)
        else:
            numbers = self._whole(column, cells, row)
        return self.within(column, numbers, (1, len(SEXES)), row, "1 (male) or 2 (female)", cells)

    def whole(self, column: str, cells: pl.Series, limits: tuple[int, int], row: int, expected: str) -> Numbers:
        """Whole numbers within limits; others are counted and become the least."""
        return self.within(column, self._whole(column, cells, row), limits, row, expected, cells)

    def within(
        self, column: str, numbers: Numbers, limits: tuple[int, int], row: int, expected: str, cells: pl.Series
    ) -> Numbers:
        """The numbers, those outside the limits counted and replaced by the least."""
        least, most = limits
        if not numbers.size or (int(numbers.min()) >= least and int(numbers.max()) <= most):
            return numbers
        bad = (numbers < least) | (numbers > most)
        shown = bad & ~cells.is_null().to_numpy()  # empty cells are named by themselves
        if shown.any():
            first = int(np.argmax(shown))
            self._keep(column, int(shown.sum()), f"{cells[first]!r}, the first in row {row + first + 1:,}", expected)
        return np.where(bad, numbers.dtype.type(least), numbers)

    def _keep(self, column: str, count: int, example: str, expected: str) -> None:
        before = self._found.get((column, expected))
        found = (count, example) if before is None else (before[0] + count, before[1])
        self._found[column, expected] = found

    def _whole(self, column: str, cells: pl.Series, row: int) -> Numbers:
        if not cells.dtype.is_integer():
            self._keep(column, len(cells), str(cells.dtype), WHOLE)
            return np.zeros(len(cells), dtype=np.int64)
        if cells.null_count():
            first = int(cells.is_null().arg_max() or 0)
            self._keep(column, cells.null_count(), f"an empty cell, the first in row {row + first + 1:,}", "a value")
            cells = cells.fill_null(0)
        return cells.to_numpy()


def _is_text(cells: pl.Series) -> bool:
    return cells.dtype in {pl.String, pl.Categorical, pl.Enum} or isinstance(cells.dtype, pl.Categorical | pl.Enum)


def _text_codes(cells: pl.Series, known: Mapping[str, int]) -> Numbers:
    """Numbers of the texts, -1 where one is not known."""
    words = cells.cast(pl.String).str.strip_chars()
    return words.replace_strict(dict(known), default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy()


@dataclass(frozen=True)
class PersonRows:
    """A chunk of persons as whole numbers."""

    practice: Numbers
    area: Numbers
    group: Numbers
    """Class: age band, sex and flags as one number."""
    cost: Numbers | None


def people(partition: Partition, coded: Coded, *, cost: bool) -> Iterator[PersonRows]:
    """The chunks of a file of persons; what is wrong with its rows is gathered in `coded`."""
    register = partition.register
    columns, codes = register.document.columns, register.codes
    names = [columns.practice, columns.area, columns.age, columns.sex, columns.flags, *([columns.cost] if cost else [])]
    masks = 1 << len(codes.flags)
    practices, areas = codes.practices["practice_code"], codes.areas["area_code"]
    for row, cells in partition.chunks(names):
        practice = coded.codes(columns.practice, cells[0], practices, row, "practice")
        area = coded.codes(columns.area, cells[1], areas, row, "small area")
        age = coded.whole(columns.age, cells[2], (0, codes.oldest), row, f"an age from 0 to {codes.oldest}")
        sex = coded.sexes(columns.sex, cells[3], row)
        flags = coded.whole(columns.flags, cells[4], (0, masks - 1), row, f"flags of {len(codes.flags)} bits")
        limits = (0, 10**11)
        paid = coded.whole(columns.cost, cells[5], limits, row, "whole pence of at least 0") if cost else None
        yield PersonRows(practice, area, classes(age, sex, flags, codes.bands, masks), paid)


__all__ = ["CHUNK", "TEXT", "WHOLE", "Coded", "Partition", "PersonRows", "kind_of", "people"]
