"""Frontier, near-optimal mixes, sweeps, risk: each against arithmetic or a plain second way."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capitation.errors import CapitationError
from capitation.pack.layers import shipped_packs
from optimiser.answers.alternatives import alternatives
from optimiser.answers.frontier import frontier
from optimiser.answers.optimise import optimise
from optimiser.blocks.start import starts
from optimiser.engines import highs
from optimiser.futures.cvar import conditional_value_at_risk, risk_averse
from optimiser.futures.regret import regret_table
from optimiser.futures.robust import disappointments, protect, worst_case
from optimiser.futures.sweep import sweep
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import problem_of, read_problem
from optimiser.problem.tables import tables_of
from optimiser.programme.family import Family
from tests.benchmarks.shift_model import build, draw

FOLDER = shipped_packs() / "england" / "problems"


def shipped(name):
    return read_problem(FOLDER / f"{name}.toml")


def two_way(**extra):
    """Cash or bed-days from one purse of £100: savers earn £3 a pound, carers avoid 10 bed-days a pound and earn nothing."""
    return problem_of(
        {
            "id": "two_way",
            "title": "two",
            "years": ["2020/21"],
            "budgets": [{"kind": "recurrent", "year": "2020/21", "pounds": 100}],
            "solutions": [
                {
                    "id": "savers",
                    "costs": [{"kind": "recurrent", "pounds": 100}],
                    "savings": [{"pounds": 300, "low_pounds": 120}],
                },
                {
                    "id": "carers",
                    "costs": [{"kind": "recurrent", "pounds": 100}],
                    "savings": [{"pounds": 100, "low_pounds": 90}],
                    "benefits": [{"id": "days", "unit": "bed-days", "amount": 1000}],
                },
            ],
            **extra,
        },
        "two_way",
        Path(),
    )


def test_the_frontier_is_the_line_worked_by_hand_with_its_exchange_rate():
    # at share c on carers: npv 200 (1 - c), days 1000 c: one bed-day costs £0.20
    found = frontier(programme_matrix(two_way()), ("npv", "days"), points=5).points
    assert found["days"].to_list() == pytest.approx([0, 250, 500, 750, 1000], abs=1e-3)
    assert found["npv"].to_list() == pytest.approx([200, 150, 100, 50, 0], abs=1e-3)
    assert found["rate_days"][1:-1].to_list() == pytest.approx([-0.2, -0.2, -0.2])


def test_every_point_of_a_warm_frontier_is_that_of_a_cold_solve_with_the_level_kept():
    # a thousand columns: the points are walked from the first goal's best on, each from the basis of the one before
    matrix = build(draw("1k"))
    found = frontier(matrix, ("npv", "units"), points=6, prices=False).points
    assert found["status"].to_list() == ["optimal"] * 6
    assert found["npv"][0] > found["npv"][-1]
    units = matrix.measures["units"].vector
    used = np.flatnonzero(units)
    terms = pl.DataFrame({"row": np.zeros(len(used), np.int32), "col": used.astype(np.int32), "value": units[used]})
    kept = Family("kept", 0, 1, pl.DataFrame({"goal": ["units"]}), "units", "kept level", "Q", "goals")
    for npv, level in found.select("npv", "units").rows():
        low = level / matrix.measures["units"].scale
        cold = highs.solve(matrix.aim("npv").with_rows(kept, terms, np.array([low]), np.array([np.inf])), prices=False)
        assert npv == pytest.approx(cold.objective, rel=1e-7)


def test_a_frontier_of_three_goals_is_a_grid_and_no_point_beats_another():
    found = frontier(programme_matrix(two_way()), ("npv", "days", "investment"), points=4).points
    assert found.height == 16
    kept = found.filter(found["status"] == "optimal")
    rows = kept.select("npv", "days", "investment").rows()
    for a, b in itertools.permutations(rows, 2):
        better = a[0] > b[0] + 1e-3 and a[1] >= b[1] + 1e-3 and a[2] <= b[2] - 1e-3
        assert not better


def test_a_frontier_refuses_one_goal_or_the_same_twice():
    with pytest.raises(CapitationError, match="two or three different goals"):
        frontier(programme_matrix(two_way()), ("npv", "npv"))


def test_ranges_of_near_optimal_mixes_are_those_worked_by_hand():
    # within 10% of £200: savers may fall to 0.9 (carers up to 0.1, or nothing in their place)
    problem = two_way()
    answer = optimise(problem).headline
    weights = starts(tables_of(problem)).select("solution", "place", "weight")
    found = alternatives(answer.matrix, answer, weights, within=0.1)
    ranges = {r["solution"]: (r["best"], r["least"], r["most"]) for r in found.ranges.iter_rows(named=True)}
    assert ranges["savers"] == pytest.approx((1.0, 0.9, 1.0), abs=1e-6)
    assert ranges["carers"] == pytest.approx((0.0, 0.0, 0.1), abs=1e-6)


def test_whole_alternatives_keep_the_objective_and_differ():
    problem = shipped("budget_choice")
    answer = optimise(problem).headline
    weights = starts(tables_of(problem)).select("solution", "place", "weight")
    found = alternatives(answer.matrix, answer, weights, within=0.2)
    objectives = found.mixes.unique("mix")["objective"].to_list()
    assert min(objectives) >= 220 * 0.8 - 1e-6
    wide = found.mixes.pivot("solution", index="mix", values="scale").drop("mix").rows()
    # b + c = 220 and a + c = 180, the only ones above 176
    assert np.array(sorted(wide)) == pytest.approx(np.array([(0.0, 1.0, 1.0), (1.0, 0.0, 1.0)]), abs=1e-9)


def futures(problem, count=6, seed=1):
    base = programme_matrix(problem)
    rng = np.random.default_rng(seed)
    for _ in range(count):
        shift = rng.uniform(0.9, 1.1, base.row_count)
        moved = np.where(np.isin(np.arange(base.row_count), base.policy_rows), base.row_upper * shift, base.row_upper)
        value = base.value.copy()
        value[::7] *= rng.uniform(0.95, 1.05)
        yield replace(base, cost=base.cost * rng.uniform(0.9, 1.1, base.column_count), row_upper=moved, value=value)


@pytest.mark.parametrize(
    "name", ["workforce_bound", "ramp_and_maturity", "whole_wards", "equity_floor", "protected_provider"]
)
@pytest.mark.parametrize("with_plan", [False, True])
def test_a_warm_sweep_gives_what_cold_solves_give(name, with_plan):
    matrices = list(futures(shipped(name)))
    plan = programme_matrix(shipped(name)) if with_plan else None
    for warm, matrix in zip(sweep(matrices, plan=plan), matrices, strict=True):
        cold = highs.solve(matrix)
        assert warm.status == cold.status
        if cold.objective is not None:
            assert warm.objective == pytest.approx(cold.objective, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("moves", [("cost",), ("limits",), ("cost", "limits"), ()])
def test_futures_near_their_plan_give_what_cold_solves_give(moves):
    plan = programme_matrix(shipped("workforce_bound"))
    rng = np.random.default_rng(4)
    matrices = []
    for _ in range(4):
        cost = plan.cost * rng.uniform(0.96, 1.04, plan.column_count) if "cost" in moves else plan.cost
        shift = np.where(np.isin(np.arange(plan.row_count), plan.policy_rows), rng.uniform(0.96, 1.04), 1.0)
        matrices.append(
            replace(plan, cost=cost, row_upper=plan.row_upper * shift if "limits" in moves else plan.row_upper)
        )
    for near, matrix in zip(sweep(matrices, plan=plan, prices=True), matrices, strict=True):
        assert near.objective == pytest.approx(highs.solve(matrix).objective, rel=1e-9)
        assert near.prices.certificate.holds
        assert near.matrix.content_hash == matrix.content_hash


def all_futures():
    content = two_way().model_dump(mode="json", exclude_defaults=True)
    problem = problem_of(
        {**content, "futures": [{"id": "planned"}, {"id": "poor", "effects": "low"}]}, "two_way", Path()
    )
    return problem, {f.id: programme_matrix(problem, future=f) for f in problem.futures}


def test_risk_aversion_moves_the_mix_as_worked_by_hand():
    # planned: savers +200, carers 0; poor: savers +20, carers -10. savers are better in both: all savers, values 200 and 20.
    _, matrices = all_futures()
    found = risk_averse(list(matrices.values()), [0.5, 0.5], alpha=0.5, weight=1.0)
    assert found.values == pytest.approx((200.0, 20.0))
    assert found.mean == pytest.approx(110.0)
    assert found.cvar == pytest.approx(20.0)


def test_with_no_weight_on_risk_the_mean_is_the_best_mean():
    problem = shipped("workforce_bound")
    matrices = list(futures(problem, 4))
    mean = risk_averse(matrices, [0.25] * 4, alpha=0.5, weight=0.0)
    averse = risk_averse(matrices, [0.25] * 4, alpha=0.5, weight=1.0)
    assert mean.mean >= averse.mean - 1e-6
    assert averse.cvar >= mean.cvar - 1e-6


def test_the_programme_and_the_plain_tail_mean_agree():
    # weight 1: the optimum of the programme is the tail mean of its own values
    matrices = list(futures(shipped("workforce_bound"), 5))
    found = risk_averse(matrices, [0.2] * 5, alpha=0.3, weight=1.0)
    assert found.answer.objective == pytest.approx(found.cvar, rel=1e-6)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=8), st.integers(1, 8))
def test_tail_mean_is_the_mean_of_the_worst(values, worst):
    count = len(values)
    worst = min(worst, count)
    found = conditional_value_at_risk(np.array(values), np.full(count, 1 / count), worst / count)
    assert found == pytest.approx(sum(sorted(values)[:worst]) / worst, abs=1e-9)


def test_regret_is_what_the_best_mix_of_each_future_would_have_added():
    _, matrices = all_futures()
    best = highs.solve(matrices["planned"])
    nothing = np.zeros(best.matrix.column_count)
    table = regret_table(matrices, {"savers": best.values, "nothing": nothing})
    regret = {(r["candidate"], r["future"]): r["regret"] for r in table.iter_rows(named=True)}
    assert regret == pytest.approx(
        {("savers", "planned"): 0, ("savers", "poor"): 0, ("nothing", "planned"): 200, ("nothing", "poor"): 20},
        abs=1e-6,
    )


def test_a_mix_that_breaks_a_limit_in_a_future_has_no_value_there():
    problem = two_way()
    matrix = programme_matrix(problem)
    best = highs.solve(matrix)
    poorer = replace(
        matrix, row_upper=np.where(np.isin(np.arange(matrix.row_count), matrix.policy_rows), 0.05, matrix.row_upper)
    )
    table = regret_table({"less money": poorer}, {"savers": best.values})
    assert table["value"].to_list() == [None]


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_protection_is_the_worst_case_over_sets_of_disappointments(gamma):
    # whole mixes gone through by hand: savers lose 180 of 300 (npv 200 -> 20), carers lose 10 of 100 (0 -> -10)
    problem = two_way(budgets=[{"kind": "recurrent", "year": "2020/21", "pounds": 200}])
    matrix = programme_matrix(problem)
    losses = disappointments(problem, matrix)
    answer = highs.solve(protect(matrix, losses, gamma))
    best = max(
        200 * a + 0 * b - worst_case(np.array([180.0 * a, 10.0 * b]), gamma)
        for a in np.linspace(0, 1, 11)
        for b in np.linspace(0, 1, 11)
    )
    assert answer.objective == pytest.approx(best, abs=1e-6)


def test_worst_case_takes_the_largest_losses_and_part_of_the_next():
    assert worst_case(np.array([1.0, 5.0, 3.0]), 1.5) == 6.5


def test_losses_are_traced_through_flows_and_contracts():
    # contract_price with a low effect of 0.1 of 0.3: two thirds of 300 units x £60 are lost
    content = shipped("contract_price").model_dump(mode="json", exclude_defaults=True)
    content["solutions"][0]["effects"][0]["low"] = 0.1
    problem = problem_of(content, "low", Path())
    matrix = programme_matrix(problem)
    answer = highs.solve(matrix)
    loss = disappointments(problem, matrix)["clinic"]
    assert float(loss @ answer.values) * 1000 == pytest.approx(12_000.0)


def test_later_goals_do_not_give_up_earlier_ones():
    problem = two_way(goals=[{"measure": "days"}, {"measure": "npv"}])
    outcome = optimise(problem)
    assert [a.objective for a in outcome.answers] == pytest.approx([1000.0, 0.0], abs=1e-2)
    other = optimise(two_way(goals=[{"measure": "npv"}, {"measure": "days"}]))
    assert [a.objective for a in other.answers] == pytest.approx([200.0, 0.0], abs=1e-2)
