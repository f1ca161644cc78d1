"""What leaves for another solver comes back with the same meaning: files, PuLP's sense and objective, answers in few digits."""

from pathlib import Path

import highspy
import numpy as np
import pulp
import pytest

from capitation.errors import SolverError
from capitation.pack.layers import shipped_packs
from optimiser.engines import highs, pulp_engine
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import problem_of, read_problem
from optimiser.programme.lp_text import lp_text
from optimiser.programme.mps_text import mps_text

EVERYTHING = Path(__file__).parents[2] / "lp" / "everything.toml"
FORMATS = pytest.mark.parametrize(("ending", "written"), [("lp", lp_text), ("mps", mps_text)], ids=["lp", "mps"])


def read_back(matrix, folder, ending, written):
    path = folder / f"programme.{ending}"
    path.write_text(written(matrix), encoding="utf-8")
    reader = highspy.Highs()
    reader.setOptionValue("output_flag", False)
    assert reader.readModel(str(path)) == highspy.HighsStatus.kOk
    reader.run()
    return reader


def nothing_moves(**changes):
    """A control total of a provider that sees nobody, which no mix can move."""
    content = {
        "id": "p",
        "title": "p",
        "years": ["2026/27"],
        "providers": [{"id": "H1"}, {"id": "H2"}],
        "activity": [{"point_of_delivery": "ae", "units": 1000}],
        "flows": [
            {"provider": "H1", "point_of_delivery": "ae", "share": 1},
            {"provider": "H2", "point_of_delivery": "ae", "share": 0},
        ],
        "prices": [{"point_of_delivery": "ae", "tariff_pounds": 100}],
        "control_totals": [
            {"organisation": "H2", "year": "2026/27", "baseline_pounds": 0, "target_pounds": 1000, **changes}
        ],
        "solutions": [{"id": "s", "effects": [{"point_of_delivery": "ae", "central": 0.5}]}],
    }
    return programme_matrix(problem_of(content, "p", Path()))


@FORMATS
def test_a_row_that_nothing_can_keep_stays_impossible_in_the_file(ending, written, tmp_path):
    matrix = nothing_moves()
    reader = read_back(matrix, tmp_path, ending, written)
    assert reader.getModelStatus() == highspy.HighsModelStatus.kInfeasible
    assert highs.solve(matrix).status == "infeasible"
    kept = read_back(nothing_moves(target_pounds=-1000), tmp_path, ending, written)
    assert kept.getModelStatus() == highspy.HighsModelStatus.kOptimal


@FORMATS
@pytest.mark.parametrize("goal", ["npv", "peak_deficit", "avoided"])
def test_the_file_has_the_same_best_for_every_goal(ending, written, goal, tmp_path):
    matrix = programme_matrix(read_problem(EVERYTHING)).aim(goal)
    reader = read_back(matrix, tmp_path, ending, written)
    answer = highs.solve(matrix)
    assert reader.getModelStatus() == highspy.HighsModelStatus.kOptimal
    assert reader.getObjectiveValue() * matrix.scale == pytest.approx(answer.objective, rel=1e-6, abs=1e-6)


def test_an_mps_file_has_every_number_of_the_matrix(tmp_path):
    matrix = programme_matrix(read_problem(EVERYTHING)).aim("npv")
    lp = read_back(matrix, tmp_path, "mps", mps_text).getLp()
    assert lp.num_col_ == matrix.column_count
    assert lp.num_row_ == matrix.row_count
    assert np.array_equal(np.array(lp.row_lower_), matrix.row_lower)
    assert np.array_equal(np.array(lp.row_upper_), matrix.row_upper)
    assert np.array_equal(np.array(lp.col_lower_), matrix.lower)
    assert np.array_equal(np.array(lp.col_upper_), matrix.upper)
    assert sorted(lp.a_matrix_.value_) == sorted(matrix.value.tolist())


@pytest.fixture
def model():
    matrix = programme_matrix(read_problem(shipped_packs() / "england" / "problems" / "workforce_bound.toml"))
    model = pulp_engine.to_pulp(matrix)
    return matrix, model, {v.name.split(".", 1)[1]: v for v in model.variables()}


def test_a_problem_turned_round_in_pulp_keeps_its_sense(model):
    matrix, problem, scale = model
    problem.sense = pulp.LpMinimize
    problem.setObjective(scale["in_place.care.ALL.2020_21"] + 0)
    problem += scale["in_place.care.ALL.2020_21"] >= 0.3, "floor"
    back = pulp_engine.from_pulp(problem, matrix).matrix
    assert (back.sense, back.objective) == ("min", "objective_of_pulp")
    assert "£" not in back.unit
    assert highs.solve(back).objective == pytest.approx(0.3 * matrix.scale)
    assert back.aim("npv").sense == "max"


def test_a_problem_whose_objective_was_taken_away_aims_at_nothing(model):
    matrix, problem, _ = model
    problem.objective = None
    back = pulp_engine.from_pulp(problem, matrix).matrix
    assert back.objective == "objective_of_pulp"
    assert highs.solve(back).objective == 0


def test_an_objective_that_was_not_touched_keeps_its_name(model):
    matrix, problem, scale = model
    problem += scale["in_place.reviews.ALL.2020_21"] >= 0.5
    back = pulp_engine.from_pulp(problem, matrix)
    assert (back.matrix.sense, back.matrix.objective, back.matrix.unit) == ("max", "npv", "£")
    assert back.added_rows == (f"unnamed_{matrix.row_count}",)
    assert highs.solve(back.matrix).objective == pytest.approx(60_000)


def rounded(matrix, digits):
    """An answer as a solver prints it: each value to some digits."""
    values = highs.solve(matrix).values
    return np.array([float(f"{v:.{digits}g}") for v in values])


def test_an_answer_in_few_digits_is_polished():
    matrix = programme_matrix(read_problem(EVERYTHING)).aim("npv")
    few = rounded(matrix, 2)
    activity = matrix.product(few)
    assert np.maximum(matrix.row_lower - activity, activity - matrix.row_upper).max() > 1e-4
    polished, notes = pulp_engine._kept(matrix, few, "PULP_CBC_CMD")
    activity = matrix.product(polished)
    assert np.maximum(matrix.row_lower - activity, activity - matrix.row_upper).max() < 1e-6
    assert float(matrix.cost @ polished) == pytest.approx(highs.solve(matrix).objective / matrix.scale, rel=1e-6)
    assert "too few digits" in notes[0]


def test_whole_numbers_that_fit_in_no_mix_are_refused():
    matrix = programme_matrix(read_problem(EVERYTHING)).aim("npv")
    wrong = rounded(matrix, 12)
    block = matrix.family("start")
    wrong[block.first : block.last] = 1.0
    with pytest.raises(SolverError, match="misses"):
        pulp_engine._kept(matrix, wrong, "PULP_CBC_CMD")


@pytest.mark.skipif("PULP_CBC_CMD" not in pulp_engine.available_solvers(), reason="PuLP brings no CBC here")
@pytest.mark.parametrize("goal", ["npv", "peak_deficit", "avoided", "investment"])
def test_cbc_agrees_where_every_constraint_applies(goal):
    matrix = programme_matrix(read_problem(EVERYTHING)).aim(goal)
    found = pulp_engine.solve(matrix, solver="PULP_CBC_CMD")
    assert found.status == "optimal"
    assert found.objective == pytest.approx(highs.solve(matrix).objective, rel=1e-5, abs=1e-4)
