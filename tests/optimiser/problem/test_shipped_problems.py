"""Every shipped problem with a known answer: both engines, an independent solver, and the hand-worked optimum agree."""

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from capitation.pack.layers import shipped_packs
from capitation.records.documents import read_mapping
from optimiser.answers.optimise import optimise
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import read_problem

FOLDER = shipped_packs() / "england" / "problems"
KNOWN = sorted(p for p in FOLDER.glob("*.toml") if "expected" in read_mapping(p))


def third_opinion(matrix):
    """Status and best objective of a matrix from SciPy, which shares no code with the engines here."""
    sign = -1.0 if matrix.sense == "max" else 1.0
    table = csr_array((matrix.value, matrix.index, matrix.start), shape=(matrix.row_count, matrix.column_count))
    limits = LinearConstraint(table, matrix.row_lower, matrix.row_upper) if matrix.row_count else ()
    found = milp(
        sign * matrix.cost,
        constraints=limits,
        integrality=matrix.integer.astype(int),
        bounds=Bounds(matrix.lower, matrix.upper),
        options={"mip_rel_gap": 0.0},
    )
    value = None if found.x is None else (float(matrix.cost @ found.x) + matrix.constant) * matrix.scale
    return {0: "optimal", 2: "infeasible", 3: "unbounded"}.get(found.status, "other"), value


def test_there_are_problems_with_known_answers():
    assert len(KNOWN) >= 8


@pytest.mark.parametrize("path", KNOWN, ids=lambda p: p.stem)
@pytest.mark.parametrize("engine", ["highs", "pulp"])
def test_the_engine_finds_the_answer_worked_by_hand(path, engine):
    problem = read_problem(path)
    outcome = optimise(problem, engine=engine)
    expected = problem.expected
    assert outcome.status == expected.status
    if expected.objective is not None:
        assert outcome.headline.objective == pytest.approx(float(expected.objective), rel=1e-6, abs=1e-6)
    for solution, scale in expected.mix.items():
        assert outcome.scales()[solution] == pytest.approx(float(scale), abs=1e-6)
    if expected.relax:
        per = {"£ thousand": 1000.0}
        gives = {
            r["label"]: r["give"] * per.get(r["unit"], 1.0) for r in outcome.relaxation.gives.iter_rows(named=True)
        }
        assert gives == pytest.approx({k: float(v) for k, v in expected.relax.items()}, rel=1e-6)


@pytest.mark.parametrize("path", KNOWN, ids=lambda p: p.stem)
def test_an_independent_solver_agrees(path):
    problem = read_problem(path)
    status, value = third_opinion(programme_matrix(problem))
    if problem.expected.status == "unbounded":
        assert status in ("unbounded", "other")
        return
    assert status == problem.expected.status
    if problem.expected.objective is not None:
        assert value == pytest.approx(float(problem.expected.objective), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("path", KNOWN, ids=lambda p: p.stem)
def test_engines_agree_on_values_and_prices_are_certified(path):
    problem = read_problem(path)
    highs, pulp = optimise(problem), optimise(problem, engine="pulp")
    assert highs.status == pulp.status
    if not highs.answer.has_mix:
        return
    assert pulp.headline.objective == pytest.approx(highs.headline.objective, rel=1e-6, abs=1e-6)
    for outcome in (highs, pulp):
        for answer in outcome.answers:
            assert answer.prices is not None, answer.no_prices_because
            assert answer.prices.certificate.worst <= 1e-6
            assert np.isfinite(answer.prices.rows).all()
