"""Conditions: the same answer columnar and in plain Python, and nothing but comparisons."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.document.models import Notice
from contracts.language.condition import ConditionText, columnar, holds, misfits, names_in

CONDITIONS = [
    "a >= b",
    "a = 0.5 or not b",
    "not (a > 1 and b < 1)",
    "a in (0, 0.5, 1) and t == 'x'",
    "t not in ('x', 'y')",
    "d >= '2024-01-01'",
    "0 < a <= 1",
    "a != -1",
    "s.kept > 0",
]


@pytest.mark.parametrize("text", CONDITIONS)
@given(
    a=st.sampled_from([None, -1.0, 0.0, 0.5, 1.0, 2.0]),
    b=st.sampled_from([None, 0.0, 1.0]),
    t=st.sampled_from([None, "x", "y", "z"]),
    d=st.sampled_from([None, dt.date(2023, 12, 31), dt.date(2024, 1, 1)]),
)
def test_a_condition_holds_the_same_two_ways(text, a, b, t, d):
    row = {"a": a, "b": b, "t": t, "d": d, "s.kept": a}
    types = {"a": pl.Float64, "b": pl.Float64, "t": pl.String, "d": pl.Date, "s.kept": pl.Float64}
    assert pl.DataFrame([row], schema=types).select(columnar(text)).item() is holds(text, row)


@pytest.mark.parametrize(
    ("row", "expected"), [({"a": 0.5}, True), ({"a": 1.0}, True), ({"a": 1.5}, False), ({"a": None}, False)]
)
def test_a_chain_holds_between_its_ends_and_not_where_a_value_is_missing(row, expected):
    assert holds("0 < a <= 1", row) is expected


@pytest.mark.parametrize(
    "text", ["a + 1 > 2", "f(a)", "a >", "a if b else c", "a is b", "[x for x in a]", "a in b", "a.b.c > 1"]
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(ValueError, match="1 validation error"):
        Notice(name="n", when=text, says="x")


def test_names_and_misfits_are_found():
    assert isinstance(Notice(name="n", when="a > 1", says="x").when, ConditionText)
    assert names_in("two_sided and r >= msr or r.kept > 0") == ("two_sided", "r", "msr", "r.kept")
    kinds = {"track": "text", "start": "date", "r": "number"}
    assert misfits("track == 'A' and start >= '2024-01-01' and r > 0 and unknown > 'x'", kinds) == []
    assert misfits("track > 3", kinds) == ["track, a text, with 3, a number"]
    assert misfits("r in ('A', 1)", kinds) == ["r, a number, with 'A', a text"]
    assert misfits("start", kinds) == ["start, a date, with nothing"]
