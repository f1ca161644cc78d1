"""Every number column of a comparison with its words; what follows from other figures of the comparison is worked out again.

What contracts settle, and what trials with other activity or other figures gave, is shown as the engine has it: `capitation settle
--explain` opens a settlement step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from capitation.records.frames import Schema
from capitation.run.trace import Context, FigureAddress, Node, Recomputation, Worked
from contracts.options.evaluate import SCHEMAS
from contracts.options.study import STUDY

Row = Mapping[str, Any]
Parts = list[FigureAddress | Node]
TABLES: dict[str, type[Schema]] = {**SCHEMAS, **STUDY}
FORMULAS: dict[tuple[str, str], Recomputation] = {}

PAID = "amount_pence"
AS_IT_IS = "shown as the engine has it, not recomputed"
TRY = ("option", "activity_case", "year")
PARTY = (*TRY, "role", "organisation_code")


def _keys(table: str) -> list[str]:
    return [name for name, column in TABLES[table].columns().items() if column.key]


def at(table: str, column: str, row: Row) -> FigureAddress:
    """The address of a figure of a row."""
    return FigureAddress(table, column, tuple((k, row[k]) for k in _keys(table)))


def enter(table: str, column: str, words: str, work: Callable[[Context, Row], Worked]) -> None:
    """Enter how a column is made."""
    FORMULAS[table, column] = Recomputation(table, column, words, work)


def _as_it_is(table: str, column: str, words: str) -> None:
    def work(_context: Context, row: Row) -> Worked:
        said = [Node("choice", k, str(row[k]), "", "of the row") for k in row if isinstance(row[k], str)]
        return Worked(row[column], list(said), f"{words}: {AS_IT_IS}")

    enter(table, column, words, work)


for _table, _schema in TABLES.items():
    for _name, _column in _schema.columns().items():
        if _column.dtype.is_numeric() and not _column.key:
            _as_it_is(_table, _name, _column.about)


def signed(table: str, column: str, words: str, *parts: tuple[int, str]) -> None:
    """Enter a sum of signed figures of the same row."""

    def work(_context: Context, row: Row) -> Worked:
        return Worked(sum(sign * row[name] for sign, name in parts), [at(table, name, row) for _, name in parts])

    enter(table, column, words, work)


signed(
    "position", "position_pence", "allocation and income less payments and cost",
    (1, "allocation_pence"), (1, "income_pence"), (-1, "paid_pence"), (-1, "cost_pence"),
)  # fmt: skip
signed("position", "change_pence", "position less that at plan", (1, "position_pence"), (-1, "plan_position_pence"))
signed(
    "expected_gap", "price_gap_pence", "the provider's price less the commissioners'",
    (1, "provider_price_pence"), (-1, "commissioner_price_pence"),
)  # fmt: skip
signed(
    "expected_gap", "cost_gap_pence", "the provider's cost less the commissioners'",
    (1, "provider_cost_pence"), (-1, "commissioner_cost_pence"),
)  # fmt: skip
signed(
    "expected_gap", "provider_shortfall_pence", "the provider's cost less its price",
    (1, "provider_cost_pence"), (-1, "provider_price_pence"),
)  # fmt: skip
signed(
    "expected_gap", "opening_gap_pence", "the provider's cost less the commissioners' price",
    (1, "provider_cost_pence"), (-1, "commissioner_price_pence"),
)  # fmt: skip
signed(
    "leap",
    "change_pence",
    "position of the later year less that of the earlier",
    (1, "after_pence"),
    (-1, "before_pence"),
)


def _payments(column: str, words: str, code: str, role: str) -> None:
    """Enter what a party pays or receives: the payments that name it."""

    def work(context: Context, row: Row) -> Worked:
        key = {k: row[k] for k in TRY}
        mine: Sequence[Row] = context.rows("payment", **key, **{code: row["organisation_code"]})
        if role == "provider":
            mine = mine if row["role"] == "provider" else []
        else:
            mine = [r for r in mine if r["payer_role"] == row["role"]]
        return Worked(sum(r["amount_pence"] for r in mine), [at("payment", "amount_pence", r) for r in mine])

    enter("position", column, words, work)


_payments("income_pence", "payments to the provider under the option", "provider_code", "provider")
_payments("paid_pence", "payments of the commissioner or payer under the option", "commissioner_code", "payer")


def _cost(context: Context, row: Row) -> Worked:
    further = context.rows("further_cost", **{k: row[k] for k in TRY}, provider_code=row["organisation_code"])
    if row["role"] == "payer":
        return Worked(0, [], "it provides nothing")
    if row["role"] == "commissioner":
        money = context.row("commissioner_money", year=row["year"], commissioner_code=row["organisation_code"])
        found: Parts = [at("commissioner_money", "other_cost_pence", money)]
        found += [at("further_cost", "cost_pence", r) for r in further]
        return Worked(money["other_cost_pence"] + sum(r["cost_pence"] for r in further), found)
    lines = context.rows(
        "outturn", activity_case=row["activity_case"], year=row["year"], provider=row["organisation_code"]
    )
    more = further
    parts: Parts = [at("outturn", "actual_cost_pence", r) for r in lines]
    parts += [at("further_cost", "cost_pence", r) for r in more]
    return Worked(sum(r["actual_cost_pence"] for r in lines) + sum(r["cost_pence"] for r in more), parts)


enter("position", "cost_pence", "cost of actual activity, and further cost of the option", _cost)


def _allocation(context: Context, row: Row) -> Worked:
    if row["role"] != "commissioner":
        return Worked(0, [], "it is no commissioner")
    found = context.row("commissioner_money", year=row["year"], commissioner_code=row["organisation_code"])
    return Worked(found["allocation_pence"], [at("commissioner_money", "allocation_pence", found)])


enter("position", "allocation_pence", "the commissioner's allocation", _allocation)
signed(
    "commissioner_money",
    "allocation_pence",
    "what it plans to pay, and what it holds",
    (1, "planned_pence"),
    (1, "held_pence"),
)


def _at_plan(context: Context, row: Row) -> Worked:
    found = context.row("position", **{**{k: row[k] for k in PARTY}, "activity_case": "plan"})
    return Worked(found["position_pence"], [at("position", "position_pence", found)])


enter("position", "plan_position_pence", "its position under the option with activity as planned", _at_plan)


def _side(column: str, sign: int, words: str) -> None:
    """Enter one side of a payment in the books of a party."""

    def work(context: Context, row: Row) -> Worked:
        key = {k: row[k] for k in (*TRY, "contract", "term_number")}
        sides = {"provider_code": 1, "commissioner_code": -1}
        found = []
        for own, receives in sides.items():
            other = next(code for code in sides if code != own)
            named = {own: row["organisation_code"], other: row["counterparty_code"]}
            found += [
                (paid, receives)
                for paid in context.rows("payment", **key, **named)
                if row["role"] == ("provider" if receives > 0 else paid["payer_role"])
            ]
        ((paid, receives),) = found
        return Worked(max(sign * receives * paid["amount_pence"], 0), [at("payment", "amount_pence", paid)])

    enter("transfer", column, words, work)


_side("credit_pence", 1, "the payment, where it receives it")
_side("debit_pence", -1, "the payment, where it pays it")


def _difference(context: Context, row: Row) -> Worked:
    base = str(context.run.manifest.scenario.get("base", ""))
    key = {k: row[k] for k in PARTY}
    if not context.rows("position", option=base):  # a plan is its scenario's run: the base is what differs from nothing
        every, differ = (context.run.frame(name)["option"].unique() for name in ("position", "option_difference"))
        (base,) = set(every) - set(differ)
    mine = context.row("position", **key)
    theirs = context.rows(
        "position", **{**key, "option": base}
    )  # a body of one option alone has no position under the base
    parts: Parts = [at("position", "position_pence", each) for each in (mine, *theirs)]
    return Worked(mine["position_pence"] - sum(each["position_pence"] for each in theirs), parts)


enter("option_difference", "difference_pence", "position under the option less position under the base", _difference)


def _borne(context: Context, row: Row) -> Worked:
    found = context.row("position", **{k: row[k] for k in PARTY})
    return Worked(-found["change_pence"], [at("position", "change_pence", found)])


def _extra(context: Context, row: Row) -> Worked:
    peers = context.rows("who_pays", **{k: row[k] for k in TRY})
    return Worked(sum(r["borne_pence"] for r in peers), [at("who_pays", "borne_pence", r) for r in peers])


def _share(_context: Context, row: Row) -> Worked:
    whole = row["extra_cost_pence"]
    parts: Parts = [at("who_pays", name, row) for name in ("borne_pence", "extra_cost_pence")]
    return Worked(row["borne_pence"] / whole if whole else None, parts)


enter("who_pays", "borne_pence", "its change from plan, with the sign turned", _borne)
enter("who_pays", "extra_cost_pence", "what all parties bear", _extra)
enter("who_pays", "share", "what it bears over what all bear", _share)


def _balance(context: Context, row: Row) -> Worked:
    key = {k: row[k] for k in (*TRY, "subject_kind", "subject_code")}
    lines = [r for r in context.rows("position_bridge", **key) if r["step"] <= row["step"]]
    return Worked(sum(r["amount_pence"] for r in lines), [at("position_bridge", "amount_pence", r) for r in lines])


enter("position_bridge", "balance_pence", "the lines up to and with this one", _balance)


def _worst(context: Context, row: Row) -> Worked:
    key = {k: row[k] for k in PARTY}
    for table in ("position", "below_plan"):
        for found in context.rows(table, **key):
            return Worked(found["position_pence"], [at(table, "position_pence", found)])
    return Worked(row["position_pence"], [], f"a case that is not among the shown: {AS_IT_IS}")


enter("worst_case", "position_pence", "its position in the case and year that are worst for it", _worst)
