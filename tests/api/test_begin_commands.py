"""`capitation contract new`, `solution new`, `policy new`: documents to begin from are valid, and carry their file's name."""

from pathlib import Path

import pytest

from capitation.pack.layers import shipped_packs
from capitation.pack.sources import DataPack
from capitation.run.evaluate import evaluate
from capitation.run.scenario import read_scenario
from capitation.run.systems.folder import write_system
from capitation.run.systems.new_system import WantedSystem, new_system
from capitation.shift.solution import read_solutions

REGION = Path(__file__).parents[1] / "cases" / "region"
ENGLAND = DataPack(shipped_packs() / "england")


def test_a_new_contract_is_whole_and_its_cases_are_met(capitation, tmp_path):
    done = capitation("contract", "new", tmp_path / "my-deal")
    assert done.code == 0, done.err
    assert f"written: {tmp_path / 'my-deal.toml'}" in done.out
    checked = capitation("contract", "check", tmp_path / "my-deal.toml")
    assert checked.code == 0, checked.err
    assert "my-deal version 1: no fault" in checked.out


def test_a_new_solution_is_read_as_it_stands(capitation, tmp_path):
    assert capitation("solution", "new", tmp_path / "hub.toml").code == 0
    (solution,) = read_solutions(tmp_path)
    assert (solution.id, solution.effects[0].point_of_delivery) == ("hub", "non_elective")


def test_a_new_policy_paces_a_system_to_the_penny(capitation, tmp_path):
    folder = tmp_path / "vale"
    wanted = WantedSystem(
        system="vale", practices=REGION / "practices.csv", places=REGION / "places.csv", totals=REGION / "totals.csv"
    )
    write_system(new_system(wanted, ENGLAND), folder, ENGLAND)
    assert capitation("policy", "new", folder / "policies" / "gentle").code == 0
    scenario = read_scenario(folder / "scenarios" / "vale.toml")
    run = evaluate(scenario.model_copy(update={"policy": "gentle"}), DataPack(folder))
    sums = {total["allocation_pence"].sum() for _, total in run.allocation.group_by("level")}
    assert len(sums) == 1
    growth = run.pace["growth_rate"].drop_nulls()
    assert growth.min() >= 0.01 or run.pace["is_capped"].any()


@pytest.mark.parametrize(
    ("word", "name", "said"),
    [
        ("solution", "a-b", "expected letters, digits and underscores"),
        ("policy", "mine.csv", "found a file name ending in .csv; expected .toml"),
        ("contract", "my deal", "found the id 'my deal'"),
        ("problem", "1st", "expected letters, digits and underscores, a letter first"),
    ],
)
def test_a_name_that_is_no_id_is_refused_and_nothing_is_written(capitation, tmp_path, word, name, said):
    done = capitation(word, "new", tmp_path / name)
    assert done.code == 2
    assert said in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("word", ["contract", "solution", "policy", "problem"])
def test_a_file_that_is_there_is_never_written_over(capitation, tmp_path, word):
    (tmp_path / "mine.toml").write_text("kept", encoding="utf-8")
    done = capitation(word, "new", tmp_path / "mine")
    assert done.code == 2
    assert "already there" in done.err
    assert (tmp_path / "mine.toml").read_text(encoding="utf-8") == "kept"
