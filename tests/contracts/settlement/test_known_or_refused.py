"""Every term with every value it names empty, no number, below 0, out of range or a text: right two ways, or refused by line and column."""

import copy
import datetime as dt
import math
from dataclasses import replace

import polars as pl
import pytest

from capitation.errors import ContractError
from contracts.document.contract import parse_contract
from contracts.settlement.reference import reference_settle
from contracts.settlement.settle import settle
from contracts.terms import all_terms
from contracts.testing import built, tables_of

TERMS = all_terms()
OPTIONAL = {("cap", "revenue"), ("time_covered", "in_on"), ("time_covered", "out_on")}
"""Values whose absence the clause itself gives a meaning: a limit where it is known, a date of joining or of leaving."""


def _kind(values):
    known = [value for value in values if value is not None]
    return "date" if isinstance(known[0], dt.date) else "text" if isinstance(known[0], str) else "number"


def _cases():
    """Every value that a clause names, in the first of its cases that gives it; in its other cases in the deep suite."""
    seen = set()
    for name, term in TERMS.items():
        for i, case in enumerate(term.cases):
            one = built(term, case)
            for value in sorted({str(each) for _, each, _ in one.references()}):
                if any(row.get(value) is not None for row in case.rows):
                    marks = [pytest.mark.deep] if (name, value) in seen else []
                    seen.add((name, value))
                    yield pytest.param(name, i, value, id=f"{name}-{i}-{value}", marks=marks)


PERIODS = {"quarter", "year", "month", "event"}
CASES = list(_cases())


def _deal(name, case):
    one = built(TERMS[name], case)
    one = one.model_copy(update={"step": "clause"})
    kinds = {
        key: _kind([row.get(key) for row in case.rows])
        for key in case.rows[0]
        if any(r.get(key) is not None for r in case.rows)
    }
    inputs = [{"name": key, "about": f"The {key}", "type": kind, "required": False} for key, kind in kinds.items()]
    parties = [{"code": code, "name": code, "role": "partner"} for code in one.parties()]
    return parse_contract(
        {
            "id": "one-clause", "version": "1", "title": "One clause", "inputs": inputs, "parties": parties,
            "tables": list(tables_of(case).values()),
            "terms": [{"term": name, "step": "clause", **case.fields}],
            "outputs": [{"name": f"o{i}", "of": of} for i, of in enumerate(one.outputs())],
        }
    )  # fmt: skip


def _rows(case):
    names = [key for key in case.rows[0] if any(row.get(key) is not None for row in case.rows)]
    return pl.DataFrame(
        {key: ["" if row.get(key) is None else str(row[key]) for row in case.rows] for key in names},
        schema=dict.fromkeys(names, pl.String),
    )


def _with(rows, value, line, cell):
    column = rows.get_column(value).to_list()
    column[line] = cell
    return rows.with_columns(pl.Series(value, column))


def _settled(deal, rows):
    """Results by output once both ways agree, or the refusal."""
    try:
        done = settle(deal, rows).results
    except ContractError as error:
        return None, str(error)
    again = reference_settle(deal, rows)
    for name in done.columns:
        for a, row in zip(done.get_column(name).to_list(), again, strict=True):
            assert a is not None
            assert row[name] is not None, rows
            assert math.isclose(a, row[name], rel_tol=1e-9, abs_tol=1e-9), rows
    return done.rows(), ""


@pytest.mark.parametrize(("name", "number", "value"), CASES)
def test_an_empty_cell_is_refused_by_line_and_column_or_not_used(name, number, value):
    case = TERMS[name].cases[number]
    deal, rows = _deal(name, case), _rows(case)
    assert _settled(deal, rows)[1] == ""
    for line in range(rows.height):
        found, refusal = _settled(deal, _with(rows, value, line, ""))
        if refusal:
            assert f"line {line + 2}, column '{value}': found an empty cell" in refusal
            continue
        if (name, value) in OPTIONAL:
            continue
        before = rows.get_column(value).to_list()[line]
        others = [before] if before else []
        others += {"number": ["0.25", "0.75"], "text": ["x", "y"], "date": ["2017-05-01"]}[deal.input_map()[value].type]
        for other in others:  # what the cell holds makes no difference, as the row does not use it
            again, refusal = _settled(deal, _with(rows, value, line, other))
            assert refusal or again == found


CELLS = ["nan", "NaN", "inf", "-inf", "abc", "60%", "1e17", "-1", "-1000000", "60", "0", "0.5", "1e12", "1e-9"]


@pytest.mark.parametrize(("name", "number", "value"), CASES)
def test_a_cell_that_is_no_such_value_is_right_or_refused(name, number, value):
    case = TERMS[name].cases[number]
    deal, rows = _deal(name, case), _rows(case)
    kind = deal.input_map()[value].type
    line = rows.height - 1 if rows.get_column(value)[rows.height - 1] else 0
    for cell in CELLS:
        _, refusal = _settled(deal, _with(rows, value, line, cell))
        if refusal:
            assert f"line {line + 2}" in refusal or value in PERIODS  # another period may be the one without one before
            assert value in refusal
        else:
            assert kind != "date"
            assert kind == "text" or abs(float(cell)) <= 1e12


def _named(case, path, figure, name):
    """A worked case with the number of one field as a column of the rows."""
    fields = copy.deepcopy(dict(case.fields))
    here = fields
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = name
    return replace(case, fields=fields, rows=[{**row, name: figure} for row in case.rows])


def _numbers(thing, path=()):
    """Every number written in the fields of a case, by its path."""
    if isinstance(thing, dict):
        for key, item in thing.items():
            yield from _numbers(item, (*path, key))
    elif isinstance(thing, list):
        for i, item in enumerate(thing):
            yield from _numbers(item, (*path, i))
    elif isinstance(thing, int | float) and not isinstance(thing, bool):
        yield path, float(thing)


def _with_names(name, case):
    """The case with every number it writes, and every one it leaves out, as a named value, as far as the clause takes names."""
    left_out = {field: info.default for field, info in TERMS[name].model_fields.items() if field not in case.fields}
    written = [*_numbers(dict(case.fields)), *(((field,), 1e6 if x is None else x) for field, x in left_out.items())]
    names = []
    for path, figure in written:
        value = f"v{len(names)}"
        try:
            tried = _named(case, path, float(figure), value)
            one = built(TERMS[name], tried)
            if value in {each for _, each, needs in one.references() if needs == "number"}:
                deal = _deal(name, tried)
                if not _settled(deal, _rows(tried))[1]:
                    case, names = tried, [*names, value]
        except (ValueError, TypeError, ContractError):
            continue  # a figure that is no amount, or that another field excludes
    return case, names


@pytest.mark.parametrize(
    ("name", "number"),
    [  # the first case, with the fields that it leaves out, names nearly all that the others do
        pytest.param(name, i, marks=[pytest.mark.deep] if i else [])
        for name, term in TERMS.items()
        for i in range(len(term.cases))
    ],
)
def test_a_figure_given_by_name_is_known_or_the_row_is_refused(name, number):
    case, names = _with_names(name, TERMS[name].cases[number])
    deal, rows = _deal(name, case), _rows(case)
    line = rows.height - 1
    for value in names:
        found, refusal = _settled(deal, _with(rows, value, line, ""))
        if refusal:
            assert f"line {line + 2}, column '{value}': found an empty cell" in refusal
        else:
            for other in ("0.3", "0.7"):
                again, refusal = _settled(deal, _with(rows, value, line, other))
                assert refusal or again == found, value
        for cell in CELLS:
            _, refusal = _settled(deal, _with(rows, value, line, cell))
            assert not refusal or (f"line {line + 2}" in refusal and value in refusal), (value, cell)
            assert refusal or abs(float(cell)) <= 1e12, (value, cell)
