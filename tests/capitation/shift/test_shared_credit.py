"""Credit by quadrature against credit by going through every set of solutions, and against its promises."""

import math
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.shift.shared_credit import gauss_legendre, with_credit
from optimiser.answers.shapley import shapley

effects = st.lists(st.floats(0, 1), min_size=1, max_size=9)


def credit_of(values):
    frame = pl.DataFrame(
        {"group": ["a"] * len(values), "effect": values}, schema={"group": pl.String, "effect": pl.Float64}
    )
    return with_credit(frame, effect="effect", within=["group"], into="credit")["credit"].to_list()


def by_every_set(values):
    """The definition in plain Python: the average contribution over every order."""
    n, found = len(values), []
    for s in range(n):
        others = [v for i, v in enumerate(values) if i != s]
        total = 0.0
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            total += weight * sum(math.prod(1 - v for v in chosen) for chosen in combinations(others, size))
        found.append(values[s] * total)
    return found


def test_two_halves_make_three_quarters_shared_alike():
    assert credit_of([0.5, 0.5]) == pytest.approx([0.375, 0.375])


@given(effects)
def test_quadrature_is_the_definition(values):
    assert credit_of(values) == pytest.approx(by_every_set(values), abs=1e-12)


@given(effects)
def test_quadrature_is_what_the_optimiser_enumerates(values):
    assert credit_of(values) == pytest.approx(shapley(np.array([values]))[0].tolist(), abs=1e-12)


@given(effects)
def test_parts_add_to_the_whole(values):
    assert sum(credit_of(values)) == pytest.approx(1 - math.prod(1 - v for v in values), abs=1e-12)


@given(effects)
def test_nobody_is_credited_with_more_than_alone(values):
    assert all(c <= v + 1e-12 for c, v in zip(credit_of(values), values, strict=True))


def test_groups_do_not_touch_each_other_and_rows_keep_their_order():
    frame = pl.DataFrame({"group": ["a", "b", "a"], "effect": [0.5, 0.2, 0.5]})
    credited = with_credit(frame, effect="effect", within=["group"], into="credit")
    assert credited["credit"].to_list() == pytest.approx([0.375, 0.2, 0.375])
    assert credited["group"].to_list() == ["a", "b", "a"]


def test_no_rows_give_no_credit():
    frame = pl.DataFrame(schema={"group": pl.String, "effect": pl.Float64})
    assert with_credit(frame, effect="effect", within=["group"], into="credit").height == 0


@pytest.mark.parametrize("points", range(1, 12))
def test_the_quadrature_is_exact_for_its_degree(points):
    for power in range(2 * points):
        assert sum(w * x**power for x, w in gauss_legendre(points)) == pytest.approx(1 / (power + 1), rel=1e-12)
