"""A written problem on a run at hand: what it takes from a run is this run's, the rest is as it was written."""

import polars as pl
import pytest

from capitation.run.run import Run
from optimiser.links.on_run import FROM_RUN, on_run
from optimiser.problem.document import read_problem


@pytest.fixture(scope="module")
def file(pack):
    return pack.path("problems/blmk.toml")


@pytest.fixture(scope="module")
def problem(file):
    return read_problem(file)


def test_a_problem_on_a_run_with_dearer_care_takes_its_prices_and_says_so(problem, file, blmk_run, pack):
    dearer = blmk_run.unit_cost.with_columns(unit_cost_pence=(pl.col("unit_cost_pence") * 11) // 10)
    found = on_run(problem, file, Run(blmk_run.manifest, {**blmk_run.frames, "unit_cost": dearer}), pack)
    (said,) = found.says
    assert "blmk.toml was written from another run" in said
    assert "prices" in said
    assert "capitation problem write" in said
    assert found.problem.prices != problem.prices
    before = {(p.point_of_delivery, str(p.year)): p.tariff_pounds for p in problem.prices}
    after = {(p.point_of_delivery, str(p.year)): p.tariff_pounds for p in found.problem.prices}
    assert {key: round(float(after[key] / before[key]), 3) for key in before} == dict.fromkeys(before, 1.1)
    kept = set(type(problem).model_fields) - set(FROM_RUN)
    assert all(getattr(found.problem, name) == getattr(problem, name) for name in kept)


@pytest.mark.deep
def test_a_problem_on_the_run_that_it_was_written_from_is_as_it_was(problem, file, blmk_run, pack):
    found = on_run(problem, file, blmk_run, pack)
    assert found.problem is problem
    assert found.says == ()


def test_a_limit_changed_in_the_policy_alone_is_said_and_not_ignored_in_silence(problem, file, blmk_run, pack):
    limits = tuple(f.model_copy(update={"at_least": f.at_least + 1}) if f.at_least else f for f in problem.limits)
    found = on_run(problem.model_copy(update={"limits": limits}), file, blmk_run, pack)
    (said,) = found.says
    assert said.startswith(
        "blmk.toml has other limits than its policy and the files of its pack, and keeps its own; `capitation problem write"
    )
    assert found.problem.limits == limits


def test_a_problem_without_a_policy_is_as_it_was(problem, blmk_run, pack, tmp_path):
    found = on_run(problem, tmp_path / "mine.toml", blmk_run, pack)
    assert found.problem is problem
    assert found.says == ()
