"""Payments for quality in options: goals from printed results, what is earned, and what does not fit."""

from decimal import Decimal

import polars as pl
import pytest

from capitation.errors import ContractError
from contracts.options.document import read_options
from contracts.options.evaluate import evaluate_options


@pytest.fixture(scope="module")
def document(pack):
    return read_options(pack.path("options/blmk.toml"))


@pytest.fixture(scope="module")
def studied(studied_blmk):
    return studied_blmk


@pytest.fixture(scope="module")
def earned(studied):
    return studied.frame("quality_earned")


def test_results_are_those_printed_and_goals_are_met_at_their_standard(document, pack, earned):
    path = pack.path("sources/blmk-stp-2016/waiting_times.csv")
    cells = {(r["row"], r["column"]): r["value"].removesuffix("%") for r in pl.read_csv(path).to_dicts()}
    for goal in document.goals:
        row, column = goal.where.removeprefix("waiting_times, row ").split(", column ")
        assert Decimal(cells[row, column]) == goal.value
        assert Decimal(cells["Standard", column]) == goal.standard
    met = dict(earned.select("provider_code", "goals_met").unique().rows())
    assert met == {"RC1": 3, "RC9": 5, "RD8": 2}


def test_cquin_earns_its_rate_times_the_goals_met(earned, blmk_run):
    plan = blmk_run.provider_allocation.filter((pl.col("provider_code") == "RC1") & (pl.col("year") == "2017/18"))
    value = plan.get_column("allocation_pence").sum()
    row = earned.filter(
        (pl.col("option") == "do-minimum") & (pl.col("contract") == "cquin")
        & (pl.col("provider_code") == "RC1") & (pl.col("year") == "2017/18")
    ).row(0, named=True)  # fmt: skip
    assert row["earned_pence"] == pytest.approx(value * 0.025 * 3 / 5, abs=1)
    assert row["moves_pence"] == pytest.approx(-value * 0.025 * 2 / 5, abs=1)  # it is part of plan income


def test_an_improvement_scheme_inside_plan_income_moves_only_what_is_not_earned(earned, blmk_run):
    plan = blmk_run.provider_allocation.filter((pl.col("provider_code") == "RD8") & (pl.col("year") == "2018/19"))
    value = plan.get_column("allocation_pence").sum()
    rows = earned.filter((pl.col("option") == "capitation-corridor") & (pl.col("year") == "2018/19"))
    by = {r["provider_code"]: r for r in rows.iter_rows(named=True)}
    assert by["RD8"]["moves_pence"] == pytest.approx(-value * 0.10, abs=1)  # 2 of 5 is below the threshold of 50%
    assert by["RC9"]["moves_pence"] == 0
    assert by["RC1"]["position_with_pence"] == by["RC1"]["position_pence"] + by["RC1"]["moves_pence"]


def test_a_sustainability_fund_goes_by_its_years_and_its_goals(earned):
    rows = earned.filter((pl.col("option") == "do-minimum") & pl.col("contract").str.contains("sustainability"))
    years = rows.group_by("contract").agg(pl.col("year").unique().sort()).sort("contract")
    assert dict(years.rows()) == {
        "provider-sustainability-fund": [
            "2017/18",
            "2018/19",
        ],  # the fund of 2016/17 is the run's own, as the plan prints it
    }
    later = {
        r["provider_code"]: r["earned_pence"] for r in rows.filter(pl.col("year") == "2017/18").iter_rows(named=True)
    }
    assert later["RC9"] > 0
    assert all(amount > 0 for amount in later.values())


def test_what_does_not_fit_is_refused_at_once(document, pack, blmk_run):
    option = document.options[0]
    wrong = option.quality[1].model_copy(
        update={"inputs": {"contract_valu": "plan_value", "goals_met": "met tea"}, "earned": "earnt"}
    )
    changed = document.model_copy(
        update={"options": (option.model_copy(update={"quality": (wrong,)}), *document.options[1:])}
    )
    with pytest.raises(ContractError) as caught:
        evaluate_options(changed, pack, run=blmk_run, studied=True)
    for part in (
        "unknown input 'contract_valu'",
        "'met tea'",
        "unknown output 'earnt'",
        "nothing for 'contract_value'",
    ):
        assert part in str(caught.value)


def one_hospital(document, **changes):
    """The document with quality payments of the first option changed by contract."""
    first = document.options[0]
    mine = tuple(q.model_copy(update=changes.get(q.contract.replace("-", "_"), {})) for q in first.quality)
    return document.model_copy(update={"options": (first.model_copy(update={"quality": mine}), *document.options[1:])})


def test_payments_for_quality_are_one_partys_and_anothers_and_stand_on_lines_of_their_own(studied):
    paid = studied.frame("payment").filter(pl.col("kind") == "quality")
    fund = paid.filter(pl.col("payer_role") == "payer")
    assert set(fund.get_column("commissioner_code")) == {"fund"}
    assert set(fund.get_column("contract")) == {"provider-sustainability-fund"}
    assert (paid.filter(pl.col("payer_role") == "commissioner").get_column("amount_pence") <= 0).all()
    every = studied.frame("position")
    key = ["option", "activity_case", "year"]
    sums = every.group_by(key).agg(pl.col("^.*_pence$").sum())
    assert (sums["position_pence"] == sums["allocation_pence"] - sums["cost_pence"]).all()
    assert (sums["income_pence"] == sums["paid_pence"]).all()
    payers = every.filter(pl.col("role") == "payer")
    given = fund.group_by(key).agg(pl.col("amount_pence").sum())
    both = payers.join(given, on=key, how="left", validate="1:1")
    assert (both["position_pence"] == -both["amount_pence"].fill_null(0)).all()
    bridge = studied.frame("position_bridge").filter(
        (pl.col("option") == "do-minimum") & (pl.col("activity_case") == "plan") & (pl.col("year") == "2017/18")
    )
    for subject, names in (
        ("RD8", {"CQUIN", "Sustainability fund of providers"}), ("06F", {"CQUIN"}), ("fund", {"Sustainability fund of providers"})
    ):  # fmt: skip
        mine = bridge.filter(pl.col("subject_code") == subject)
        assert names <= set(mine["name"]), subject
    assert bridge.filter(pl.col("name") == "CQUIN")["amount_pence"].sum() == 0
    assert bridge.filter(pl.col("name") == "Sustainability fund of providers")["amount_pence"].sum() == 0


def test_commissioners_keep_what_is_not_earned_by_what_they_plan_to_pay(studied, earned):
    lost = earned.filter(
        (pl.col("option") == "capitation-corridor") & (pl.col("provider_code") == "RD8") & (pl.col("year") == "2018/19")
    )["moves_pence"][0]  # fmt: skip
    mine = studied.frame("payment").filter(
        (pl.col("option") == "capitation-corridor") & (pl.col("provider_code") == "RD8") & (pl.col("year") == "2018/19")
        & (pl.col("activity_case") == "plan")
    )  # fmt: skip
    parts = dict(mine.filter(pl.col("kind") == "quality").select("commissioner_code", "amount_pence").rows())
    plan = dict(
        mine.filter(pl.col("kind") == "contract").group_by("commissioner_code").agg(pl.col("amount_pence").sum()).rows()
    )
    assert sum(parts.values()) == lost < 0
    for code, pence in parts.items():
        assert pence == pytest.approx(lost * plan[code] / sum(plan.values()), abs=1)


def test_a_control_total_that_a_case_breaks_costs_the_fund_its_hospital(studied):
    fund = studied.frame("payment").filter((pl.col("payer_role") == "payer") & (pl.col("year") == "2017/18"))
    at_plan = fund.filter((pl.col("option") == "blended") & (pl.col("activity_case") == "plan"))["amount_pence"]
    assert (at_plan > 0).all()
    before = studied.frame("position").filter(
        (pl.col("option") == "blended") & (pl.col("role") == "provider") & (pl.col("year") == "2017/18")
    )
    lines = studied.frame("outturn").filter(activity_case="plan", year="2017/18")
    left = (pl.col("plan_value_pence") - pl.col("plan_cost_pence")).sum()
    planned = dict(
        lines.group_by("provider").agg(left).iter_rows()
    )  # what plan income leaves of the cost of planned activity
    for case in ("plan-plus-5", "unmitigated"):
        paid = dict(
            fund.filter((pl.col("option") == "blended") & (pl.col("activity_case") == case))
            .select("provider_code", "amount_pence").rows()
        )  # fmt: skip
        other = studied.frame("payment").filter(
            (pl.col("option") == "blended") & (pl.col("activity_case") == case) & (pl.col("year") == "2017/18")
            & (pl.col("kind") == "quality")
        )  # fmt: skip
        for code, pence in paid.items():
            all_quality = other.filter(pl.col("provider_code") == code)["amount_pence"].sum()
            position = before.filter((pl.col("activity_case") == case) & (pl.col("organisation_code") == code))
            assert (pence > 0) == (position["position_pence"][0] - all_quality - planned[code] >= 0), (case, code)


def test_what_earning_costs_and_a_payer_of_ones_own_are_declared(document, pack, blmk_run):
    cost = document.options[0].quality[1].cost.model_copy(update={"value": Decimal("0.5")})
    changed = one_hospital(document, cquin={"cost": cost}, provider_sustainability_fund={"paid_by": "NHSE"})
    done = evaluate_options(changed, pack, run=blmk_run)
    spent = done.frame("further_cost")
    assert set(spent["name"]) == {"cost of CQUIN"}
    later = {o.id for o in document.options if o.since is not None or o.body is not None}
    assert set(spent["option"]) == {document.options[0].id, *later}  # the base holds until those begin
    assert spent.filter(pl.col("option").is_in(list(later)))["year"].max() == "2017/18"
    one = spent.filter(
        (pl.col("provider_code") == "RC9") & (pl.col("year") == "2017/18") & (pl.col("activity_case") == "plan")
        & (pl.col("option") == document.options[0].id)
    )  # fmt: skip
    plan = blmk_run.provider_allocation.filter((pl.col("provider_code") == "RC9") & (pl.col("year") == "2017/18"))
    assert one["cost_pence"][0] == pytest.approx(plan["allocation_pence"].sum() * 0.025 / 2, abs=1)
    payers = done.frame("position").filter(pl.col("role") == "payer")
    assert set(payers["organisation_code"]) == {"NHSE", "fund"}
    borne = (
        done.frame("who_pays")
        .group_by("option", "activity_case", "year")
        .agg(pl.col("borne_pence").sum(), pl.col("extra_cost_pence").first())
    )
    assert (borne["borne_pence"] == borne["extra_cost_pence"]).all()


def test_a_response_of_activity_moves_positions_on_lines_of_its_own(document, pack, blmk_run):
    options = tuple(
        o if o.response is None else o.model_copy(update={"response": o.response.model_copy(update={"value": Decimal("-0.02")})})
        for o in document.options
    )  # fmt: skip
    before = evaluate_options(document, pack, run=blmk_run)
    done = evaluate_options(document.model_copy(update={"options": options}), pack, run=blmk_run)
    answered = {o.id for o in document.options if o.response is not None}
    assert set(done.frame("further_cost")["option"]) == answered
    key = ["option", "activity_case", "year"]
    sums = done.frame("position").group_by(key).agg(pl.col("^.*_pence$").sum())
    assert (sums["position_pence"] == sums["allocation_pence"] - sums["cost_pence"]).all()
    was = before.frame("position").group_by(key).agg(pl.col("cost_pence").sum().alias("was"))
    both = sums.join(was, on=key, validate="1:1").with_columns((pl.col("cost_pence") - pl.col("was")).alias("moved"))
    assert set(both.filter(pl.col("moved") != 0)["option"]) == answered
    assert (both.filter(pl.col("activity_case") == "plan")["moved"] == 0).all()
    assert (both["moved"] <= 0).all()
    further = done.frame("further_cost").group_by(key).agg(pl.col("cost_pence").sum().alias("further"))
    again = both.join(further, on=key, how="left", validate="1:1")
    assert (again["moved"] == again["further"].fill_null(0)).all()
    bridge = done.frame("position_bridge").filter(pl.col("option") == "capitation-alliance")
    names = set(bridge.filter(pl.col("subject_code") == "RC9")["name"])
    assert "cost of activity that answers the contract" in names
    assert any(name.endswith(", as activity answers the contract") for name in names)
    plain = before.frame("payment").filter(pl.col("kind") == "contract")
    assert done.frame("payment").filter(pl.col("kind") == "contract").equals(plain)


def test_a_payer_within_the_system_and_a_share_above_one_are_refused_together(document, pack, blmk_run):
    cost = document.options[0].quality[1].cost.model_copy(update={"value": Decimal(5)})
    changed = one_hospital(
        document, cquin={"cost": cost, "lost": None}, provider_sustainability_fund={"paid_by": "RC9", "fund": None}
    )
    with pytest.raises(ContractError) as caught:
        evaluate_options(changed, pack, run=blmk_run)
    for part in (
        "RC9, a provider of the system", "shares from 0 to 1",
        "no output that says what is not earned", "the input fund, and no fund",
    ):  # fmt: skip
        assert part in str(caught.value)
