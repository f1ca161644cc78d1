"""Contract options on the BLMK allocation: every payment has two sides, every pound is found again, and all of it twice."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.money.apportion import split
from capitation.places.organisations import organisations
from capitation.run.evaluate import evaluate
from capitation.run.run import Run, load_run, make_run, save_run
from capitation.run.scenario import Scenario, read_scenario
from capitation.run.trace import Context, explain, parse_figure
from contracts.document.contract import read_contract
from contracts.options.document import PLAN, ContractOptions, read_options, with_cost_behaviour
from contracts.options.evaluate import SCHEMAS, evaluate_options
from contracts.options.formulas import FORMULAS, joined
from contracts.options.outturn import case_activity, outturn, plan_lines
from contracts.options.study import STUDY
from contracts.settlement.worked_cases import run_cases
from tests.capitation.ledgers import unbalanced

YEARS = ["2016/17", "2017/18", "2018/19", "2019/20", "2020/21"]
DIRECT = ["blended", "capitation-alliance", "capitation-corridor", "do-minimum"]
OPTIONS = [*DIRECT, "whole-population"]
BODY, BODYS_OWN = (
    "X-ACB",
    ["blmk-whole-population", "section-75"],
)  # what it is paid and shares, beside what it pays for care
OWN = ["blmk-alliance", "blmk-blended", "blmk-block", "blmk-capitation-corridor", "blmk-payment-by-results"]


@pytest.fixture(scope="module")
def document(pack) -> ContractOptions:
    return with_cost_behaviour(read_options(pack.path("options/blmk.toml")), pack)


@pytest.fixture(scope="module")
def compared(document, pack, blmk_run) -> Run:
    return evaluate_options(document, pack, run=blmk_run)


@pytest.mark.parametrize("name", OWN)
def test_the_contracts_of_the_options_give_their_worked_cases_two_ways(pack, name):
    assert len(run_cases(read_contract(pack.path(f"contracts/{name}.toml")))) >= 1


def test_plan_lines_add_to_the_allocation_of_every_provider_service_and_locality(blmk_run):
    key = ["year", "provider", "commissioner", "locality_code", "service"]
    sums = plan_lines(blmk_run).group_by(key).agg(pl.col("plan_value_pence").sum())
    every = blmk_run.frame("provider_allocation").rename(
        {"provider_code": "provider", "commissioner_code": "commissioner", "service_code": "service"}
    )
    both = every.join(sums, on=key, how="full", coalesce=True, validate="1:1")
    assert both.height == every.height == sums.height
    assert (both["allocation_pence"] == both["plan_value_pence"]).all()


def test_every_organisation_has_a_position_in_every_year_option_and_case(compared, pack):
    every = compared.frame("position")
    assert sorted(every["option"].unique()) == OPTIONS
    assert sorted(every["activity_case"].unique()) == [PLAN, "plan-plus-5", "unmitigated"]
    for option in OPTIONS:
        for case in (PLAN, "plan-plus-5", "unmitigated"):
            for year in YEARS:
                found = every.filter(option=option, activity_case=case, year=year)["organisation_code"].to_list()
                assert set(organisations(pack)["code"]) <= set(found), (option, case, year)
                assert (
                    len(found)
                    == 25
                    + (
                        option == "whole-population"  # its body
                    )
                )  # the fund of the run, what nobody bears, and the fund outside the system that pays hospitals for quality


def test_every_payment_is_one_partys_debit_and_the_others_credit(compared):
    payments, sides = compared.frame("payment"), compared.frame("transfer")
    assert sides.height == 2 * payments.height
    assert sides["debit_pence"].sum() == sides["credit_pence"].sum() > 0
    key = ["option", "activity_case", "year", "contract", "term_number"]
    mirrored = sides.join(
        sides.select(
            *key,
            pl.col("counterparty_code").alias("organisation_code"),
            pl.col("organisation_code").alias("counterparty_code"),
            other_debit="debit_pence",
            other_credit="credit_pence",
            other_role="role",
        ),
        on=[*key, "organisation_code", "counterparty_code"],
        validate="1:1",
    )
    assert mirrored.height == sides.height
    assert (mirrored["debit_pence"] == mirrored["other_credit"]).all()
    assert (mirrored["credit_pence"] == mirrored["other_debit"]).all()
    between = pl.col("role").eq("provider") & pl.col("other_role").eq("provider")
    assert mirrored.filter(pl.col("role") == pl.col("other_role")).equals(mirrored.filter(between))
    ends = mirrored.filter(between).select(pl.concat_list("organisation_code", "counterparty_code").list.contains(BODY))
    assert ends.to_series().all()


def test_commissioners_hold_the_whole_allocation_and_all_reserves(compared, blmk_run):
    money = compared.frame("commissioner_money").group_by("year").agg(pl.exclude("commissioner_code").sum())
    whole = blmk_run.frame("allocation").filter(level="system").group_by("year").agg(pl.col("allocation_pence").sum())
    every = blmk_run.frame("held_money").group_by("year").agg(pl.col("held_pence").sum())
    assert money.select("year", "allocation_pence").sort("year").rows() == whole.sort("year").rows()
    fund = dict(
        compared.frame("commissioner_money").filter(commissioner_code="X-STF").select("year", "held_pence").iter_rows()
    )
    held = [
        (year, pence + fund[year]) for year, pence in every.sort("year").iter_rows()
    ]  # the fund, until it is earned
    assert money.select("year", "held_pence").sort("year").rows() == held


def test_positions_add_to_allocation_less_cost_and_no_contract_changes_their_sum(compared):
    every = compared.frame("position").group_by("option", "activity_case", "year").agg(pl.col("^.*_pence$").sum())
    assert (every["income_pence"] == every["paid_pence"]).all()
    assert (every["position_pence"] == every["allocation_pence"] - every["cost_pence"]).all()
    across = every.group_by("activity_case", "year").agg(pl.col("position_pence").n_unique())
    assert (across["position_pence"] == 1).all()


def test_where_activity_is_as_planned_every_option_pays_the_plan_value(compared, blmk_run):
    key = ["year", "commissioner_code", "provider_code"]
    plan = blmk_run.frame("provider_allocation").group_by(key).agg(pl.col("allocation_pence").sum()).sort(key)
    for option in DIRECT:
        paid = compared.frame("payment").filter(option=option, activity_case=PLAN, kind="contract")
        assert paid.group_by(key).agg(pl.col("amount_pence").sum()).sort(key).rows() == plan.rows(), option
    supply = compared.frame("payment").filter(
        ~pl.col("contract").is_in(BODYS_OWN), option="whole-population", activity_case=PLAN, kind="contract"
    )
    by_provider = [f.group_by("year", "provider_code").agg(pl.col("^a.*_pence$").sum()).sort("year", "provider_code") for f in (supply, plan)]  # fmt: skip
    assert by_provider[0].rows() == by_provider[1].rows()
    # so that at plan the options differ by what they pay for quality and by nothing else
    quality = compared.frame("payment").filter(activity_case=PLAN, kind="quality")
    by = ["year", "organisation_code"]
    earned = {
        option: {
            k[:2]: k[2]
            for k in quality.filter(option=option).group_by("year", organisation_code="provider_code").agg(pl.col("amount_pence").sum()).rows()
        }
        for option in DIRECT
    }  # fmt: skip
    differs = compared.frame("option_difference").filter(
        pl.col("option") != "whole-population", activity_case=PLAN, role="provider"
    )
    assert differs.height
    for option, year, code, pence in differs.select("option", *by, "difference_pence").rows():
        assert pence == earned[option].get((year, code), 0) - earned["do-minimum"].get((year, code), 0)


def test_the_bridge_leads_from_allocation_or_plan_income_to_the_position(compared):
    subject = ["option", "activity_case", "year", "subject_kind", "subject_code"]
    every = compared.frame("position").rename({"role": "subject_kind", "organisation_code": "subject_code"})
    bridge = compared.frame("position_bridge")
    closing = every.select(*subject, closing_pence="position_pence")
    assert unbalanced(bridge, closing, subject).is_empty()
    last = bridge.sort("step").group_by(subject).agg(pl.col("balance_pence").last(), pl.col("name").first())
    both = every.join(last, on=subject, validate="1:1")
    assert both.height == every.height
    assert (both["balance_pence"] == both["position_pence"]).all()
    opening = every.join(bridge.filter(step=0), on=subject, validate="1:1")
    buyers = opening.filter(subject_kind="commissioner")
    assert (buyers["amount_pence"] == buyers["allocation_pence"]).all()
    assert set(opening.filter(subject_kind="provider")["name"]) == {"plan income"}


def test_what_all_bear_is_the_extra_cost_and_is_not_nothing(compared):
    borne = compared.frame("who_pays")
    sums = borne.group_by("option", "activity_case", "year").agg(
        pl.col("borne_pence").sum(), pl.col("extra_cost_pence").first(), pl.col("share").sum()
    )
    assert (sums["borne_pence"] == sums["extra_cost_pence"]).all()
    more = sums.filter(activity_case="plan-plus-5")
    assert more.height == 25
    assert more["extra_cost_pence"].min() > 1_800_000_000
    assert more["share"].to_list() == pytest.approx([1.0] * 25)
    still = sums.filter(activity_case="unmitigated", year="2016/17")
    assert still["extra_cost_pence"].to_list() == [0] * 5  # both cases start from the same year of activity
    assert borne.filter(activity_case="unmitigated", year="2016/17")["share"].null_count() == 25 * 5 + 1


def test_blocks_leave_the_extra_cost_with_the_provider_and_price_moves_it_to_the_commissioner(compared):
    every = compared.frame("position").filter(activity_case="plan-plus-5", option="do-minimum", year="2018/19")
    change = dict(every.select("organisation_code", "change_pence").iter_rows())
    lines = compared.frame("outturn").filter(activity_case="plan-plus-5", year="2018/19")
    for code in ("RWN", "RYC", "GP", "E06000032"):
        mine = lines.filter(provider=code).select((pl.col("actual_cost_pence") - pl.col("plan_cost_pence")).sum())
        assert change[code] == -mine.item() < 0
    care = lines.filter(provider="X-CARE").select(pl.col("^.*_pence$").sum()).row(0, named=True)
    more_value = care["actual_value_pence"] - care["plan_value_pence"]
    assert change["X-CARE"] == more_value - (care["actual_cost_pence"] - care["plan_cost_pence"])  # bought by price
    assert change["RC9"] > 0


def recomputed(document, run, year: str, plan_case: str, change: Fraction):
    """Everything of one year in plain Python: lines by key, with plan value, actual value, plan cost and actual cost."""
    flow, cost = defaultdict(dict), {}
    for line, service, pence in run.frame("service_line").iter_rows():
        cost[line] = (service, pence)
    for locality, line, provider, ppm in run.frame("flow").iter_rows():
        flow[locality, provider, cost[line][0]][line] = cost[line][1] * ppm
    units = {
        (line, locality): n
        for y, case, line, locality, n in run.frame("locality_activity").iter_rows()
        if (y, case) == (year, plan_case)
    }
    variable = {each.line: Fraction(each.value) for each in document.cost_behaviour}

    def nearest(x: Fraction) -> int:
        return (1 if x >= 0 else -1) * int(abs(x) + Fraction(1, 2))

    trends = {
        (line, locality): n
        for y, case, line, locality, n in run.frame("locality_activity").iter_rows()
        if (y, case) == (year, "unmitigated")
    }
    cost_of: dict[str, int] = defaultdict(int)  # what care for the system costs each provider when nothing is done
    for y, provider, role, _, line, _, pence, _ in run.frame("organisation_account").iter_rows():
        if (y, role) == (year, "provider") and line not in {"system", "specialised", "sustainability", "position"}:
            cost_of[provider] -= pence
    valued: dict[str, dict[tuple[str, str, str, str], int]] = defaultdict(dict)
    for y, provider, commissioner, locality, service, pence in run.frame("provider_allocation").iter_rows():
        if y == year:
            weights = {line: w for line, w in sorted(flow[locality, provider, service].items()) if w}
            for line, value in zip(weights, split(pence, list(weights.values())), strict=True):
                valued[provider][commissioner, locality, service, line] = value
    out: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for provider, mine in valued.items():
        rows = sorted(mine.items())
        grown = [
            max(0, nearest(Fraction(value * trends[line, home], units[line, home])))
            if units.get((line, home))
            else max(0, value)
            for (_, home, _, line), value in rows
        ]
        for ((commissioner, locality, _, line), value), base in zip(rows, split(cost_of[provider], grown), strict=True):
            planned, start = units.get((line, locality)), trends.get((line, locality))
            actual_value, plan_cost, actual_cost = value, base, base
            if planned:
                actual = nearest(planned * (1 + change))
                actual_value = nearest(Fraction(value * actual, planned))
                if start:
                    plan_cost = base + nearest(base * variable[line] * (planned - start) / start)
                    actual_cost = base + nearest(base * variable[line] * (actual - start) / start)
            for i, x in enumerate((value, actual_value, plan_cost, actual_cost)):
                out[commissioner, provider, line][i] += x
    return dict(sorted(out.items()))


@pytest.mark.parametrize("year", ["2016/17", "2018/19", "2020/21"])
def test_every_payment_of_every_option_again_in_plain_python(document, compared, blmk_run, year):
    lines = recomputed(document, blmk_run, year, "mitigated", Fraction(5, 100))
    local = {c for g in document.groups if g.id not in {"bought-by-price", "other-blocks"} for c in g.providers}
    hospitals, priced = {"RC1", "RC9", "RD8"}, {"X-ACUTE", "X-CARE"}

    def nearest(x: Fraction) -> int:
        return (1 if x >= 0 else -1) * int(abs(x) + Fraction(1, 2))

    def by_price(line: str, more: int) -> int:
        return nearest(Fraction(more) * (Fraction(7, 10) if line == "non-elective" and more > 0 else 1))

    def pools(members: set[str], one_pool: bool, due) -> dict[tuple[str, str, str], int]:
        """What is due to each pool (a provider, or all of them), divided over its lines by planned value."""
        parts: dict[tuple[str, str, str], int] = {}
        for pool in [members] if one_pool else [{m} for m in sorted(members)]:
            keys = [k for k in lines if k[1] in pool]
            target = sum(lines[k][2] for k in keys)
            gain = target - sum(lines[k][3] for k in keys)
            amounts = split(nearest(due(gain, target)), [lines[k][0] for k in keys])
            parts.update(zip(keys, amounts, strict=True))
        return parts

    def corridor(gain: int, target: int) -> Fraction:
        size, first, second = abs(gain), Fraction(target, 100), Fraction(3 * target, 100)
        borne = max(min(Fraction(size), second) - first, 0) / 2 + max(size - second, 0) * Fraction(8, 10)
        return borne if gain < 0 else -borne

    def alliance(gain: int, target: int) -> Fraction:
        limit = Fraction(2 * target, 100)
        return max(min(Fraction(gain, 2), limit), -limit)

    in_corridor = pools(local, False, corridor)
    in_alliance = pools(local, True, alliance)
    expected: dict[str, dict[tuple[str, str], int]] = {o: defaultdict(int) for o in OPTIONS}
    for (commissioner, provider, line), (plan, actual, plan_cost, cost) in lines.items():
        key, more = (commissioner, provider), actual - plan
        price = by_price(line, more) if provider in hospitals | priced else 0
        expected["do-minimum"][key] += plan + price
        rate = {"ae": Fraction(1, 5), "non-elective": Fraction(1, 5)}.get(line, 1)
        expected["blended"][key] += plan + (nearest(more * Fraction(rate)) if provider in hospitals else price)
        own = (commissioner, provider, line)
        aside = plan + price
        expected["capitation-corridor"][key] += plan + in_corridor[own] if provider in local else aside
        expected["capitation-alliance"][key] += (
            plan + cost - plan_cost + in_alliance[own] if provider in local else aside
        )
    if year < "2018/19":  # until capitation begins the contracts of the base hold
        expected |= dict.fromkeys(("capitation-corridor", "capitation-alliance"), expected["do-minimum"])
    every_payment = compared.frame("payment").filter(activity_case="plan-plus-5", year=year)
    paid = every_payment.filter(kind="contract")
    supplied = paid.filter(~pl.col("contract").is_in(BODYS_OWN), option="whole-population")
    care: dict[str, int] = defaultdict(int)
    for (_, provider), pence in expected["blended" if year >= "2018/19" else "do-minimum"].items():
        care[provider] += pence
    assert dict(supplied.group_by("provider_code").agg(pl.col("amount_pence").sum()).iter_rows()) == care
    for option in DIRECT:
        found = (
            paid.filter(option=option).group_by("commissioner_code", "provider_code").agg(pl.col("amount_pence").sum())
        )
        assert {(c, p): a for c, p, a in found.iter_rows()} == dict(expected[option]), option
    spent: dict[str, int] = defaultdict(int)
    for (_, provider, _), (_, _, _, cost) in lines.items():
        spent[provider] += cost
    every = compared.frame("position").filter(activity_case="plan-plus-5", year=year, role="provider")
    direct = every.filter(pl.col("option").is_in(DIRECT))
    for option, provider, position in direct.select("option", "organisation_code", "position_pence").iter_rows():
        income = sum(a for (_, p), a in expected[option].items() if p == provider)
        income += every_payment.filter(option=option, provider_code=provider, kind="quality")["amount_pence"].sum()
        income += every_payment.filter(option=option, provider_code=provider, kind="funding")["amount_pence"].sum()
        assert position == income - spent[provider], (option, provider)


def small_run(blmk_run) -> Run:
    """The run of BLMK cut down to one year, one locality and three providers, with the frames that options read."""
    keep, home = ["RC9", "RWK", "GP"], "L-U27128"
    got = blmk_run.frame("provider_allocation").filter(
        (pl.col("year") == "2018/19") & (pl.col("locality_code") == home) & pl.col("provider_code").is_in(keep)
    )
    practices = blmk_run.frame("membership").filter(locality_code=home)["practice_code"].implode()
    frames = {
        "provider_allocation": got,
        "service_envelope": blmk_run.frame("service_envelope").filter(year="2018/19", locality_code=home),
        "flow": blmk_run.frame("flow").filter(locality_code=home),
        "service_line": blmk_run.frame("service_line"),
        "locality_activity": blmk_run.frame("locality_activity").filter(year="2018/19", locality_code=home),
        "allocation": blmk_run.frame("allocation").filter(
            (pl.col("year") == "2018/19") & pl.col("code").is_in(practices)
        ),
        "spendable": blmk_run.frame("spendable").filter(
            (pl.col("year") == "2018/19") & pl.col("code").is_in(practices)
        ),
        "membership": blmk_run.frame("membership").filter(pl.col("practice_code").is_in(practices)),
    }
    return make_run(Scenario.model_validate(blmk_run.manifest.scenario), {}, frames)


@pytest.fixture(scope="module")
def small(blmk_run) -> Run:
    return small_run(blmk_run)


def small_document(document, change, lines=(), variable=None, order=(0, 1, 2, 3), at_plan="1") -> ContractOptions:
    local = {"contract": "blmk-block", "groups": ["all"]}
    content = document.model_dump(mode="json")
    content |= {
        "first_year": "2018/19",
        "shown_case": "other",
        "cases": [
            {"id": "other", "title": "Another activity", "of": "plan", "change": str(change), "lines": list(lines)}
        ],
        "groups": [
            {"id": "hospital", "title": "Hospital", "providers": ["RC9"]},
            {"id": "others", "title": "Others", "providers": ["GP", "RWK"]},
        ],
        "expectations": [],
    }
    content["cost_at_plan"]["value"] = at_plan
    if variable is not None:
        for each in content["cost_behaviour"]:
            each["value"] = str(variable)
    others = local | {"groups": ["others"]}
    choices = [
        ("do-minimum", [{"contract": "blmk-payment-by-results", "groups": ["hospital"]}, others]),
        ("blended", [{"contract": "blmk-blended", "groups": ["hospital"]}, others]),
        ("corridor", [{"contract": "blmk-capitation-corridor", "groups": ["hospital", "others"]}]),
        ("alliance", [{"contract": "blmk-alliance", "groups": ["others", "hospital"]}]),
    ]
    content["options"] = [{"id": choices[i][0], "title": choices[i][0], "contracts": choices[i][1]} for i in order]
    return ContractOptions.model_validate(content)


changes = st.decimals(min_value="-0.5", max_value="0.5", places=4)
parts = st.decimals(min_value=0, max_value=1, places=3)
some_lines = st.lists(
    st.sampled_from(["ae", "elective", "non-elective", "outpatient", "mental-health", "primary-care"]), unique=True
)


@pytest.mark.slow
@given(change=changes, variable=parts, lines=some_lines, at_plan=st.decimals("0.8", "1.2", places=3))
def test_transfers_cancel_and_the_extra_cost_is_borne_whole_whatever_happens(
    document, pack, small, change, variable, lines, at_plan
):
    done = evaluate_options(small_document(document, change, lines, variable, at_plan=at_plan), pack, run=small)
    sides, every = done.frame("transfer"), done.frame("position")
    assert sides["debit_pence"].sum() == sides["credit_pence"].sum()
    net = every.group_by("option", "activity_case").agg(
        pl.col("position_pence", "allocation_pence", "cost_pence", "change_pence").sum()
    )
    assert (net["position_pence"] == net["allocation_pence"] - net["cost_pence"]).all()
    rise = (
        done.frame("outturn")
        .filter(activity_case="other")
        .select((pl.col("actual_cost_pence") - pl.col("plan_cost_pence")).sum())
    )
    assert (net.filter(activity_case="other")["change_pence"] == -rise.item()).all()
    assert done.frame("option_difference").filter(activity_case=PLAN).is_empty()
    at_plan_paid = done.frame("payment").filter(activity_case=PLAN).group_by("option").agg(pl.col("amount_pence").sum())
    assert set(at_plan_paid["amount_pence"]) == {small.frame("provider_allocation")["allocation_pence"].sum()}


@pytest.fixture(scope="module")
def in_order(document, pack, small) -> dict[str, Run]:
    """The small options in their own order, by change of activity."""
    return {c: evaluate_options(small_document(document, c), pack, run=small) for c in ("-0.07", "0.05", "0.4")}


@pytest.mark.slow
@given(order=st.permutations([0, 1, 2, 3]), change=st.sampled_from(["-0.07", "0.05", "0.4"]))
def test_the_order_of_the_options_never_matters(document, pack, small, in_order, order, change):
    again = evaluate_options(small_document(document, change, order=order), pack, run=small)
    for name, frame in in_order[change].frames.items():
        assert frame.equals(again.frames[name]), name


@given(change=st.decimals(min_value=-1, max_value=1, places=3), more=st.decimals(min_value=0, max_value=1, places=3))
def test_more_activity_never_costs_less(document, small, change, more):
    lines = plan_lines(small)

    def cost(by: Decimal) -> int:
        rows = outturn(lines, case_activity(small, "mitigated", "plan", by), document.variable_ppm(), Decimal(1))
        assert rows["plan_cost_pence"].sum() == small.frame("provider_allocation")["allocation_pence"].sum()
        return int(rows["actual_cost_pence"].sum())

    assert cost(change + more) >= cost(change)


def test_the_same_options_give_the_same_run_which_is_written_and_read_back(
    document, compared, pack, blmk_run, tmp_path
):
    again = evaluate_options(document, pack)
    assert again.id == compared.id
    assert again.manifest.frames == compared.manifest.frames
    back = load_run(save_run(compared, tmp_path))
    assert back.frame("position").equals(compared.frame("position"))
    assert compared.manifest.inputs["run of the scenario"] == blmk_run.id
    assert {f"contracts/{name}.toml" for name in OWN} <= set(compared.manifest.inputs)


def test_every_frame_of_the_run_keeps_its_schema(compared):
    assert set(SCHEMAS) == set(compared.frames)
    for name, schema in SCHEMAS.items():
        assert schema.validate(compared.frame(name)).equals(compared.frame(name)), name


def test_a_clause_that_changed_no_row_is_reported(compared):
    noted = compared.frame("contract_notice").filter(contract="blmk-alliance", activity_case="plan-plus-5")
    assert noted["name"].to_list() == ["limited"]


def test_spend_that_no_activity_counts_is_reported_with_its_size(compared):
    every = dict(compared.frame("set_aside").select("subject", "amount").iter_rows())
    lines = compared.frame("outturn").filter(activity_case=PLAN)
    pence = lines.filter(line="specialised")["plan_value_pence"].sum()
    assert every["planned spend on specialised"] == pytest.approx(pence / 100)
    assert len(every) == 4


def test_sustainability_funding_is_income_without_cost_and_moves_the_system_by_its_full_sum(compared, pack):
    assert "stf" not in set(compared.frame("outturn")["line"])
    scenario = read_scenario(pack.path("scenarios/blmk.toml")).model_dump(mode="json", by_alias=True)
    (fund,) = [each for each in scenario["money"]["streams"] if each["stream"] == "stf"]
    for amount in fund["amounts"]:
        amount["pounds"] = "0"
    without = evaluate(Scenario.model_validate(scenario), pack)
    again = evaluate_options(read_options(pack.path("options/blmk.toml")), pack, run=without)
    key = ["option", "activity_case", "year"]
    sums = [
        r.frame("position").group_by(key).agg(pl.col("position_pence", "cost_pence").sum()) for r in (compared, again)
    ]
    both = sums[0].join(sums[1], on=key, validate="1:1", suffix="_without")
    moved = {"2016/17": 2_220_000_000, "2020/21": 6_250_000_000}
    for year, more, less in both.select("year", "position_pence", "position_pence_without").iter_rows():
        assert more - less == moved.get(year, 0)
    assert both["cost_pence"].equals(both["cost_pence_without"], check_names=False)


def test_doing_nothing_leaves_what_the_chain_leaves_under_every_option(compared, blmk_run):
    left = dict(blmk_run.bridge.filter(line="left").select("year", "amount_pence").iter_rows())
    sums = compared.frame("position").filter(activity_case="unmitigated").group_by("option", "year").agg(
        pl.col("position_pence").sum()
    )  # fmt: skip
    answers = compared.frame("further_cost").filter(activity_case="unmitigated").group_by("option", "year").agg(
        pl.col("cost_pence").sum()
    )  # fmt: skip
    more = {(o, y): pence for o, y, pence in answers.iter_rows()}
    assert sums.height == 25
    for option, year, position in sums.iter_rows():
        assert position == -left[year] - more.get((option, year), 0), (option, year)


def test_every_number_column_of_a_comparison_and_its_study_has_words():
    numbers = {
        (table, name)
        for table, schema in {**SCHEMAS, **STUDY}.items()
        for name, column in schema.columns().items()
        if column.dtype.is_numeric() and not column.key
    }
    assert numbers == set(FORMULAS)
    assert all(formula.words for formula in FORMULAS.values())


def test_the_numbers_of_a_comparison_recompute_from_its_own_tables(compared, pack):
    context = Context(compared, pack)
    for (table, column), formula in FORMULAS.items():
        if table not in compared.frames:
            continue
        for row in compared.frame(table).gather_every(13).iter_rows(named=True):
            again = formula.work(context, row).value
            assert again == (None if row[column] is None else pytest.approx(row[column])), (table, column, row)


def test_a_line_of_a_comparison_opens_down_to_payments(compared, pack):
    context = Context(compared, pack)
    row = compared.frame("position").filter(pl.col("role") == "provider").row(0, named=True)
    key = " ".join(f"{k}={row[k]}" for k in ("option", "activity_case", "year", "role", "organisation_code"))
    tree = explain(context, parse_figure(f"position.change_pence {key}", compared), FORMULAS, depth=4)
    assert tree.disagrees == ""
    assert any("payment.amount_pence" in line for line in tree.lines())
    line = compared.frame("position_bridge").filter(pl.col("step") == 1).row(0, named=True)
    key = " ".join(
        f"{k}={line[k]}" for k in ("option", "activity_case", "year", "subject_kind", "subject_code", "step")
    )
    assert explain(context, parse_figure(f"position_bridge.balance_pence {key}", compared), FORMULAS).disagrees == ""


def test_figures_of_a_comparison_lead_into_the_run_of_its_scenario_down_to_printed_cells(compared, blmk_run, pack):
    both = joined(compared, blmk_run, pack)
    for table, column in sorted(FORMULAS):
        for row in compared.frame(table).gather_every(97).iter_rows(named=True) if table in compared.frames else ():
            again = both.formulas[table, column].work(both.context, row).value
            assert again == (None if row[column] is None else pytest.approx(row[column])), (table, column, row)
    row = compared.frame("position").filter(role="commissioner", year="2018/19").row(0, named=True)
    key = " ".join(f"{k}={row[k]}" for k in ("option", "activity_case", "year", "role", "organisation_code"))
    tree = explain(both.context, parse_figure(f"position.allocation_pence {key}", compared), both.formulas, depth=5)
    assert "DISAGREES" not in "\n".join(tree.lines())
    assert "printed cell" in {leaf.kind for leaf in tree.leaves()}
    assert any("provider_allocation.allocation_pence" in line for line in tree.lines())
