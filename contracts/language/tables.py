"""Lookup tables of a contract: bands of a number, or values by label, kept as rows beside the contract.

A band table has the columns `low` (first number of the band), `at_low`, and where values run along a straight line
inside the band also `high` (last number of the band, empty for the open last one) and `at_high`:

    value = at_low + (at_high - at_low) x (n - low) / (high - low)      within the band that holds n

A label table has one column of labels and one or more columns of values. A table whose values change over time has a
column `from` besides: the first date of each row's version, empty for the rows that hold from the beginning.
"""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Mapping
from functools import reduce
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BeforeValidator, Field

from capitation.errors import Faults
from capitation.records.documents import Document
from contracts.language.labels import confusable

Cell = str | int | float | None

SINCE = "from"
"""Column of the first date of a row's version."""


def _plain(cell: Any) -> Any:  # noqa: ANN401  # a cell as a document gives it
    return cell.isoformat() if isinstance(cell, dt.date) else cell


DatedCell = Annotated[Cell, BeforeValidator(_plain)]
"""A cell; a date is kept as its ISO text."""


class Table(Document):
    """A lookup table: where it stands, what it says, its rows."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name by which terms and inputs refer to the table."""
    about: str
    """What the table says."""
    kind: Literal["bands", "labels"]
    """"bands": values by bands of a number (low, at_low, and high, at_high where they slope); "labels": by text."""
    label: str = ""
    """For a label table: the column that holds the labels."""
    file: str = ""
    """CSV file of the rows, beside the contract; give this or `rows`."""
    rows: tuple[dict[str, DatedCell], ...] = ()
    """The rows, each a mapping of column to cell; filled from `file` when the contract is read."""
    source: str = ""
    """Where the table is printed."""

    def check(self, faults: Faults, where: str) -> None:
        """Add a fault for each missing column, non-number, repeated label or band out of order."""
        if not self.rows:
            faults.add(where, "no rows", "rows in the contract or in the file it names", "Give `file` or `rows`.")
            return
        if self.is_dated() and not self._check_dates(faults, where):
            return
        for since, version in self.versions():
            place = where if since is None else f"{where}, from {since}"
            if self.kind == "labels":
                version._check_labels(faults, place)  # a table's own
            else:
                version._check_bands(faults, place)  # a table's own

    def is_dated(self) -> bool:
        """Whether rows say from which date they hold."""
        return any(SINCE in row for row in self.rows)

    def _check_dates(self, faults: Faults, where: str) -> bool:
        before = len(faults)
        for number, row in enumerate(self.rows, start=1):
            since = row.get(SINCE)
            try:
                dt.date.fromisoformat(str(since or "2000-01-01"))
            except ValueError:
                faults.add(f"{where}: row {number}, {SINCE}", repr(since), "a date such as 2016-04-01, or nothing")
        return len(faults) == before

    def versions(self) -> list[tuple[dt.date | None, Table]]:
        """The table as it holds from each date, earliest first; one version without a date where rows have none."""
        if not self.is_dated():
            return [(None, self)]
        rows: dict[dt.date | None, list[dict[str, Cell]]] = {}
        for row in self.rows:
            since = row.get(SINCE)
            day = None if since is None or since == "" else dt.date.fromisoformat(str(since))
            rows.setdefault(day, []).append({k: v for k, v in row.items() if k != SINCE})
        ordered = sorted(rows, key=lambda day: day or dt.date.min)
        return [(day, self.model_copy(update={"rows": tuple(rows[day])})) for day in ordered]

    def _check_labels(self, faults: Faults, where: str) -> None:
        if self.label not in self.rows[0]:
            faults.add(where, f"no column {self.label!r}", "the column that holds the labels", "Set `label`.")
            return
        seen: dict[str, int] = {}
        for number, row in enumerate(self.rows, start=1):
            label = str(row[self.label])
            if label in seen:
                faults.add(f"{where}: row {number}", f"label {label!r} again (row {seen[label]})", "each label once")
            seen[label] = number
        rest = {str(row[self.label]): {k: v for k, v in row.items() if k != self.label} for row in self.rows}
        for first, other in confusable(rest):
            if rest[first] != rest[other]:
                faults.add(
                    f"{where}: row {seen[other]}",
                    f"label {other!r}, which is read as {first!r} (row {seen[first]})",
                    "labels that differ by more than case, spaces, underscores and inner hyphens",
                )

    def _check_bands(self, faults: Faults, where: str) -> None:
        last: float | None = None
        for number, row in enumerate(self.rows, start=1):
            place = f"{where}: row {number}"
            low, high, at_low = row.get("low"), row.get("high"), row.get("at_low")
            if not isinstance(low, int | float) or not isinstance(at_low, int | float):
                faults.add(place, f"low {low!r}, at_low {at_low!r}", "numbers in both")
                continue
            if isinstance(high, int | float) and high < low:
                faults.add(place, f"a band from {low:g} to {high:g}", "a band that ends after it begins")
            if last is not None and low <= last:
                faults.add(
                    place, f"a band from {low:g} after one that reaches {last:g}", "bands in order, not overlapping"
                )
            last = float(high) if isinstance(high, int | float) else float(low)

    def columns(self) -> list[str]:
        """Names of the columns, without that of the dates."""
        return [name for name in self.rows[0] if name != SINCE] if self.rows else []

    def by_label(self, column: str) -> dict[str, Cell]:
        """Values of a column by label."""
        return {str(row[self.label]): row[column] for row in self.rows}

    def numbers(self, column: str) -> dict[str, float]:
        """Values of a column of numbers by label."""
        return {label: float(cell) for label, cell in self.by_label(column).items() if cell is not None}

    def lines(self) -> list[tuple[float, float | None, float, float]]:
        """Each band as its first number, last number, and the values at both."""
        out = []
        for row in self.rows:
            low, high, at_low, at_high = (row.get(c) for c in ("low", "high", "at_low", "at_high"))
            start = float(at_low)  # type: ignore[arg-type]  # checked to be a number
            end = start if at_high is None else float(at_high)
            out.append((float(low), None if high is None else float(high), start, end))  # type: ignore[arg-type]
        return out

    def reaches(self) -> list[tuple[float, float | None]]:
        """From which number, and up to which, each band has a value: its own last number, or the start of the next band.

        A band reaches to the next one where it has no last number, or where both are whole numbers that follow each other,
        such as 5,999 and 6,000. A gap that is wider has no value, and neither has what lies past the last band's end.
        """
        bands = self.lines()
        out: list[tuple[float, float | None]] = []
        for i, (low, high, _, _) in enumerate(bands):
            after = bands[i + 1][0] if i + 1 < len(bands) else None
            follows = after is not None and high is not None and after - high <= 1 and after % 1 == high % 1 == 0
            out.append((low, after if high is None or follows else high))
        return out

    def at(self, number: float) -> float | None:
        """The band table's value at a number; None below the first band, in a gap and past the end."""
        bands = self.lines()
        i = bisect.bisect_right([low for low, *_ in bands], number) - 1
        if i < 0:
            return None
        _, reach = self.reaches()[i]
        if reach is not None and number > reach:
            return None
        low, high, start, end = bands[i]
        if high is None or end == start:
            return start
        return start + (end - start) * (min(number, high) - low) / (high - low)

    def banded(self, number: pl.Expr) -> pl.Expr:
        """The band table's value as an expression; missing below the first band, in a gap and past the end."""

        def line(band: tuple[float, float | None, float, float], reach: float | None) -> pl.Expr:
            low, high, start, end = band
            found = pl.lit(start)
            if high is not None and end != start:
                found = start + (end - start) * (pl.min_horizontal(number, pl.lit(high)) - low) / (high - low)
            return found if reach is None else pl.when(number <= reach).then(found)

        return reduce(
            lambda below, band: pl.when(number >= band[0][0]).then(line(band[0], band[1][1])).otherwise(below),
            zip(self.lines(), self.reaches(), strict=True),
            pl.lit(None, dtype=pl.Float64),
        )


Tables = Mapping[str, Table]
"""The tables of a contract by name."""

NO_TABLES: Tables = {}
"""For a term that looks nothing up."""
