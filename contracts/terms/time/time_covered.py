"""Time covered: which part of a period a late joiner or a leaver was in the contract, by days or by months."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar, Literal

import polars as pl

from contracts.language.pieces import Kind
from contracts.language.tables import Tables
from contracts.terms._base import Case, DateColumn, Row, Term


class TimeCovered(Term):
    """The part of a period from the later of its start and the joining date to the earlier of its end and the leaving date.

    Counted in days, or in months: a month counts if it is covered on its first day (or, with `any_day`, on any). The
    leaving date is the first day that is no longer covered; a row without a date joined before, or has not left.
    """

    kind: ClassVar[Kind] = "jump"
    univariate: ClassVar[bool] = False
    primary: ClassVar[str] = "until"

    term: Literal["time_covered"] = "time_covered"
    """Which clause this is."""
    """Which clause this is."""
    since: DateColumn
    """First day of the period."""
    until: DateColumn
    """First day after the period."""
    joined: DateColumn | None = None
    """First day covered, where a row has one."""
    left: DateColumn | None = None
    """First day no longer covered, where a row has one."""
    counted_in: Literal["days", "months"] = "days"
    """How time is counted."""
    month_counts: Literal["first_day", "any_day"] = "first_day"
    """Which months count: those covered on their first day, or on any day."""

    def needs(self) -> tuple[str, ...]:
        """The period; a row without a date joined before it, or has not left."""
        return (str(self.since), str(self.until))

    def parts(self) -> tuple[str, ...]:
        return ("covered", "of")

    def _number(self, date: pl.Expr, *, up: bool) -> pl.Expr:
        if self.counted_in == "days":
            return date.dt.epoch("d").cast(pl.Float64)
        month = (date.dt.year() * 12 + date.dt.month()).cast(pl.Float64)
        return month + (date.dt.day() > 1).cast(pl.Float64) if up else month

    def evaluate(self, tables: Tables) -> dict[str, pl.Expr]:
        """Part covered, time covered, time of the period."""
        since, until = pl.col(str(self.since)), pl.col(str(self.until))
        start = since if self.joined is None else pl.max_horizontal(since, pl.col(str(self.joined)))
        end = until if self.left is None else pl.min_horizontal(until, pl.col(str(self.left)))
        of = self._number(until, up=True) - self._number(since, up=True)
        counted = self._number(end, up=True) - self._number(start, up=self.month_counts == "first_day")
        covered = pl.when(end > start).then(pl.min_horizontal(counted, of)).otherwise(0.0)
        return {self.step: covered / of, f"{self.step}.covered": covered, f"{self.step}.of": of}

    def _number_of(self, date: dt.date, *, up: bool) -> int:
        if self.counted_in == "days":
            return date.toordinal()
        return date.year * 12 + date.month + (1 if up and date.day > 1 else 0)

    def reference(self, row: Row, tables: Tables) -> dict[str, float | None]:
        since, until = row[self.since], row[self.until]
        if since is None or until is None:
            return dict.fromkeys(self.outputs())
        joined = None if self.joined is None else row[self.joined]
        left = None if self.left is None else row[self.left]
        start = since if joined is None else max(since, joined)
        end = until if left is None else min(until, left)
        of = self._number_of(until, up=True) - self._number_of(since, up=True)
        covered = 0
        if end > start:
            covered = self._number_of(end, up=True) - self._number_of(start, up=self.month_counts == "first_day")
            covered = min(covered, of)
        return {self.step: covered / of, f"{self.step}.covered": float(covered), f"{self.step}.of": float(of)}

    def promises(self, tables: Tables) -> dict[str, pl.Expr]:
        out = {f"{self.until} is after {self.since}": pl.col(f"{self.step}.of") > 0}
        if self.joined is not None and self.left is not None:
            ordered = pl.col(str(self.left)) >= pl.col(str(self.joined))
            out[f"{self.left} is not before {self.joined}"] = ordered.fill_null(True)
        return out

    def formula(self) -> str:
        start = str(self.since) if self.joined is None else f"later of {self.since} and {self.joined}"
        end = str(self.until) if self.left is None else f"earlier of {self.until} and {self.left}"
        how = (
            "days"
            if self.counted_in == "days"
            else "months covered on " + ("their first day" if self.month_counts == "first_day" else "any day")
        )
        return f"{self.step} = {how} from the {start} to the {end}, over those from {self.since} to {self.until}"

    cases: ClassVar[tuple[Case, ...]] = (
        Case(
            "days of a year: all of it, a late joiner, a leaver, one who left before it began",
            {"since": "start", "until": "end", "joined": "in_on", "left": "out_on"},
            [
                {"start": dt.date(2017, 4, 1), "end": dt.date(2018, 4, 1), "in_on": None, "out_on": None},
                {
                    "start": dt.date(2017, 4, 1),
                    "end": dt.date(2018, 4, 1),
                    "in_on": dt.date(2018, 1, 1),
                    "out_on": None,
                },
                {
                    "start": dt.date(2017, 4, 1),
                    "end": dt.date(2018, 4, 1),
                    "in_on": None,
                    "out_on": dt.date(2017, 6, 30),
                },
                {
                    "start": dt.date(2017, 4, 1),
                    "end": dt.date(2018, 4, 1),
                    "in_on": None,
                    "out_on": dt.date(2017, 1, 1),
                },
            ],
            {
                "": [1.0, 90 / 365, 90 / 365, 0.0],
                "covered": [365.0, 90.0, 90.0, 0.0],
                "of": [365.0, 365.0, 365.0, 365.0],
            },
            "31 + 28 + 31 days; 30 + 31 + 29 days",
        ),
        Case(
            "months by their first day: joined on 2 October, left on 15 January",
            {"since": "start", "until": "end", "joined": "in_on", "left": "out_on", "counted_in": "months"},
            [
                {
                    "start": dt.date(2017, 4, 1),
                    "end": dt.date(2018, 4, 1),
                    "in_on": dt.date(2017, 10, 2),
                    "out_on": dt.date(2018, 1, 15),
                },
                {
                    "start": dt.date(2017, 4, 1),
                    "end": dt.date(2018, 4, 1),
                    "in_on": dt.date(2017, 10, 1),
                    "out_on": dt.date(2018, 1, 1),
                },
            ],
            {"": [3 / 12, 3 / 12], "covered": [3.0, 3.0], "of": [12.0, 12.0]},
            "first days of November, December, January; of October, November, December",
        ),
        Case(
            "months covered on any day: the same joiner and leaver has October to January",
            {
                "since": "start",
                "until": "end",
                "joined": "in_on",
                "left": "out_on",
                "counted_in": "months",
                "month_counts": "any_day",
            },
            [
                {
                    "start": dt.date(2017, 4, 1),
                    "end": dt.date(2018, 4, 1),
                    "in_on": dt.date(2017, 10, 2),
                    "out_on": dt.date(2018, 1, 15),
                }
            ],
            {"": [4 / 12], "covered": [4.0], "of": [12.0]},
            "October, November, December, January",
        ),
    )
