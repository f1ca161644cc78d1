"""Years elapsed: which year of an agreement a date falls in."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Literal

import polars as pl

from contracts.language.pieces import Kind
from contracts.language.tables import Tables
from contracts.terms._base import Case, DateColumn, Row, Term


class YearsElapsed(Term):
    """Whole years from one date to another, counted from a first year, kept between the first and a last year."""

    kind: ClassVar[Kind] = "jump"
    univariate: ClassVar[bool] = False
    primary: ClassVar[str] = "until"

    term: Literal["years_elapsed"] = "years_elapsed"
    """Which clause this is."""
    since: DateColumn
    """The date counted from, such as the start of the agreement."""
    until: DateColumn
    """The date counted to, such as the first day of the year settled."""
    first: int = 1
    """Number of the first year."""
    last: int | None = None
    """Number of the last year that counts on its own; later ones count as it."""

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """The number of the year."""
        a, b = pl.col(str(self.since)), pl.col(str(self.until))
        early = (b.dt.month() < a.dt.month()) | ((b.dt.month() == a.dt.month()) & (b.dt.day() < a.dt.day()))
        whole = (b.dt.year() - a.dt.year()).cast(pl.Float64) - early.cast(pl.Float64) + float(self.first)
        whole = pl.max_horizontal(whole, pl.lit(float(self.first)))
        whole = whole if self.last is None else pl.min_horizontal(whole, pl.lit(float(self.last)))
        return {self.step: pl.when(a.is_not_null() & b.is_not_null()).then(whole)}

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        a, b = row[self.since], row[self.until]
        if a is None or b is None:
            return {self.step: None}
        whole = b.year - a.year - ((b.month, b.day) < (a.month, a.day)) + self.first
        whole = max(whole, self.first)
        return {self.step: float(whole if self.last is None else min(whole, self.last))}

    def formula(self) -> str:
        last = "" if self.last is None else f", at most {self.last}"
        return f"{self.step} = whole years from {self.since} to {self.until}, the first being {self.first}{last}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "an agreement from July 2012 is in its first year at the start of 2013",
            {"since": "start", "until": "year_start", "last": 3},
            [
                {"start": dt.date(2012, 7, 1), "year_start": dt.date(2013, 1, 1)},
                {"start": dt.date(2014, 1, 1), "year_start": dt.date(2016, 1, 1)},
                {"start": dt.date(2014, 1, 1), "year_start": dt.date(2019, 1, 1)},
            ],
            {"": [1.0, 3.0, 3.0]},
            "0 whole years; 2; 5 counts as the third",
        ),
        Case(
            "a start after the date is the first year",
            {"since": "start", "until": "year_start"},
            [{"start": dt.date(2019, 7, 1), "year_start": dt.date(2019, 1, 1)}],
            {"": [1.0]},
            "not before the first",
        ),
    )
