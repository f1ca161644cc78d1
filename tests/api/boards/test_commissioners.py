"""What a run moves between commissioners is said, or what pooling would move, against the allocations that were published for them."""

import pytest

from api.boards.commissioners import commissioner_table, moved_between_commissioners
from capitation.run.evaluate import evaluate
from capitation.run.scenario import Scenario, read_scenario


def run_with(pack, statutory):
    document = read_scenario(pack.path("scenarios/blmk.toml")).model_dump(mode="json", by_alias=True)
    given = document["streams"][0]["statutory"]
    document["streams"][0]["statutory"] = None if statutory is None else given | statutory
    return evaluate(Scenario.model_validate(document), pack)


@pytest.fixture(scope="module")
def one_pot(pack):
    return run_with(pack, None)


def test_what_pooling_would_move_is_said_to_the_hundred_thousand(blmk_run, pack):
    (said,) = moved_between_commissioners(blmk_run, pack, "2016/17")
    # published 2016/17: 06F 530.054, 04F 295.638, 06P 262.417 (£m); pooled it would be 526.768, 300.240 and 261.101
    assert said.startswith("Commissioners keep their own allocations of ccg in 2016/17; pooled")
    assert "£3.3m from NHS Bedfordshire CCG, £1.3m from NHS Luton CCG" in said
    assert "£4.6m to NHS Milton Keynes CCG" in said
    assert "consent" in said


def test_where_they_pool_it_is_said_as_done(pack):
    (said,) = moved_between_commissioners(run_with(pack, {"pooled": True}), pack, "2016/17")
    assert said.startswith("Commissioners pool ccg in 2016/17: against their own allocations this moves £3.3m from")


def test_a_board_reads_published_other_total_allocation_and_pooling_of_each(blmk_run):
    rows = commissioner_table(blmk_run, "2018/19")
    assert rows["published"].sum() == 1_166_646
    assert rows["plan's other total"].sum() == 1_156_545 - 1_166_646
    assert rows["allocation"].sum() == pytest.approx(1_156_545, abs=2)
    assert rows["pooling would move"].sum() == pytest.approx(0, abs=2)


def test_what_a_commissioner_gives_up_in_one_pot_is_said_to_the_hundred_thousand(one_pot, pack):
    (said,) = moved_between_commissioners(one_pot, pack, "2016/17")
    assert "against their published allocations this moves £3.3m from NHS Bedfordshire CCG" in said


def test_a_year_of_one_pot_whose_published_total_is_another_has_no_sentence(one_pot, pack):
    assert moved_between_commissioners(one_pot, pack, "2018/19") == []
    assert moved_between_commissioners(one_pot, pack, "2020/21") == []
