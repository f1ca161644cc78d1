"""Sums of losses on a grid: the study's worked example, closed forms, published pools, and simulation as the check."""

import math

import numpy as np
import pytest
from scipy import stats

from capitation.chance.curves.compound import TotalLoss, added, compound, normal_overspend, on_grid
from capitation.chance.curves.normal import mean_excess, mean_kept
from capitation.chance.curves.shapes import Empirical, Gamma, Lognormal
from capitation.errors import ScenarioError

CLAIM = Lognormal(7.5, 1.6)


@pytest.fixture(scope="module")
def ceded() -> TotalLoss:
    """200 Poisson claims, lognormal(7.5, 1.6), 150,000 in excess of 50,000 each."""
    return compound(on_grid(CLAIM, 50.0, 2**16, 50_000.0, 150_000.0), 50.0, 200.0)


def test_example_14_by_transform(ceded):
    assert ceded.mean == pytest.approx(171_292.3, rel=1e-6)
    assert ceded.sd == pytest.approx(125_413.4, rel=1e-6)
    assert ceded.layer(100_000.0, 300_000.0) == pytest.approx(84_621.0, rel=1e-6)


def test_example_14_by_simulation_within_three_standard_errors(ceded):
    chance, years = np.random.default_rng(14), 40_000
    number = chance.poisson(200.0, years)
    each = np.exp(7.5 + 1.6 * chance.standard_normal(int(number.sum())))
    paid = np.clip(each - 50_000.0, 0.0, 150_000.0)
    total = np.add.reduceat(paid, np.concatenate([[0], np.cumsum(number)[:-1]]))
    assert abs(total.mean() - ceded.mean) < 3 * total.std() / math.sqrt(years)
    spread = math.sqrt(((total - total.mean()) ** 2).var() / years) / (2 * total.std())
    assert abs(total.std() - ceded.sd) < 3 * spread
    above = np.clip(total - 100_000.0, 0.0, 300_000.0)
    assert abs(above.mean() - ceded.layer(100_000.0, 300_000.0)) < 3 * above.std() / math.sqrt(years)
    for share in (0.5, 0.9, 0.99):
        assert abs((total <= ceded.quantile(share)).mean() - share) < 3 * math.sqrt(share * (1 - share) / years) + 1e-3


def test_counts_of_people_who_come_back_vary_by_their_dispersion():
    # the variance of a sum: mean count x mean squared x (dispersion + squared cv of a case)
    case = Gamma.of(1_000.0, 1_500.0)
    step, count, dispersion = 25.0, 30.0, 2.4
    found = compound(on_grid(case, step, 2**14, 0.0, step * (2**14 - 1)), step, count, dispersion)
    assert found.mean == pytest.approx(30_000.0, rel=1e-6)
    assert found.sd == pytest.approx(math.sqrt(count * 1_000.0**2 * (dispersion + 2.25)), rel=1e-4)


def test_one_sort_of_case_gives_the_counts_themselves():
    case = np.zeros(2**10)
    case[1] = 1.0
    poisson, clustered = compound(case, 1.0, 40.0), compound(case, 1.0, 40.0, 3.0)
    k = np.arange(200)
    assert poisson.chance[:200] == pytest.approx(stats.poisson(40).pmf(k), abs=1e-12)
    assert clustered.chance[:200] == pytest.approx(stats.nbinom(20, 1 / 3).pmf(k), abs=1e-12)
    assert poisson.over(50.0) == pytest.approx(stats.poisson(40).sf(50), abs=1e-10)
    assert poisson.quantile(0.95) == stats.poisson(40).ppf(0.95)


def test_layers_above_each_other_add_to_the_whole(ceded):
    parts = [ceded.layer(a, 100_000.0) for a in (0.0, 100_000.0, 200_000.0)] + [ceded.layer(300_000.0)]
    assert sum(parts) == pytest.approx(ceded.mean, rel=1e-12)


def test_a_corridor_on_a_grid_is_its_closed_form():
    plan, sd = 63_660_000.0, 0.0182
    step = 2_000.0
    found = TotalLoss(step, normal_overspend(sd * plan, step, 2**13))
    edges, shares = (0.0, 0.01 * plan, 0.03 * plan), (1.0, 0.5, 0.2)
    assert found.kept(edges, shares) == pytest.approx(plan * mean_kept(sd, (0.0, 0.01, 0.03), shares), rel=1e-4)
    assert found.over(0.02 * plan) == pytest.approx(stats.norm.sf(0.02 / sd), rel=0.01)
    tail = plan * (stats.norm.pdf(stats.norm.ppf(0.95)) * sd / 0.05)
    assert found.tail_mean(0.95) == pytest.approx(tail, rel=1e-3)


def test_the_pool_of_all_localities_exactly(blmk_run):
    from capitation.chance.book import book_of
    from capitation.records.years import FinancialYear

    book = book_of(blmk_run, FinancialYear("2018/19"))
    sds = 3.68 / np.sqrt(book.persons) * book.plan_pence / 100
    step, points = 5_000.0, 2**14
    pool = added([normal_overspend(sd, step, points) for sd in sds], step)
    assert pool.mean == pytest.approx(sum(mean_excess(0.0, sd, 0.0) for sd in sds), rel=1e-4)
    assert pool.mean == pytest.approx(11.2e6, rel=0.02)
    assert pool.quantile(0.95) == pytest.approx(16.9e6, rel=0.02)
    assert pool.over(pool.mean) == pytest.approx(0.48, abs=0.01)
    assert 1.644854 * math.sqrt((sds**2).sum()) == pytest.approx(9.3e6, rel=0.02)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (lambda: compound(on_grid(CLAIM, 50.0, 2**10, 0.0, 5_000.0), 50.0, 200.0), "Take more points or a longer step"),
        (lambda: on_grid(CLAIM, 50.0, 2**10, 0.0, 5_020.0), "a whole number of steps"),
        (lambda: compound(np.array([0.0, 1.0]), 1.0, -1.0), "found a mean of -1.0"),
        (lambda: compound(np.array([0.0, 1.0]), 1.0, 1.0, 0.5), "a dispersion of 0.5"),
    ],
)
def test_what_cannot_be_put_on_the_grid_is_refused(of, words):
    with pytest.raises(ScenarioError, match=words):
        of()


def test_a_percentile_curve_can_be_a_loss():
    curve = Empirical((0.0, 0.1, 0.5, 0.9, 1.0), (100.0, 200.0, 400.0, 1_600.0, 5_000.0))
    case = on_grid(curve, 10.0, 2**12, 1_000.0, 2_000.0)
    draws = np.clip(np.interp((np.arange(10**6) + 0.5) / 10**6, curve.shares, curve.values) - 1_000.0, 0.0, 2_000.0)
    assert case @ (10.0 * np.arange(2**12)) == pytest.approx(draws.mean(), rel=1e-6)
