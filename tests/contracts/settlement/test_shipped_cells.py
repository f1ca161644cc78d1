"""Every input of every shipped contract with cells that are empty, no number, below 0, out of range or a text: right two ways, or refused by line."""

import math
from pathlib import Path

import polars as pl
import pytest

from capitation.errors import ContractError
from contracts.document.contract import read_contract
from contracts.settlement.reference import reference_settle
from contracts.settlement.settle import settle

SHIPPED = sorted((Path(__file__).parents[3] / "data").glob("*/contracts/*.toml"))
CELLS = ["", "nan", "inf", "-1", "-1000000", "60", "1e17", "abc", "60%", "0.5", "0"]
NEVER = {"inf", "1e17", "abc"}
"""What no number can be."""
PERIODS = {"year", "quarter", "financial_year"}


def _cells(case):
    rows = [{k: "" if v is None else str(v) for k, v in row.items()} for row in case.rows]
    names = list(dict.fromkeys(k for row in rows for k in row))
    return pl.DataFrame([{k: row.get(k, "") for k in names} for row in rows], schema=dict.fromkeys(names, pl.String))


def _settled(contract, rows):
    try:
        return settle(contract, rows, where="rows.csv").results, ""
    except ContractError as error:
        return None, str(error)


@pytest.mark.deep
@pytest.mark.parametrize("path", SHIPPED, ids=[p.stem for p in SHIPPED])
def test_a_cell_of_a_shipped_contract_is_right_or_refused(path):
    contract = read_contract(path)
    rows = _cells(contract.cases[0])
    tried = 0
    for each in (i for i in contract.inputs if i.heading in rows.columns):
        for cell in CELLS:
            column = [cell, *rows[each.heading].to_list()[1:]]
            changed = rows.with_columns(pl.Series(each.heading, column))
            tried += 1
            done, refusal = _settled(contract, changed)
            if done is None:
                # a year that is put elsewhere leaves the row after it without one before
                assert "rows.csv: line 2" in refusal or each.type in PERIODS
                assert all(word not in refusal for word in ("function-", "Name()", "validator", "Traceback"))
                continue
            assert not (each.type == "number" and cell in NEVER)
            again = reference_settle(contract, changed, where="rows.csv")
            for output in contract.outputs:
                for a, row in zip(done[output.name].to_list(), again, strict=True):
                    assert a is not None
                    assert math.isclose(a, row[output.name], rel_tol=1e-9, abs_tol=1e-6), (each.name, cell)
    assert tried >= len(CELLS)
