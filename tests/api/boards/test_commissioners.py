"""What a run moves between commissioners is said, against the allocations that were published for them."""

from api.boards.commissioners import moved_between_commissioners


def test_what_a_commissioner_gives_up_is_said_to_the_hundred_thousand(blmk_run, pack):
    (said,) = moved_between_commissioners(blmk_run, pack, "2016/17")
    # published 2016/17: 06F 530.054, 04F 295.638, 06P 262.417 (£m); the run shares 523.977, 298.953 and 265.179
    assert "£6.1m from NHS Bedfordshire CCG" in said
    assert "£3.3m to NHS Milton Keynes CCG, £2.8m to NHS Luton CCG" in said
    assert "consent" in said


def test_a_year_whose_published_total_is_another_has_no_sentence(blmk_run, pack):
    assert moved_between_commissioners(blmk_run, pack, "2018/19") == []
    assert moved_between_commissioners(blmk_run, pack, "2020/21") == []
