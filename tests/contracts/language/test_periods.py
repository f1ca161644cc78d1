"""Periods: each stands in time, the next one by one after it, and what is no period has no place."""

import datetime as dt
from itertools import pairwise

import polars as pl
import pytest

from contracts.language.periods import place_of, places_of


@pytest.mark.parametrize(
    "row",
    [
        ["2015/16", "2016/17", "2017/18"],
        ["1998/99", "1999/00", "2000/01"],
        ["2016", "2017", "2018"],
        ["2016/17 Q3", "2016/17 Q4", "2017/18 Q1"],
        ["Q4 2016/17", "Q1 2017/18", "Q2 2017/18"],
        ["2016 Q3", "2016-Q4", "Q1 2017"],
        ["2016-11", "2016-12", "2017-01"],
        ["Nov 2016", "December 2016", "jan-17", "Feb 2017"],
        ["M12 2016/17", "2017/18 M1", "2017/18 M02"],
        ["April", "May", "Jun", "July", "aug", "Sept", "Oct", "November", "Dec", "January", "Feb", "March"],
        ["M1", "M2", "M3"],
        ["week 9", "week 10", "week 11"],
        [9.0, 10.0, 11.0],
    ],
)
def test_each_period_stands_one_after_the_one_before(row):
    found = [place_of(text) for text in row]
    assert None not in found
    assert len({kind for kind, _ in found}) == 1
    assert all(b[1] - a[1] == 1 for a, b in pairwise(found))
    assert places_of(pl.Series(row)).to_list() == [number for _, number in found]


def test_dates_begin_periods_as_long_as_is_said():
    days = [dt.date(2016, 4, 1), dt.date(2017, 4, 1), dt.date(2019, 4, 1)]
    for every, steps in (("year", [1, 2]), ("quarter", [4, 8]), ("month", [12, 24]), ("day", [365, 730])):
        numbers = places_of(pl.Series(days), every).to_list()
        assert [b - a for a, b in pairwise(numbers)] == steps
        assert places_of(pl.Series([day.isoformat() for day in days]), every).to_list() == numbers
    assert places_of(pl.Series(days)).to_list() == [None] * 3


def test_what_is_no_period_or_of_another_kind_has_no_place():
    assert [place_of(x) for x in ("2016/18", "0000/01", "soon", "", "2016-13", "2016-02-30", 1.5, None)] == [None] * 8
    assert places_of(pl.Series(["2016/17", "April", "2017/18"])).to_list() == [2016, None, 2017]
    odd = [dt.date(2016, 4, 1), dt.date(2017, 5, 1)]
    assert places_of(pl.Series(odd), "year").to_list() == [2016, None]
