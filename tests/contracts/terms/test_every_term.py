"""Every registered term: worked cases two ways, pieces at each threshold, words, and a round trip through JSON."""

import json
import math

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from capitation.errors import CapitationError, Faults
from contracts.document.schema import any_term
from contracts.language.pieces import worst
from contracts.language.tables import Table
from contracts.terms import Term, all_terms

TERMS = all_terms()
CASES = [(name, case) for name, term in TERMS.items() for case in term.cases]


def _term(name, case) -> Term:
    return any_term().validate_python({"term": name, "step": "result", **case.fields})


def _tables(case) -> dict[str, Table]:
    return {name: Table.model_validate(table) for name, table in case.tables.items()}


VARIED = [
    (name, case)
    for name, case in CASES
    if _term(name, case).before() is not None
    and _term(name, case).pieces(dict(case.rows[0]), _tables(case)) is not None
]
"""Worked cases whose amount is named and whose clause is a function of it alone."""


def _expected(case) -> dict[str, list[float]]:
    return {"result" if part == "" else f"result.{part}": list(values) for part, values in case.expected.items()}


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{n}: {c.name}" for n, c in CASES])
def test_a_worked_case_gives_its_figures_columnar_and_in_plain_python(name, case):
    term, tables = _term(name, case), _tables(case)
    frame = term.apply(pl.DataFrame(case.rows, infer_schema_length=None), tables)
    rows = term.reference_rows([dict(row) for row in case.rows], tables)
    for output, expected in _expected(case).items():
        assert output in term.outputs()
        assert frame.get_column(output).to_list() == pytest.approx(expected, rel=1e-12, abs=1e-9)
        assert [row[output] for row in rows] == pytest.approx(expected, rel=1e-12, abs=1e-9)
    faults = Faults()
    term.check(faults, "here", tables)
    assert list(faults) == []
    for words, holds in term.promises(tables).items():
        assert frame.select(holds.fill_null(False).all()).item(), words


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{n}: {c.name}" for n, c in CASES])
def test_columnar_and_plain_python_agree_on_every_result(name, case):
    term, tables = _term(name, case), _tables(case)
    frame = term.apply(pl.DataFrame(case.rows, infer_schema_length=None), tables)
    rows = term.reference_rows([dict(row) for row in case.rows], tables)
    for output in term.outputs():
        assert [row[output] for row in rows] == pytest.approx(frame.get_column(output).to_list(), rel=1e-12, abs=1e-9)


@pytest.mark.parametrize(("name", "case"), VARIED, ids=[f"{n}: {c.name}" for n, c in VARIED])
def test_pieces_agree_with_the_term_around_every_breakpoint(name, case):
    term, tables = _term(name, case), _tables(case)
    primary = term.before()
    for row in case.rows:
        pieces = term.pieces(dict(row), tables)
        size = max([abs(b) for b in pieces.breakpoints] + [abs(float(row[primary] or 0)), 1.0])
        points = {-2 * size, -size, 0.0, size, 2 * size}
        for at in pieces.breakpoints:
            points |= {at, at - 1e-6 * size, at + 1e-6 * size, at - 0.01 * size, at + 0.01 * size}
        if term.term == "lookup":
            points = {p for p in points if p >= next(iter(tables.values())).lines()[0][0]}
        points = sorted(points)
        many = pl.DataFrame([{**row, primary: x} for x in points], infer_schema_length=None)
        given = term.apply(many, tables).get_column("result").to_list()
        assert [pieces.at(x) for x in points] == pytest.approx(given, rel=1e-9, abs=1e-9 * size), f"{points}"
        assert worst([term.kind, pieces.kind]) == term.kind or term.kind == "jump"


@pytest.mark.parametrize("name", TERMS)
@given(data=st.data())
def test_two_ways_agree_on_rows_around_the_worked_cases(name, data):
    case = data.draw(st.sampled_from(TERMS[name].cases))
    term, tables = _term(name, case), _tables(case)
    factors = st.sampled_from([0.0, 0.25, 0.5, 0.99, 1.0, 1.0, 1.0, 1.01, 1.5, 2.0, -1.0])
    if term.runs_across_rows():
        # What is the same on every row of a group stays so: each column moves as a whole.
        moved = {k: data.draw(factors) for row in case.rows for k in row}
        rows = [{k: v * moved[k] if isinstance(v, float) else v for k, v in row.items()} for row in case.rows]
    else:
        rows = [{k: v * data.draw(factors) if isinstance(v, float) else v for k, v in row.items()} for row in case.rows]
    # Rows that a settlement refuses are not compared: two totals in one group, or a broken promise.
    try:
        frame = term.apply(pl.DataFrame(rows, infer_schema_length=None), tables)
    except CapitationError:
        assume(False)
    assume(all(frame.select(holds.fill_null(False).all()).item() for holds in term.promises(tables).values()))
    plain = term.reference_rows(rows, tables)
    for output in term.outputs():
        columnar = frame.get_column(output).to_list()
        assert [row[output] for row in plain] == pytest.approx(columnar, rel=1e-9, abs=1e-6), (output, rows)


@pytest.mark.parametrize("name", TERMS)
def test_a_term_is_complete(name):
    term = TERMS[name]
    assert len(term.cases) >= 2, "at least two worked cases"
    assert term.__doc__
    assert len(term.__doc__) > 40
    assert "kind" in vars(term), "a term says its own kind"
    assert term.primary in term.model_fields
    for field, info in term.model_fields.items():
        assert info.description, f"{name}.{field} has no sentence"
    for case in term.cases:
        assert case.arithmetic
        assert _term(name, case).formula().startswith("result")
        assert all(not isinstance(x, float) or math.isfinite(x) for values in case.expected.values() for x in values)


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{n}: {c.name}" for n, c in CASES])
def test_a_term_survives_json(name, case):
    term = _term(name, case)
    again = any_term().validate_json(json.dumps(term.model_dump(mode="json", by_alias=True)))
    assert again == term
    assert list(again.references()) == list(term.references())


@pytest.mark.parametrize("name", TERMS)
def test_a_function_of_one_amount_has_pieces_and_no_other_claims_them(name):
    case = TERMS[name].cases[0]
    pieces = _term(name, case).pieces(dict(case.rows[0]), _tables(case))
    assert (pieces is not None) == TERMS[name].univariate
