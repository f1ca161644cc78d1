"""The second way to each settlement: row by row in plain Python, compared with the columnar one by the tests."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from contracts.document.models import Contract, Output
from contracts.language.rounding import nearest_unit, units_per
from contracts.settlement.known import meaningful, reference_results
from contracts.settlement.named_values import parameter_on
from contracts.settlement.rows import read_rows


def reference_settle(contract: Contract, rows: pl.DataFrame, where: str = "rows") -> list[dict[str, Any]]:
    """Outputs of each row by name.

    Cells are read as `settle` reads them; dated parameters, terms and rounding are done again.
    """
    tables, meant = contract.table_map(), meaningful(contract)
    inputs = read_rows(contract, rows, where).frame
    named: list[dict[str, Any]] = [dict(row) for row in inputs.iter_rows(named=True)]
    for row in named:
        row.update({p.name: parameter_on(p, row) for p in contract.parameters})
    for term in contract.terms:
        for row, done in zip(named, reference_results(term, named, tables, meant), strict=True):
            row.update(done)
    return [{o.name: _rounded_on(o, contract, row[o.of]) for o in contract.outputs} for row in named]


def _rounded_on(output: Output, contract: Contract, amount: float | None) -> float | int | None:
    if amount is None or math.isnan(amount):
        return None
    if output.rounded_to is None:
        return amount
    return nearest_unit(amount, units_per(output.rounded_to, contract.amounts))


__all__ = ["reference_settle"]
