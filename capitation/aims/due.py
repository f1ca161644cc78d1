"""When something is due, as a plan prints it: a month, a quarter or quarters of a financial year, a financial year, a year, or ongoing.

"Mar 2018"        March 2018               financial year 2017/18
"Q1-Q2 2017/18"   April to September 2017  financial year 2017/18
"2018"            January to December      financial years 2017/18 to 2018/19
"Ongoing"         no date
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from capitation.errors import DataError
from capitation.records.years import FinancialYear

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_QUARTERS = re.compile(r"Q([1-4])(?:\s*-\s*Q([1-4]))? (\d{4}/\d{2})")
_MONTH = re.compile(rf"({'|'.join(_MONTHS)})[a-z]* (\d{{4}})")
_YEAR, _CALENDAR = re.compile(r"\d{4}/\d{2}"), re.compile(r"\d{4}")

ONGOING = "Ongoing"
_APRIL = 4


@dataclass(frozen=True)
class Due:
    """The months between which something is due, both included, as months counted from year 0."""

    first: int
    last: int

    @property
    def first_month(self) -> str:
        """The first month, as "2017-04"."""
        return f"{self.first // 12}-{self.first % 12 + 1:02d}"

    @property
    def last_month(self) -> str:
        """The last month, as "2017-06"."""
        return f"{self.last // 12}-{self.last % 12 + 1:02d}"

    @property
    def year(self) -> FinancialYear:
        """The financial year of the first month: the earliest in which what is due can be there."""
        return _financial(self.first)

    @property
    def last_year(self) -> FinancialYear:
        """The financial year of the last month."""
        return _financial(self.last)


def due(text: str) -> Due | None:
    """The months in a printed date; none for "Ongoing".

    Raises:
        DataError: the text is no date of these forms.
    """
    said = " ".join(text.split())
    if said == ONGOING:
        return None
    if found := _QUARTERS.fullmatch(said):
        start = _april(found[3])
        first, last = int(found[1]), int(found[2] or found[1])
        if first <= last:
            return Due(start + 3 * (first - 1), start + 3 * last - 1)
    elif found := _MONTH.fullmatch(said):
        at = int(found[2]) * 12 + _MONTHS.index(found[1])
        return Due(at, at)
    elif _YEAR.fullmatch(said):
        return Due(_april(said), _april(said) + 11)
    elif _CALENDAR.fullmatch(said):
        return Due(int(said) * 12, int(said) * 12 + 11)
    raise DataError(
        f"found {text!r}; expected a date such as 'Mar 2018', 'Q1 2017/18', 'Q1-Q2 2017/18', '2017/18', '2018' or '{ONGOING}'"
    )


def _april(year: str) -> int:
    return FinancialYear(year).first_calendar_year * 12 + _APRIL - 1


def _financial(month: int) -> FinancialYear:
    return FinancialYear.starting(month // 12 if month % 12 >= _APRIL - 1 else month // 12 - 1)
