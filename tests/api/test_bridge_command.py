"""`capitation bridge`: the chain of a written run, for people and for machines."""

import json

import pytest

from capitation.run.run import save_run


@pytest.fixture(scope="module")
def written(blmk_run, tmp_path_factory):
    return save_run(blmk_run, tmp_path_factory.mktemp("runs"))


def test_json_gives_the_lines_of_the_system_as_text_with_two_decimals(capitation, written):
    answer = capitation("bridge", written, "--json")
    assert answer.code == 0
    lines = json.loads(answer.out)["lines"]
    last = {each["line"]: each["amount_gbp"] for each in lines if each["year"] == "2020/21"}
    assert last["printed_do_nothing"] == "203000000.00"
    assert last["sustainability"] == "-62500000.00"
    assert {"derived_do_nothing", "not_explained", "left"} <= set(last)
    assert {each["organisation"] for each in lines} == {"BLMK"}
    assert all(each["source"] for each in lines)


def test_people_see_one_year_in_words(capitation, written):
    answer = capitation("bridge", written, "--year", "2020/21")
    assert answer.code == 0
    assert "Not explained by published figures" in answer.out
    assert "203,000,000.00" in answer.out


def test_a_year_that_the_chain_has_not_is_one_message(capitation, written):
    answer = capitation("bridge", written, "--year", "2030/31")
    assert answer.code == 2
    assert "2030/31" in answer.err
