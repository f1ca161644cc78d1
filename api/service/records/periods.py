"""Periods of postings: a year, one of its quarters or months, as days and as whole months, however it is written.

2018/19, 2018-19, 2018/2019      1 April 2018 to 31 March 2019
2018/19 Q1                       its first three months
2018-04                          April 2018
2018                             the calendar year
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass

from capitation.records.years import FinancialYear

CLOSE_MONTHS = 3
"""Months after a period in which its ledger is still open: the accounts of a year are closed within them."""

_YEAR = re.compile(r"([0-9]{4})[/-]([0-9]{2}|[0-9]{4})")
_QUARTER = re.compile(r"([0-9]{4})/([0-9]{2}) Q([1-4])")
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_CALENDAR = re.compile(r"[0-9]{4}")


@dataclass(frozen=True)
class PostingPeriod:
    """A period as whole months, each counted from the year 0: year x 12 + month - 1."""

    first_month: int
    last_month: int

    @property
    def first_day(self) -> dt.date:
        """Its first day."""
        return _day(self.first_month, is_last=False)

    @property
    def last_day(self) -> dt.date:
        """Its last day."""
        return _day(self.last_month, is_last=True)

    @property
    def closes(self) -> dt.date:
        """The last day on which its ledger is open."""
        return _day(self.last_month + CLOSE_MONTHS, is_last=True)

    @property
    def year(self) -> PostingPeriod:
        """The financial year it lies in."""
        first = (self.first_month - 3) // 12 * 12 + 3
        return PostingPeriod(first, first + 11)


def period_of(text: str) -> PostingPeriod | None:
    """The period that a text names; nothing where it is none that is known.

    Example:
        "2018/19", "2018-19" and "2018/2019" are one period; "2018-12" is a month.
    """
    written = text.strip()
    if found := _QUARTER.fullmatch(written):
        first = int(found[1]) * 12 + 3 + 3 * (int(found[3]) - 1)
        return PostingPeriod(first, first + 2) if _follows(found[1], found[2]) else None
    if _MONTH.fullmatch(written):
        number = int(written[:4]) * 12 + int(written[5:]) - 1
        return PostingPeriod(number, number)
    if found := _YEAR.fullmatch(written):
        first = int(found[1]) * 12 + 3
        return PostingPeriod(first, first + 11) if _follows(found[1], found[2]) else None
    if _CALENDAR.fullmatch(written):
        return PostingPeriod(int(written) * 12, int(written) * 12 + 11)
    return None


def year_of(part: str) -> FinancialYear | None:
    """The financial year that a month or a quarter lies in; nothing where the text is neither."""
    found = period_of(part) if _MONTH.fullmatch(part) or _QUARTER.fullmatch(part) else None
    return None if found is None else FinancialYear.starting(found.year.first_month // 12)


def _follows(first: str, second: str) -> bool:
    return bool((int(first) + 1) % 10 ** len(second) == int(second))


def _day(month: int, *, is_last: bool) -> dt.date:
    year, number = divmod(month, 12)
    if year > dt.MAXYEAR:
        return dt.date.max
    return dt.date(max(year, 1), number + 1, calendar.monthrange(max(year, 1), number + 1)[1] if is_last else 1)
