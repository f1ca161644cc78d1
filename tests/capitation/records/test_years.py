"""Financial years."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import DataError
from capitation.records.years import FinancialYear, financial_years


def test_a_year_knows_its_dates_and_neighbours():
    year = FinancialYear("1999/00")
    assert (year.start, year.end) == (dt.date(1999, 4, 1), dt.date(2000, 3, 31))
    assert (year.previous, year.next) == ("1998/99", "2000/01")


@pytest.mark.parametrize("text", ["2016", "2016/18", "2016-17", "16/17", "2016/7", "2016/17\n", "\uff12016/17"])
def test_other_spellings_are_refused(text):
    with pytest.raises(DataError, match="2016/17"):
        FinancialYear(text)


@pytest.mark.parametrize("text", ["0000/01", "1899/00", "2200/01", "9998/99", "9999/00"])
def test_a_year_whose_days_may_not_exist_is_refused(text):
    with pytest.raises(DataError, match="from 1900/01 to 2199/00"):
        FinancialYear(text)


@given(st.integers(1900, 2098), st.integers(0, 40))
def test_years_sort_as_text_and_count_as_numbers(first, length):
    years = financial_years(FinancialYear.starting(first), FinancialYear.starting(first + length))
    assert years == sorted(years)
    assert years[-1].years_after(years[0]) == length == len(years) - 1
