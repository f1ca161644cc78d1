"""`capitation problem`: a small problem to begin from, and problems that do not ignore a solution added to their pack."""

import json
import shutil

import pytest

from capitation.pack.layers import put_together
from capitation.pack.sources import DataPack
from optimiser.links.stale import stale_problem, stale_problems


def test_a_new_problem_is_whole_and_solved(capitation, tmp_path):
    file = tmp_path / "mine.toml"
    done = capitation("problem", "new", file)
    assert done.code == 0, done.err
    found = json.loads(capitation("optimise", file, "--json").out)
    # a pound on reviews saves £1.50 (300 x £500 for £100,000), on care at home £1.29: reviews first, 6/7 of care for the rest
    assert found["mix"]["reviews"]["scale"] == pytest.approx(1)
    assert found["mix"]["care_at_home"]["scale"] == pytest.approx(6 / 7)
    assert found["status"] == "optimal"
    again = capitation("problem", "new", file)
    assert again.code == 2
    assert "already there" in again.err


def test_a_solution_added_to_the_pack_is_said_to_be_missing_from_its_problem(pack, tmp_path):
    assert stale_problems(pack) == []
    folder = tmp_path / "pack"
    put_together(pack.root, folder)
    text = (folder / "solutions" / "social_prescribing_hub.toml").read_text(encoding="utf-8")
    (folder / "solutions" / "my_clinic.toml").write_text(
        text.replace('id = "social_prescribing_hub"', 'id = "my_clinic"', 1), encoding="utf-8"
    )
    (said,) = stale_problems(DataPack(folder))
    assert "it lacks my_clinic" in said
    assert "capitation problem write" in said
    assert stale_problem(folder / "problems" / "blmk.toml") == [said]
    assert stale_problem(folder / "problems" / "blmk" / "policy.toml") == []
    shutil.rmtree(folder)


def test_optimise_says_that_a_problem_is_older_than_its_pack(capitation, pack, tmp_path):
    folder = put_together(pack.root, tmp_path / "pack")
    problem = folder / "problems" / "mine.toml"
    assert capitation("problem", "new", problem).code == 0
    solved = capitation("optimise", problem, "--json")
    assert "older" not in solved.err
    (folder / "problems" / "mine").mkdir()
    (folder / "problems" / "mine" / "policy.toml").write_text('id = "mine"\n', encoding="utf-8")
    done = capitation("optimise", problem, "--json")
    assert done.code == 0, done.err
    said = " ".join(done.err.split())
    assert "older than the solutions of its pack" in said
    assert "social_prescribing_hub" in said
    assert json.loads(done.out)["mix"] == json.loads(solved.out)["mix"]
