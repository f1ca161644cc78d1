"""JSON Schemas of rows, a table a schema, as text formats carry them: money as text in pounds, everything else by its kind.

A number that is no key may be empty, where it is left out for those who may not see it; a column may be added, which is a cell
of any kind. Tables whose columns follow from a contract or a problem have rows of cells of any kind.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from api.service.kinds import KINDS
from api.service.records.api_models import MONEY_PATTERN
from capitation.records.frames import Column, Schema
from capitation.records.suppression import MARK

CELL: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
"""A cell of any table."""

_SETTLED: dict[str, Any] = {
    "row": {"type": "integer", "description": "Number of the row that was settled, from 0"},
    "output": {"type": "string", "description": "What is settled"},
    "party": {"type": "string", "description": "Who pays or receives"},
    "counterparty": {"type": "string", "description": "The other side"},
    "unit": {"type": "string", "description": "Unit of the amount; pounds where it is money of this currency"},
    "amount": {
        "type": ["integer", "null"],
        "description": "What it receives, or pays below 0, in another unit than pounds",
    },
    "amount_gbp": {
        "type": ["string", "null"],
        "pattern": MONEY_PATTERN,
        "format": "decimal",
        "description": "What it receives, or pays below 0, in pounds",
    },
}
"""Columns of a settlement's positions that do not follow from the contract."""


def row_schemas() -> dict[str, dict[str, Any]]:
    """Schemas of the rows of every table with fixed columns, and pages of those that have addresses of their own."""
    made = {
        f"{kind.name.capitalize()}{_words(table)}Row": _row(schema)
        for kind in KINDS.values()
        for table, schema in (kind.schemas or {}).items()
    }
    compared = made["ComparisonPositionRow"]
    made["PositionRow"] = {
        **compared,
        "description": "A position of a comparison, or of a settlement, which also has the keys of its contract.",
        "properties": {**_SETTLED, **compared["properties"]},
        "required": [],
    }
    made["AllocationPage"] = _page("RunAllocationRow")
    made["PositionPage"] = _page("PositionRow")
    return made


def _words(table: str) -> str:
    return "".join(word.capitalize() for word in table.split("_"))


def _row(schema: type[Schema]) -> dict[str, Any]:
    cells = {_name(name, each): _cell(name, each) for name, each in schema.columns().items()}
    mark = {MARK: {"type": "boolean", "description": "Whether numbers of the row were left out"}}
    about = " ".join((schema.__doc__ or "A row.").split())
    properties = {**cells, **({} if MARK in cells else mark)}
    return {
        "type": "object",
        "description": about,
        "properties": properties,
        "required": list(cells),
        "additionalProperties": CELL,
    }


def _is_money(name: str, column: Column) -> bool:
    return name.endswith("_pence") and column.dtype == pl.Int64


def _name(name: str, column: Column) -> str:
    return f"{name.removesuffix('_pence')}_gbp" if _is_money(name, column) else name


def _cell(name: str, column: Column) -> dict[str, Any]:
    if _is_money(name, column):
        made: dict[str, Any] = {"type": "string", "pattern": MONEY_PATTERN, "format": "decimal"}
    elif column.dtype.is_integer():
        made = {"type": "integer"}
    elif column.dtype.is_float():
        made = {"type": "number"}
    elif column.dtype == pl.Boolean:
        made = {"type": "boolean"}
    else:
        made = {"type": "string"}
    if column.nullable or (column.dtype.is_numeric() and not column.key):
        made["type"] = [made["type"], "null"]
    return {**made, "description": column.about}


def _page(row: str) -> dict[str, Any]:
    rows = {"type": "array", "items": {"$ref": f"#/components/schemas/{row}"}, "description": "One object a row."}
    following = {"type": ["string", "null"], "description": "Cursor of the next page; none on the last one."}
    return {
        "type": "object",
        "description": "A page of rows.",
        "properties": {"rows": rows, "next": following},
        "required": ["rows", "next"],
        "additionalProperties": False,
    }
