"""Settlements: rows through a contract, with every step, the positions of the parties, and what a reader should know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import polars as pl
from pydantic import Field

from api.service.records.api_models import DIGEST_EXAMPLE, NAME, PACK_EXAMPLE, ApiModel, Digest
from api.service.records.failures import BODY
from api.service.records.hidden import is_count
from api.service.records.job_kind import Example, JobKind, JobResult, MadeOfRows, Visibility, Work
from api.service.records.stored import StoredThings
from capitation.errors import ContractError, Fault
from capitation.pack.layers import default_pack
from capitation.records.identity import plain
from contracts.books.statements import outturns, statement_of
from contracts.document.contract import Contract, parse_contract
from contracts.language.currency import currency_of, smallest_unit
from contracts.language.rounding import units_per
from contracts.settlement.settle import Settlement, settle

CONTRACTS_KEPT = 64
"""How many contracts are kept parsed."""

_ROWS = "rows"
_ROW = re.compile(r"rows: line (?P<line>\d+)(?P<key> \(.*\))?(?:, (?P<subject>.*))?")
_COLUMN = re.compile(r"(?:column|input) '([^']*)'")

_BLOCK_ROW = {
    "year": "2017/18",
    "commissioner": "X1A",
    "provider": "RYV",
    "line": "community",
    "plan_value_pence": "50000001",
}


class SettlementRequest(ApiModel):
    """A contract and the rows it is to settle."""

    contract: str = Field(examples=[f"{default_pack()}-block"], pattern=NAME, max_length=128)
    """Id of a contract."""
    digest: Digest | None = Field(default=None, examples=[None, DIGEST_EXAMPLE])
    """Version of the contract; the newest where it is not given."""
    rows: list[dict[str, str | int | float | bool | None]] = Field(
        min_length=1, max_length=100_000, examples=[[_BLOCK_ROW]]
    )
    """One object a row, by the contract's input names; give money as texts so that its digits stay."""
    data_pack: Digest | None = Field(default=None, examples=[None, PACK_EXAMPLE])
    """Hash of the data pack to compute with; the service's own where it is not given."""


def work(given: Work) -> JobResult:
    """Settle the rows."""
    request = given.request
    name, columns = request["contract"], list(dict.fromkeys(name for row in request["rows"] for name in row))
    contract = _parsed(given.text("contract", name, request["digest"]), name)
    rows = pl.DataFrame(
        {column: [_cell(row.get(column)) for row in request["rows"]] for column in columns},
        schema_overrides=dict.fromkeys(columns, pl.String),
    )
    try:
        done = settle(contract, rows, explain=True, where=_ROWS)
    except ContractError as error:
        raise ContractError(error.message, [_in_body(fault) for fault in error.faults]) from error
    frames = {"results": done.results, "positions": in_pence(done.positions()), "notices": done.notices}
    if done.steps is not None:
        frames["steps"] = done.steps
    counted = counts_of(done)
    if counted.height:
        frames["counts"] = counted
    content = {
        "contract": contract.id,
        "contract_digest": request["digest"],
        "contract_version": contract.version,
        "rows": done.results.height,
        "outputs": {o.name: {"unit": o.rounded_to, "payer": o.payer, "payee": o.payee} for o in contract.outputs},
        "statement": "issued",
    }
    try:
        frames["entries"] = statement_of(done).entries
    except ContractError as error:  # the settlement stands; its parties' entries, and so its journals, are not issued
        content["statement"] = f"not issued: {error}"
    return JobResult(given.job, content, {name: frame for name, frame in frames.items() if frame.width})


@lru_cache(maxsize=CONTRACTS_KEPT)
def _parsed(text: str, name: str) -> Contract:
    """A contract, parsed once for all settlements under it."""
    return parse_contract(plain(text), where=f"contract {name}")


def counts_of(done: Settlement) -> pl.DataFrame:
    """The inputs of a settlement that count people or events, one line a row and input: by their unit, or by their name where they have none."""
    names = [each.name for each in done.contract.inputs if each.type == "number" and is_count(each.unit, each.name)]
    rows = outturns(done).select("row", "period", "account")
    parts = [
        rows.with_columns(pl.lit(name).alias("name"), done.values.get_column(name).cast(pl.Float64).alias("count"))
        for name in names
        if name in done.values.columns
    ]
    return pl.concat(parts).sort("row", "name").drop_nulls("count") if parts else pl.DataFrame()


def in_pence(positions: pl.DataFrame) -> pl.DataFrame:
    """Positions with sterling as whole pence under `amount_pence`; those of other currencies stay in their unit.

    Example:
        -50000001 of the unit "pence" is -50000001 in `amount_pence`, and -500000.01 in `amount_gbp` of text formats.
    """
    if not positions.width:
        return positions
    units = [unit for unit in positions.get_column("unit").unique().to_list() if unit is not None]
    if not units or positions.get_column("unit").null_count() or any(currency_of(unit) != "GBP" for unit in units):
        return positions
    per = {unit: int(units_per(smallest_unit(unit), unit)) for unit in units}
    pence = (pl.col("amount") * pl.col("unit").replace_strict(per, return_dtype=pl.Int64)).alias("amount_pence")
    return positions.select(
        *(name for name in positions.columns if name not in {"unit", "amount"}), pl.lit("GBP").alias("currency"), pence
    )


def _rows(_asked: SettlementRequest, sent: Mapping[str, Any], _store: StoredThings) -> dict[str, Any]:
    return {"rows": sent["rows"]}  # as sent, so that numbers keep their digits


def _in_body(fault: Fault) -> Fault:
    """A fault of rows as one of the request that sent them: by the number of its row, not the line that it has in a file.

    Example:
        "rows: line 2 (year 2017/18), column 'x'" stands at "request body: rows.1 (year 2017/18).x", which is "/rows/0/x".
    """
    if fault.where == _ROWS:
        return replace(fault, where=f"{BODY}: rows")
    found = _ROW.match(fault.where)
    if found is None:
        subject = fault.where.removeprefix(f"{_ROWS}: ")
        return (
            fault
            if subject == fault.where
            else replace(fault, where=f"{BODY}: rows", found=f"{subject}: {fault.found}")
        )
    key, subject = found["key"] or "", found["subject"] or ""
    place = f"{BODY}: rows.{int(found['line']) - (1 if key else 2)}{key}"
    column = _COLUMN.fullmatch(subject)
    if column:
        return replace(fault, where=f"{place}.{column[1]}")
    return replace(fault, where=place, found=f"{subject}: {fault.found}" if subject else fault.found)


def _cell(value: Any) -> str | None:  # noqa: ANN401  # any JSON scalar
    """A cell as the text it has in a CSV file; the contract reads it by the kind of its column."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _without_reason(statement: str) -> str:
    """Whether a statement was issued, without why not: the reason names rows of others."""
    return statement.partition(":")[0]


_BY_PARTY = Visibility(own=("party",))

KIND = JobKind(
    name="settlement",
    address="settlements",
    order=2,
    about="Rows through a contract: who owes whom, step by step.",
    asks="the settlement of rows under a contract",
    request=SettlementRequest,
    run=work,
    document="contract",
    more=_rows,
    frames={"positions": _BY_PARTY, "entries": _BY_PARTY},
    made_of_rows={
        "counts": MadeOfRows(("count",)),
        "notices": MadeOfRows(("rows", "says"), by="any"),  # a notice may be of rows with some count, and name them
        "steps": MadeOfRows(("value_before", "value_after")),
        "results": MadeOfRows(amounts=True, by="order"),
        "positions": MadeOfRows(("amount", "amount_pence")),
        "entries": MadeOfRows(("amount_pence", "direction"), by="account"),
    },
    partners_see=frozenset({"contract", "contract_digest", "contract_version", "outputs", "statement"}),
    narrowed={"statement": _without_reason},
    tag_after="figures",
    example=Example(
        "efe80dc0bdd149a0cafc34abc2f96264",
        {
            "contract": f"{default_pack()}-block",
            "contract_digest": DIGEST_EXAMPLE,
            "contract_version": "1",
            "outputs": {"block_pence": {"payee": "provider", "payer": "commissioner", "unit": "pence"}},
            "rows": 1,
            "statement": "issued",
        },
        "results",
        {
            "year": "2017/18",
            "commissioner": "X1A",
            "provider": "RYV",
            "line": "community",
            "block_pence": 50_000_001,
        },
    ),
)
