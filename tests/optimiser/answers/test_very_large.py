"""Very large programmes: prices place by place give a bound that holds, and what places would buy rounds to a mix near it."""

import numpy as np
import pytest

from optimiser.answers.optimise import optimise
from optimiser.answers.whole import by_places as places
from optimiser.answers.whole import search
from optimiser.answers.whole.by_places import by_places
from optimiser.answers.whole.interior import bound_of, implied_limits, rounded
from optimiser.engines import highs
from optimiser.problem.assemble import programme_matrix
from tests.benchmarks.large_problem import large_problem


@pytest.fixture(scope="module")
def matrix():
    return programme_matrix(large_problem(6, 12)).aim("npv")


@pytest.fixture(scope="module")
def best(matrix):
    return highs.solve(matrix, gap=1e-4, time_limit=20, prices=False)


def worth(matrix, values):
    return float(matrix.cost @ values) + matrix.constant


def test_no_mix_passes_the_bound_at_any_prices(matrix, best):
    rng = np.random.default_rng(7)
    found = worth(matrix, best.values)
    for spread in (0.0, 0.1, 10.0):
        bound = bound_of(matrix, rng.normal(0, 1, matrix.row_count) * spread)
        assert bound is not None
        assert bound >= found


def test_at_the_best_prices_the_bound_is_the_best_in_parts(matrix):
    values, prices = highs.HighsSession(matrix.relaxed()).interior(None)
    assert bound_of(matrix, prices) == pytest.approx(worth(matrix, values), rel=1e-4)


def test_limits_that_rows_imply_hold_for_the_best_mix(matrix, best):
    lower, upper = implied_limits(matrix)
    assert np.isfinite(upper).sum() > np.isfinite(matrix.upper).sum()
    assert (best.values >= lower - 1e-6).all()
    assert (best.values <= upper + 1e-6 * np.maximum(1.0, np.abs(upper))).all()


def test_places_apart_give_a_bound_near_the_best(matrix, best, monkeypatch):
    monkeypatch.setattr(places, "GROUP_COLUMNS", 400)
    values, prices = by_places(matrix)
    bound = bound_of(matrix, prices)
    assert worth(matrix, best.values) <= bound <= best.best_possible / matrix.scale * 1.1
    whole = matrix.integer
    assert set(np.unique(rounded(matrix, values, 0.5)[whole])) <= {0.0, 1.0}


def test_a_very_large_problem_gets_a_mix_and_a_bound_without_a_search(matrix, best, monkeypatch):
    monkeypatch.setattr(search, "VERY_LARGE", 1000)
    monkeypatch.setattr(search, "_engine", None)  # a search would fail
    outcome = optimise(large_problem(6, 12), gap=0.15, time_limit=60)
    answer = outcome.headline
    assert answer.status == "gap"
    assert answer.gap <= 0.15
    assert answer.objective <= best.best_possible * (1 + 1e-6)
    assert answer.best_possible >= best.objective * (1 - 1e-6)
    sums = answer.matrix.product(answer.values)
    slack = 1e-5 * np.maximum(1.0, np.abs(sums))
    assert (sums <= answer.matrix.row_upper + slack).all()
    assert (sums >= answer.matrix.row_lower - slack).all()


def test_few_places_are_not_taken_apart():
    assert by_places(programme_matrix(large_problem(4, 3)).aim("npv")) is None
