"""Financial years: 1 April to 31 March, written "2016/17", which sorts rightly as text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from capitation.errors import DataError

_FIRST, _LAST = 1900, 2199
"""Years that somebody can mean; days and months of the first and last that a calendar has do not all exist."""

FORM = r"^([0-9]{4})/([0-9]{2})$"
"""How a financial year is written."""


class FinancialYear(str):
    """A financial year such as "2016/17": a text that knows its order, its dates and its neighbours.

    Raises:
        DataError: the text is not of the form "2016/17", its two parts are not one year apart, or nobody can mean it.

    Example:
        >>> FinancialYear("2016/17").next
        '2017/18'
    """

    __slots__ = ()

    def __new__(cls, text: str) -> FinancialYear:  # noqa: D102  # the class docstring says it
        match = re.fullmatch(FORM, str(text))
        if not match or (int(match[1]) + 1) % 100 != int(match[2]):
            raise DataError(f"{text!r} is not a financial year; write it as '2016/17'")
        if not _FIRST <= int(match[1]) <= _LAST:
            raise DataError(f"{text!r} is not a financial year from {_FIRST}/01 to {_LAST}/00")
        return super().__new__(cls, text)

    @classmethod
    def starting(cls, year: int) -> FinancialYear:
        """The financial year that starts on 1 April of `year`."""
        return cls(f"{year:04d}/{(year + 1) % 100:02d}")

    @property
    def first_calendar_year(self) -> int:
        """The calendar year of 1 April."""
        return int(self[:4])

    @property
    def start(self) -> dt.date:
        """1 April."""
        return dt.date(self.first_calendar_year, 4, 1)

    @property
    def end(self) -> dt.date:
        """31 March of the following calendar year."""
        return dt.date(self.first_calendar_year + 1, 3, 31)

    @property
    def next(self) -> FinancialYear:
        """The year after."""
        return FinancialYear.starting(self.first_calendar_year + 1)

    @property
    def previous(self) -> FinancialYear:
        """The year before."""
        return FinancialYear.starting(self.first_calendar_year - 1)

    def years_after(self, other: FinancialYear) -> int:
        """How many years this one lies after `other` (negative: before)."""
        return self.first_calendar_year - other.first_calendar_year

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.no_info_after_validator_function(_from_text, core_schema.str_schema(pattern=FORM))


def _from_text(text: str) -> FinancialYear:
    try:
        return FinancialYear(text)
    except DataError as error:
        raise ValueError("a financial year, its second part the year after its first, such as '2016/17'") from error


def financial_years(first: FinancialYear, last: FinancialYear) -> list[FinancialYear]:
    """All financial years from `first` to `last`, both included."""
    return [FinancialYear.starting(y) for y in range(first.first_calendar_year, last.first_calendar_year + 1)]


def between(year: str, dated: Sequence[str]) -> tuple[str, str, int, int]:
    """The dated years on either side of a year, how many years it lies after the first and how many lie between the two.

    Before the first and after the last dated year that one stands on both sides.

    Example:
        >>> between("2019/20", ["2016/17", "2018/19", "2022/23"])
        ('2018/19', '2022/23', 1, 4)
    """
    low = max((d for d in dated if d <= year), default=min(dated))
    high = min((d for d in dated if d >= year), default=max(dated))
    steps = FinancialYear(high).years_after(FinancialYear(low))
    return low, high, (FinancialYear(year).years_after(FinancialYear(low)) if steps > 0 else 0), max(steps, 1)
