"""One plan: each stage opens with the one before, to the penny, and no quantity has a second value."""

from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest

from api.boards.chain.stages import beyond_the_chain
from capitation.chain.bridge import OWN, unclosed
from capitation.errors import CapitationError
from capitation.run.formulas import FORMULAS as OF_RUN
from capitation.run.run import Run, load_run, save_run
from capitation.run.scenario import read_scenario
from capitation.run.trace import Context
from contracts.options.document import read_options
from contracts.options.formulas import FORMULAS as OF_OPTIONS
from optimiser.answers.mix_run import mix_frames
from optimiser.links.assumed.kept import shipped_log
from optimiser.links.plan import SCHEMAS, document_inputs, whole_plan
from optimiser.links.plan_formulas import FORMULAS as PLANNED

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


@pytest.mark.deep
def test_a_plan_with_another_problem_is_another_run_and_dearer_care_stands_beyond_the_chain(
    pack, blmk_run, blmk_mix, documents, plan
):
    scenario, options = documents
    poorer = replace(
        blmk_mix.outcome, problem=blmk_mix.outcome.problem.model_copy(update={"discount_rate": Decimal("0.05")})
    )
    assert whole_plan(scenario, blmk_run, poorer, options, pack, {}).run.id != whole_plan(scenario, blmk_run, blmk_mix.outcome, options, pack, {}).run.id  # fmt: skip
    assert beyond_the_chain(plan.run, "2020/21") == {}
    dear = options.model_copy(
        update={"cost_at_plan": options.cost_at_plan.model_copy(update={"value": Decimal("1.02")})}
    )
    found = beyond_the_chain(whole_plan(scenario, blmk_run, blmk_mix.outcome, dear, pack, {}).run, "2020/21")
    assert found.keys() == {option.id for option in options.options}
    assert len(set(found.values())) == 1
    assert -40 * M < found["blended"] < -30 * M


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


@pytest.mark.parametrize(
    "column", ["do_nothing_pence", "mix_pence", "contract_pence", "position_pence", "margin_pence"]
)
def test_where_each_organisation_ends_is_worked_out_again_in_plain_python(plan, pack, column):
    context, work = Context(plan.run, pack), PLANNED["plan_position", column].work
    rows = plan.run.frame("plan_position")
    assert [work(context, row).value for row in rows.iter_rows(named=True)] == rows[column].to_list()


def test_a_position_when_nothing_is_done_has_no_mix_in_its_trace(plan, pack):
    context, work = Context(plan.run, pack), OF_RUN["organisation_position", "position_pence"].work
    rows = plan.run.organisation_position
    assert [work(context, row).value for row in rows.iter_rows(named=True)] == rows["position_pence"].to_list()


def test_options_differ_from_the_base_in_the_trace_of_a_plan_too(plan, pack):
    context, work = Context(plan.run, pack), OF_OPTIONS["option_difference", "difference_pence"].work
    rows = plan.run.frame("option_difference")[::9]
    assert [work(context, row).value for row in rows.iter_rows(named=True)] == rows["difference_pence"].to_list()


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


def summed(frames, name, column, by, *where, of=1):
    """A quantity by key: the sum of a column of a frame, or of several added up."""
    added = sum((pl.col(each) * sign for each, sign in column.items()), start=pl.lit(0))
    rows = frames[name].filter(*where).group_by(*by.values()).agg((added.sum() * of).alias("amount"))
    names = list(by)
    return {
        tuple(map(str, row[:-1])): row[-1] for row in rows.select(*by.values(), "amount").rename(dict(zip(by.values(), names, strict=True))).iter_rows()
    }  # fmt: skip


YEAR, STREAM = {"year": "year"}, {"year": "year", "stream": "stream"}
PLAN, TRENDS, MINIMUM = (
    pl.col("activity_case") == "plan",
    pl.col("activity_case") == "unmitigated",
    pl.col("option") == "do-minimum",
)
PAYERS, SELLERS, LOCALITIES = (
    pl.col("role") == "commissioner",
    pl.col("role") == "provider",
    pl.col("level") == "locality",
)
BODY, PARTY = (
    {"year": "year", "organisation": "organisation_code"},
    {"option": "option", "year": "year", "role": "role", "organisation": "organisation_code"},
)
CASE, LINE = {**PARTY, "case": "activity_case"}, {"year": "year", "line": "line"}
POD = {"year": "year", "line": "point_of_delivery"}

SAME = {
    "allocation of a stream": [
        ("allocation", {"allocation_pence": 1}, STREAM, LOCALITIES),
        ("allocation", {"allocation_pence": 1}, STREAM, pl.col("level") == "practice"),
        ("pace", {"allocation_pence": 1}, STREAM), ("distance_from_target", {"allocation_pence": 1}, STREAM),
        ("commissioner_allocation", {"allocation_pence": 1}, STREAM), ("stream_total", {"total_pence": 1}, STREAM),
        ("locality_total", {"total_pence": 1}, STREAM),
    ],
    "place-based allocation": [
        ("place_distance", {"allocation_pence": 1}, {"year": "year", "area": "area_code"}),
        ("distance_from_target", {"allocation_pence": 1}, {"year": "year", "area": "area_code"}),
    ],
    "what is spent on a service": [
        ("service_envelope", {"allocation_pence": 1}, {"year": "year", "service": "service_code"}),
        ("provider_allocation", {"allocation_pence": 1}, {"year": "year", "service": "service_code"}),
    ],
    "what may be spent": [
        ("spendable", {"allocation_pence": 1}, YEAR, pl.col("level") == "practice", pl.col("stream") != "stf"),
        ("service_envelope", {"allocation_pence": 1}, YEAR),
    ],
    "allocation of a commissioner": [
        ("commissioner_money", {"allocation_pence": 1}, {"year": "year", "organisation": "commissioner_code"}),
        ("position", {"allocation_pence": 1}, BODY, PAYERS, PLAN, MINIMUM),
    ],
    "other cost of a commissioner": [
        ("commissioner_money", {"other_cost_pence": 1}, {"year": "year", "organisation": "commissioner_code"}),
        ("position", {"cost_pence": 1}, BODY, PAYERS, PLAN, MINIMUM),
    ],
    "income of an organisation": [
        ("organisation_position", {"income_pence": 1}, BODY, SELLERS),
        ("organisation_account", {"amount_pence": 1}, BODY, SELLERS, pl.col("amount_pence") > 0, ~pl.col("line").is_in(["position", "sustainability"])),
    ],
    "position of an organisation when nothing is done": [
        ("organisation_position", {"position_pence": 1}, BODY),
        ("organisation_position", {"income_pence": 1, "cost_pence": -1, "sustainability_pence": 1}, BODY),
        ("plan_position", {"do_nothing_pence": 1}, BODY, MINIMUM),
    ],
    "position of the system when nothing is done": [
        ("position", {"position_pence": 1}, YEAR, TRENDS, MINIMUM), ("organisation_position", {"position_pence": 1}, YEAR),
    ],
    "position under an option": [
        ("plan_position", {"position_pence": 1}, PARTY), ("position", {"position_pence": 1}, PARTY, pl.col("activity_case") == "mix"),
    ],
    "position under an option at plan": [
        ("position", {"plan_position_pence": 1}, PARTY, pl.col("activity_case") == "mix"), ("position", {"position_pence": 1}, PARTY, PLAN),
    ],
    "position in a shadow year": [("shadow_position", {"position_pence": 1}, CASE), ("position", {"position_pence": 1}, CASE)],
    "control total": [
        ("organisation_position", {"control_total_pence": 1}, BODY), ("plan_position", {"control_total_pence": 1}, BODY, MINIMUM),
    ],
    "sustainability funding": [
        ("organisation_position", {"sustainability_pence": 1}, BODY, SELLERS), ("sustainability_fund", {"earned_pence": 1}, BODY),
    ],
    "income of the body": [
        ("body_account", {"income_pence": 1, "unearned_pence": -1}, {**BODY, "case": "activity_case"}),
        ("position", {"income_pence": 1}, {**BODY, "case": "activity_case"}, pl.col("option") == "whole-population", SELLERS),
    ],
    **{
        f"of the body and of the localities under it: {own}": [
            ("body_account", {f"{own}_pence": 1}, {**BODY, "case": "activity_case"}),
            ("body_locality", {f"{of_localities}_pence": 1}, {**BODY, "case": "activity_case"}),
        ]
        for own, of_localities in (("income", "budget"), ("unearned", "unearned"), ("care", "care"), ("left", "left"))
    },
    "activity on current trends": [
        ("locality_activity", {"activity": 1}, POD, pl.col("case") == "unmitigated"), ("outturn", {"actual_activity": 1}, LINE, TRENDS),
    ],
    "activity as the plan prints it": [
        ("locality_activity", {"activity": 1}, POD, pl.col("case") == "mitigated"), ("outturn", {"plan_activity": 1}, LINE, TRENDS),
    ],
    "what the mix gains": [
        ("mix_line", {"gain_pence": 1}, YEAR), ("plan_position", {"mix_pence": 1}, YEAR, MINIMUM),
        ("mix_line", {"cost_released_pence": 1, "savings_pence": 1, "spend_pence": -1}, YEAR),
    ],
}  # fmt: skip
"""Quantities that more than one column says: each column with its key and which rows; where two know a key, they agree."""

IN_POUNDS = {"savings": "savings_pence", "cost_saved": "cost_released_pence"}
"""Columns of the optimiser in pounds that a line of the mix has in pence, each rounded for itself."""

APART = {
    "expected_gap": "prices and costs that payers and sellers expect of the same care, and the gap between them",
    "further_cost": "what a case or a mix adds to cost, by what adds it",
    "mix_activity": "what solutions claim one by one and what they avoid together: two quantities on purpose",
    "mix_spend": "spend against its budget, in pounds, recurrent and not",
    "service_line": "parts of a service by line, for the split of a service's money",
    "unit_cost": "what one unit costs, and the base year's spend that it comes from",
    "who_pays": "the extra cost of a case, shared among those who bear it",
}
"""Frames whose columns sound alike and are quantities of their own, with what they are."""

SOUNDS_LIKE = ("position", "cost", "income", "activity", "allocation", "sustainability", "earned", "savings", "gain")


def test_no_column_that_names_a_position_a_cost_an_income_or_activity_has_a_second_value(plan):
    frames = plan.run.frames
    for quantity, sayings in SAME.items():
        known: dict[tuple[str, ...], int] = {}
        met = 0
        for name, column, by, *where in sayings:
            found = summed(frames, name, column, by, *where)
            common = known.keys() & found.keys()
            met += len(common)
            assert {key: known[key] for key in common} == {key: found[key] for key in common}, (quantity, name)
            known |= found
        assert met > 0, quantity
    system = frames["mix_positions"].filter(pl.col("party") == "system")
    for pounds, pence in IN_POUNDS.items():
        lines = dict(frames["mix_line"].group_by("year").agg(pl.col(pence).sum()).iter_rows())
        assert {y: v for y, v in system.select("year", pounds).iter_rows() if y in lines} == {
            y: pytest.approx(v / 100, abs=1) for y, v in lines.items()
        }


def test_every_column_that_sounds_like_one_of_them_is_compared_or_said_to_be_apart(plan):
    compared = {(name, column) for sayings in SAME.values() for name, columns, *_ in sayings for column in columns}
    compared |= {("mix_positions", column) for column in (*IN_POUNDS, "income", "spend", "cash")}
    compared |= {("plan_position", "contract_pence")}
    silent = [
        f"{name}.{column}"
        for name, frame in plan.run.frames.items()
        for column, kind in frame.schema.items()
        if kind.is_numeric() and name not in APART and any(word in column for word in SOUNDS_LIKE)
        and (name, column) not in compared
    ]  # fmt: skip
    assert sorted(silent) == sorted(
        f"outturn.{side}_cost_pence" for side in ("plan", "actual")
    )  # compared above, with the accounts


def test_the_log_that_ships_says_of_the_mix_what_the_plan_says(plan, blmk_mix, pack):
    said = shipped_log(pack, "blmk").base
    assert said["mix_last_year"] == -of_system(plan.run, "mix")["2020/21"]
    assert said["npv"] == round(blmk_mix.outcome.headline.objective * 100)
