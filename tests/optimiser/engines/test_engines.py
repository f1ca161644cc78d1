"""Engines: the traps of the solvers, kept shut by tests on problems small enough to solve by hand."""

from dataclasses import replace

import numpy as np
import polars as pl
import pulp
import pytest

from capitation.errors import SolverError, UnknownNameError
from optimiser.engines import highs, pulp_engine
from optimiser.engines.certify import certify
from optimiser.engines.highs import HighsSession
from optimiser.engines.solver import solve
from optimiser.programme.builder import Builder


def small(sense="max", whole=False):
    """Need 2 of a in all at 3 each; a at most 5, b at 1 each; max: 3a + b with a + b <= 4, a <= 2, so 3 x 2 + 2 = 8."""
    b = Builder()
    items = pl.DataFrame({"item": ["a", "b"], "worth": [3.0, 1.0]})
    cols = b.columns("buy", items, ["item"], unit="items", label="buy {item}", upper=10.0, integer=whole)
    total = b.rows("total", pl.DataFrame({"x": ["t"]}), [], kind="Q", unit="items", label="all items",
                   upper=4.0 if sense == "max" else np.inf, lower=-np.inf if sense == "max" else 4.0)  # fmt: skip
    few = b.rows("few", pl.DataFrame({"x": ["t"]}), [], kind="Q", unit="items", label="items of a",
                 upper=2.0 if sense == "max" else np.inf, lower=-np.inf if sense == "max" else 2.0)  # fmt: skip
    b.terms(cols.join(total, how="cross").select("row", "col", pl.lit(1.0).alias("value")))
    b.terms(cols.filter(pl.col("item") == "a").join(few, how="cross").select("row", "col", pl.lit(1.0).alias("value")))
    b.measure("worth", [cols.select("col", pl.col("worth").alias("value"))], unit="£", sense=sense, label="worth")
    return b.matrix("worth")


SOLVERS = [s for s in pulp_engine.available_solvers() if s in ("HiGHS", "COIN_CMD", "PULP_CBC_CMD", "GLPK_CMD")]


@pytest.mark.parametrize("sense", ["max", "min"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_prices_through_pulp_have_the_right_sign_or_are_missing(sense, solver):
    # max: one more in all buys one more b (1); one more a in place of a b: 3 - 1 = 2. min mirrors it.
    answer = pulp_engine.solve(small(sense), solver=solver)
    assert answer.objective == pytest.approx(8.0)
    assert answer.prices is not None
    assert answer.prices.rows == pytest.approx([1.0, 2.0])
    assert answer.prices.certificate.worst <= 1e-6


@pytest.mark.parametrize("sense", ["max", "min"])
def test_prices_of_highs_are_those_worked_by_hand_with_their_range(sense):
    answer = highs.solve(small(sense))
    assert answer.prices.rows == pytest.approx([1.0, 2.0])
    assert answer.prices.basis == "linear"
    # with a fixed at 2, the total may lie anywhere from 2 (no b) to 12 (b at its ceiling of 10)
    assert (answer.prices.lowest[0], answer.prices.highest[0]) == pytest.approx((2.0, 12.0))


def test_a_price_of_the_wrong_sign_or_size_does_not_certify():
    matrix = small()
    values = np.array([2.0, 2.0])
    assert certify(matrix, values, np.array([1.0, 2.0])).holds
    for wrong in ([-1.0, -2.0], [1.0, 2.1], [0.0, 0.0], [3.0, 0.0]):
        found = certify(matrix, values, np.array(wrong))
        assert not found.holds
        assert found.reason
    assert not certify(matrix, np.array([3.0, 1.0]), np.array([1.0, 2.0])).holds


def test_prices_after_whole_numbers_are_marked_as_such():
    assert highs.solve(small(whole=True)).prices.basis == "whole numbers fixed"
    assert highs.solve(small(whole=True).relaxed()).prices.basis == "linear"


def test_special_ordered_sets_are_refused_by_name():
    matrix = small()
    problem = pulp_engine.to_pulp(matrix)
    members = {v: i for i, v in enumerate(problem.variables())}
    if hasattr(problem, "add_sos_group"):  # PuLP 4
        problem.add_sos_group(pulp._rustcore.SosKind.Sos2, "returns", members)
        name = "SOS2 'c0000.buy.a, c0001.buy.b'"
    else:
        problem.sos2["returns"] = members
        name = "SOS2 'returns'"
    with pytest.raises(SolverError, match=name):
        pulp_engine.from_pulp(problem, matrix)
    with pytest.raises(SolverError, match=name):
        pulp_engine.solve(matrix, problem=problem)


def test_a_rule_and_a_variable_added_in_pulp_come_back():
    matrix = small()
    problem = pulp_engine.to_pulp(matrix)
    at = problem.variablesDict()
    a, b = at["c0000.buy.a"], at["c0001.buy.b"]
    extra = problem.add_variable("gift", 0, 1)
    problem += a + extra <= 1, "few_a_and_gifts"
    problem += b - 2 * extra >= 0, "gifts_need_b"
    back = pulp_engine.from_pulp(problem, matrix)
    assert back.added_rows == ("few_a_and_gifts", "gifts_need_b")
    assert back.added_columns == ("gift",)
    assert back.changed_rows == ()
    # a = 1, b = 3: 6; both engines, and PuLP's own problem
    for answer in (
        highs.solve(back.matrix),
        pulp_engine.solve(back.matrix),
        pulp_engine.solve(back.matrix, problem=problem),
    ):
        assert answer.objective == pytest.approx(6.0)
        assert answer.prices.certificate.holds
    assert back.matrix.row_label(2) == "rule 'few_a_and_gifts' added in PuLP"


def test_a_limit_changed_in_pulp_is_noticed():
    matrix = small()
    problem = pulp_engine.to_pulp(matrix)
    row = problem.get_constraint_by_name("r0000.total")
    row.constant = -3.0
    back = pulp_engine.from_pulp(problem, matrix)
    assert back.changed_rows == ("r0000.total",)
    assert highs.solve(back.matrix).objective == pytest.approx(7.0)


def test_nothing_changed_brings_the_same_matrix_back():
    matrix = small(whole=True)
    assert pulp_engine.from_pulp(pulp_engine.to_pulp(matrix), matrix).matrix.content_hash == matrix.content_hash


@pytest.mark.parametrize("engine", ["highs", "pulp"])
def test_infeasible_and_unbounded_are_told_apart(engine):
    matrix = small()
    none = replace(matrix, row_lower=np.array([-np.inf, 3.0]))
    assert solve(none, engine=engine).status == "infeasible"
    free = replace(matrix, upper=np.array([np.inf, np.inf]), row_upper=np.array([np.inf, 2.0]))
    answer = solve(free, engine=engine)
    assert answer.status == "unbounded"
    assert answer.missing_limits == ("'buy b' has no ceiling: set a limit on it, or on what it uses",)


def test_an_unknown_or_wrong_option_is_refused():
    with pytest.raises(SolverError, match="not known"):
        HighsSession(small(), {"thraeds": 2})
    with pytest.raises(SolverError, match="expected one of"):
        HighsSession(small(), {"solver": "hipo"})
    with pytest.raises(SolverError, match="expected a int"):
        HighsSession(small(), {"threads": "two"})


def test_an_unknown_pulp_solver_is_named_with_those_that_are_there():
    with pytest.raises(UnknownNameError, match="HiGHS"):
        pulp_engine.solve(small(), solver="HiGSH")


def test_the_banner_of_the_solver_does_not_reach_standard_output(capfd):
    highs.solve(small())
    pulp_engine.solve(small())
    assert capfd.readouterr().out == ""


def test_a_warm_session_gives_what_a_cold_one_gives():
    matrix = small()
    session = HighsSession(matrix)
    session.solve()
    other = replace(matrix, cost=np.array([1.0, 3.0]), row_upper=np.array([6.0, 1.0]), value=matrix.value * 2.0)
    session.change(other)
    assert session.solve().objective == pytest.approx(highs.solve(other).objective)
    with pytest.raises(SolverError, match="same shape"):
        session.change(replace(matrix, row_lower=np.zeros(3), row_upper=np.zeros(3)))


def test_names_sort_in_our_order_and_labels_are_words():
    matrix = small()
    names = matrix.names("columns", numbered=True)
    assert names == sorted(names) == ["c0000.buy.a", "c0001.buy.b"]
    assert matrix.row_labels() == ["all items", "items of a"]


def hard_knapsack(count=60):
    """A search for whole numbers that is not over at once: a strongly correlated knapsack with equality-like rows."""
    rng = np.random.default_rng(5)
    b = Builder()
    items = pl.DataFrame({"item": [f"i{i}" for i in range(count)]})
    cols = b.columns("buy", items, ["item"], unit="items", label="buy {item}", upper=1.0, integer=True)
    rows = b.rows("weight", pl.DataFrame({"w": [str(i) for i in range(15)]}), ["w"], kind="Q", unit="kg",
                  label="weight {w}", upper=1000.0 * count / 4)  # fmt: skip
    weights = rng.integers(500, 1500, size=(15, count)).astype(float)
    grid = rows.join(cols, how="cross")
    b.terms(grid.with_columns(pl.Series("value", weights.reshape(-1))).select("row", "col", "value"))
    worth = weights.sum(axis=0) / 15 + 100
    b.measure("worth", [cols.with_columns(pl.Series("value", worth)).select("col", "value")], unit="£", sense="max",
              label="worth")  # fmt: skip
    return b.matrix("worth")


def test_a_time_limit_gives_the_best_mix_so_far_with_its_bound():
    matrix = hard_knapsack()
    seen = []
    answer = highs.solve(matrix, time_limit=1.0, progress=seen.append)
    assert answer.status == "time_limit"
    assert answer.best_possible >= answer.objective
    assert answer.gap > 1e-6
    assert seen
    through_pulp = pulp_engine.solve(matrix, time_limit=1.0)
    assert through_pulp.status == "time_limit"
    assert through_pulp.best_possible >= through_pulp.objective


def test_no_time_at_all_says_so_and_is_not_called_infeasible():
    answer = highs.solve(hard_knapsack(), time_limit=0.0)
    assert answer.status in ("no_solution_by_limit", "time_limit")
    if answer.values is None:
        assert answer.no_prices_because


def test_a_gap_asked_for_is_called_a_gap():
    matrix = hard_knapsack()
    answer = highs.solve(matrix, gap=0.05)
    assert answer.status == "gap"
    assert answer.gap <= 0.05 + 1e-9
