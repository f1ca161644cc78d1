"""`capitation compare` as its users run it: five options of BLMK, every fault at once, nothing written on error."""

import json

import polars as pl
import pytest

from capitation.money.pence import board_text
from capitation.run.run import load_run

OPTIONS = (
    "Do minimum: payment by results and blocks",
    "Blended payment for the hospitals",
    "Capitation with a gain and loss corridor",
    "Capitation with an alliance pool",
)


def test_five_options_are_shown_for_all_organisations_and_years_and_written(capitation, tmp_path):
    answer = capitation("compare", "blmk", "--out", tmp_path, "--csv", "--xlsx")
    assert answer.code == 0, answer.err
    for option in OPTIONS:
        assert f"{option}. Activity 5% above plan: positions" in answer.out
    for part in ("2016/17", "2020/21", "Who pays", "opening gap of", "NHS Luton CCG", "East of England Ambulance",
                 "Milton Keynes Council", "NHS England, specialised", "Differences from Do minimum", "To note:"):  # fmt: skip
        assert part in answer.out, part
    (run_id,) = [p.name for p in tmp_path.iterdir() if (p / "frames").is_dir()]
    run = load_run(tmp_path / run_id)
    assert run.frame("position").height == 5 * 3 * 5 * 25 + 3 * 5
    gap = run.frame("expected_gap").filter(pl.col("is_first_year"), option="do-minimum")["opening_gap_pence"].sum()
    assert f"an opening gap of {board_text(gap)}." in answer.out
    assert (tmp_path / f"{run_id}.xlsx").is_file()
    assert (tmp_path / f"{run_id}-csv" / "who_pays.csv").is_file()


def test_json_holds_positions_differences_and_who_pays_to_the_penny(capitation, tmp_path):
    printed = json.loads(capitation("compare", "blmk", "--out", tmp_path, "--json").out)
    run = load_run(tmp_path / printed["run_id"])
    assert len(printed["position"]) == run.frame("position").height
    borne = [r for r in printed["who_pays"] if r["activity_case"] == "plan-plus-5" and r["year"] == "2018/19"]
    assert len(borne) == 15  # commissioners, providers and the fund outside the system, under five options
    for option in {r["option"] for r in borne}:
        mine = [r for r in borne if r["option"] == option]
        pence = [round(float(r["borne_gbp"]) * 100) for r in mine]
        assert sum(pence) == round(float(mine[0]["extra_cost_gbp"]) * 100) > 0
    assert {d["option"] for d in printed["option_difference"]} == {
        "blended",
        "capitation-corridor",
        "capitation-alliance",
        "whole-population",
    }


def test_a_chosen_case_and_chosen_options(capitation, tmp_path):
    words = ("--option", "do-minimum", "--option", "blended", "--case", "unmitigated")
    answer = capitation("compare", "blmk", "--out", tmp_path, *words)
    assert answer.code == 0, answer.err
    assert "Blended payment for the hospitals. Activity on current trends, no channel shift: positions" in answer.out
    assert "alliance pool" not in answer.out


def test_every_fault_is_told_at_once_and_nothing_is_written(capitation, pack, tmp_path):
    text = pack.path("options/blmk.toml").read_text(encoding="utf-8")
    wrong = (
        text.replace('providers = ["RC1", "RC9", "RD8"]', 'providers = ["RC1", "RC9", "RD88"]')
        .replace('of = "unmitigated"', 'of = "unmittigated"')
        .replace('contract = "blmk-blended"', 'contract = "blmk-blend"')
    )
    path = tmp_path / "options.toml"
    path.write_text(wrong, encoding="utf-8")
    answer = capitation("compare", path, "--out", tmp_path / "runs", "--option", "blended", "--option", "blocks")
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.count("error:") == 1
    for part in (
        "unknown option 'blocks'",
        "1 option; expected 2 to 6",
        "no 'do-minimum'",
        "provider 'RD88', which is not in the run",
        "Did you mean 'RD8'",
        "provider 'RD8' in no group",
        "unknown activity case 'unmittigated'",
        "'blmk-blend'",
    ):
        assert part in answer.err, part
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (("nothing.toml",), "no such file"),
        (("blmk", "--case", "plan-plus-6"), "unknown activity case 'plan-plus-6'"),
        (("blmk", "--option", "do-minimum"), "1 option; expected 2 to 6"),
    ],
)
def test_bad_input_ends_with_code_2_and_nothing_written(capitation, tmp_path, words, printed):
    answer = capitation("compare", *words, "--out", tmp_path / "runs")
    assert answer.code == 2
    assert printed in answer.err
    assert not (tmp_path / "runs").exists()
