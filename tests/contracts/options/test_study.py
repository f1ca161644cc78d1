"""The study of contract options: switching values, ranges, cases below plan, worst cases, leaps, responses."""

from decimal import Decimal

import polars as pl
import pytest

from capitation.errors import ContractError
from capitation.shift.avoided_value import service_costs
from contracts.options.document import read_options, with_cost_behaviour
from contracts.options.evaluate import evaluate_options, trials_of
from contracts.options.study import STUDY

HOSPITALS = ("RC1", "RC9", "RD8")


@pytest.fixture(scope="module")
def document(pack):
    return with_cost_behaviour(read_options(pack.path("options/blmk.toml")), pack)


@pytest.fixture(scope="module")
def studied(studied_blmk):
    return studied_blmk


@pytest.fixture(scope="module")
def trials(document, pack, blmk_run):
    return trials_of(document, pack, blmk_run)


def test_the_order_of_a_hospitals_options_turns_at_plan(studied):
    rows = studied.frame("switching").filter(
        (pl.col("driver") == "activity") & pl.col("party").is_in(HOSPITALS)
        & (pl.col("option_a") == "do-minimum") & (pl.col("option_b") == "blended")
    )  # fmt: skip
    assert rows.get_column("value").to_list() == [0.0] * 3
    assert set(rows.get_column("better_below")) == {"blended"}
    assert set(rows.get_column("better_above")) == {"do-minimum"}


def test_a_switching_value_away_from_plan_is_where_the_two_options_meet(document, trials, studied):
    rows = studied.frame("switching").filter(
        (pl.col("driver") != "cost") & (pl.col("value") != 0) & (pl.col("value") != 1)
    )
    for row in rows.head(4).iter_rows(named=True):
        x = Decimal(str(row["value"]))
        trends = next(c.of for c in document.cases if c.of != "plan")
        activity = trials.by_change(x) if row["driver"] == "activity" else trials.by_shift(trends, x)
        found = trials.positions(activity).filter(
            (pl.col("organisation_code") == row["party"]) & (pl.col("year") == document.first_year)
        )
        a, b = (
            found.filter(pl.col("option") == row[o]).get_column("position_pence")[0] for o in ("option_a", "option_b")
        )
        size = max(abs(a), abs(b), 1)
        assert abs(a - b) <= max(0.02 * size, 100_000)


def test_positions_of_a_trial_are_those_of_the_comparison(document, trials, studied):
    tried = trials.positions(trials.by_case("plan-plus-5")).drop("cost_pence")
    known = (
        studied.frame("position")
        .filter((pl.col("activity_case") == "plan-plus-5") & (pl.col("role") != "payer"))
        .select(tried.columns)
    )
    by = ["option", "role", "organisation_code", "year"]
    assert tried.sort(by).equals(known.sort(by))


def test_all_of_a_shift_is_the_plan_and_none_of_it_the_trend(trials):
    plan, none = trials.by_shift("unmitigated", Decimal(1)), trials.by_shift("unmitigated", Decimal(0))
    assert plan.get_column("actual_activity").equals(plan.get_column("plan_activity"))
    assert none.equals(trials.by_case("unmitigated"))


def test_every_assumption_with_a_range_is_run_to_both_ends(document, studied):
    rows = studied.frame("tested_range")
    assert set(rows.get_column("figure")) == {
        "cost_at_plan",
        *(f"cost_behaviour ({each.line})" for each in document.cost_behaviour),
        *(
            f"options ({o.id}).quality ({q.line}).{name}"
            for o in document.options
            for q in o.quality
            for name in ("fund", "cost")
            if getattr(q, name) is not None
        ),
    }
    fund = rows.filter(pl.col("figure") == "options (blended).quality (Sustainability fund of providers).fund")
    assert set(fund.get_column("option")) == {"blended"}
    rc9 = fund.filter(pl.col("organisation_code") == "RC9").row(0, named=True)
    assert rc9["at_low_pence"] < rc9["position_pence"] < rc9["at_high_pence"]
    one = rows.filter(
        (pl.col("figure") == "cost_at_plan")
        & (pl.col("option") == "do-minimum")
        & (pl.col("organisation_code") == "RC1")
    ).row(0, named=True)
    assert one["at_low_pence"] > one["position_pence"] > one["at_high_pence"]
    assert one["sign"] == "deficit"  # at 0.97 of what the chain derives it is still below nothing
    assert one["at_low_pence"] < 0
    base = (
        studied.frame("position")
        .filter((pl.col("activity_case") == document.shown_case) & (pl.col("year") == document.first_year))
        .select("option", "role", "organisation_code", base="position_pence")
    )
    met = rows.join(base, on=["option", "role", "organisation_code"], validate="m:1")
    assert met.get_column("position_pence").equals(met.get_column("base"))


def test_activity_below_plan_is_tried_by_as_much(document, trials, studied):
    below = studied.frame("below_plan")
    assert set(below.get_column("activity_case")) == {"plan-minus-5"}
    tried = trials.positions(trials.by_change(Decimal("-0.05")))
    by = ["option", "year", "role", "organisation_code"]
    assert below.sort(by).get_column("position_pence").equals(tried.sort(by).get_column("position_pence"))


def test_the_worst_case_is_the_lowest_of_all_and_set_against_what_is_bearable(document, studied):
    worst = studied.frame("worst_case").filter(
        (pl.col("option") == "do-minimum") & (pl.col("organisation_code") == "06F")
    )
    row = worst.row(0, named=True)
    every = studied.frame("position").filter(
        (pl.col("option") == "do-minimum")
        & (pl.col("organisation_code") == "06F")
        & (pl.col("year") >= document.first_year)
    )
    assert row["position_pence"] == every.get_column("position_pence").min()
    assert row["activity_case"] == "unmitigated"
    allocation = every.filter((pl.col("activity_case") == "plan") & (pl.col("year") == row["year"])).get_column(
        "allocation_pence"
    )[0]
    assert row["tolerance_pence"] == -round(allocation * 0.01)
    assert row["bearable"] is False


def test_the_leap_of_2019_20_is_two_reserves_that_end(studied):
    every = studied.frame("leap").filter((pl.col("option") == "do-minimum") & (pl.col("role") == "commissioner"))
    fund = every.filter(
        pl.col("organisation_code") == "X-STF"
    )  # what nobody earns of the funding of 2016/17 and 2020/21
    assert set(fund.get_column("year")) == {"2017/18", "2020/21"}
    rows = every.filter(~pl.col("organisation_code").str.starts_with("X-"))
    assert set(rows.get_column("year")) == {"2019/20"}
    for because in rows.get_column("because"):
        assert because.startswith("money kept in reserve down by")
        assert "Risk reserve 0.5%, Non-recurrent transformation 0.5%" in because
    hospitals = studied.frame("leap").filter(
        (pl.col("option") == "do-minimum") & pl.col("organisation_code").is_in(HOSPITALS)
    )
    ends = hospitals.filter(pl.col("year") == "2019/20").get_column("because")
    assert len(ends) == 3
    assert all("payments for quality down by £" in because for because in ends)
    assert (rows.get_column("after_pence") - rows.get_column("before_pence")).equals(
        rows.get_column("change_pence"), check_names=False
    )


def test_a_response_of_activity_changes_the_extra_cost_of_its_option_alone(document, pack, blmk_run, studied):
    rows = {r["option"]: r for r in studied.frame("behaviour_response").iter_rows(named=True)}
    assert set(rows) == {"capitation-corridor", "capitation-alliance"}
    for row in rows.values():
        assert row["at_low_pence"] < row["without_pence"] == row["with_pence"] < row["at_high_pence"]


def test_each_option_has_one_sentence(document, studied):
    says = dict(studied.frame("option_sentence").rows())
    assert sorted(says) == sorted(o.id for o in document.options)
    assert "commissioners bear £27.1m and providers gain £6.8m" in says["do-minimum"]


def test_a_tolerance_above_all_income_and_a_response_that_ends_all_activity_are_refused_together(
    document, pack, blmk_run
):
    wrong = document.model_copy(
        update={
            "tolerances": (document.tolerances[0].model_copy(update={"value": Decimal(2)}),),
            "options": tuple(
                o
                if o.response is None
                else o.model_copy(update={"response": o.response.model_copy(update={"low": Decimal(-1)})})
                for o in document.options
            ),
        }
    )
    with pytest.raises(ContractError) as caught:
        evaluate_options(wrong, pack, run=blmk_run)
    assert "tolerances (commissioner)" in str(caught.value)
    assert "options (capitation-corridor).response" in str(caught.value)


def test_frames_without_the_study_are_as_they_were(document, pack, blmk_run, studied):
    plain = evaluate_options(document, pack, run=blmk_run)
    assert set(studied.frames) - set(plain.frames) == set(STUDY)
    for name, schema in STUDY.items():
        assert schema.validate(studied.frame(name)).equals(studied.frame(name)), name
    for name, frame in plain.frames.items():
        assert frame.equals(studied.frame(name)), name


def test_a_body_is_set_against_its_own_reserve_and_not_against_what_its_role_bears(studied):
    (row,) = studied.frame("worst_case").filter(pl.col("organisation_code") == "X-ACB").iter_rows(named=True)
    assert row["option"] == "whole-population"
    mine = studied.frame("position").filter(
        option="whole-population", activity_case="plan", year=row["year"], organisation_code="X-ACB"
    )
    assert row["tolerance_pence"] == pytest.approx(-mine["income_pence"].item() / 100, abs=1)
    assert row["bearable"] is False  # one year on current trends takes more than 1% of its income


def test_contracts_and_solutions_read_one_table_of_how_cost_follows_activity(document, pack, studied):
    shares = {row["point_of_delivery"]: row for row in service_costs(pack).iter_rows(named=True)}
    assert {each.line: (float(each.value), float(each.low), float(each.high)) for each in document.cost_behaviour} == {
        line: (row["variable_share"], row["low_share"], row["high_share"]) for line, row in shares.items()
    }
    assert read_options(pack.path("options/blmk.toml")).cost_behaviour == ()
    assert "evidence/service-costs.csv" in studied.manifest.inputs
