"""One plan: each stage opens with the one before, to the penny, and no quantity has a second value."""

import polars as pl
import pytest

from capitation.chain.bridge import OWN, unclosed
from capitation.errors import CapitationError
from capitation.run.run import Run, load_run, save_run
from capitation.run.scenario import read_scenario
from contracts.options.document import read_options
from optimiser.answers.mix_run import mix_frames
from optimiser.links.plan import SCHEMAS, document_inputs, whole_plan

M = 100_000_000  # pence in a million pounds
YEARS = ["2016/17", "2017/18", "2018/19", "2019/20", "2020/21"]


@pytest.fixture(scope="module")
def documents(pack):
    return read_scenario(pack.path("scenarios/blmk.toml")), read_options(pack.path("options/blmk.toml"))


@pytest.fixture(scope="module")
def plan(pack, blmk_run, blmk_mix, documents):
    scenario, options = documents
    used = document_inputs(
        pack, {"options": pack.path("options/blmk.toml"), "problems": pack.path("problems/blmk.toml")}
    )
    return whole_plan(scenario, blmk_run, blmk_mix.outcome, options, pack, used)


def of_system(run, line):
    return dict(run.bridge.filter(line=line, level="system").select("year", "amount_pence").iter_rows())


def test_the_chain_goes_on_from_what_the_scenario_leaves_through_the_mix(plan, blmk_run):
    before, after, mix = of_system(blmk_run, "left"), of_system(plan.run, "left"), of_system(plan.run, "mix")
    assert {year: before[year] + mix.get(year, 0) for year in YEARS} == after
    assert of_system(plan.run, "printed_do_nothing")["2020/21"] == 203 * M
    assert 40 * M < -mix["2020/21"] < 70 * M
    assert unclosed(plan.run.bridge).is_empty()
    above = pl.col("line").is_in(["mix", "left", OWN["mix"], OWN["left"]])
    assert plan.run.bridge.filter(~above).equals(blmk_run.bridge.filter(~above))


def test_organisations_add_to_the_mix_and_to_what_is_left(plan):
    for line in ("mix", "left"):
        own = plan.run.bridge.filter(line=OWN[line]).group_by("year").agg(pl.col("amount_pence").sum())
        found = dict(own.iter_rows())
        assert {y: a for y, a in of_system(plan.run, line).items() if a} == {y: a for y, a in found.items() if a}


def test_the_mix_of_the_chain_is_what_the_optimiser_says_and_what_its_solutions_add_to(plan, blmk_mix):
    cash = mix_frames(blmk_mix.outcome)["positions"].filter(pl.col("party") == "system")
    pounds = {year: cash_ for year, cash_ in cash.select("year", "cash").iter_rows() if year in YEARS}
    lines = dict(plan.run.frame("mix_line").group_by("year").agg(pl.col("gain_pence").sum()).iter_rows())
    for year, mix in of_system(plan.run, "mix").items():
        assert -mix == pytest.approx(pounds[year] * 100, abs=50)  # each party's sums are rounded to the penny
        assert lines.get(year, 0) == -mix
    assert plan.run.frame("mix_line").filter(pl.col("solution") != "beside").height > 10


def test_every_option_shares_what_is_left_and_moves_nothing_into_it(plan):
    left = of_system(plan.run, "left")
    key = ["option", "year"]
    sums = plan.run.frame("plan_position").group_by(key).agg(pl.col("^.*_pence$").sum())
    assert sums.height == 5 * len(YEARS)
    for row in sums.iter_rows(named=True):
        assert row["position_pence"] == -left[row["year"]], (row["option"], row["year"])
        assert row["contract_pence"] == 0


def test_positions_open_with_the_chain_of_each_organisation(plan):
    own = plan.run.bridge.filter(line=OWN["left"]).select("year", organisation_code="organisation", left="amount_pence")
    both = plan.run.frame("plan_position").join(own, on=["year", "organisation_code"], how="left", validate="m:1")
    assert (both["do_nothing_pence"] + both["mix_pence"] == -both["left"].fill_null(0)).all()
    tested = plan.run.frame("plan_position").drop_nulls("control_total_pence")
    assert (tested["is_met"] == (tested["position_pence"] >= tested["control_total_pence"])).all()
    assert 0 < tested["is_met"].sum() < tested.height


def test_one_quantity_has_one_value_in_run_comparison_and_mix(plan, blmk_run):
    run = plan.run
    position = run.frame("position").filter(activity_case="mix")
    same = run.frame("plan_position").join(
        position, on=["option", "year", "role", "organisation_code"], suffix="_option", validate="1:1"
    )
    assert same.height == position.height
    assert same["position_pence"].equals(same["position_pence_option"], check_names=False)
    nothing = run.frame("position").filter(activity_case="unmitigated", option="do-minimum")
    chain = run.organisation_position.group_by("year").agg(pl.col("position_pence").sum().alias("chain"))
    again = nothing.group_by("year").agg(pl.col("position_pence").sum()).join(chain, on="year", validate="1:1")
    assert again["position_pence"].equals(again["chain"], check_names=False)
    # income: planned payments of the run, of the accounts and of the contracts at plan; cost: of accounts and of outturns
    planned = dict(run.provider_allocation.group_by("year").agg(pl.col("allocation_pence").sum()).iter_rows())
    paid = run.frame("payment").filter(activity_case="plan", option="do-minimum", kind="contract")
    assert dict(paid.group_by("year").agg(pl.col("amount_pence").sum()).iter_rows()) == planned
    accounts = run.organisation_account.filter(pl.col("line").is_in(["system", "specialised"]))
    assert dict(accounts.group_by("year").agg(pl.col("amount_pence").sum()).iter_rows()) == planned
    cost = (
        run.frame("outturn").filter(activity_case="unmitigated").group_by("year").agg(pl.col("actual_cost_pence").sum())
    )
    own = run.organisation_account.filter(role="provider").filter(
        ~pl.col("line").is_in(["system", "specialised", "sustainability", "position"])
    )
    assert dict(cost.iter_rows()) == {
        y: -p for y, p in own.group_by("year").agg(pl.col("amount_pence").sum()).iter_rows()
    }
    # activity when nothing is done: of the run and of the options
    trends = blmk_run.locality_activity.filter(case="unmitigated").group_by("year").agg(pl.col("activity").sum())
    counted = (
        run.frame("outturn").filter(activity_case="unmitigated").group_by("year").agg(pl.col("actual_activity").sum())
    )
    assert dict(counted.iter_rows()) == dict(trends.iter_rows())


def test_a_plan_is_written_and_read_back_whole(plan, tmp_path):
    back = load_run(save_run(plan.run, tmp_path))
    assert back.id == plan.run.id
    assert {"allocation", "bridge", "position", "mix_launches", "mix_line", "plan_position"} <= set(back.frames)
    assert "options/blmk.toml" in back.manifest.inputs
    for name in ("mix_line", "plan_position", "bridge", "position"):
        assert SCHEMAS[name].validate(back.frames[name]).equals(back.frames[name])


def test_a_run_without_a_chain_by_organisation_is_refused(pack, blmk_run, blmk_mix, documents):
    frames = {name: frame for name, frame in blmk_run.frames.items() if not name.startswith("organisation_")}
    with pytest.raises(CapitationError, match="no chain by organisation"):
        whole_plan(documents[0], Run(blmk_run.manifest, frames), blmk_mix.outcome, documents[1], pack, {})
