"""A body among contract options: who pays whom, shares, pools, improvement, start and shadow year, worked out again from its parts."""

from copy import deepcopy
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from capitation.errors import ContractError
from capitation.money.apportion import split
from capitation.run.evaluate import evaluate
from capitation.run.scenario import read_scenario
from contracts.document.contract import read_contract
from contracts.options.document import ContractOptions, read_options
from contracts.options.evaluate import evaluate_options
from contracts.options.whole_population.document import read_body
from contracts.options.whole_population.settlement import settle_body

OPTION, BODY, HOSPITALS = "whole-population", "X-ACB", ["RC1", "RC9", "RD8"]
COUNCILS = ["E06000032", "E06000042", "E06000055", "E06000056"]


@pytest.fixture(scope="module")
def document(pack):
    return read_options(pack.path("options/blmk.toml"))


@pytest.fixture(scope="module")
def compared(document, pack, blmk_run):
    return evaluate_options(document, pack, run=blmk_run)


@pytest.fixture(scope="module")
def body(pack):
    return read_body(pack, "blmk")


def paid(compared, case="plan-plus-5", **key):
    return compared.frame("payment").filter(option=OPTION, activity_case=case, **key)


def test_commissioners_pay_the_body_and_the_body_pays_for_care_in_its_scope_alone(compared, body):
    mine = paid(compared, year="2018/19")
    buyers = mine.filter(provider_code=BODY)
    assert set(buyers["commissioner_code"]) == {"04F", "06F", "06P"}
    assert set(mine.filter(payer_role="provider")["commissioner_code"]) == {BODY}
    direct = mine.filter(pl.col("payer_role") == "commissioner", pl.col("provider_code") != BODY, kind="contract")
    assert set(direct.filter(pl.col("commissioner_code") != "SPEC")["provider_code"]) == {
        "GP"
    }  # practices stay outside
    early = paid(compared, year="2017/18")
    assert BODY not in {*early["commissioner_code"], *early["provider_code"]}
    base = compared.frame("position").filter(option="do-minimum", year="2017/18")
    own = compared.frame("position").filter(pl.col("organisation_code") != BODY, option=OPTION, year="2017/18")
    names = ["activity_case", "organisation_code", "role", "position_pence"]
    assert own.select(names).sort(names[:3]).equals(base.select(names).sort(names[:3]))


@pytest.mark.parametrize("case", ["plan", "plan-plus-5", "unmitigated"])
@pytest.mark.parametrize("year", ["2018/19", "2020/21"])
def test_what_the_body_is_left_with_follows_from_its_parts_to_the_penny(compared, body, pack, blmk_run, case, year):
    mine = paid(compared, case, year=year)
    own = mine.filter(commissioner_code=BODY)
    care = own.filter(~pl.col("contract").is_in(["blmk-whole-population", "section-75"]))
    by_provider = dict(care.group_by("provider_code").agg(pl.col("amount_pence").sum()).iter_rows())
    income = mine.filter(pl.col("term_number").is_in([1, 2]), provider_code=BODY)["amount_pence"].sum()
    plan = settle_body(body, pack, blmk_run).accounts.filter(year=year).row(0, named=True)
    assert income == plan["income_pence"]
    missed = plan["unearned_pence"]
    assert -mine.filter(term_number=3, provider_code=BODY)["amount_pence"].sum() == missed
    left = income - missed - sum(by_provider.values())
    half = round(Decimal(left) / 2)
    shares = dict(own.filter(contract="blmk-whole-population").select("provider_code", "amount_pence").iter_rows())
    assert abs(sum(shares.values()) - half) <= 1
    assert list(shares.values()) == split(sum(shares.values()), [by_provider[h] for h in shares])
    cost = compared.frame("outturn").filter(activity_case=case, year=year, service="social-care")
    over = {
        code: cost.filter(provider=code)["actual_cost_pence"].sum() - by_provider[code] for code in COUNCILS
    }  # the body's half of what each pool overspends
    pools = dict(own.filter(contract="section-75").select("provider_code", "amount_pence").iter_rows())
    assert all(abs(pools[code] - Decimal(pence) / 2) <= Decimal("0.5") for code, pence in over.items())
    position = compared.frame("position").filter(option=OPTION, activity_case=case, year=year, organisation_code=BODY)
    assert position["position_pence"].item() == left - sum(shares.values()) - sum(pools.values())
    account = compared.frame("body_account").filter(option=OPTION, activity_case=case, year=year).row(0, named=True)
    assert account["carried_on_pence"] - account["carried_in_pence"] == position["position_pence"].item()
    assert (account["left_pence"], account["hospitals_pence"], account["pool_pence"]) == (
        left, sum(shares.values()), sum(pools.values()),
    )  # fmt: skip


def test_at_plan_the_option_says_what_the_body_s_own_settlement_says(compared, body, pack, blmk_run):
    own = settle_body(body, pack, blmk_run).accounts.filter(~pl.col("is_shadow"))
    beside = compared.frame("body_account").filter(activity_case="plan")
    same = ["year", "income_pence", "unearned_pence", "care_pence", "left_pence", "hospitals_pence", "returned_pence", "reserve_pence"]  # fmt: skip
    assert own.select(same).sort("year").equals(beside.select(same).sort("year"))


def test_persons_more_move_what_the_option_pays_by_the_rate_to_the_penny(compared, document, body, pack):
    scenario = read_scenario(pack.path("scenarios/blmk.toml"))
    totals = tuple(
        t.model_copy(update={"persons": t.persons + 51_610}) if t.year == "2020/21" else t
        for t in scenario.population.totals
    )
    grown = scenario.model_copy(update={"population": scenario.population.model_copy(update={"totals": totals})})
    after = evaluate_options(document, pack, run=evaluate(grown, pack))

    def due(run):
        return paid(run, "plan", year="2020/21", provider_code=BODY, contract="blmk-whole-population").filter(
            pl.col("term_number") <= 2
        )["amount_pence"].sum()  # fmt: skip

    rate = compared.frame("body_account").filter(activity_case="plan", year="2020/21")["rate_pence"].item()
    assert due(after) - due(compared) == 51_610 * rate > 0


def test_the_shadow_year_says_what_everyone_would_have_and_moves_nothing(compared):
    shadow = compared.frame("shadow_position")
    assert set(shadow["year"]) == {"2017/18"}
    assert set(shadow["option"]) == {"capitation-alliance", "capitation-corridor", OPTION}
    sums = shadow.group_by("option", "activity_case").agg(pl.col("difference_pence").sum())
    assert (sums["difference_pence"] == 0).all()
    mine = shadow.filter(option=OPTION, activity_case="plan-plus-5")
    assert mine.filter(organisation_code=BODY)["shadow_pence"].item() != 0
    held = compared.frame("position").filter(option=OPTION, activity_case="plan-plus-5", year="2017/18")
    both = mine.join(held, on=["organisation_code", "role"], how="left", suffix="_held")
    assert (both["position_pence"] == both["position_pence_held"].fill_null(0)).all()


def test_capitation_begins_once_its_body_is_there(compared):
    names = ["activity_case", "year", "organisation_code", "role", "position_pence"]
    until = compared.frame("position").filter(pl.col("year") < "2018/19")
    base = until.filter(option="do-minimum").select(names).sort(names[:4])
    for option in ("capitation-corridor", "capitation-alliance"):
        assert until.filter(option=option).select(names).sort(names[:4]).equals(base)


@pytest.mark.parametrize(
    ("option", "changes", "said"),
    [
        ("capitation-corridor", {"since": "2017/18"}, "before its party is established (Mar 2018)"),
        ("capitation-corridor", {"since": None}, "a milestone or an option before it, and no start"),
        ("capitation-corridor", {"milestone": "accountable-body"}, "accountable-care-body"),
        ("capitation-corridor", {"before": "capitation-alliance"}, "begins later itself"),
        ("capitation-corridor", {"before": "blende"}, "blended"),
        ("capitation-corridor", {"since": "2019/20"}, "the first year of the document, or earlier"),
        ("do-minimum", {"since": "2018/19"}, "a base that holds in every year"),
        (OPTION, {"since": "2019/20"}, "the first paid year of its body"),
        (OPTION, {"body": "blmkk"}, "no body 'blmkk'"),
    ],
)
def test_a_start_that_contradicts_plan_body_or_document_is_refused_by_name(
    document, pack, blmk_run, option, changes, said
):
    given = deepcopy(document.model_dump(mode="json", by_alias=True))
    for each in given["options"]:
        if each["id"] == option:
            each |= changes
    with pytest.raises(ContractError) as caught:
        evaluate_options(ContractOptions.model_validate(given), pack, run=blmk_run)
    assert said in str(caught.value)


def test_a_contract_that_begins_before_its_option_is_refused_by_name(document, pack, blmk_run):
    name = "blmk-capitation-corridor"
    signed = read_contract(pack.path(f"contracts/{name}.toml"))
    early = signed.model_copy(update={"period": signed.period.model_copy(update={"start": date(2016, 4, 1)})})
    with pytest.raises(
        ContractError, match=r"period\.start: found 2016-04-01, before option capitation-corridor begins"
    ):
        evaluate_options(document, pack, run=blmk_run, given={name: early})


def test_a_body_whose_start_lies_before_it_is_there_is_refused_with_all_other_faults(
    document, pack, blmk_run, monkeypatch
):
    early = read_body(pack, "blmk").model_copy(update={"first_year": "2017/18", "shadow_years": ()})
    monkeypatch.setattr("contracts.options.starts.starts.read_body", lambda pack, name: early)
    given = document.model_dump(mode="json", by_alias=True)
    given["shown_case"] = "nothing"
    with pytest.raises(ContractError) as caught:
        evaluate_options(ContractOptions.model_validate(given), pack, run=blmk_run)
    assert "before the body is established" in str(caught.value)
    assert "unknown activity case 'nothing'" in str(caught.value)
