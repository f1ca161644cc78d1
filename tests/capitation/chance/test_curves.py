"""Curves: quantiles, means and limited means against scipy's, and curves through p10, mean and p90."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from capitation.chance.curves.normal import below, mean_excess, mean_in_tail, mean_kept, score
from capitation.chance.curves.shapes import Empirical, Gamma, Lognormal, Normal, Triangular, gamma_below, through

Z = np.linspace(-4, 4, 41)


def test_the_inverse_of_the_normal_is_scipys_to_the_last_digits():
    u = np.concatenate([np.random.default_rng(1).random(5000), [1e-300, 1e-12, 0.075, 0.5, 0.925, 1 - 1e-12]])
    assert np.abs(score(u) - special.ndtri(u)).max() < 1e-13
    assert np.abs(below(Z) - special.ndtr(Z)).max() < 1e-15


@pytest.mark.parametrize(("shape", "x"), [(0.06, 0.01), (0.06, 3.0), (1.0, 0.5), (40.0, 35.0), (2500.0, 2600.0)])
def test_the_incomplete_gamma_is_scipys(shape, x):
    assert gamma_below(shape, x) == pytest.approx(special.gammainc(shape, x), rel=1e-12)


CURVES = [
    (Normal(1.0, 0.02), stats.norm(1.0, 0.02)),
    (Lognormal.of(3.0, 4.0), stats.lognorm(math.sqrt(math.log(1 + 16 / 9)), scale=3 / math.sqrt(1 + 16 / 9))),
    (Gamma.of(1.0, 0.02), stats.gamma(2500, scale=1 / 2500)),
    (Gamma.of(5.0, 20.0), stats.gamma(1 / 16, scale=80)),
    (Triangular(0.97, 1.0, 1.05), stats.triang(3 / 8, 0.97, 0.08)),
]


@pytest.mark.parametrize(("ours", "theirs"), CURVES, ids=lambda c: type(c).__name__)
def test_quantiles_mean_and_sd_are_scipys(ours, theirs):
    assert ours.mean == pytest.approx(theirs.mean(), rel=1e-12)
    assert ours.sd == pytest.approx(theirs.std(), rel=1e-12)
    assert ours.at_score(Z) == pytest.approx(theirs.ppf(special.ndtr(Z)), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), [CURVES[1], CURVES[3]], ids=["lognormal", "gamma"])
@pytest.mark.parametrize("limit", [0.0, 0.5, 5.0, 60.0])
def test_the_limited_mean_is_the_area_above_the_curve(ours, theirs, limit):
    below_limit = np.linspace(0.0, limit, 200_001)[1:]
    middles = below_limit - limit / 400_000
    area = float(theirs.sf(middles).sum() * limit / 200_000)
    assert ours.limited_mean(np.array([limit]))[0] == pytest.approx(area, rel=1e-4)


def test_the_limited_mean_of_a_percentile_curve_is_that_of_its_draws():
    curve = Empirical((0.0, 0.1, 0.5, 0.9, 1.0), (0.0, 0.2, 0.2, 1.5, 6.0))
    draws = np.interp((np.arange(1_000_000) + 0.5) / 1_000_000, curve.shares, curve.values)
    assert curve.mean == pytest.approx(draws.mean(), rel=1e-6)
    assert curve.sd == pytest.approx(draws.std(), rel=1e-5)
    for limit in (0.1, 0.2, 1.0, 4.0, 9.0):
        assert curve.limited_mean(np.array([limit]))[0] == pytest.approx(np.minimum(draws, limit).mean(), rel=1e-6)


SHARES = st.floats(0, 1)


@given(st.tuples(SHARES, SHARES, SHARES).map(sorted))
def test_a_curve_through_p10_and_p90_meets_the_mean_or_says_how_far_off_it_is(triple):
    p10, mean, p90 = triple
    found = through(p10, mean, p90, 0.0, 1.0)
    low, first, middle, last, high = found.curve.values
    assert 0 <= low <= first <= middle <= last <= high <= 1
    assert (first, last) == (p10, p90)
    assert found.curve.mean - found.miss == pytest.approx(mean, abs=1e-9)


def test_a_mean_between_the_percentiles_is_met_and_one_too_near_the_end_is_missed_by_what_is_said():
    assert through(0.1, 0.4, 0.8, 0.0, 1.0).miss == 0.0
    # all mass that may move is moved: 0.1 x 0.05 + 0.4 x 0.1 + 0.4 x 0.45 + 0.1 x 0.8 = 0.305 against a mean of 0.2
    missed = through(0.1, 0.2, 0.8, 0.0, 1.0)
    assert missed.miss == pytest.approx(0.1 * 0.05 + 0.4 * 0.1 + 0.4 * 0.45 + 0.1 * 0.8 - 0.2)


def test_example_18_a_gate_that_pays_both_ways_is_worth_money_without_any_saving():
    # r ~ Normal(0, 2%), a gate of 2% both ways, gains 75% less a levy of 2%, losses 40%
    gain, loss = 0.75 * 0.98 * mean_in_tail(0.02, 0.02), 0.40 * mean_in_tail(0.02, 0.02)
    assert 1 - below(1.0) == pytest.approx(0.15866, abs=5e-6)
    assert gain == pytest.approx(0.00355697, abs=5e-9)
    assert loss == pytest.approx(0.00193577, abs=5e-9)
    assert gain - loss == pytest.approx(0.00162120, abs=5e-9)
    assert (0.75 * 0.98 - 0.40) * mean_in_tail(0.02, 0.0) == pytest.approx(0.00267291, abs=5e-9)


def test_a_corridor_of_the_second_locality_keeps_349_thousand_of_462():
    # sd 1.82% of 63.66m: all kept to 1%, half from 1 to 3%, a fifth beyond; the shares are what the bearer keeps
    plan, sd = 63.66, 0.0182
    lost = plan * mean_excess(0.0, sd, 0.0)
    kept = plan * mean_kept(sd, (0.0, 0.01, 0.03), (1.0, 0.5, 0.2))
    assert lost == pytest.approx(0.46, abs=0.005)
    assert kept == pytest.approx(0.349, abs=0.0005)
    assert lost - kept == pytest.approx(0.113, abs=0.0005)
