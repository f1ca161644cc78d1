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
import pyarrow.compute as pc
import pyarrow.parquet as pq

from capitation.errors import Fault, suggest
from capitation.register.document import SEXES, Register

CHUNK = 262_144
"""Rows of a chunk."""

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

    def chunks(self, columns: Sequence[str], codes: Sequence[str] = ()) -> Iterator[tuple[int, list[pa.Array]]]:
        """Number of the first row, and the columns of each chunk.

        Args:
            columns: which columns.
            codes: those of them which are read as codes of a dictionary, where they are text.
        """
        text = {f.name for f in pq.read_schema(self.path) if kind_of(f.type) == TEXT}
        file = pq.ParquetFile(self.path, read_dictionary=[name for name in codes if name in text])
        row = 0
        for batch in file.iter_batches(batch_size=CHUNK, columns=list(columns), use_threads=False):
            yield row, [batch.column(batch.schema.get_field_index(name)) for name in columns]
            row += batch.num_rows


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
        self._found: dict[str, tuple[int, str, str]] = {}
        self._maps: dict[tuple[str, int], dict[str, int]] = {}

    def faults(self) -> list[Fault]:
        """What was found, a fault a column."""
        return [
            Fault(f"{self._name}: column {column!r}", f"{count:,} row(s) with {example}", expected)
            for column, (count, example, expected) in self._found.items()
        ]

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found so far."""
        return not self._found

    def codes(self, column: str, cells: pa.Array, known: pl.Series, row: int, what: str) -> Numbers:
        """Row numbers of a table of codes; unknown ones are counted and become 0."""
        if kind_of(cells.type) == TEXT:
            numbers = self._text_codes(column, cells, {str(code): i for i, code in enumerate(known)})
        else:
            numbers = self._whole(column, cells, row)
        return self.within(column, numbers, 0, len(known) - 1, row, f"a known {what}", cells)

    def sexes(self, column: str, cells: pa.Array, row: int) -> Numbers:
        """Sexes as 0 and 1 in the order of `SEXES`."""
        if kind_of(cells.type) == TEXT:
            numbers = self._text_codes(column, pc.utf8_lower(_values(cells)), _SEX_WORDS)
        else:
            numbers = self._whole(column, cells, row)
        checked = self.within(column, numbers, 1, len(SEXES), row, "1 (male) or 2 (female)", cells)
        return np.asarray(checked - checked.dtype.type(1))

    def whole(self, column: str, cells: pa.Array, least: int, most: int, row: int, expected: str) -> Numbers:
        """Whole numbers from `least` to `most`; others are counted and become `least`."""
        return self.within(column, self._whole(column, cells, row), least, most, row, expected, cells)

    # Reason: a message needs the column, the row and the cells as they stood, beside the numbers and their limits
    def within(
        self, column: str, numbers: Numbers, least: int, most: int, row: int, expected: str, cells: pa.Array
    ) -> Numbers:
        """The numbers, those outside the limits counted and replaced by the least."""
        if not numbers.size or (int(numbers.min()) >= least and int(numbers.max()) <= most):
            return numbers
        bad = (numbers < least) | (numbers > most)
        first = int(np.argmax(bad))
        self._keep(column, int(bad.sum()), f"{cells[first].as_py()!r}, the first in row {row + first + 1:,}", expected)
        return np.where(bad, numbers.dtype.type(least), numbers)

    def _keep(self, column: str, count: int, example: str, expected: str) -> None:
        before = self._found.get(column)
        self._found[column] = (count, example, expected) if before is None else (before[0] + count, *before[1:])

    def _whole(self, column: str, cells: pa.Array, row: int) -> Numbers:
        cells = _values(cells)
        if not pa.types.is_integer(cells.type):
            self._keep(column, len(cells), str(cells.type), WHOLE)
            return np.zeros(len(cells), dtype=np.int64)
        if cells.null_count:
            first = int(np.argmax(cells.is_null().to_numpy(zero_copy_only=False)))
            self._keep(column, cells.null_count, f"an empty cell, the first in row {row + first + 1:,}", "a value")
            cells = cells.fill_null(0)
        return np.asarray(cells.to_numpy(zero_copy_only=False))

    def _text_codes(self, column: str, cells: pa.Array, known: Mapping[str, int]) -> Numbers:
        """Numbers of the texts, -1 where one is not known."""
        if not pa.types.is_dictionary(cells.type):
            cells = cells.dictionary_encode()
        words = cells.dictionary.to_pylist()
        numbers = np.asarray([*(known.get(str(word).strip(), -1) for word in words), -1], dtype=np.int64)
        return np.asarray(numbers[cells.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)])


def _values(cells: pa.Array) -> pa.Array:
    return cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells


@dataclass(frozen=True)
class People:
    """A chunk of persons as whole numbers."""

    practice: Numbers
    area: Numbers
    group: Numbers
    """Class: age band, sex and flags as one number."""
    cost: Numbers | None


def people(partition: Partition, coded: Coded, *, cost: bool) -> Iterator[People]:
    """The chunks of a file of persons; what is wrong with its rows is gathered in `coded`."""
    register = partition.register
    columns, codes = register.document.columns, register.codes
    names = [columns.practice, columns.area, columns.age, columns.sex, columns.flags, *([columns.cost] if cost else [])]
    masks = 2 ** len(codes.flags)
    practices, areas = codes.practices["practice_code"], codes.areas["area_code"]
    for row, cells in partition.chunks(names, codes=(columns.practice, columns.area, columns.sex)):
        practice = coded.codes(columns.practice, cells[0], practices, row, "practice")
        area = coded.codes(columns.area, cells[1], areas, row, "small area")
        age = coded.whole(columns.age, cells[2], 0, codes.oldest, row, f"an age from 0 to {codes.oldest}")
        sex = coded.sexes(columns.sex, cells[3], row)
        flags = coded.whole(columns.flags, cells[4], 0, masks - 1, row, f"flags of {len(codes.flags)} bits")
        group = codes.bands[age] + sex.astype(np.int64) * masks + flags
        most = 10**11
        paid = coded.whole(columns.cost, cells[5], 0, most, row, "whole pence of at least 0") if cost else None
        yield People(practice, area, np.asarray(group, dtype=np.int64), paid)


__all__ = ["CHUNK", "TEXT", "WHOLE", "Coded", "Partition", "People", "kind_of", "people"]
