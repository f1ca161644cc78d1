"""Commissioners keep their published allocations to the penny; pooling is a choice that says who gives what to whom."""

from copy import deepcopy
from decimal import Decimal

import polars as pl
import pytest

from capitation.errors import DocumentError, ScenarioError
from capitation.money.pence import pence_of
from capitation.pace.statutory import Statutory, StatutoryRule, own_allocations
from capitation.run.evaluate import evaluate
from capitation.run.scenario import Scenario, read_scenario

PUBLISHED = {  # NHS England, £ thousand
    "2016/17": {"06F": 530_054, "04F": 295_638, "06P": 262_417},
    "2017/18": {"06F": 548_261, "04F": 302_931, "06P": 269_659},
}


@pytest.fixture(scope="module")
def document(pack):
    return read_scenario(pack.path("scenarios/blmk.toml")).model_dump(mode="json", by_alias=True)


def by_commissioner(run, year):
    homes = run.membership.select(code="practice_code", who="commissioner_code")
    mine = run.allocation.filter(level="practice", stream="ccg", year=year).join(homes, on="code", validate="m:1")
    return dict(mine.group_by("who").agg(pl.col("allocation_pence").sum()).iter_rows())


@pytest.mark.parametrize("year", PUBLISHED)
def test_practices_of_a_commissioner_have_what_was_published_for_it_to_the_penny(blmk_run, year):
    assert by_commissioner(blmk_run, year) == {c: p * 100_000 for c, p in PUBLISHED[year].items()}


def test_a_year_of_another_total_shares_the_plan_s_and_says_the_difference(blmk_run):
    rows = blmk_run.commissioner_allocation.filter(year="2018/19")
    assert rows["published_pence"].sum() - rows["own_pence"].sum() == (1_166_646 - 1_156_545) * 100_000
    assert (rows["own_pence"] - rows["published_pence"]).to_list() == rows["difference_pence"].to_list()
    last = blmk_run.commissioner_allocation.filter(year="2020/21")
    assert last["published_pence"].null_count() == 3
    assert last["own_pence"].sum() == pence_of("1,254,037,000")


def test_bounds_of_the_round_hold_inside_each_commissioner_and_localities_spread_as_real_ones_do(blmk_run):
    core = blmk_run.pace.filter(stream="ccg")
    assert (
        core.filter(year="2016/17")["growth_rate"].max() <= 0.1126200001
    )  # the fastest commissioning group of that year
    closing = core.filter(year="2018/19")["closing_dft_share"]
    assert closing.min() > -0.06
    assert closing.max() < 0.06
    assert closing.std() >= 0.015
    assert core.group_by("year").agg(pl.col("allocation_pence", "paced_pence").sum()).select(
        (pl.col("allocation_pence") == pl.col("paced_pence")).all()
    ).item()  # fmt: skip


def test_pooled_the_round_moves_money_between_commissioners_and_each_move_is_named(blmk_run, document, pack):
    document = deepcopy(document)
    document["streams"][0]["statutory"]["pooled"] = True
    pooled = evaluate(Scenario.model_validate(document), pack)
    rows = pooled.commissioner_allocation.filter(year="2016/17")
    assert rows["pooling_pence"].sum() == 0
    moved = dict(rows.select("commissioner_code", "pooling_pence").iter_rows())
    assert moved["06F"] == by_commissioner(pooled, "2016/17")["06F"] - 53_005_400_000 < 0
    assert pooled.stream_total.equals(blmk_run.stream_total)


def practices(*rows):
    names = ["area_code", "practice_code", "commissioner_code", "weighted_persons"]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(year=pl.lit("2016/17"), stream=pl.lit("core"))


def a_round(*rows):
    names = ["area_code", "target_pence", "lower_pence", "upper_pence", "paced_pence", "opening_pence"]
    rows = [(*row, 100)[:6] for row in rows]
    kinds = dict.fromkeys(names[1:], pl.Int64)
    return pl.DataFrame(rows, schema=names, orient="row", schema_overrides=kinds).with_columns(
        year=pl.lit("2016/17"), stream=pl.lit("core")
    )


def own(**pence):
    return pl.DataFrame({"commissioner_code": list(pence), "own_pence": list(pence.values())}).with_columns(
        year=pl.lit("2016/17"), stream=pl.lit("core")
    )


@pytest.mark.parametrize(
    ("mine", "expected"),
    [(200, [105, 95]), (190, [105, 85]), (150, [83, 67]), (260, [140, 120]), (400, [222, 178])],
    ids=["level", "at all guarantees", "below all bounds", "at a limit", "above all bounds"],
)
def test_own_money_lies_within_the_bounds_of_the_round_as_far_as_it_reaches(mine, expected):
    held = Statutory(own(X=mine), practices(("A", "a", "X", 1.0), ("B", "b", "X", 1.0)))
    # A is over its target and guaranteed 105, B is guaranteed 85 and may not pass 120
    rounds = a_round(("A", 100, 105, 150, 110), ("B", 100, 85, 120, 90))
    got = held.shared(rounds).sort("practice_code")["allocation_pence"].to_list()
    assert got == expected


def test_the_ceiling_at_target_gives_way_before_the_limit_on_growth():
    held = Statutory(
        own(X=220), practices(("A", "a", "X", 1.0), ("B", "b", "X", 1.0)), growth={("2016/17", "core"): Decimal("0.12")}
    )
    # A is over its target and may have no more than 101, B may grow to 112; both opened with 100
    rounds = a_round(("A", 90, 101, 101, 101), ("B", 130, 100, 112, 112))
    got = held.shared(rounds).sort("practice_code")["allocation_pence"].to_list()
    assert got == [108, 112]


def test_a_locality_of_two_commissioners_has_a_part_of_each_one_s_own():
    held = Statutory(own(X=120, Y=80), practices(("A", "a", "X", 1.0), ("B", "b", "X", 1.0), ("B", "c", "Y", 1.0)))
    got = held.shared(a_round(("A", 60, 0, None, 60), ("B", 140, 0, None, 140))).sort("practice_code")
    assert got["allocation_pence"].to_list() == [55, 65, 80]
    assert got["paced_pence"].to_list() == [60, 70, 70]


def test_a_table_without_a_commissioner_or_a_first_year_is_refused_by_name(pack):
    rule = {"ccg": StatutoryRule(source="nhs-england-ccg-allocations", table="programme_allocation")}
    totals = pl.DataFrame({"year": ["2016/17"], "stream": ["ccg"], "recurrent_pence": [100]})
    with pytest.raises(ScenarioError) as caught:
        own_allocations(rule, totals, ["06F", "99Z"], pack)
    assert "no amount for 99Z" in str(caught.value)
    with pytest.raises(ScenarioError) as caught:
        own_allocations(rule, totals.with_columns(year=pl.lit("2011/12")), ["06F"], pack)
    assert "no column 2011/12, and none before it" in str(caught.value)


def test_a_stream_that_is_not_paced_has_no_commissioners_that_keep_theirs(document):
    document = deepcopy(document)
    document["streams"][-1]["statutory"] = document["streams"][0]["statutory"]
    with pytest.raises((DocumentError, ValueError)) as caught:
        Scenario.model_validate(document)
    assert "leave one of the two out" in str(caught.value)
