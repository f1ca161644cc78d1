"""`capitation problem`: a small problem to begin from, and problems that do not ignore a solution added to their pack."""

import json
import shutil
import tomllib

import pytest

from capitation.pack.layers import put_together, shipped_packs
from capitation.pack.sources import DataPack
from optimiser.links.stale import stale_problem, stale_problems
from optimiser.problem.document import problem_of, read_problem


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


def test_a_contract_is_written_as_payment_terms_that_a_problem_takes(capitation, tmp_path):
    rows = tmp_path / "now.csv"
    rows.write_text("provider,year,baseline_value,activity_value\nRC9,2016/17,50000000,53000000\n", encoding="utf-8")
    asked = (
        "problem",
        "terms",
        "marginal-rate-emergency-tariff",
        "--provider",
        "hospital",
        "--vary",
        "activity_value",
        "--rows",
        rows,
    )
    done = capitation(*asked)
    assert done.code == 0, done.err
    # 70% above the baseline, so the first £3m not done lose 70 pence in the pound, the rest all of it
    assert done.out.splitlines()[-3:] == [
        "[[payment_terms]]",
        'provider = "hospital"',
        "pieces = [{ from_pounds = 0.00, slope = 0.7 }, { from_pounds = 3000000.00, slope = 1.0 }]",
    ]
    shipped = read_problem(shipped_packs() / "england" / "problems" / "protected_provider.toml").model_dump(
        mode="json", exclude_defaults=True
    )
    terms = tomllib.loads(done.out)["payment_terms"]
    assert problem_of({**shipped, "payment_terms": terms}, "pasted", tmp_path).payment_terms[0].provider == "hospital"
    assert json.loads(capitation(*asked, "--json").out)["kind"] == "convex"
    rows.write_text("provider,year,baseline_value\nRC9,2016/17,50000000\n", encoding="utf-8")
    refused = capitation(*asked)
    assert refused.code == 2
    assert "column activity_value" in refused.err


@pytest.mark.parametrize(
    ("contract", "varied", "said"),
    [
        ("blmk-capitation-corridor", "actual_cost_pence", "clause that works across rows"),
        ("payment-by-results", "activity", "--rate: found none"),
        ("regional-benchmark", "expenditure", "no number input"),
        ("better-care-fund-waterfall", "overspend", "rises"),
        ("no-such", "x", "no-such"),
    ],
)
def test_a_contract_that_cannot_be_written_as_payment_terms_says_why(capitation, contract, varied, said):
    done = capitation("problem", "terms", contract, "--provider", "hospital", "--vary", varied)
    assert done.code == 2
    assert said in " ".join(done.err.split())
