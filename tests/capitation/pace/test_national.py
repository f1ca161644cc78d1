"""Localities against their share of England's money: the published targets of practices, carried into localities."""

import polars as pl
import pytest

from capitation.pace.national import national_distance, national_targets

PRACTICES = "sources/nhs-england-ccg-target-2018-19/practices.csv"


@pytest.fixture(scope="module")
def money(blmk_run):
    return blmk_run.allocation.filter(year="2018/19", stream="ccg", level="practice")


def test_localities_add_to_the_commissioners_national_targets_and_to_the_plan_s_money(pack, blmk_run, money):
    found = national_distance(pack, "ccg-core-2018-19", PRACTICES, money, blmk_run.membership)
    assert found.height == 25
    assert found["allocation_pence"].sum() == 115_654_500_000
    each = national_targets(pack, "ccg-core-2018-19", PRACTICES, "2018/19").join(
        blmk_run.membership, on="practice_code"
    )
    sums = each.group_by("commissioner_code").agg(pl.col("target_pence").sum())
    targets = {code: round(pence / 1e8, 1) for code, pence in sums.iter_rows()}
    assert targets == {"04F": 329.4, "06F": 569.6, "06P": 287.1}  # the worked example of the README
    assert found["target_pence"].sum() == each["target_pence"].sum()
    gap = found["distance_pence"].sum() / found["target_pence"].sum()
    assert gap == pytest.approx(-0.025, abs=0.0005)
    assert found["distance_share"].min() < gap < found["distance_share"].max()


def test_a_formula_without_pounds_says_nothing_of_the_nation(pack, blmk_run, money):
    assert national_distance(pack, "specialised-blmk-2018-19", PRACTICES, money, blmk_run.membership) is None
    two = blmk_run.allocation.filter(stream="ccg", level="practice")
    assert national_distance(pack, "ccg-core-2018-19", PRACTICES, two, blmk_run.membership) is None
