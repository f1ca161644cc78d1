"""A written problem on a run at hand: what it takes from a run is this run's, the rest is as it was written."""

import shutil

import polars as pl
import pytest

from capitation.run.run import Run
from optimiser.links.on_run import FROM_RUN, on_run
from optimiser.links.written import is_as_written
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


def with_other_limits(problem):
    return problem.model_copy(
        update={
            "limits": tuple(
                f.model_copy(update={"at_least": f.at_least + 1}) if f.at_least else f for f in problem.limits
            )
        }
    )


def test_what_a_policy_says_since_a_problem_was_written_is_taken_and_said(problem, file, blmk_run, pack):
    older = with_other_limits(problem).model_copy(update={"receiving_capacity": problem.receiving_capacity[:-1]})
    found = on_run(older, file, blmk_run, pack)
    (said,) = found.says
    assert said.startswith(
        "blmk.toml is older than its policy or the files of its pack: limits, receiving capacity are taken from them;"
    )
    assert found.problem == problem


def test_a_problem_that_was_changed_by_hand_keeps_what_it_says_and_says_so(problem, file, blmk_run, pack, tmp_path):
    mine = tmp_path / "blmk.toml"
    shutil.copytree(file.with_suffix(""), tmp_path / "blmk")
    policy = tmp_path / "blmk" / "policy.toml"
    mine.write_text(file.read_text(encoding="utf-8") + "# changed by hand\n", encoding="utf-8")
    assert is_as_written(file)
    assert not is_as_written(mine)
    changed = with_other_limits(problem)
    found = on_run(changed, mine, blmk_run, pack)
    assert found.problem == changed
    (said,) = found.says
    assert said.startswith(
        "blmk.toml has other limits than its policy and the files of its pack, and keeps its own; `capitation problem write"
    )
    assert str(policy) in said


def test_a_problem_without_a_policy_is_as_it_was(problem, blmk_run, pack, tmp_path):
    found = on_run(problem, tmp_path / "mine.toml", blmk_run, pack)
    assert found.problem is problem
    assert found.says == ()
