"""`capitation body`: the contract of the accountable care body on a written run."""

import json

from capitation.run.run import save_run
from contracts.options.document import read_options
from contracts.options.evaluate import evaluate_options


def test_people_and_machines_see_persons_times_rate(capitation, blmk_run, tmp_path):
    written = save_run(blmk_run, tmp_path)
    answer = capitation("body", written)
    assert answer.code == 0
    assert "2020/21 (paid): 1,032,205 persons x £1,208.81 = £1,247,739,726.05" in " ".join(answer.out.split())
    found = json.loads(capitation("body", written, "--json").out)
    assert [row["year"] for row in found["accounts"]] == ["2017/18", "2018/19", "2019/20", "2020/21"]
    assert len({row["locality_code"] for row in found["localities"]}) == 25


def test_an_unknown_body_is_refused_with_those_that_are_there(capitation, blmk_run, tmp_path):
    answer = capitation("body", save_run(blmk_run, tmp_path), "--body", "blmx")
    assert answer.code == 2
    assert "'blmx'" in answer.err
    assert "blmk" in answer.err


def test_a_comparison_shows_the_body_under_its_option_by_activity_case_against_its_reserve(capitation, studied_folder):
    answer = capitation("body", studied_folder)
    assert answer.code == 0, answer.err
    assert "under contract options, by activity case" in answer.out
    found = json.loads(capitation("body", studied_folder, "--json").out)["under_options"]
    assert {(row["case"], row["year"]) for row in found} == {
        (case, year) for case in ("plan", "plan-plus-5", "unmitigated") for year in ("2018/19", "2019/20", "2020/21")
    }
    assert all(row["can bear"] == ("yes" if row["carried on"] >= -row["reserve"] else "no") for row in found)
    assert {row["can bear"] for row in found} == {"yes", "no"}


def test_a_run_without_allocations_and_without_the_body_is_refused(capitation, pack, blmk_run, tmp_path):
    document = read_options(pack.path("options/blmk.toml"))
    compared = evaluate_options(document, pack, run=blmk_run, only=("do-minimum", "blended"))
    answer = capitation("body", save_run(compared, tmp_path))
    assert answer.code == 2
    assert "a run of a scenario, or a comparison of options with this body" in answer.err
