"""`capitation assumptions`: the log of a written run, made once, kept beside it, for people and for machines."""

import json

import pytest

from capitation.run.run import save_run
from optimiser.links.assumed.collect import entries_of


@pytest.fixture
def written(blmk_run, tmp_path):
    return save_run(blmk_run, tmp_path / "runs")


@pytest.fixture
def few(monkeypatch):
    """A log of three assumptions, so that a test is quick; gives how often it was made."""
    made = []

    def chosen(inputs):
        made.append(1)
        return [
            e
            for e in entries_of(inputs)
            if e.id.endswith(("cost_at_plan", "flow of elective to X-ACUTE")) or "fit of ae" in e.id
        ]

    monkeypatch.setattr("optimiser.links.assumed.study.entries_of", chosen)
    monkeypatch.setattr("optimiser.links.assumed.study.largest_of_mix", lambda log: [])  # no search for whole numbers
    return made


def test_the_log_is_made_once_kept_and_read_again(capitation, written, few):
    first = capitation("assumptions", written, "--json")
    assert first.code == 0
    found = json.loads(first.out)
    assert found["stages"] == ["allocations", "contract options", "mix"]
    assert found["count"] == 3
    assert [each["rank"] for each in found["assumptions"]] == [1, 2, 3]
    effects = {e["headline"]: e for each in found["assumptions"] for e in each["effects"]}
    assert effects["npv"]["method"] == "relaxation"
    assert effects["providers:blended"]["base_gbp"].count(".") == 1
    again = capitation("assumptions", written, "--json", "--top", "1")
    assert json.loads(again.out)["assumptions"] == found["assumptions"][:1]
    assert len(few) == 1


def test_people_see_sentences_with_owner_evidence_and_both_ends(capitation, written, few):
    answer = capitation("assumptions", written, "--out", written.parent / "log.json")
    assert answer.code == 0
    said = " ".join(answer.out.split())
    assert (
        "1. Cost at plan (1.00, tested from 0.97 to 1.05; weak evidence; owner: System finance director): the position of "
        in said
    )
    assert "at the low end and" in said
    assert (written.parent / "log.json").is_file()


def test_a_folder_without_a_run_is_one_message(capitation, tmp_path):
    answer = capitation("assumptions", tmp_path)
    assert answer.code == 2
    assert "manifest.json" in answer.err
