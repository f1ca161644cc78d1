"""The whole chain on BLMK: every level adds up, every provider's rows and columns too, the same on any number of threads."""

import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from capitation.activity.printed_cells import printed_number
from capitation.activity.printed_plan import place_based_totals, sustainability_fund
from capitation.errors import CapitationError, DocumentError, ScenarioError
from capitation.records.documents import parse_document, read_mapping
from capitation.run.evaluate import evaluate
from capitation.run.scenario import Scenario, read_scenario
from capitation.run.tables import SCHEMAS
from tests.capitation.ledgers import unbalanced

YEARS = ["2016/17", "2017/18", "2018/19", "2019/20", "2020/21"]


@pytest.fixture(scope="module")
def scenario(pack):
    return read_scenario(pack.path("scenarios/blmk.toml"))


def sums(frame, by, column="allocation_pence"):
    return dict(frame.group_by(by).agg(pl.col(column).sum()).iter_rows())


def test_every_level_of_every_year_adds_to_the_plan_s_printed_total_and_its_funding(blmk_run, pack):
    printed = dict(place_based_totals(pack).select("year", "total_pence").iter_rows())
    for year, pence in sustainability_fund(pack).select("year", "stf_pence").iter_rows():
        printed[year] += pence
    allocation = blmk_run.frame("allocation")
    for level in ("system", "place", "locality", "practice"):
        found = sums(allocation.filter(pl.col("level") == level), "year")
        assert found == {year: printed[year] for year in YEARS}


def test_children_add_to_their_parent_in_every_stream(blmk_run):
    allocation = blmk_run.frame("allocation")
    key = ["year", "stream"]
    for level, parent in (("place", "system"), ("locality", "place"), ("practice", "locality")):
        below = (
            allocation.filter(pl.col("level") == level)
            .group_by(*key, "parent_code")
            .agg(pl.col("allocation_pence").sum())
        )
        above = allocation.filter(pl.col("level") == parent).select(
            *key, pl.col("code").alias("parent_code"), "allocation_pence"
        )
        assert below.sort(*key, "parent_code").equals(above.sort(*key, "parent_code"))


def test_providers_and_held_money_add_to_the_control_total_by_rows_and_by_columns(blmk_run):
    to_providers, held = blmk_run.frame("provider_allocation"), blmk_run.frame("held_money")
    system = sums(blmk_run.frame("allocation").filter(pl.col("level") == "system"), "year")
    by_year, held_by_year = sums(to_providers, "year"), sums(held, "year", "held_pence")
    offered = sums(
        blmk_run.frame("sustainability_fund"), "year", "offered_pence"
    )  # income without cost: it buys no care
    assert {y: by_year[y] + held_by_year[y] + offered.get(y, 0) for y in YEARS} == system
    for key in (["year", "locality_code"], ["year", "service_code"], ["year", "commissioner_code"]):
        envelopes = blmk_run.frame("service_envelope").group_by(key).agg(pl.col("allocation_pence").sum()).sort(key)
        assert to_providers.group_by(key).agg(pl.col("allocation_pence").sum()).sort(key).equals(envelopes)


def test_every_waterfall_ends_at_what_its_subject_may_deploy(blmk_run):
    ledger = blmk_run.frame("ledger")
    totals = (
        blmk_run.frame("locality_total")
        .group_by("year", pl.col("area_code").alias("subject_code"))
        .agg(pl.col("total_pence").sum())
    )
    slices = (
        blmk_run.frame("locality_slice")
        .group_by("year", pl.col("locality_code").alias("subject_code"))
        .agg(pl.col("amount_pence").sum())
    )
    closing = totals.join(slices, on=["year", "subject_code"]).select(
        "year", "subject_code", (pl.col("total_pence") + pl.col("amount_pence")).alias("closing_pence")
    )
    assert unbalanced(ledger.filter(pl.col("subject_kind") == "locality"), closing).is_empty()
    deployable = sums(blmk_run.frame("deployable").filter(pl.col("year").is_in(YEARS)), "year", "deployable_pence")
    assert sums(ledger.filter(pl.col("subject_kind") == "system"), "year", "amount_pence") == deployable
    assert sums(ledger.filter(pl.col("subject_kind") == "place"), "year", "amount_pence") == deployable
    providers = ledger.filter(pl.col("subject_kind") == "provider")
    income = (
        blmk_run.frame("provider_allocation")
        .group_by("year", pl.col("provider_code").alias("subject_code"))
        .agg(pl.col("allocation_pence").sum().alias("closing_pence"))
    )
    assert unbalanced(providers, income).is_empty()


def test_lists_pull_localities_apart_until_pace_narrows_them_and_they_stay_apart_as_real_ones_do(blmk_run):
    kept = blmk_run.frame("pace").filter(pl.col("stream") == "ccg")
    spread = kept.group_by("year").agg(
        pl.col("closing_dft_share").min().alias("least"),
        pl.col("closing_dft_share").max().alias("most"),
        pl.col("closing_dft_share").std().alias("deviation"),
    )
    rows = {row["year"]: row for row in spread.iter_rows(named=True)}
    # openings follow use, so that the first year is near target; moving lists then outrun the rounds until these have more to give
    spreads = [rows[y]["deviation"] for y in sorted(rows)]
    assert spreads == [*sorted(spreads[:3]), *sorted(spreads[3:], reverse=True)]
    assert max(spreads) == spreads[2]
    assert rows["2018/19"]["least"] > -0.06
    assert rows["2018/19"]["most"] < 0.06
    assert rows["2018/19"]["deviation"] > 0.015


def test_no_locality_grows_faster_than_the_fastest_commissioning_group_did(blmk_run):
    first = blmk_run.frame("pace").filter((pl.col("stream") == "ccg") & (pl.col("year") == "2016/17"))
    assert first["growth_rate"].max() <= 0.112612
    second = blmk_run.frame("pace").filter((pl.col("stream") == "ccg") & (pl.col("year") == "2017/18"))
    assert (second["paced_pence"] / second["opening_pence"] - 1).max() <= 0.034349
    # one group's own allocation grew by the limit itself, so its localities, all alike, by as much and what crosses its border
    assert second["growth_rate"].max() < 0.0356
    # openings by use leave no locality so far under target that the 5% rule has to give way to the limit on growth
    assert set(blmk_run.frame("relaxation")["rule"]) == {"target_ceiling"}
    assert first["closing_dft_share"].min() > -0.05


def test_every_frame_keeps_its_schema_and_has_one(blmk_run):
    assert set(blmk_run.frames) == set(SCHEMAS)
    for name, schema in SCHEMAS.items():
        assert schema.validate(blmk_run.frame(name), where=name).equals(blmk_run.frame(name)), name


def test_amounts_of_the_scenario_are_those_of_the_cells_they_name(scenario, pack):
    named = [a for s in scenario.money.streams for a in s.amounts] + list(scenario.money.totals)
    named += [part for gap in scenario.gaps for part in (*gap.parts, *([gap.total] if gap.total else []))]
    compared = 0
    for amount in named:
        match = re.match(r"^(\w+), row (.+), column (.+)$", amount.where)
        if not match:
            assert amount.pounds == 0, f"{amount.where}: only a nought may go without a cell"
            continue
        table, row, column = match.groups()
        cells = {(c["row"], c["column"]): c for c in pack.printed(amount.source, table).iter_rows(named=True)}
        printed = cells[row, column]
        unit = 1_000_000 if "£m" in printed["unit"] else 1000
        assert abs(amount.pounds) == printed_number(printed["value"]) * unit, amount.where
        compared += 1
    assert compared == 32
    for total in scenario.population.totals:
        cells = {
            (c["row"], c["column"]): c
            for c in pack.printed(total.source, "place_based_allocation").iter_rows(named=True)
        }
        assert total.persons == printed_number(cells["Population projection", total.year]["value"])


def test_rates_of_top_slices_are_those_of_the_parameters_they_name(scenario, pack):
    from capitation.pack.parameters import Parameters

    parameters = Parameters(pack)
    names = {
        "Better Care Fund minimum": "top_slices.better_care_fund",
        "Non-recurrent reserve 1%": "top_slices.non_recurrent_reserve",
        "Risk reserve 0.5%": "top_slices.risk_reserve",
        "Non-recurrent transformation 0.5%": "top_slices.non_recurrent_reserve",
        "Contingency 0.5%": "top_slices.contingency",
    }
    assert {s.name for s in scenario.money.top_slices} == set(names)
    for piece in scenario.money.top_slices:
        assert piece.rate == parameters.value(names[piece.name], piece.since)


@pytest.mark.slow
def test_the_same_inputs_give_the_same_run_on_any_number_of_threads(blmk_run):
    code = (
        "from capitation.run.evaluate import evaluate; from capitation.run.scenario import read_scenario\n"
        "from capitation.pack.layers import default_data_folder\nfrom capitation.pack.sources import DataPack\n"
        "pack = DataPack(default_data_folder())\n"
        "run = evaluate(read_scenario(pack.path('scenarios/blmk.toml')), pack)\n"
        "print(run.manifest.model_dump_json())"
    )
    found = set()
    for threads in sorted({"1", "4"} - {str(pl.thread_pool_size())}):  # this process has tried its own number
        environment = {**os.environ, "POLARS_MAX_THREADS": threads}
        root = Path(__file__).parents[3]
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert found == {blmk_run.manifest.model_dump_json() + "\n"}


def test_more_need_never_brings_a_locality_less(scenario, pack, blmk_run):
    # a larger share of the base lists raises a locality's weight; compare two runs that differ in the inequality weight only
    pot = tuple(rule.model_copy(update={"statutory": None}) for rule in scenario.streams)
    richer = scenario.model_copy(update={"policy": "no-pace", "streams": pot})
    free = evaluate(richer, pack)
    target = free.frame("target").sort("year", "stream", "area_code")
    assert (
        target["target_pence"].to_list()
        == blmk_run.frame("target").sort("year", "stream", "area_code")["target_pence"].to_list()
    )
    assert free.frame("place_distance")["closing_dft_pence"].abs().max() == 0


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda d: d["money"]["streams"][0]["amounts"].pop(2), "2017/18"),
        (lambda d: d["streams"].pop(), "no rule"),
        (lambda d: d["population"]["totals"].pop(), "2020/21"),
        (lambda d: d["streams"][0].update(formula="ccg-core-2018-91"), "ccg-core-2018-19"),
        (lambda d: d.update(policy="blmk-2016-71"), "blmk-2016-17"),
        (lambda d: d["practices"].update(table="practice"), "practices"),
        (lambda d: d["money"]["top_slices"][0].update(rate=0.999), "less"),
        (lambda d: d.update(titel="x"), "'title'"),
        (lambda d: d["streams"][0]["opening"].update(column="2011/12"), "06F"),
    ],
)
def test_a_scenario_at_fault_gets_one_clear_message(pack, change, part):
    content = read_mapping(pack.path("scenarios/blmk.toml"))
    change(content)
    with pytest.raises(CapitationError, match=re.escape(part)):
        evaluate(parse_document(content, Scenario, "scenario.toml"), pack)


def test_all_faults_of_a_scenario_are_told_together(pack):
    content = read_mapping(pack.path("scenarios/blmk.toml"))
    content["money"]["streams"][0]["amounts"][0]["year"] = "2015-16"
    content["population"]["totals"][0]["persons"] = -1
    content["system_cod"] = "X"
    with pytest.raises(DocumentError) as caught:
        parse_document(content, Scenario, "scenario.toml")
    assert len(caught.value.faults) == 3


def test_slices_that_take_too_much_are_told_by_stream_and_year(pack):
    content = read_mapping(pack.path("scenarios/blmk.toml"))
    content["money"]["top_slices"][0]["rate"] = 1
    with pytest.raises(ScenarioError) as caught:
        evaluate(parse_document(content, Scenario, "scenario.toml"), pack)
    assert len(caught.value.faults) >= 5


def test_what_allocations_hold_beyond_the_printed_spend_is_a_line_of_its_own(blmk_run):
    (row,) = blmk_run.set_aside.filter(pl.col("subject").str.contains("printed spend")).iter_rows(named=True)
    assert row["amount"] == 89_650_000.0  # allocations of 2016/17 1,431.75 million, printed spend 1,342.10 million
    assert "ccg +£82.1m, primary-medical -£13.7m, specialised +£21.2m" in row["reason"]
    assert "near its allocation of 2015/16" in row["reason"]
