"""Rows of a part of a year: each sum of money is of the period or of 12 months, as declared, and never guessed."""

import numpy as np
import polars as pl
import pytest

from capitation.errors import ContractError
from contracts.document.contract import parse_contract
from contracts.settlement.compile import compile_contract
from contracts.settlement.reference import reference_settle
from contracts.settlement.settle import settle


def _deal(**total):
    return parse_contract(
        {
            "id": "half-year",
            "version": "1",
            "title": "A half year",
            "amounts": "dollars",
            "key": ["id"],
            "part_year": {"months": "months", "stated_in": "basis"},
            "inputs": [
                {"name": "id", "about": "row", "type": "text"},
                {"name": "months", "about": "Months", "unit": "months", "default": 12, "default_says": "a year"},
                {"name": "basis", "about": "Basis of the totals", "type": "text", "required": False},
                {"name": "total", "about": "Total saved", "unit": "dollars", **total},
                {"name": "relief", "about": "Relief", "unit": "dollars", "basis": "12 months"},
                {"name": "advance", "about": "Advance", "unit": "dollars", "basis": "at a date"},
                {"name": "people", "about": "People", "unit": "persons"},
            ],
            "terms": [{"step": "sum", "term": "aggregate", "of": ["total", "relief", "advance", "people"]}],
            "outputs": [{"name": "paid", "of": "sum", "rounded_to": "dollars"}],
        }
    )


ROWS = pl.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "months": ["12", "6", "6", "6"],
        "basis": ["", "", "12 Months", "period"],
        "total": ["1000"] * 4,
        "relief": ["200"] * 4,
        "advance": ["30"] * 4,
        "people": ["5"] * 4,
    }
)


def test_a_sum_is_brought_to_the_period_by_its_declared_basis_two_ways():
    deal = _deal(basis="period", basis_by_row=True)
    assert settle(deal, ROWS).results["paid"].to_list() == [1235, 1135, 635, 1135]
    assert [row["paid"] for row in reference_settle(deal, ROWS)] == [1235, 1135, 635, 1135]
    arrays = {"months": np.array([12.0, 6.0]), "total": 1000.0, "relief": 200.0, "advance": 30.0, "people": 5.0}
    assert compile_contract(deal).on_arrays({"id": "a", **arrays})["paid"].tolist() == [1235.0, 1135.0]


def test_a_basis_that_rows_may_not_state_stays_as_declared():
    assert settle(_deal(basis="12 months"), ROWS).results["paid"].to_list() == [1235, 635, 635, 635]


def test_a_sum_without_a_basis_is_refused_on_a_part_year_by_line_and_column():
    with pytest.raises(ContractError) as caught:
        settle(_deal(), ROWS)
    said = str(caught.value)
    for line in (3, 4, 5):
        assert (
            f"line {line} (id {'abcd'[line - 2]}), column 'total': found a sum on a row of 6 months; expected a basis"
            in said
        )
    assert "line 2" not in said
    assert "'people'" not in said
    assert "'relief'" not in said
    with pytest.raises(ContractError) as caught:
        settle(_deal(basis_by_row=True), ROWS)
    assert [word in str(caught.value) for word in ("line 3 ", "line 4 ", "line 5 ")] == [True, False, False]


def test_a_basis_that_is_neither_is_refused():
    rows = ROWS.with_columns(basis=pl.Series(["half", "", "", ""]))
    with pytest.raises(
        ContractError, match=r"line 2 \(id a\), column 'basis': found 'half'; expected `period` or `12 months`"
    ):
        settle(_deal(basis="period"), rows)


def test_what_contradicts_itself_about_a_part_year_is_refused():
    deal = _deal(basis="period").model_dump(mode="json", by_alias=True)
    with pytest.raises(ContractError) as caught:
        parse_contract({**deal, "part_year": {"months": "id", "stated_in": "people"}})
    assert "part_year.months: found 'id'" in str(caught.value)
    assert "part_year.stated_in: found 'people'" in str(caught.value)
