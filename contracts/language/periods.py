"""Periods: where a year, quarter or month stands in time, so that the one before it is found by date and never by row.

    2016/17                                     a financial year
    2016                                        a calendar year
    2016/17 Q1, Q1 2016/17, 2016 Q1             a quarter of a financial or calendar year
    2016-04, April 2016, Apr-16                 a month
    April, Apr, M1, Q1, P3, week 12             one of a year, months from April on; or a name with a number, or a number
    2016-04-01                                  a date: the period is as long as `every` says

A column holds periods of one kind. What is none of these has no place in time, and rows with it are refused.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any, Literal

import polars as pl

Every = Literal["day", "month", "quarter", "year"]
"""How long the periods are that dates begin."""

SAID = "2016/17, 2016, 2016/17 Q1, 2016-04, April 2016, April, or a whole number"
"""Examples of periods, for messages."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")  # fmt: skip
_YEAR = r"(\d{4})/(\d{2})"
_FINANCIAL = re.compile(rf"^{_YEAR}$")
_QUARTER = re.compile(rf"^(?:q([1-4])[ -]?{_YEAR}|{_YEAR}[ -]?q([1-4]))$")
_CALENDAR_QUARTER = re.compile(r"^(?:q([1-4])[ -]?(\d{4})|(\d{4})[ -]?q([1-4]))$")
_ISO_MONTH = re.compile(r"^(\d{4})-(0[1-9]|1[0-2])$")
_NAMED_MONTH = re.compile(r"^([a-z]+)\.?[ -]?(\d{4}|\d{2})$")
_FINANCIAL_MONTH = re.compile(rf"^(?:m(0?[1-9]|1[0-2])[ -]?{_YEAR}|{_YEAR}[ -]?m(0?[1-9]|1[0-2]))$")
_COUNTED = re.compile(r"^([a-z]*)[ -]?(\d{1,9})(?:\.0+)?$")
_APRIL = 3

Place = tuple[str, int]
"""A kind of period, and its number among the periods of that kind."""


def place_of(value: Any, every: Every | None = None) -> Place | None:  # noqa: ANN401  # a cell of any column
    """Where one period stands: its kind, and a number that rises by one from each period to the next.

    Example:
        `place_of("2016/17")` is `("financial year", 2016)`; `place_of("April 2016")` and `place_of("2016-04")` are equal.
    """
    if isinstance(value, dt.datetime):
        value = value.date()
    if isinstance(value, dt.date):
        return None if every is None else _dated(value, every)
    if isinstance(value, int | float):
        return ("number", int(value)) if math.isfinite(value) and float(value).is_integer() else None
    return _written(str(value).strip().lower(), every) if isinstance(value, str) else None


def _dated(day: dt.date, every: Every) -> Place:
    numbers = {
        "day": day.toordinal(),
        "month": day.year * 12 + day.month - 1,
        "quarter": day.year * 4 + (day.month - 1) // 3,
        "year": day.year,
    }
    return f"{every} of {(day.month, day.day) if every == 'year' else day.day if every == 'month' else ''}", numbers[
        every
    ]


def _financial(first: str, second: str) -> int | None:
    return int(first) if (int(first) + 1) % 100 == int(second) and int(first) > 0 else None


def _month_of(word: str) -> int | None:
    if word in _LONG:
        return _LONG.index(word)
    if word == "sept":
        return _MONTHS.index("sep")
    return _MONTHS.index(word) if word in _MONTHS else None


def _written(text: str, every: Every | None) -> Place | None:
    if match := _FINANCIAL.match(text):
        year = _financial(match[1], match[2])
        return None if year is None else ("financial year", year)
    if match := _QUARTER.match(text):
        year = _financial(match[2] or match[4], match[3] or match[5])
        return None if year is None else ("quarter of a financial year", year * 4 + int(match[1] or match[6]) - 1)
    if match := _FINANCIAL_MONTH.match(text):
        year = _financial(match[2] or match[4], match[3] or match[5])
        month = int(match[1] or match[6])
        return None if year is None else ("month", year * 12 + _APRIL + month - 1)
    if match := _CALENDAR_QUARTER.match(text):
        return "quarter", int(match[2] or match[3]) * 4 + int(match[1] or match[4]) - 1
    if match := _ISO_MONTH.match(text):
        return "month", int(match[1]) * 12 + int(match[2]) - 1
    month_ = _month_of(text.rstrip("."))
    if month_ is not None:
        return "month of a year", (month_ - _APRIL) % 12
    if (match := _NAMED_MONTH.match(text)) and (named := _month_of(match[1])) is not None:
        year = int(match[2]) + (2000 if len(match[2]) == 2 else 0)
        return "month", year * 12 + named
    if re.match(r"^\d{4}-\d{2}-\d{2}$", text):
        try:
            return None if every is None else _dated(dt.date.fromisoformat(text), every)
        except ValueError:
            return None
    if match := _COUNTED.match(text):
        return (f"{match[1]} counted" if match[1] else "number"), int(match[2])
    return None


def places_of(column: pl.Series, every: Every | None = None) -> pl.Series:
    """The number of each period of a column; empty where it has none, or is of another kind than the first that has one."""
    if column.dtype.is_numeric():
        whole = column.cast(pl.Float64)
        return whole.set(~(whole.is_finite() & (whole % 1 == 0)), None).cast(pl.Int64)
    found = {value: place_of(value, every) for value in column.unique(maintain_order=True).drop_nulls().to_list()}
    kind = next((place[0] for place in found.values() if place is not None), "")
    numbers = {value: place[1] for value, place in found.items() if place is not None and place[0] == kind}
    return column.replace_strict(numbers, default=None, return_dtype=pl.Int64)


def places(name: str, every: Every | None = None) -> pl.Expr:
    """The same as an expression over a whole column."""
    return pl.col(name).map_batches(lambda column: places_of(column, every), return_dtype=pl.Int64)


__all__ = ["SAID", "Every", "Place", "place_of", "places", "places_of"]
