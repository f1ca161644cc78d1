"""`capitation aims`: what the plan aims at, for people and for machines."""

import json


def test_people_see_milestones_risks_and_results(capitation):
    answer = capitation("aims")
    assert answer.code == 0
    assert "34 milestones of the plan" in answer.out
    assert "Accountable care organisation established" in " ".join(answer.out.split())
    assert "Below a waiting-time standard" in answer.out
    assert "7 x digital theme" in answer.out


def test_machines_get_every_table(capitation):
    found = json.loads(capitation("aims", "--json", "--topic", "life expectancy").out)
    assert len(found["milestones"]) == 34
    assert found["starts"]["accountable-care-body"] == "2017/18"
    assert len(found["risks"]) == 9
    assert {row["topic"] for row in found["outcomes"]} == {"life expectancy"}
    assert len(found["waiting_times"]) == 30


def test_a_topic_that_is_none_is_one_message(capitation):
    answer = capitation("aims", "--topic", "teeth")
    assert answer.code == 2
    assert "expected one of" in answer.err
