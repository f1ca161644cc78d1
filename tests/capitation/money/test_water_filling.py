"""Water-filling with limits, against bisection in exact fractions."""

from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import FrameError, InfeasibleError
from capitation.money.water_filling import largest_placeable, water_fill

ROW = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.none() | st.integers(0, 10**6))


def rows_of(given_rows):
    """Weight, lower, and upper as room above lower."""
    return pl.DataFrame(
        {
            "code": [f"{i:03}" for i in range(len(given_rows))],
            "weight": [w for w, _, _ in given_rows],
            "lower": [lo for _, lo, _ in given_rows],
            "upper": [None if room is None else lo + room for _, lo, room in given_rows],
        },
        schema={"code": pl.String, "weight": pl.Int64, "lower": pl.Int64, "upper": pl.Int64},
    )


def fill(frame, total):
    return water_fill(
        frame, total=total, weight="weight", lower="lower", upper="upper", order_by=["code"], into="amount"
    )


def clip(level, row):
    amount = max(level * row["weight"], Fraction(row["lower"]))
    return amount if row["upper"] is None else min(amount, Fraction(row["upper"]))


def amounts_by_bisection(frame, total):
    """Exact amounts by halving the level two hundred times: slow, and unlike the engine's method."""
    rows = frame.to_dicts()
    low, high = Fraction(0), Fraction(4 * 10**7 * (len(rows) + 1))
    for _ in range(200):
        middle = (low + high) / 2
        if sum(clip(middle, r) if r["weight"] else r["lower"] for r in rows) < total:
            low = middle
        else:
            high = middle
    return [clip(high, r) if r["weight"] else Fraction(r["lower"]) for r in rows]


@given(given_rows=st.lists(ROW, min_size=1, max_size=10), part=st.fractions(0, 1), spare=st.integers(0, 10**7))
def test_amounts_add_up_keep_their_limits_and_lie_within_a_penny_of_bisection(given_rows, part, spare):
    frame = rows_of(given_rows)
    lowest = frame.get_column("lower").sum()
    most = largest_placeable(frame, weight="weight", lower="lower", upper="upper")
    total = lowest + (spare if most is None else int(part * (most - lowest)))
    filled = fill(frame, total)
    amounts = filled.frame.get_column("amount").to_list()
    assert sum(amounts) == total
    for amount, row, real in zip(amounts, frame.to_dicts(), amounts_by_bisection(frame, total), strict=True):
        assert amount >= row["lower"]
        assert row["upper"] is None or amount <= row["upper"]
        assert abs(amount - real) < 1
    if filled.level is not None:
        # at the level told, unrounded amounts add to the total exactly
        at_level = [clip(filled.level, r) if r["weight"] else r["lower"] for r in frame.to_dicts()]
        assert sum(at_level) == total


def test_the_example_of_the_documentation():
    filled = fill(rows_of([(1, 40, None), (1, 0, None), (2, 0, None)]), 100)
    assert filled.frame.get_column("amount").to_list() == [40, 20, 40]
    assert filled.level == 20


def test_every_row_at_a_limit_has_no_level():
    filled = fill(rows_of([(1, 10, 0), (5, 7, 0)]), 17)
    assert (filled.frame.get_column("amount").to_list(), filled.level) == ([10, 7], None)


def test_too_little_and_too_much_are_refused_with_the_size():
    frame = rows_of([(1, 1_000, 500), (1, 2_000, 0)])
    with pytest.raises(InfeasibleError, match=r"short by 0\.01 pounds"):
        fill(frame, 2_999)
    with pytest.raises(InfeasibleError, match=r"0\.25 pounds cannot be placed"):
        fill(frame, 3_525)


def test_a_lower_limit_above_the_upper_is_refused():
    with pytest.raises(InfeasibleError, match="lower limit above"):
        fill(rows_of([(1, 10, -1)]), 10)


def test_rows_that_share_a_key_are_refused():
    rows = rows_of([(1, 0, None), (1, 0, None)]).with_columns(code=pl.lit("same"))
    with pytest.raises(FrameError, match="share a key"):
        fill(rows, 10)


def test_money_of_national_size_is_exact():
    # twice 80 bn pounds over weights that do not divide it, one row held a penny above its share
    share = 8_000_000_000_000
    frame = rows_of([(3, share + 1, None), (3, 0, None), (1, 0, None)])
    amounts = fill(frame, 2 * share).frame.get_column("amount").to_list()
    assert amounts[0] == share + 1
    assert sum(amounts) == 2 * share
    # three quarters of 7,999,999,999,999 end in .25 and a quarter in .75: the odd penny goes to the quarter
    assert amounts[1:] == [5_999_999_999_999, 2_000_000_000_000]
