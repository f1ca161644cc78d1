"""Rows that are the sum of the others, or are called so, and rows that only look like it."""

import polars as pl
import pytest

from capitation.pack.rows import RawTable
from capitation.pack.total_rows import table_total_faults, total_rows


def found(rows, labels=("code",), amounts=("n",)):
    frame = pl.DataFrame(rows, schema=["code", "n"], orient="row")
    return [(each.label, each.sums) for each in total_rows(frame, list(labels), list(amounts))]


@pytest.mark.parametrize(
    "label", ["Total", "TOTAL", "England", "Grand total", "All practices", "Bedford total", "Total of England", "Sum"]
)
def test_a_row_called_a_total_is_one_wherever_it_stands(label):
    assert found([("a", 10.0), (label, 30.0), ("b", 20.0)]) == [(label, True)]
    assert found([("a", 10.0), (label, 31.0), ("b", 20.0)]) == [(label, False)]


@pytest.mark.parametrize("label", ["Totally Health", "Alliance", "Summer Lane", "Totton", "Overall Road Surgery"])
def test_a_name_that_only_holds_such_a_word_is_none(label):
    assert found([("a", 10.0), (label, 31.0), ("b", 20.0)]) == []


def test_a_nameless_sum_is_one_at_either_end_of_four_rows():
    rows = [("a", 10.0), ("b", 20.0), ("c", 30.0)]
    assert found([*rows, ("x", 60.0)]) == [("x", True)]
    assert found([("x", 60.0), *rows]) == [("x", True)]
    assert found([*rows[:2], ("x", 30.0)]) == []


def test_a_label_that_every_row_carries_is_no_total():
    frame = pl.DataFrame({"country": ["England"] * 3, "code": ["a", "b", "c"], "n": [1.0, 2.0, 4.0]})
    assert total_rows(frame, ["country", "code"], ["n"]) == []


def test_the_line_of_the_file_is_named_unless_the_user_says_that_none_is_a_total():
    cells = pl.DataFrame({"code": ["a", "b", "Total"], "n": ["1,000", "2,000", "3,000"]})
    table = RawTable("f.csv", cells, _lines=lambda: [4, 6, 9])
    (fault,) = table_total_faults(table, ["code", "name"], ["n", "m"])
    assert str(fault).startswith("f.csv: line 9: found 'Total', the sum of the other rows")
    assert table_total_faults(RawTable("f.csv", cells, may_total=True), ["code"], ["n"]) == []
