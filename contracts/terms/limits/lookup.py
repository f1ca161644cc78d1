"""Look-up: a value from a table of the contract, by bands of a number or by label."""

from __future__ import annotations

import datetime as dt
import math
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from capitation.errors import Faults, suggest
from contracts.language.pieces import Kind, Piece, Pieces
from contracts.language.tables import NO_TABLES, Table, Tables
from contracts.terms._base import Amount, Case, DateColumn, KeyColumn, Row, Term, number, said, value


def _band_said(low: float, reach: float | None) -> str:
    return f"from {low:g}" if reach is None else f"{low:g} to {reach:g}"


class Lookup(Term):
    """The value that a table gives for a number (by band, along a straight line where the band slopes) or for a label."""

    kind: ClassVar[Kind] = "jump"
    primary: ClassVar[str] = "by"

    term: Literal["lookup"] = "lookup"
    """Which clause this is."""
    table: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the table."""
    by: Amount | None = None
    """For a band table: the number looked up."""
    label: KeyColumn | None = None
    """For a label table: the text input whose value is looked up."""
    column: str = ""
    """For a label table: the column that holds the values."""
    dated_by: DateColumn | None = None
    """For a table whose rows say from which date they hold (a column `from`): the date of a row that chooses among them."""

    def check(self, faults: Faults, where: str, tables: Tables) -> None:
        if self.table not in tables:
            faults.add(f"{where}.table", repr(self.table), "a table of the contract", suggest(self.table, tables))
            return
        table = tables[self.table]
        if table.is_dated() != (self.dated_by is not None):
            found = (
                "a table whose rows are valid from dates"
                if table.is_dated()
                else f"{self.dated_by}, and a table without dates"
            )
            faults.add(
                f"{where}.dated_by", found, "the date that chooses among rows with a column `from`, and only then"
            )
        if table.kind == "bands" and (self.by is None or self.label is not None):
            faults.add(where, "a look-up in a band table", "`by`, a number, and no `label`")
        if table.kind == "labels":
            if self.label is None or self.by is not None:
                faults.add(where, "a look-up in a label table", "`label`, a text input, and no `by`")
            if self.column not in table.columns():
                faults.add(
                    f"{where}.column", repr(self.column), "a column of the table", suggest(self.column, table.columns())
                )
            elif any(not isinstance(row.get(self.column), int | float) for row in table.rows):
                faults.add(f"{where}.column", f"texts in {self.column!r}", "a column of numbers")

    def can_lack(self) -> bool:
        return True

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The table's value."""
        found: pl.Expr = pl.lit(None, dtype=pl.Float64)
        for since, table in tables[self.table].versions():
            own = self._in(table)
            found = own if since is None else pl.when(pl.col(str(self.dated_by)) >= since).then(own).otherwise(found)
        return {self.step: found}

    def _in(self, table: Table) -> pl.Expr:
        if self.label is None and self.by is not None:
            return table.banded(value(self.by))
        return pl.col(str(self.label)).replace_strict(table.numbers(self.column), default=None, return_dtype=pl.Float64)

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        table: Table | None = None
        for since, version in tables[self.table].versions():
            if since is None or row[str(self.dated_by)] >= since:
                table = version
        if table is None:
            return {self.step: None}
        if self.label is None and self.by is not None:
            return {self.step: table.at(number(self.by, row))}
        return {self.step: table.numbers(self.column).get(str(row[str(self.label)]))}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        subject = said(self.by) if self.by is not None else str(self.label)
        words = f"table {self.table} has a value for {subject}"
        if self.dated_by is not None:
            words += f" on {self.dated_by}"
        elif self.by is not None and self.table in tables:
            words += f" ({', '.join(_band_said(*reach) for reach in tables[self.table].reaches())})"
        return {words: pl.col(self.step).is_not_null()}

    def pieces(self, at: Row, tables: Tables = NO_TABLES) -> Pieces | None:
        """The bands' lines, flat from the end of one band to the start of the next and past the ends; None for a label table."""
        if self.by is None or self.table not in tables or self.dated_by is not None:
            return None
        table = tables[self.table]
        out: list[Piece] = []
        for i, (low, high, start, end) in enumerate(table.lines()):
            begin = -math.inf if i == 0 else low
            if high is None or high == low or start == end:
                out.append(Piece(begin, start, 0.0))
            else:
                slope = (end - start) / (high - low)
                out.append(Piece(begin, start - slope * low, slope))
                out.append(Piece(high, end, 0.0))
        return Pieces(tuple(out)).simplified()

    def formula(self) -> str:
        on = "" if self.dated_by is None else f", as it holds on {self.dated_by}"
        if self.by is not None:
            return f"{self.step} = value of table {self.table} at {said(self.by)}{on}"
        return f"{self.step} = {self.column} of table {self.table} for {self.label}{on}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "a minimum savings rate along a straight line inside its band",
            {"table": "msr", "by": "persons"},
            [{"persons": 5000.0}, {"persons": 5905.0}, {"persons": 59_999.0}, {"persons": 250_000.0}],
            {"": [0.039, 0.039 - 0.003 * 905 / 999, 0.02, 0.02]},
            "3.9% - 0.3% x 905/999 = 3.628228%",
            {
                "msr": {
                    "name": "msr",
                    "about": "part of a table",
                    "kind": "bands",
                    "rows": [
                        {"low": 5000, "high": 5999, "at_low": 0.039, "at_high": 0.036},
                        {"low": 6000, "high": 49_999, "at_low": 0.036, "at_high": 0.022},
                        {"low": 50_000, "high": 59_999, "at_low": 0.022, "at_high": 0.02},
                        {"low": 60_000, "high": None, "at_low": 0.02, "at_high": None},
                    ],
                }
            },
        ),
        Case(
            "a rate by label, as it holds on the day of service",
            {"table": "tracks", "label": "track", "column": "rate", "dated_by": "service_date"},
            [
                {"track": "A", "service_date": dt.date(2016, 3, 31)},
                {"track": "A", "service_date": dt.date(2016, 4, 1)},
                {"track": "B", "service_date": dt.date(2018, 1, 1)},
            ],
            {"": [0.5, 0.6, 0.8]},
            "the rows from 1 April 2016 hold from that day",
            {
                "tracks": {
                    "name": "tracks",
                    "about": "rates",
                    "kind": "labels",
                    "label": "track",
                    "rows": [
                        {"track": "A", "rate": 0.5},
                        {"track": "B", "rate": 0.75},
                        {"from": "2016-04-01", "track": "A", "rate": 0.6},
                        {"from": "2016-04-01", "track": "B", "rate": 0.8},
                    ],
                }
            },
        ),
        Case(
            "a rate by label",
            {"table": "tracks", "label": "track", "column": "rate"},
            [{"track": "B"}, {"track": "A"}],
            {"": [0.75, 0.5]},
            "as printed",
            {
                "tracks": {
                    "name": "tracks",
                    "about": "rates",
                    "kind": "labels",
                    "label": "track",
                    "rows": [{"track": "A", "rate": 0.5}, {"track": "B", "rate": 0.75}],
                }
            },
        ),
    )
