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
def earned(document, pack, blmk_run):
    return evaluate_options(document, pack, run=blmk_run, studied=True).frame("quality_earned")


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
    assert row["moves_pence"] == row["earned_pence"]


def test_an_improvement_scheme_inside_plan_income_moves_only_what_is_not_earned(earned, blmk_run):
    plan = blmk_run.provider_allocation.filter((pl.col("provider_code") == "RD8") & (pl.col("year") == "2017/18"))
    value = plan.get_column("allocation_pence").sum()
    rows = earned.filter((pl.col("option") == "capitation-corridor") & (pl.col("year") == "2017/18"))
    by = {r["provider_code"]: r for r in rows.iter_rows(named=True)}
    assert by["RD8"]["moves_pence"] == pytest.approx(-value * 0.10, abs=1)  # 2 of 5 is below the threshold of 50%
    assert by["RC9"]["moves_pence"] == 0
    assert by["RC1"]["position_with_pence"] == by["RC1"]["position_pence"] + by["RC1"]["moves_pence"]


def test_a_sustainability_fund_goes_by_its_years_and_its_goals(earned):
    rows = earned.filter((pl.col("option") == "do-minimum") & pl.col("contract").str.contains("sustainability"))
    years = rows.group_by("contract").agg(pl.col("year").unique().sort()).sort("contract")
    assert dict(years.rows()) == {
        "provider-sustainability-fund": ["2017/18", "2018/19"],
        "sustainability-fund": ["2016/17"],
    }
    later = {
        r["provider_code"]: r["earned_pence"] for r in rows.filter(pl.col("year") == "2017/18").iter_rows(named=True)
    }
    assert later["RC9"] > 0
    assert all(amount > 0 for amount in later.values())


def test_what_does_not_fit_is_refused_at_once(document, pack, blmk_run):
    option = document.options[0]
    wrong = option.quality[2].model_copy(
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
