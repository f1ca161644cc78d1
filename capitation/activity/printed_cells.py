"""The cells of a printed table as exact numbers in whole units: "£m" to pounds and pence, a dash to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from capitation.errors import DataError, SourceError, suggest
from capitation.money.pence import pence_of
from capitation.money.written_numbers import exact_number
from capitation.pack.sources import DataPack
from capitation.records.frames import Schema

_MULTIPLES = {"£": 1, "£'000": 1_000, "£m": 1_000_000}


def printed_number(text: str) -> Decimal:
    """The number in a printed cell, with its digits: "1,006,288", "£22.2m" is 22.2, "-13%" is -13, "+8%" is 8.

    Raises:
        SourceError: the text is not one number with at most a pound sign before it and "m" or "%" after it.
    """
    bare = text.strip().removeprefix("£").removesuffix("%").removesuffix("m")
    try:
        return exact_number(bare)
    except DataError:
        raise SourceError(f"{text!r} is not a printed number such as '1,006,288', '£22.2m' or '-13%'") from None


class Cells:
    """The cells of one printed table of the plan by row and column, read as numbers of the unit they print."""

    def __init__(self, pack: DataPack, source: str, table: str) -> None:
        self._where = f"source {source}, table {table}"
        frame = pack.printed(source, table)
        self._cells = {(row, column): (value, unit) for row, column, value, unit, _ in frame.iter_rows()}

    def has(self, row: str, column: str) -> bool:
        """Whether the table prints this cell."""
        return (row, column) in self._cells

    def columns(self, row: str) -> list[str]:
        """Columns that the table prints in a row."""
        return [column for label, column in self._cells if label == row]

    def text(self, row: str, column: str) -> str:
        """The cell as printed."""
        return self._cell(row, column)[0]

    def number(self, row: str, column: str) -> Decimal:
        """The cell as an exact number."""
        try:
            return printed_number(self.text(row, column))
        except SourceError as error:
            raise SourceError(f"{self._where}, row {row!r}, column {column!r}: {error.message}") from error

    def pence(self, row: str, column: str) -> int:
        """A sum of money in whole pence, whatever its printed unit."""
        number, unit = self.number(row, column), self._cell(row, column)[1]
        if unit not in _MULTIPLES:
            raise SourceError(
                f"{self._where}, row {row!r}, column {column!r}: found the unit {unit!r}; expected one of {', '.join(_MULTIPLES)}"
            )
        return pence_of(number * _MULTIPLES[unit])

    def whole(self, row: str, column: str) -> int:
        """A whole number; a fraction is refused."""
        number = self.number(row, column)
        if number != number.to_integral_value():
            raise SourceError(f"{self._where}, row {row!r}, column {column!r}: found {number}; expected a whole number")
        return int(number)

    def share(self, row: str, column: str) -> float:
        """A percentage as a share of 1."""
        number, unit = self.number(row, column), self._cell(row, column)[1]
        if unit != "%":
            raise SourceError(f"{self._where}, row {row!r}, column {column!r}: found the unit {unit!r}; expected %")
        return float(number / 100)

    def whole_or_none(self, row: str, column: str) -> int | None:
        """A whole number, or None where the cell is not printed."""
        return self.whole(row, column) if self.has(row, column) else None

    def share_or_none(self, row: str, column: str) -> float | None:
        """A percentage as a share of 1, or None where the cell is not printed."""
        return self.share(row, column) if self.has(row, column) else None

    def _cell(self, row: str, column: str) -> tuple[str, str]:
        if (row, column) not in self._cells:
            near = suggest(f"{row} | {column}", (f"{r} | {c}" for r, c in self._cells))
            raise SourceError(f"{self._where}: found no cell in row {row!r}, column {column!r}. {near}")
        return self._cells[row, column]


def frame_of(schema: type[Schema], rows: Sequence[tuple[object, ...]]) -> pl.DataFrame:
    """Rows as a frame with the types of a schema."""
    return pl.DataFrame(rows, schema=schema.dtypes(), orient="row")
