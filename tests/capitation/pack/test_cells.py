"""Numbers, money and codes as people write them: one meaning, or refused."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import DataError
from capitation.pack.cells import alike, exact_number, numbers, pounds
from capitation.pack.total_rows import total_faults, total_rows

GOOD = {
    "1234.5": "1234.5", "-12": "-12", "+3": "3", "1e-9": "1e-9", ".5": "0.5", "5.": "5", "1,234.50": "1234.50", "£1,234": "1234",
    "1 234 567": "1234567", "(1,234)": "-1234", " 7 ": "7", "270,000": "270000", "(£12.5)": "-12.5",
}  # fmt: skip
BAD = [
    "1234,50",
    "12,34",
    "1.234.567",
    "12%",
    "N/A",
    "-",
    "*",
    "",
    "1,23,456",
    "nan",
    "inf",
    "0x10",
    "1_000",
    "twelve",
    "1,2345",
    "£",
    "--1",
    "\uff11\uff12",
    "\u0663",
]


@pytest.mark.parametrize(("text", "value"), GOOD.items())
def test_a_number_that_means_one_thing_is_read_two_ways_alike(text, value):
    assert numbers(pl.Series([text])).to_list() == [float(value)]
    assert exact_number(text) == Decimal(value)


@pytest.mark.parametrize("text", BAD)
def test_a_number_that_could_mean_two_things_is_refused(text):
    assert numbers(pl.Series([text])).to_list() == [None]
    with pytest.raises(DataError):
        exact_number(text)


@given(st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False, places=2))
def test_what_is_written_with_separators_reads_back(value):
    assert exact_number(f"{value:,}") == value
    assert numbers(pl.Series([f"{value:,}"])).to_list() == [float(value)]


@given(st.text(alphabet="0123456789,.-()£ %e", max_size=12))
def test_the_two_readers_agree_on_any_text(text):
    found = numbers(pl.Series([text]))[0]
    try:
        exact = exact_number(text)
    except DataError:
        assert found is None
    else:
        assert found == float(exact) or (found is None and abs(exact) > 10**300)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [("£270m", "£m", 270_000_000), ("270,000", "£'000", 270_000_000), ("270", "£m", 270_000_000), ("£1.5bn", "£", 1_500_000_000), ("12.5", "£", "12.5")],
)  # fmt: skip
def test_money_is_read_in_the_unit_of_its_column(text, unit, value):
    assert pounds(text, unit) == Decimal(value)


@pytest.mark.parametrize(("text", "unit"), [("£270m", "£'000"), ("5", "euros"), ("12,34", "£")])
def test_money_in_two_units_or_none_is_refused(text, unit):
    with pytest.raises(DataError):
        pounds(text, unit)


def test_codes_that_differ_by_case_or_spaces_are_one():
    assert alike(pl.Series(["g1", "g1 ", "G1", "g2", "g2"])) == {"g1": ["G1", "g1", "g1 "]}


def table(*rows):
    return pl.DataFrame(rows, schema=["code", "a", "b"], orient="row")


def test_a_total_is_found_by_its_name_or_by_its_place_and_sum():
    named = table(("A", 10.0, 1.0), ("B", 20.0, 2.0), ("Total", 30.0, 3.0))
    assert [(t.row, t.sums) for t in total_rows(named, ["code"], ["a", "b"])] == [(2, True)]
    unnamed = table(("A", 10.0, 1.0), ("B", 20.0, 2.0), ("C", 5.0, 1.0), ("X", 35.0, 4.0))
    assert [t.row for t in total_rows(unnamed, ["code"], ["a", "b"])] == [3]
    above = table(("England", 31.0, 3.0), ("A", 10.0, 1.0), ("B", 20.0, 2.0))
    assert [(t.row, t.sums) for t in total_rows(above, ["code"], ["a", "b"])] == [(0, False)]


def test_rows_that_happen_to_be_sums_are_none():
    assert total_rows(table(("A", 1.0, 1.0), ("B", 1.0, 1.0)), ["code"], ["a", "b"]) == []
    assert total_rows(table(("A", 1.0, 1.0), ("B", 2.0, 2.0), ("C", 3.0, 3.0)), ["code"], ["a", "b"]) == []
    assert (
        total_rows(table(("A", 0.0, 0.0), ("B", 0.0, 0.0), ("C", 0.0, 0.0), ("D", 0.0, 0.0)), ["code"], ["a", "b"])
        == []
    )
    assert (
        total_rows(table(("A", 1.0, 1.0), ("B", 2.0, 2.0), ("C", 3.0, 4.0), ("D", 6.0, 8.0)), ["code"], ["a", "b"])
        == []
    )


def test_a_total_is_refused_with_its_line():
    (fault,) = total_faults(
        table(("A", 1.0, 1.0), ("Total", 1.0, 1.0)), ["code"], ["a"], "w.csv", [2, 5], "--no-total-row"
    )
    assert fault.where == "w.csv: line 5"
    assert "--no-total-row" in str(fault)


@pytest.mark.parametrize("unit", ["pence", "dollars", "persons", "share of price", "euro cents"])
def test_a_pound_sign_before_a_number_of_another_unit_is_no_number(unit):
    assert numbers(pl.Series(["£5", "£1,000.00", "(£5)", "1,000", "5"]), unit).to_list() == [None, None, None, 1000, 5]


@pytest.mark.parametrize("unit", ["", "pounds", "£", "£m", "thousand", "£ per weighted head"])
def test_a_pound_sign_may_say_again_that_a_number_is_in_pounds(unit):
    assert numbers(pl.Series(["£5", "5"]), unit).to_list() == [5, 5]
