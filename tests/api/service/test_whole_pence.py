"""Money of the optimiser leaves rounded once to the penny: the text is the engine's value, and no float of pounds is left."""

import math
from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.service.records.optimiser_pence import (
    apart_in_pence,
    appraisal_frames,
    in_pence,
    pounds_text,
    report_in_pounds,
)
from optimiser.answers.optimise import optimise
from optimiser.answers.report import outcome_report
from optimiser.futures.appraisal import appraise
from optimiser.problem.document import read_problem

POUNDS = st.floats(-1e11, 1e11)


def penny(pounds):
    """Pounds to the nearest penny; halves of what a float says go either way, so they are not asked for."""
    return Decimal(repr(pounds)).quantize(Decimal("0.01"), ROUND_HALF_UP)


@given(POUNDS)
def test_the_text_is_the_value_rounded_to_the_penny(pounds):
    text = pounds_text(pounds)
    assert abs(Decimal(text) - Decimal(repr(pounds))) <= Decimal("0.005") + Decimal(repr(abs(pounds))) * Decimal(
        "1e-15"
    )
    assert text.partition(".")[2].isdigit()
    assert len(text.partition(".")[2]) == 2


@pytest.mark.parametrize(
    ("pounds", "text"), [(0.125, "0.13"), (-0.125, "-0.13"), (-0.001, "0.00"), (21000.000000000007, "21000.00")]
)
def test_halves_go_away_from_zero_and_nothing_is_negative_nothing(pounds, text):
    assert pounds_text(pounds) == text


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf])
def test_no_number_is_no_money(nothing):
    assert pounds_text(nothing) is None


@given(st.lists(st.one_of(st.none(), POUNDS), max_size=5))
def test_a_column_of_pounds_becomes_a_column_of_the_same_pence(pounds):
    frame = pl.DataFrame({"a": range(len(pounds)), "npv": pounds}, schema={"a": pl.Int64, "npv": pl.Float64})
    made = in_pence(frame, ["npv"])
    assert made.schema == {"a": pl.Int64, "npv_pence": pl.Int64}
    texts = [None if p is None else f"{Decimal(p) / 100:.2f}" for p in made["npv_pence"]]
    assert texts == [pounds_text(p) for p in pounds]


def test_a_figure_is_money_where_its_unit_says_so():
    frame = pl.DataFrame({"at": [100.0, 440.5, None], "unit": ["£", "units", "£"]})
    assert apart_in_pence(frame, ["at"]).to_dict(as_series=False) == {
        "at": [None, 440.5, None],
        "at_pence": [10000, None, None],
        "unit": ["£", "units", "£"],
    }


@pytest.mark.parametrize("problem", ["protected_provider", "workforce_bound", "no_mix", "no_limit"])
def test_a_report_has_its_money_as_text_and_nothing_else_changed(pack, problem):
    report = outcome_report(optimise(read_problem(pack.path(f"problems/{problem}.toml"))))
    told = report_in_pounds(report)
    assert (told["objective_gbp"], told["objective"]) == (pounds_text(report["objective"]), None)
    assert {"exact_npv", "claimed_npv"} & set(told) == set()
    assert told["exact_npv_gbp"] == pounds_text(report["exact_npv"])
    for name, measure in report["measures"].items():
        is_money = measure["unit"] == "£"
        wanted = (None, str(penny(measure["value"]))) if is_money else (measure["value"], None)
        assert (told["measures"][name]["value"], told["measures"][name]["value_gbp"]) == wanted
    for give, said in zip(
        *((each["infeasible"] or {"must_give": []})["must_give"] for each in (report, told)), strict=True
    ):
        assert (give["at"], give["must_give"]) == (float(said["at_gbp"]), float(said["must_give_gbp"]))
    touched = {"objective", "bound", "goals", "measures", "exact_npv", "claimed_npv", "infeasible"}
    assert {k: v for k, v in report.items() if k not in touched}.items() <= told.items()


def test_every_table_of_an_appraisal_has_its_money_in_pence(pack):
    outcome = optimise(read_problem(pack.path("problems/whole_wards.toml")))
    appraisal = appraise(outcome, draws=20)
    frames = appraisal_frames(appraisal)
    assert frames["draws"]["npv_pence"].to_list() == [int(penny(x) * 100) for x in appraisal.draws["npv"]]
    assert frames["draws"]["avoided"].equals(appraisal.draws["avoided"])
    numbers = {(name, c) for name, f in frames.items() for c, t in f.schema.items() if t.is_float()}
    assert numbers == {
        ("draws", "avoided"),
        *(("activity", c) for c in appraisal.activity.columns if c != "point_of_delivery"),
        ("chances", "at"),
        ("chances", "chance"),
        ("regret", "best_in"),
    }
