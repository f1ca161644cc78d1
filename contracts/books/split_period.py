"""Split period: whether settling a period in two parts gives the same money as settling it once.

    difference = settled once - (first part + second part)

Flows (money, activity) of the two parts are added up for the whole; rates and prices must be the same in both. Where
every clause behind an output is linear the two agree but for rounding, which is one unit at most. A gate, a band or a
cap can make them differ, and the difference is what settling early costs one side.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from capitation.errors import ContractError, Faults, suggest
from capitation.records.columns import ACCOUNT, COST_LINE, PERIOD, SCENARIO
from capitation.records.frames import Column, Frame, Schema
from contracts.books.statements import outturns
from contracts.document.behind import behind
from contracts.document.models import Contract
from contracts.language.pieces import Kind, worst
from contracts.settlement.rows import read_rows
from contracts.settlement.settle import settle

_SHOWN = 5


class SplitDifference(Schema):
    """One output of one row, settled once and in two parts."""

    scenario = SCENARIO
    period = PERIOD
    account = ACCOUNT
    line = COST_LINE.but(unit="name", about="Output of the contract")
    kind = Column(pl.String, "kind", "Hardest kind among the clauses behind it: linear, piecewise, jump and so on")
    once = Column(pl.Int64, "units of the output", "Both parts together, settled once")
    first = Column(pl.Int64, "units of the output", "First part settled alone")
    second = Column(pl.Int64, "units of the output", "Second part settled alone")
    difference = Column(pl.Int64, "units of the output", "Once less both parts, rounding included")


def split_period(
    contract: Contract, first: pl.DataFrame, second: pl.DataFrame, flows: Sequence[str]
) -> Frame[SplitDifference]:
    """Each rounded output of two part periods settled together and each alone, with the difference.

    Args:
        contract: a contract without faults that has a key.
        first: rows of the first part, as for `settle`.
        second: rows of the second part, with the same keys.
        flows: number inputs that add up over the parts, such as spend and activity; all others must be the same.

    Raises:
        ContractError: a flow that is not a number input, a row in one part only, an input that is no flow and differs,
            or rows that do not fit the contract.
    """
    inputs = contract.input_map()
    faults = Faults()
    numbers = [name for name, each in inputs.items() if each.type == "number" and name not in contract.key]
    for name in flows:
        if name not in numbers:
            faults.add("flows", repr(name), "a number input of the contract", suggest(name, numbers))
    if not contract.key:
        faults.add(f"contract {contract.id}: key", "none", "inputs that name a row, by which the parts are matched")
    faults.raise_if_any(ContractError, f"contract {contract.id}: the period cannot be split")
    together = _together(contract, first, second, flows, faults)
    settled = [settle(contract, rows, where=where) for rows, where in ((together, "both parts"), (first, "first part"))]
    once, one = settled
    two = settle(contract, second, where="second part")
    keys = list(contract.key)
    named = [output.name for output in contract.outputs if output.rounded_to is not None]
    met = (
        once.results.select(*keys, *named)
        .with_row_index("row")
        .join(one.results.select(*keys, *named), on=keys, suffix="|first", nulls_equal=True, validate="1:1")
        .join(two.results.select(*keys, *named), on=keys, suffix="|second", nulls_equal=True, validate="1:1")
        .with_columns(pl.col("row").cast(pl.Int64))
        .join(outturns(once), on="row", validate="1:1", suffix="|named")
    )
    of = {output.name: output.of for output in contract.outputs}
    account = {
        name: f"{name}|named" if f"{name}|named" in met.columns else name for name in ("scenario", "period", "account")
    }
    found = [
        met.select(
            *(pl.col(column).alias(name) for name, column in account.items()),
            pl.lit(name).alias("line"),
            pl.lit(_kind(contract, of[name])).alias("kind"),
            pl.col(name).alias("once"),
            pl.col(f"{name}|first").alias("first"),
            pl.col(f"{name}|second").alias("second"),
        ).with_columns((pl.col("once") - pl.col("first") - pl.col("second")).alias("difference"))
        for name in named
    ]
    return SplitDifference.validate(pl.concat(found), "period split in two")


def _together(
    contract: Contract, first: pl.DataFrame, second: pl.DataFrame, flows: Sequence[str], faults: Faults
) -> pl.DataFrame:
    """Rows of both parts with their flows added up, in the order of the first part."""
    keys, inputs = list(contract.key), contract.input_map()
    one = read_rows(contract, first, "first part").frame.select(list(inputs))
    two = read_rows(contract, second, "second part").frame.select(list(inputs))
    for here, there, where in ((one, two, "first part"), (two, one, "second part")):
        for row in here.join(there, on=keys, how="anti", nulls_equal=True).head(_SHOWN).iter_rows(named=True):
            shown = ", ".join(f"{key} {row[key]}" for key in keys)
            faults.add(f"{where}: {shown}", "a row that the other part does not have", "the same rows in both parts")
    met = one.join(two, on=keys, how="inner", nulls_equal=True, suffix="|second", maintain_order="left")
    for name in inputs:
        if name in flows or name in keys:
            continue
        unlike = met.filter(pl.col(name).ne_missing(pl.col(f"{name}|second")))
        for row in unlike.head(_SHOWN).iter_rows(named=True):
            shown = ", ".join(f"{key} {row[key]}" for key in keys)
            faults.add(
                f"{shown}: {name}",
                f"{row[name]} in the first part and {row[f'{name}|second']} in the second",
                "one value, as it is not a flow",
                "Name it among the flows if it adds up.",
            )
    faults.raise_if_any(ContractError, f"contract {contract.id}: the parts do not make one period")
    sums = [(pl.col(name) + pl.col(f"{name}|second")).alias(name) for name in flows]
    return met.with_columns(sums).select(pl.col(name).alias(each.heading) for name, each in inputs.items())


def _kind(contract: Contract, of: str) -> Kind:
    names = set(behind(contract, of))
    return worst([term.kind for term in contract.terms if names.intersection(term.outputs())])


__all__ = ["SplitDifference", "split_period"]
