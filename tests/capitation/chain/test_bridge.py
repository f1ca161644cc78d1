"""The chain from the opening deficit to what is left closes to the penny in every year."""

from decimal import Decimal

import polars as pl
import pytest

from capitation.chain.bridge import MOVED, TITLES, do_nothing, unclosed, with_mix
from capitation.chain.cost import Drivers
from capitation.chain.rules import Chain, read_chain
from capitation.errors import DocumentError, ScenarioError
from capitation.pack.parameters import Parameters
from capitation.records.documents import parse_document
from capitation.run.scenario import read_scenario

M = 100_000_000  # pence in a million pounds


@pytest.fixture(scope="module")
def scenario(pack):
    return read_scenario(pack.path("scenarios/blmk.toml"))


@pytest.fixture(scope="module")
def drivers(pack, blmk_run, scenario):
    return Drivers(
        spend=blmk_run.unit_cost,
        activity=blmk_run.locality_activity,
        totals=blmk_run.stream_total,
        persons={str(t.year): t.persons for t in scenario.population.totals},
        parameters=Parameters(pack),
        gaps=scenario.gaps,
    )


@pytest.fixture(scope="module")
def bridge(pack, drivers, scenario):
    return do_nothing(read_chain(pack, "blmk"), drivers, "BLMK", scenario.years)


def amount(bridge, year, line):
    return bridge.filter((pl.col("year") == year) & (pl.col("line") == line))["amount_pence"].sum()


def test_the_check_values_of_the_plan(bridge):
    # printed spend 1,342.1 scaled to 1,431.75 + 24.4 = 1,456.15; volume 150.1 x 1.08497 = 162.9; cost of 2020/21 1,820.5;
    # less the allocation 1,672.756 = 147.7; printed 203.0, so 55.3 is not explained; less 62.5 of funding = 140.5
    assert amount(bridge, "2020/21", "printed_do_nothing") == 203 * M
    assert amount(bridge, "2020/21", "derived_do_nothing") / M == pytest.approx(147.7, abs=0.05)
    assert amount(bridge, "2020/21", "not_explained") / M == pytest.approx(55.3, abs=0.05)
    assert amount(bridge, "2020/21", "volume") / M == pytest.approx(150.1 * 1456.15 / 1342.1, abs=0.1)
    assert amount(bridge, "2020/21", "allocation_growth") == 143_175_000_000 - 167_275_600_000
    assert amount(bridge, "2020/21", "sustainability") == -6_250_000_000
    assert amount(bridge, "2020/21", "left") == 203 * M - 6_250_000_000


def test_the_year_that_opens_the_chain_is_the_printed_one(bridge):
    lines = dict(bridge.filter(year="2016/17").select("line", "amount_pence").iter_rows())
    assert lines == {
        "opening": 2_440_000_000, "volume": 0, "price": 0, "drugs": 0, "specialised_growth": 0, "allocation_growth": 0,
        "derived_do_nothing": 2_440_000_000, "not_explained": 0, "printed_do_nothing": 2_440_000_000,
        "sustainability": -2_220_000_000, "left": 220_000_000,
    }  # fmt: skip


def test_every_year_closes_to_the_penny_and_years_between_print_nothing(bridge):
    assert unclosed(bridge).is_empty()
    between = bridge.filter(pl.col("year").is_in(["2017/18", "2018/19", "2019/20"]))
    assert set(between["line"]) == set(TITLES) - {"not_explained", "printed_do_nothing", "mix"}
    derived = bridge.filter(pl.col("line") == "derived_do_nothing")["amount_pence"].to_list()
    assert len(derived) == 5


def test_a_mix_moves_what_is_left_by_what_it_gains_and_nothing_above_it(bridge):
    bought = with_mix(bridge, {"2020/21": 5_410_000_000}, "a mix")
    assert amount(bought, "2020/21", "left") == 203 * M - 6_250_000_000 - 5_410_000_000  # 86.4
    assert unclosed(bought).is_empty()
    above = ~pl.col("line").is_in(["mix", "left"])
    assert bought.filter(above).equals(bridge.filter(above))
    assert with_mix(bought, {}, "none").filter(line="left").equals(bridge.filter(line="left"))
    with pytest.raises(ScenarioError, match="2030/31"):
        with_mix(bridge, {"2030/31": 1}, "a mix")


def test_a_chain_that_does_not_close_names_the_line_and_the_difference(bridge):
    broken = bridge.with_columns(
        pl.when((pl.col("line") == "price") & (pl.col("year") == "2018/19"))
        .then(pl.col("amount_pence") + 1)
        .otherwise("amount_pence")
        .alias("amount_pence")
    )
    assert unclosed(broken).rows() == [
        ("2018/19", "BLMK", "derived_do_nothing", -1),
        ("2018/19", "BLMK", "left", -1),
    ]


def test_funding_taken_away_moves_what_is_left_by_its_full_sum(pack, drivers, scenario, bridge):
    without = Drivers(**{**vars(drivers), "totals": drivers.totals.filter(pl.col("stream") != "stf")})
    again = do_nothing(read_chain(pack, "blmk"), without, "BLMK", scenario.years)
    assert amount(again, "2020/21", "left") - amount(bridge, "2020/21", "left") == 6_250_000_000


def test_what_is_not_explained_can_be_kept_so_that_what_is_left_moves_with_assumptions(pack, drivers, scenario, bridge):
    chain = read_chain(pack, "blmk")
    as_now = Decimal(amount(bridge, "2020/21", "not_explained")) / 100
    same = do_nothing(chain.model_copy(update={"not_explained_pounds": as_now}), drivers, "BLMK", scenario.years)
    assert same.drop("source").equals(bridge.drop("source"))
    kept = chain.model_copy(update={"not_explained_pounds": as_now + 13_000_000})
    moved = do_nothing(kept, drivers, "BLMK", scenario.years)
    assert unclosed(moved).is_empty()
    for line in ("not_explained", "printed_do_nothing", "left"):
        assert amount(moved, "2020/21", line) - amount(bridge, "2020/21", line) == 13 * M
    said = moved.filter(line="printed_do_nothing", year="2020/21").row(0, named=True)
    assert said["title"] == MOVED
    assert said["source"].endswith("203,000,000.00, and 13,000,000.00 by changed assumptions")
    assert moved.filter(year="2016/17").equals(bridge.filter(year="2016/17"))


def test_the_drugs_bill_by_hand(drivers, bridge):
    spend = dict(drivers.spend.select("line", "spend_pence").iter_rows())
    whole, base = sum(spend.values()), 143_175_000_000 + 2_440_000_000
    persons = Decimal(1032205) / Decimal(984997)
    drugs = Decimal("1.046") * Decimal("1.036") * Decimal("1.041") * Decimal("1.041") * persons - 1
    expected = Decimal(spend["prescribing"]) * base / whole * drugs
    assert abs(amount(bridge, "2020/21", "drugs") - expected) < 100


@pytest.mark.parametrize(
    "change",
    [
        {"opening_part": "nothing of that name"},
        {"rules": ()},
        {"streams": ()},
    ],
    ids=["no opening", "no rules", "no streams"],
)
def test_a_chain_without_its_parts_is_refused(pack, drivers, scenario, change):
    content = {**read_chain(pack, "blmk").model_dump(mode="python"), **change}
    with pytest.raises((DocumentError, ScenarioError)):
        do_nothing(parse_document(content, Chain, "chain.toml"), drivers, "BLMK", scenario.years)


def test_spend_without_a_rule_and_a_rule_without_spend_are_said_together(pack, drivers, scenario):
    content = read_chain(pack, "blmk").model_dump(mode="python")
    content["rules"] = [r for r in content["rules"] if r["lines"] != ("prescribing",)]
    content["rules"][0]["lines"] = (*content["rules"][0]["lines"], "dentistry")
    with pytest.raises(ScenarioError) as caught:
        do_nothing(parse_document(content, Chain, "chain.toml"), drivers, "BLMK", scenario.years)
    assert "no rule for the spend on 'prescribing'" in str(caught.value)
    assert "a rule for 'dentistry'" in str(caught.value)
