"""The formulas of a plan's own columns: where each organisation ends, and what each solution gives, worked out again in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from capitation.money.pence import pounds_text
from capitation.run.formulas.chain import bought_lines
from capitation.run.trace import Context, FigureAddress, Node, Recomputation, Worked
from contracts.options.evaluate import MIX

Row = Mapping[str, Any]
Parts = list[FigureAddress | Node]
FORMULAS: dict[tuple[str, str], Recomputation] = {}

_PARTY = ("option", "year", "role", "organisation_code")


def _enter(table: str, column: str, words: str, work: Callable[[Context, Row], Worked]) -> None:
    FORMULAS[table, column] = Recomputation(table, column, words, work)


def _at(table: str, column: str, row: Row, *keys: str) -> FigureAddress:
    return FigureAddress(table, column, tuple((key, row[key]) for key in keys))


def _do_nothing(context: Context, row: Row) -> Worked:
    found = context.rows("organisation_position", year=row["year"], organisation_code=row["organisation_code"])
    parts: Parts = [_at("organisation_position", "position_pence", each, "year", "organisation_code") for each in found]
    return Worked(sum(each["position_pence"] for each in found), parts)


def _of_mix(context: Context, row: Row) -> Worked:
    found = bought_lines(context, row)
    parts: Parts = [
        Node("figure", each["title"], pounds_text(each["amount_pence"]), "pounds", each["source"]) for each in found
    ]
    return Worked(-sum(each["amount_pence"] for each in found), parts)


def _of_contract(context: Context, row: Row) -> Worked:
    settled = context.row("position", **{key: row[key] for key in _PARTY}, activity_case=MIX)
    keys = ("option", "activity_case", "year", "role", "organisation_code")
    parts: Parts = [_at("position", "position_pence", settled, *keys)]
    parts += [_at("plan_position", name, row, *_PARTY) for name in ("do_nothing_pence", "mix_pence")]
    return Worked(settled["position_pence"] - row["do_nothing_pence"] - row["mix_pence"], parts)


def _position(_context: Context, row: Row) -> Worked:
    names = ("do_nothing_pence", "mix_pence", "contract_pence")
    return Worked(sum(row[name] for name in names), [_at("plan_position", name, row, *_PARTY) for name in names])


def _margin(_context: Context, row: Row) -> Worked:
    total = row["control_total_pence"]
    parts: Parts = [_at("plan_position", "position_pence", row, *_PARTY)]
    if total is not None:
        parts.append(Node("choice", "control total", pounds_text(total), "pounds", "what it must reach"))
    return Worked(None if total is None else row["position_pence"] - total, parts)


_enter(
    "plan_position", "do_nothing_pence", "its position when nothing is done, after sustainability funding", _do_nothing
)
_enter("plan_position", "mix_pence", "its part of the mix in the chain, with the sign turned", _of_mix)
_enter(
    "plan_position",
    "contract_pence",
    "its position as the contracts settle the mix, less the parts before it",
    _of_contract,
)
_enter("plan_position", "position_pence", "doing nothing, the mix and the contracts added up", _position)
_enter("plan_position", "margin_pence", "position less control total", _margin)

__all__ = ["FORMULAS"]
