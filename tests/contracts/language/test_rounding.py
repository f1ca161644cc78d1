"""Rounding of settled amounts: nearest, halves away from zero, the same in both ways and as exact decimals give it."""

from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.language.rounding import nearest_unit, nearest_units, units_per


@pytest.mark.parametrize(
    ("pounds", "pence"),
    [(1.005, 101), (2.675, 268), (-1.005, -101), (0.004, 0), (0.0, 0), (-0.0, 0), (1e12 + 0.01, 10**14 + 1)],
)
def test_halves_go_away_from_zero_though_binary_holds_them_below(pounds, pence):
    assert nearest_unit(pounds, 100) == pence
    assert pl.select(nearest_units(pl.lit(pounds), 100)).item() == pence


@given(st.integers(-(10**12), 10**12), st.integers(0, 3))
def test_both_ways_agree_with_exact_decimals(thousandths, places):
    exact = Decimal(thousandths).scaleb(-places)
    wanted = int((exact * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    assert nearest_unit(float(exact), 100) == wanted
    assert pl.select(nearest_units(pl.lit(float(exact)), 100)).item() == wanted


def test_units_of_one_currency_only():
    assert units_per("pence", "pounds") == 100
    assert units_per("pounds", "pence") == 0.01
    with pytest.raises(ValueError, match="amounts in pounds cannot be rounded to dollars"):
        units_per("dollars", "pounds")
