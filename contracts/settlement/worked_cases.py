"""Worked cases of a contract, run two ways: the columnar settlement and the plain-Python one, each to the unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl

from capitation.errors import ContractError, Faults
from contracts.document.models import Contract
from contracts.settlement.reference import reference_settle
from contracts.settlement.settle import settle

_CLOSE = 1e-9


def run_cases(contract: Contract) -> list[str]:
    """Names of the contract's worked cases, once each gives its figures two ways.

    An output that is rounded must equal its expected figure; a step or an unrounded output must lie within a
    thousand-millionth of it.

    Raises:
        ContractError: figures that differ, each with what was found and expected.
    """
    faults = Faults()
    for case in contract.cases:
        place = f"contract {contract.id}, case {case.name!r}"
        rows = pl.DataFrame([dict(row) for row in case.rows], infer_schema_length=None)
        rows = rows.with_columns(pl.col(pl.Decimal).cast(pl.Float64))
        done = settle(contract, rows, where=place)
        again = reference_settle(contract, rows, where=place)
        rounded = {o.name for o in contract.outputs if o.rounded_to is not None}
        for name, expected in case.expected.items():
            if name in done.results.columns:
                found = done.results.get_column(name).to_list()
                second = [row[name] for row in again]
            elif name in done.values.columns:
                found = second = done.values.get_column(name).to_list()
            else:
                faults.add(place, f"no output or step {name!r}", "a result of the contract")
                continue
            if len(expected) != len(found):
                faults.add(f"{place}: {name}", f"{len(found)} rows", f"{len(expected)} figures")
                continue
            for i, (a, b, x) in enumerate(zip(found, second, expected, strict=True), start=1):
                for way, figure in (("columnar", a), ("row by row", b)):
                    if not _agrees(figure, x, exact=name in rounded):
                        faults.add(f"{place}: {name}, row {i}, {way}", str(figure), str(x))
    faults.raise_if_any(ContractError, f"contract {contract.id}: worked cases do not give the figures stated")
    return [case.name for case in contract.cases]


def _agrees(found: Any, expected: Decimal, *, exact: bool) -> bool:  # noqa: ANN401  # an int or float cell
    if found is None:
        return False
    if exact:
        return Decimal(found) == expected
    return abs(float(found) - float(expected)) <= _CLOSE * max(abs(float(expected)), 1.0)


__all__ = ["run_cases"]
