"""Each constraint's rows in a small problem, as stored text: a change of a formula shows as a change of a file.

To take over a change made on purpose: `CAPITATION_STORE=1 python -m pytest tests/lp`, then read the difference.
"""

import os
from pathlib import Path

import highspy
import pytest

from optimiser.blocks import constraints
from optimiser.engines.solver import solve
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import read_problem
from optimiser.programme.lp_text import lp_text

HERE = Path(__file__).parent
CONSTRAINTS = constraints()


@pytest.fixture(scope="module")
def matrix():
    return programme_matrix(read_problem(HERE / "everything.toml"))


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_the_rows_of_a_constraint_are_as_stored(name, matrix):
    text = lp_text(matrix, CONSTRAINTS[name].families)
    assert "Subject To\nBounds" not in text, f"{name} makes no row here: give everything.toml something for it"
    stored = HERE / f"{name}.lp"
    if os.environ.get("CAPITATION_STORE"):
        stored.write_text(text, encoding="utf-8")
    assert stored.is_file(), f"no stored text for the constraint {name}"
    assert text == stored.read_text(encoding="utf-8")


def test_no_stored_text_is_left_over():
    assert {p.stem for p in HERE.glob("*.lp")} == set(CONSTRAINTS)


def test_every_row_family_belongs_to_one_constraint_and_every_promise_is_kept(matrix):
    promised = [family for part in CONSTRAINTS.values() for family in part.families]
    assert len(promised) == len(set(promised))
    assert {f.name for f in matrix.rows} == set(promised)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_a_constraint_states_its_inequality_in_words_and_symbols(name):
    text = CONSTRAINTS[name].words
    assert "In words:" in text
    assert any(sign in text for sign in ("<=", ">=", " = "))
    assert "(policy)" in text or "(physics" in text or "policy by choice" in text


def test_highs_reads_the_whole_file_and_reaches_the_same_best(matrix, tmp_path):
    aimed = matrix.aim("npv")
    path = tmp_path / "all.lp"
    path.write_text(lp_text(aimed), encoding="utf-8")
    reader = highspy.Highs()
    reader.setOptionValue("output_flag", False)
    assert reader.readModel(str(path)) == highspy.HighsStatus.kOk
    reader.run()
    answer = solve(aimed)
    assert answer.status == "optimal"
    assert reader.getObjectiveValue() * aimed.scale == pytest.approx(answer.objective, rel=1e-6)
