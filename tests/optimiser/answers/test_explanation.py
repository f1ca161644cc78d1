"""Elastic reports, conflict sets, prices, "why not", and credit: each against arithmetic that can be redone by hand."""

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import UnknownNameError
from capitation.pack.layers import shipped_packs
from optimiser.answers import what_must_give
from optimiser.answers.contradicting_limits import conflict_set
from optimiser.answers.explain import why_not
from optimiser.answers.optimise import optimise
from optimiser.answers.prices import price_report, price_sentences
from optimiser.answers.report import outcome_report
from optimiser.answers.shapley import shapley
from optimiser.answers.what_must_give import relax
from optimiser.engines import highs
from optimiser.engines.certify import certify
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import problem_of, read_problem
from tests.benchmarks.shift_model import build, draw

FOLDER = shipped_packs() / "england" / "problems"


def shipped(name):
    return read_problem(FOLDER / f"{name}.toml")


def three_floors():
    """Savings of 100 wanted from teams that cost 60 and need 4 nurses at full scale (200): purse 30, nurses 1, and a spare limit."""
    return problem_of(
        {
            "id": "three",
            "title": "three",
            "years": ["2020/21"],
            "budgets": [
                {"kind": "recurrent", "year": "2020/21", "pounds": 60},
                {"kind": "capital", "year": "2020/21", "pounds": 5},
            ],
            "staff": [{"staff_group": "nurse", "wte": 1, "owner": "t", "quality": "red"}],
            "limits": [{"measure": "npv", "at_least": 100}],
            "solutions": [
                {
                    "id": "teams",
                    "costs": [{"kind": "recurrent", "pounds": 60}],
                    "workforce": [{"staff_group": "nurse", "wte": 4}],
                    "savings": [{"pounds": 200}],
                }
            ],
        },
        "three",
        Path(),
    )


def test_the_elastic_report_names_what_must_give_and_by_how_much():
    # npv 140 x >= 100 needs x = 0.714, nurses 4 x <= 1 allow 0.25 (npv 35). Nurses would need 1.857 more (186% of 1),
    # the npv floor 65 less (65% of 100): the floor gives.
    outcome = optimise(three_floors())
    assert outcome.status == "infeasible"
    gives = outcome.relaxation.gives
    assert gives["label"].to_list() == ["limit on net present value (commissioner)"]
    assert gives["give"].to_list() == pytest.approx([0.065])
    assert gives["side"].to_list() == ["less"]


def test_the_conflict_set_holds_only_limits_that_conflict():
    conflict = optimise(three_floors()).conflict
    assert set(conflict.rows["label"]) == {"nurse staff in 2020/21", "limit on net present value (commissioner)"}
    assert conflict.is_minimal
    assert not conflict.through_whole_numbers


def test_leaving_any_row_out_of_the_conflict_leaves_a_mix_and_keeping_all_leaves_none():
    problem = three_floors()
    matrix = programme_matrix(problem)
    rows = optimise(problem).conflict.rows["row"].to_list()
    for kept in itertools.combinations(rows, len(rows) - 1):
        low, high = matrix.row_lower.copy(), matrix.row_upper.copy()
        for row in set(matrix.policy_rows.tolist()) - set(kept):
            low[row], high[row] = -np.inf, np.inf
        assert highs.solve(replace(matrix, row_lower=low, row_upper=high)).status == "optimal"
    low, high = matrix.row_lower.copy(), matrix.row_upper.copy()
    for row in set(matrix.policy_rows.tolist()) - set(rows):
        low[row], high[row] = -np.inf, np.inf
    assert highs.solve(replace(matrix, row_lower=low, row_upper=high)).status == "infeasible"


def test_a_conflict_that_exists_only_for_whole_solutions_says_so():
    content = three_floors().model_dump(mode="json", exclude_defaults=True)
    content["solutions"][0]["whole"] = True
    content["limits"] = [{"measure": "npv", "at_least": 20}]
    outcome = optimise(problem_of(content, "three", Path()))
    assert outcome.status == "infeasible"
    assert outcome.conflict.through_whole_numbers
    assert "nurse staff in 2020/21" in outcome.conflict.rows["label"].to_list()


def test_physics_that_contradicts_itself_is_not_blamed_on_policy():
    matrix = programme_matrix(shipped("budget_choice"))
    low = matrix.row_lower.copy()
    once = next(f for f in matrix.rows if f.name == "start_once").first
    low[once], high = 2.0, matrix.row_upper.copy()
    high[once] = 2.0
    wrong = replace(matrix, row_lower=low, row_upper=high)
    found = relax(wrong)
    assert found.gives.is_empty()
    assert found.physics_conflict == ("a starts once",)
    assert conflict_set(wrong).physics


def test_a_problem_with_a_mix_needs_nothing_to_give():
    matrix = programme_matrix(shipped("budget_choice"))
    assert relax(matrix).gives.is_empty()
    assert conflict_set(matrix).rows.is_empty()


def test_the_price_of_staff_is_the_one_worked_in_the_problem():
    outcome = optimise(shipped("workforce_bound"))
    report = price_report(outcome.headline)
    assert report["limit"].to_list() == ["nurse staff in 2020/21"]
    assert report["price"].to_list() == pytest.approx([5000.0])
    # reviews run from 0 to full while the supply is between 6 and 14
    assert (report["holds_from"][0], report["holds_to"][0]) == pytest.approx((6.0, 14.0))
    assert price_sentences(report) == ["nurse staff in 2020/21: one more unit (WTE) is worth £5,000.00 of npv"]


@pytest.mark.parametrize("move", [-1.0, 1.0])
def test_a_price_is_what_moving_the_limit_does(move):
    problem = shipped("equity_floor")
    matrix = programme_matrix(problem)
    answer = highs.solve(matrix)
    for row in price_report(answer).filter(price_report(answer)["price"].is_not_null()).iter_rows(named=True):
        step = 1e-5 * move
        low, high = matrix.row_lower.copy(), matrix.row_upper.copy()
        low[row["row"]] += step
        high[row["row"]] += step
        again = highs.solve(replace(matrix, row_lower=low, row_upper=high)).objective
        per = 1000.0 if row["unit"] == "£" else 1.0
        assert (again - answer.objective) / (step * per) == pytest.approx(row["price"], rel=1e-5)


def test_a_corner_has_no_single_price_but_two_sides():
    # both solutions bought whole with exactly the money: one more pound buys nothing, one less leaves no mix with these starts
    report = price_report(optimise(shipped("budget_choice")).headline)
    assert report["price"].to_list() == [None]
    assert report["one_more"].to_list() == pytest.approx([0.0])
    assert report["one_less"].to_list() == [None]


def test_the_sides_of_a_mix_are_solved_once_and_those_of_another_anew(monkeypatch):
    answer = optimise(shipped("budget_choice")).headline
    first, solves = price_report(answer), []
    solve = highs.HighsSession.solve
    monkeypatch.setattr(highs.HighsSession, "solve", lambda *a, **k: solves.append(a) or solve(*a, **k))
    assert price_report(answer).equals(first)
    assert not solves
    assert price_report(replace(answer)).equals(first)
    assert solves


def test_why_not_shows_the_loss_and_what_then_binds():
    outcome = optimise(shipped("budget_choice"))
    answer = why_not(outcome, "a")
    assert answer.loss == pytest.approx(40.0)  # 220 for b and c against 180 for a and c
    assert answer.scales == pytest.approx({"a": 1, "b": 0, "c": 1})
    with pytest.raises(UnknownNameError):
        why_not(outcome, "z")


def test_why_not_of_what_fits_in_no_mix_says_what_would_have_to_give():
    outcome = optimise(shipped("set_up_effect"))
    answer = why_not(outcome, "network")
    assert answer.forced is None
    assert "recurrent budget of 2020/21" in answer.sentence
    assert answer.relaxation.gives["give"].to_list() == pytest.approx([0.025])


def test_report_is_plain_values():
    import json

    for name in ("no_mix", "whole_wards", "no_limit", "contract_price"):
        text = json.dumps(outcome_report(optimise(shipped(name))), allow_nan=False)
        assert set(json.loads(text)) >= {"status", "objective", "bound", "gap", "mix", "prices", "seconds"}


def test_avoided_activity_is_shown_at_contract_and_at_tariff_and_the_transfer_cancels():
    outcome = optimise(shipped("contract_price"))
    answer = outcome.answer
    assert answer.measure("avoided_at_tariff") == pytest.approx(45_000)
    assert answer.measure("avoided_at_contract") == pytest.approx(18_000)
    assert answer.measure("commissioner_npv") == pytest.approx(6_000)
    assert answer.measure("stranded_cost") == pytest.approx(12_000)
    # system = commissioner + provider, because the income lost is in both with opposite signs
    assert answer.measure("system_npv") == pytest.approx(6_000 - 12_000)


def test_parts_of_wards_are_warned_about():
    content = shipped("whole_wards").model_dump(mode="json", exclude_defaults=True)
    content["whole_blocks"] = False
    report = outcome_report(optimise(problem_of(content, "parts", Path())))
    assert any("parts of blocks are closed" in w for w in report["warnings"])
    assert not outcome_report(optimise(shipped("whole_wards")))["warnings"]


def by_orders(effects):
    """Shapley value by its definition: the mean over all orders."""
    n = len(effects)
    total = [0.0] * n
    for order in itertools.permutations(range(n)):
        left = 1.0
        for s in order:
            total[s] += left * effects[s]
            left *= 1 - effects[s]
    return [t / math.factorial(n) for t in total]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_credit_is_the_mean_over_all_orders_and_adds_to_the_whole(effects):
    found = shapley(np.array([effects]))[0]
    assert found == pytest.approx(by_orders(effects), abs=1e-12)
    assert found.sum() == pytest.approx(1 - np.prod(1 - np.array(effects)), abs=1e-12)


def test_credit_of_many_solutions_adds_to_the_whole_and_is_the_same_as_over_every_set(monkeypatch):
    many = np.linspace(0, 1, 40)[None, :]
    assert shapley(many).sum() == pytest.approx(1 - np.prod(1 - many))
    assert shapley(np.full((1, 17), 0.1))[0] == pytest.approx(np.full(17, (1 - 0.9**17) / 17))
    few = np.array([[0.0, 0.3, 1.0, 0.55, 0.2]])
    over_sets = shapley(few)
    monkeypatch.setattr("optimiser.answers.shapley.MOST", 0)
    assert shapley(few) == pytest.approx(over_sets, abs=1e-12)


def test_credit_of_a_mix_adds_to_what_it_avoids_exactly():
    outcome = optimise(shipped("overlap_pair"))
    assert outcome.credit["units"].sum() == pytest.approx(440.0)
    # 300 or 0.8 x 300 and 200 or 0.7 x 200, averaged: 270 and 170
    assert dict(zip(outcome.credit["solution"], outcome.credit["units"], strict=True)) == pytest.approx(
        {"hub": 270.0, "coordinators": 170.0}
    )


@pytest.mark.parametrize("culprit", ["total", "staff", "none"])
def test_what_must_give_is_the_same_where_the_largest_total_stands_in_the_objective(culprit, monkeypatch):
    drawn = draw("1k")
    best = highs.solve(build(drawn).aim("units"), prices=False)
    worth = float(best.matrix.measures["npv"].vector @ best.values)
    matrix = build(drawn, floor=(3 if culprit == "total" else 0.1) * abs(worth))
    if culprit == "staff":
        few = next(f for f in matrix.rows if f.name == "staff")
        low, high = matrix.row_lower.copy(), matrix.row_upper.copy()
        low[few.first : few.last] = high[few.first : few.last] = 1.5 * high[few.first : few.last]
        matrix = replace(matrix, row_lower=low, row_upper=high)
    plainly = relax(matrix)
    monkeypatch.setattr(what_must_give, "_INTERIOR_POINT_FROM", 0)
    found = relax(matrix)
    assert what_must_give._largest_total(matrix, what_must_give.stretched_matrix(matrix)[1]) is not None
    assert found.answer.objective == pytest.approx(plainly.answer.objective, rel=1e-7, abs=1e-9)
    assert found.answer.objective == pytest.approx(found.answer.bound, rel=1e-9, abs=1e-12)
    assert bool(found.gives.height) is (culprit != "none")
    assert certify(found.answer.matrix, found.answer.values, np.zeros(matrix.row_count)).primal_infeasibility < 1e-7
