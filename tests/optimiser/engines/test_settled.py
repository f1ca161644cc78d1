"""What a programme settles by itself: the rest has the same best value, and its prices are certified for the whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optimiser.engines import highs, settled
from optimiser.engines.certify import certify
from optimiser.engines.settled import settle
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import problem_of
from tests.benchmarks.large_problem import large_problem
from tests.optimiser.random_problems import random_problem


def fixed(matrix, values):
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    which = matrix.integer
    lower[which] = upper[which] = np.round(values[which])
    return replace(matrix, lower=lower, upper=upper).relaxed()


@pytest.fixture(scope="module")
def large():
    matrix = programme_matrix(large_problem(20, 12))
    return fixed(matrix, highs.solve(matrix, gap=0.1, prices=False).values)


def test_what_is_not_started_is_not_handed_over(large):
    rest = settle(large)
    assert len(rest.columns) < large.column_count / 2
    assert len(rest.rows) < large.row_count / 2


def same(matrix):
    whole, rest = highs.solve(matrix, prices=False), settle(matrix)
    assert rest is not None
    found = highs.solve(rest.rest)
    values = rest.values(found.values)
    assert found.objective == pytest.approx(whole.objective, rel=1e-7, abs=1e-6)
    assert float(matrix.cost @ values) + matrix.constant == pytest.approx(found.objective / matrix.scale, abs=1e-7)
    certificate = certify(matrix, values, rest.prices(found.prices.rows))
    assert certificate.holds, certificate.reason
    return rest


def test_the_rest_has_the_same_best_value_and_its_prices_hold_for_the_whole(large):
    rest = same(large)
    assert len(rest.rounds) > 1


def test_random_programmes_with_their_whole_numbers_fixed_are_the_same():
    settled_some = 0
    for seed in range(25):
        matrix = programme_matrix(problem_of(random_problem(seed), f"seed {seed}", Path()))
        found = highs.solve(matrix, prices=False)
        if found.values is None:
            continue
        settled_some += len(same(fixed(matrix, found.values)).rounds) > 0
    assert settled_some > 5


def test_limits_that_contradict_each_other_are_left_to_the_solver(large):
    row = int(np.flatnonzero(np.isfinite(large.row_upper))[0])
    low = large.row_lower.copy()
    high = large.row_upper.copy()
    low[row], high[row] = -1e12, -1e11
    assert settle(replace(large, row_lower=low, row_upper=high)) is None


def test_a_very_large_answer_is_the_same_with_and_without(large, monkeypatch):
    plain = highs.fixed_solve(large, prices=True, time_limit=60.0)
    monkeypatch.setattr(settled, "SETTLE_FROM", 100)
    less = highs.fixed_solve(large, prices=True, time_limit=60.0)
    assert less.objective == pytest.approx(plain.objective, rel=1e-7)
    assert less.prices.certificate.holds
    assert less.matrix is large
