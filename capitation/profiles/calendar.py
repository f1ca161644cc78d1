"""The months and quarters of a financial year, and the working days in them.

A working day is a Monday to Friday that is no bank holiday of England and Wales; the holidays are a table of the data pack.
"""

from __future__ import annotations

import datetime as dt

import polars as pl

from capitation.errors import DataError
from capitation.pack.sources import DataPack
from capitation.records.columns import YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear

HOLIDAYS_FILE = "profiles/bank-holidays.csv"
"""Bank holidays, inside the pack."""


class BankHoliday(Schema):
    """A day on which England does not work."""

    day = Column(pl.Date, "date", "The day", key=True)
    name = Column(pl.String, "words", "What it is called")
    source = Column(pl.String, "source", "Id of the source")
    locator = Column(pl.String, "place in the source", "Where it is printed")


class Month(Schema):
    """A month of a financial year."""

    year = YEAR
    month = Column(pl.String, "month", "Month, such as 2018-04", key=True)
    quarter = Column(pl.String, "quarter", "Quarter, such as 2018/19 Q1")
    first_day = Column(pl.Date, "date", "First day of the month")
    last_day = Column(pl.Date, "date", "Last day of the month")
    calendar_days = Column(pl.Int64, "days", "Days of the month", ge=28, le=31)


def months_of(years: list[FinancialYear]) -> Frame[Month]:
    """The twelve months of each year, April to March.

    Example:
        2018/19 begins with 2018-04 in "2018/19 Q1" and ends with 2019-03 in "2018/19 Q4".
    """
    rows = []
    for year in years:
        for number in range(12):
            begin = dt.date(year.first_calendar_year + (number + 3) // 12, (number + 3) % 12 + 1, 1)
            after = dt.date(begin.year + begin.month // 12, begin.month % 12 + 1, 1)
            last = after - dt.timedelta(days=1)
            rows.append((str(year), f"{begin:%Y-%m}", f"{year} Q{number // 3 + 1}", begin, last, last.day))
    return Month.validate(pl.DataFrame(rows, schema=Month.dtypes(), orient="row"))


def bank_holidays(pack: DataPack) -> Frame[BankHoliday]:
    """The bank holidays of the pack."""
    return pack.rows(HOLIDAYS_FILE, BankHoliday)


def working_days(months: Frame[Month], holidays: Frame[BankHoliday]) -> pl.DataFrame:
    """The months with the column `working_days`.

    Raises:
        DataError: the holidays do not reach over a month; an unlisted year would count its holidays as work.
    """
    covered = holidays.get_column("day").dt.year().unique().to_list()
    lacking = sorted({day.year for day in months.get_column("first_day")} - set(covered))
    if lacking:
        raise DataError(
            f"{HOLIDAYS_FILE}: found no bank holidays of {', '.join(map(str, lacking))}; expected those of every calendar year that "
            "is profiled by working days. Add them, or choose a profile by twelfths"
        )
    free = holidays.get_column("day").to_list()
    count = pl.business_day_count("first_day", pl.col("last_day").dt.offset_by("1d"), holidays=free).cast(pl.Int64)
    return months.with_columns(count.alias("working_days"))
