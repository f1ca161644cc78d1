"""A mix under contract options: payments cancel to the penny, worth and cost as worked out again line by line."""

from dataclasses import replace

import polars as pl
import pytest

from capitation.errors import CapitationError, ContractError, DocumentError
from capitation.shift.effects import Launch
from contracts.options.document import read_options, with_cost_behaviour
from contracts.options.outturn import case_activity, cost_bases, plan_lines
from optimiser.links.under_contracts import launches, mix_under_contracts, shift_of

pytestmark = pytest.mark.slow

TWO = ["do-minimum", "capitation-corridor"]


@pytest.fixture(scope="module")
def outcome(blmk_mix):
    return blmk_mix.outcome


@pytest.fixture(scope="module")
def document(pack):
    return with_cost_behaviour(read_options(pack.path("options/blmk.toml")), pack)


@pytest.fixture(scope="module")
def found(outcome, pack, blmk_run, document):
    return mix_under_contracts(outcome, blmk_run, document, pack, options=TWO)


def test_payments_cancel_in_the_system_row_of_every_year_and_option(found):
    parts = found.parties.filter(pl.col("role") != "system").group_by("option", "year").agg(pl.col("^.*_pence$").sum())
    whole = found.parties.filter(role="system").select(parts.columns)
    assert parts.sort("option", "year").equals(whole.sort("option", "year"))
    assert whole["payments_pence"].to_list() == [0] * 10
    moved = found.parties.filter(role="commissioner")["payments_pence"]
    assert moved.sum() > 1_000_000_00  # there is something to cancel


def test_the_contract_moves_money_between_organisations_and_leaves_the_system_alone(found):
    system = found.parties.filter(role="system").sort("year")
    first, second = (system.filter(option=o).drop("option") for o in TWO)
    assert first.equals(second)
    hospitals = found.parties.filter(
        pl.col("organisation_code").is_in(["RC1", "RC9", "RD8"]) & (pl.col("year") == "2020/21")
    )
    lost = dict(hospitals.group_by("option").agg(pl.col("payments_pence").sum()).iter_rows())
    assert lost["do-minimum"] < lost["capitation-corridor"] < 0  # by results the hospitals lose more income


def test_a_block_moves_no_money_and_a_price_moves_all_of_it(found, document):
    fixed = document.providers_of(["community-and-mental-health", "ambulance", "general-practice", "councils"])
    rows = found.parties.filter((pl.col("option") == "do-minimum") & pl.col("organisation_code").is_in(fixed))
    assert rows.height >= 5 * len(fixed)
    assert rows["payments_pence"].to_list() == [0] * rows.height
    # continuing care is bought package by package: what is not paid is 95% not spent at once, at a cost that outgrows its price
    care = found.parties.filter((pl.col("option") == "do-minimum") & (pl.col("organisation_code") == "X-CARE"))
    least = -0.95 * care["payments_pence"] - 100
    assert (care["cost_saved_pence"] >= least).all()
    assert care["cost_saved_pence"].sum() > 0


def test_activity_at_plan_price_line_by_line_is_the_value_shown(found, blmk_run, document):
    """Tariff value of one year again: plan value x activity moved / planned activity, locality by locality, in floats."""
    every = plan_lines(blmk_run)
    lines = every.filter(year="2020/21")
    bases = cost_bases(blmk_run, every).filter(year="2020/21")
    planned = case_activity(blmk_run, document.plan_activity, "unmitigated").filter(year="2020/21")
    moved = found.shift.activity.filter(year="2020/21").select(
        "locality_code", (pl.col("activity") - pl.col("mitigated")).alias("gone"), line="point_of_delivery"
    )
    units = {(row["line"], row["locality_code"]): row["plan_activity"] for row in planned.iter_rows(named=True)}
    gone = {(row["line"], row["locality_code"]): row["gone"] for row in moved.iter_rows(named=True)}
    variable = document.variable_ppm()
    value = cost = 0.0
    for row in lines.iter_rows(named=True):
        key = (row["line"], row["locality_code"])
        if units.get(key):
            value += row["plan_value_pence"] * gone[key] / units[key]
    for row in bases.iter_rows(named=True):  # cost is that of doing nothing, at the prices of the year
        key = (row["line"], row["locality_code"])
        if row["base_activity"]:
            cost += row["base_cost_pence"] * gone[key] / row["base_activity"] * variable[row["line"]] / 1e6
    worth = found.worth.filter((pl.col("year") == "2020/21") & (pl.col("option") == "do-minimum")).row(0, named=True)
    assert worth["at_tariff_pence"] == pytest.approx(value, abs=lines.height)  # each line is rounded to the penny
    assert worth["cost_saved_pence"] == pytest.approx(cost, abs=lines.height)
    assert worth["at_contract_pence"] < worth["at_tariff_pence"]
    paid = found.parties.filter(
        (pl.col("role") == "commissioner") & (pl.col("year") == "2020/21") & (pl.col("option") == "do-minimum")
    )
    assert worth["at_contract_pence"] == paid["payments_pence"].sum()


def test_the_purse_pays_what_the_solutions_cost_and_providers_keep_their_savings(found):
    spend = found.shift.costs.group_by("year").agg(pl.col("cost_pence").sum())
    saved = found.shift.savings.group_by("year").agg(pl.col("saving_pence").sum())
    system = found.parties.filter((pl.col("role") == "system") & (pl.col("option") == "do-minimum"))
    for year, pence in spend.iter_rows():
        assert system.filter(year=year)["spend_pence"][0] == pence
    for year, pence in saved.iter_rows():
        assert system.filter(year=year)["savings_pence"][0] == pence
    purse = found.parties.filter(role="purse")
    assert purse["payments_pence"].to_list() == [0] * purse.height


def test_the_mix_is_told_as_launches_of_the_run(outcome, blmk_run, found):
    codes = blmk_run.frame("locality_activity")["locality_code"].unique().to_list()
    mix = launches(outcome, codes)
    assert set(mix["locality_code"]) <= {"ALL", *codes}
    again = shift_of(outcome, blmk_run)
    assert again.activity.equals(found.shift.activity)
    by_year = found.shift.activity.group_by("year").agg(pl.col("avoided").sum())
    exact = outcome.exact.avoided.group_by("year").agg(pl.col("exact").sum())
    both = by_year.join(exact, on="year")
    assert both.height == 5
    # each point of delivery is rounded to whole units once a year
    assert both.select((pl.col("avoided") - pl.col("exact")).abs().max()).item() <= 10 * 0.5


def test_an_empty_mix_is_said_to_be_empty(outcome, pack, blmk_run, document):
    values = outcome.answer.values.copy()
    block = outcome.answer.matrix.family("launch")
    values[block.first : block.last] = 0.0
    none = replace(outcome, answers=(replace(outcome.answer, values=values),))
    assert launches(none, []).equals(Launch.empty())
    with pytest.raises(CapitationError, match="nothing is bought"):
        mix_under_contracts(none, blmk_run, document, pack, options=TWO)


def test_options_and_places_that_do_not_belong_are_named(outcome, pack, blmk_run, document):
    with pytest.raises(ContractError, match="'blend'"):
        mix_under_contracts(outcome, blmk_run, document, pack, options=["do-minimum", "blend"])
    with pytest.raises(DocumentError, match="a launch in"):
        launches(outcome, ["L-U09531"])
