"""One total over the rows of a file: weights of any scale, names of levels that clash, whole pence at every level."""

from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.allocation.shared_file import allocate_file
from capitation.errors import FrameError, NothingToShareError, ScenarioError, SourceError
from capitation.pack.rows import RawTable
from capitation.records.years import FinancialYear

YEAR = FinancialYear("2018/19")


def shares(rows, total, levels=("l",), **options):
    cells = pl.DataFrame(rows, schema=[*levels, "w"], orient="row")
    found = allocate_file(total, RawTable("f.csv", cells, **options), list(levels), weight="w", year=YEAR)
    return {(r["level"], r["code"]): r["allocation_pence"] for r in found.iter_rows(named=True)}


@pytest.mark.parametrize(
    ("a", "b"),
    [("0.0000014", "0.0000006"), ("1.4", "0.6"), ("1.4e-9", "0.6e-9"), ("1.4e15", "0.6e15"), (7e-30, 3e-30), (7, 3)],
)
def test_shares_depend_on_proportions_alone(a, b):
    found = shares([("A", a), ("B", b)], 100_000_000)
    assert (found["l", "A"], found["l", "B"]) == (70_000_000, 30_000_000)


def test_shares_of_many_decimals_are_read_digit_by_digit():
    found = shares([("A", "0.12345678901234567890"), ("B", "0.87654321098765432110")], 10**14)
    assert found["l", "A"] == 12_345_678_901_235
    assert sum(v for (level, _), v in found.items() if level == "l") == 10**14


def test_small_beside_large_is_exact():
    found = shares([("A", "1e-9"), ("B", "1000000000000000")], 10**14)
    assert found["l", "A"] == 0
    assert found["l", "B"] == 10**14


def test_weights_too_far_apart_are_refused():
    with pytest.raises(FrameError, match="within 36 digits"):
        shares([("A", "1e-30"), ("B", "1e15")], 100)


@pytest.mark.parametrize("level", ["system", "year", "stream", "weighted_persons", "weight", "level", "code"])
def test_a_level_may_have_any_name(level):
    found = shares([("A", "g1", 1), ("A", "g2", 2)], 300, levels=(level, "l"))
    assert found[level, "A"] == 300
    assert found["l", "g2"] == 200
    assert sum(value for (name, _), value in found.items() if name not in {level, "l"}) == 300


def test_columns_twice_are_refused():
    with pytest.raises(ScenarioError, match="different column names"):
        allocate_file(1, RawTable("f", pl.DataFrame({"w": [1]})), ["w"], weight="w", year=YEAR)


def test_a_code_in_two_parents_names_the_levels_of_the_file():
    with pytest.raises(FrameError, match="m M in 2018/19: found ps A, B; expected one p"):
        shares([("A", "M", "g1", 1), ("B", "M", "g2", 1)], 100, levels=("p", "m", "l"))


def test_weights_of_nothing_are_refused():
    with pytest.raises(NothingToShareError):
        shares([("A", 0), ("B", 0)], 100)


def test_a_total_row_is_refused_unless_the_user_says_that_none_is():
    rows = [("A", "10"), ("B", "20"), ("Total", "30")]
    with pytest.raises(SourceError, match="line 4: found 'Total'"):
        shares(rows, 600)
    assert shares(rows, 600, may_total=True)["l", "Total"] == 300


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=6), st.integers(-12, 12), st.integers(0, 10**14))
def test_any_scale_gives_the_shares_of_the_whole_numbers(weights, power, total):
    plain = shares([(f"g{n}", str(w)) for n, w in enumerate(weights)], total, may_total=True)
    scaled = shares([(f"g{n}", f"{w}e{power}") for n, w in enumerate(weights)], total, may_total=True)
    assert plain == scaled
    whole = sum(weights)
    for n, weight in enumerate(weights):
        assert abs(Fraction(total * weight, whole) - plain["l", f"g{n}"]) < 1
