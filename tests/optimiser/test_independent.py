"""The product against a second optimiser that was written from its README alone, on random problems of every family."""

from functools import cache
from pathlib import Path

import pytest

from optimiser.answers.optimise import optimise
from optimiser.blocks import constraints
from optimiser.engines.pulp_engine import available_solvers
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import problem_of
from tests.optimiser.independent import best
from tests.optimiser.random_problems import random_problem

FEW = range(30)
MANY = range(30, 300)
RICH = (30, 37, 31, 51, 76)
"""Some of them that have every family between them, which are looked at first."""


@cache
def expected(seed):
    """What the independent model finds, for each engine that is compared with it."""
    return best(random_problem(seed))


def compare(seed, engine, solver=None, within=1e-6):
    content = random_problem(seed)
    status, value = expected(seed)
    outcome = optimise(
        problem_of(content, f"seed {seed}", Path()), engine=engine, solver=solver, explain_infeasible=False
    )
    assert outcome.status == status, f"seed {seed}: {outcome.status} here, {status} there"
    if value is not None:
        assert outcome.headline.objective == pytest.approx(value, rel=within, abs=0.01), f"seed {seed}"
    return status


@pytest.mark.parametrize("engine", ["highs", "pulp"])
def test_both_engines_equal_the_independent_model(engine):
    found = [compare(seed, engine) for seed in FEW]
    assert found.count("optimal") > 20


@pytest.mark.parametrize("engine", ["highs", "pulp"])
@pytest.mark.parametrize("seed", [5027, 5148])
def test_more_than_a_million_under_payment_terms_equals_the_independent_model(seed, engine):
    assert compare(seed, engine) == "optimal"


@pytest.mark.deep
@pytest.mark.slow
@pytest.mark.parametrize("engine", ["highs", "pulp"])
@pytest.mark.parametrize("first", MANY[::30])
def test_both_engines_equal_the_independent_model_on_many_more(engine, first):
    found = [compare(seed, engine) for seed in range(first, first + 30)]
    assert found.count("optimal") > 15


@pytest.mark.deep
@pytest.mark.slow
@pytest.mark.skipif("PULP_CBC_CMD" not in available_solvers(), reason="PuLP brings no CBC here")
def test_cbc_equals_the_independent_model():
    found = [compare(seed, "pulp", "PULP_CBC_CMD", 1e-5) for seed in range(60)]
    assert found.count("optimal") > 30


def test_every_family_of_constraints_has_rows_in_some_of_them():
    missing = {family for part in constraints().values() for family in part.families}
    for seed in (*RICH, *MANY):
        if not missing:
            break
        matrix = programme_matrix(problem_of(random_problem(seed), f"seed {seed}", Path()))
        missing -= {family.name for family in matrix.rows if family.count}
    assert missing == set()
