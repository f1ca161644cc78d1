"""Figures of a body and of the localities under it, worked out again: from its document, from payments, and from each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from capitation.money.apportion import split
from capitation.money.rounding import nearest
from capitation.records.years import FinancialYear
from capitation.run.trace import Context, FigureAddress, Node, Worked
from contracts.document.contract import read_contract
from contracts.options.formulas.columns import AS_IT_IS, PAID, Parts, Row, at, enter, signed
from contracts.options.whole_population.document import CareBody, read_body

ACCOUNT, LOCALITY = "body_account", "body_locality"
CASE = ("option", "activity_case", "organisation_code", "year")

signed(
    ACCOUNT, "left_pence", "income less what is not earned and less care",
    (1, "income_pence"), (-1, "unearned_pence"), (-1, "care_pence"),
)  # fmt: skip
signed(LOCALITY, "budget_pence", "on account and true-up", (1, "on_account_pence"), (1, "true_up_pence"))
signed(
    LOCALITY, "left_pence", "its budget less what is not earned and less the care of its people",
    (1, "budget_pence"), (-1, "unearned_pence"), (-1, "care_pence"),
)  # fmt: skip
for _table in (ACCOUNT, LOCALITY):
    signed(
        _table, "carried_on_pence", "what was carried in and what is left, less the parts of hospitals, commissioners and pools",
        (1, "carried_in_pence"), (1, "left_pence"), (-1, "hospitals_pence"), (-1, "returned_pence"), (-1, "pool_pence"),
    )  # fmt: skip


def _body(context: Context, row: Row) -> CareBody:
    """The document of the body of a row."""
    known = context.memory.setdefault("bodies", {})
    if not known:
        known |= {body.code: body for body in (read_body(context.pack, name) for name in context.pack.names("bodies"))}
    found: CareBody = known[row["organisation_code"]]
    return found


def _contracts(context: Context, row: Row) -> tuple[str, str]:
    """Ids of the contract that the body is paid under, and of its pools'."""
    known = context.memory.setdefault("contracts of bodies", {})
    if row["organisation_code"] not in known:
        body, pack = _body(context, row), context.pack
        names = [body.contract, *([] if body.pool is None else [body.pool.contract])]
        ids = [read_contract(pack.path(f"contracts/{name}.toml")).id for name in names]
        known[row["organisation_code"]] = (ids[0], ids[1] if len(ids) > 1 else "")
    found: tuple[str, str] = known[row["organisation_code"]]
    return found


def _received(context: Context, row: Row, *numbers: int) -> list[Row]:
    """Payments of terms of its contract to the body."""
    own, _ = _contracts(context, row)
    key = {name: row[name] for name in ("option", "activity_case", "year")}
    every = context.rows("payment", **key, provider_code=row["organisation_code"])
    return [paid for paid in every if paid["contract"] == own and paid["term_number"] in numbers]


def _given(context: Context, row: Row, what: str) -> list[Row]:
    """What the body pays: for care, to its hospitals as their part, or to councils for pools."""
    own, pool = _contracts(context, row)
    key = {name: row[name] for name in ("option", "activity_case", "year")}
    every = context.rows("payment", **key, commissioner_code=row["organisation_code"])
    kinds = {own: "hospitals", pool: "pool"}
    return [paid for paid in every if kinds.get(paid["contract"], "care") == what]


def _summed(rows: list[Row], sign: int = 1) -> Worked:
    parts: Parts = [at("payment", PAID, paid) for paid in rows]
    return Worked(sign * sum(paid[PAID] for paid in rows), parts)


def _account(context: Context, row: Row) -> Row:
    return context.row(ACCOUNT, **{name: row[name] for name in CASE})


def _localities(context: Context, row: Row) -> list[Row]:
    return sorted(context.rows(LOCALITY, **{name: row[name] for name in CASE}), key=lambda each: each["locality_code"])


enter(
    ACCOUNT, "income_pence", "what commissioners pay the body on account and as true-up",
    lambda context, row: _summed(_received(context, row, 1, 2)),
)  # fmt: skip
enter(
    ACCOUNT, "unearned_pence", "what commissioners keep of the improvement payment",
    lambda context, row: _summed(_received(context, row, 3), -1),
)  # fmt: skip
enter(
    ACCOUNT, "returned_pence", "what goes back to commissioners",
    lambda context, row: _summed(_received(context, row, 4), -1),
)  # fmt: skip
for _what, _words in (
    ("care", "what the body pays providers for care in scope"),
    ("hospitals", "what the hospitals take of what is left, below nothing what they bear"),
    ("pool", "the body's part of what section 75 pools overspend"),
):
    enter(ACCOUNT, f"{_what}_pence", _words, lambda context, row, what=_what: _summed(_given(context, row, what)))  # type: ignore[misc]


def _carried_in(table: str, context: Context, row: Row) -> Worked:
    before = {**{name: row[name] for name in ("option", "activity_case", "organisation_code")}}
    before |= {"year": str(FinancialYear(row["year"]).previous)}
    before |= {"locality_code": row["locality_code"]} if table == LOCALITY else {}
    for found in context.rows(table, **before):
        return Worked(found["carried_on_pence"], [at(table, "carried_on_pence", found)])
    return Worked(0, [], "nothing before the first paid year")


def _rate(context: Context, row: Row) -> Worked:
    body = _body(context, row)
    found = [Node("parameter", "base rate", str(body.base_rate_pence.value), "pence", body.base_rate_pence.where)]
    found += [
        Node("parameter", f"growth of {each.year}", str(each.value), "", each.where)
        for each in body.growth
        if body.base_year < each.year <= FinancialYear(row["year"])
    ]
    return Worked(nearest(body.rate(FinancialYear(row["year"]))), found)


def _persons(context: Context, row: Row) -> Worked:
    if not {"allocation", "membership"} <= context.run.frames.keys():
        return Worked(row["weighted_persons"], [], f"weighted persons of its practices' lists: {AS_IT_IS}")
    stream = _body(context, row).stream
    key = {"year": row["year"], "stream": stream, "level": "practice"}
    homes = {each["practice_code"] for each in context.rows("membership", locality_code=row["locality_code"])}
    mine = [each for each in context.rows("allocation", **key) if each["code"] in homes]
    parts: Parts = [
        FigureAddress("allocation", "weighted_persons", (*key.items(), ("code", each["code"]))) for each in mine
    ]
    return Worked(sum(each["weighted_persons"] for each in mine), parts)


def _listed(context: Context, row: Row) -> Worked:
    rows = _localities(context, row)
    return Worked(sum(each["weighted_persons"] for each in rows), [at(LOCALITY, "weighted_persons", each) for each in rows])  # fmt: skip


def _unearned(context: Context, row: Row) -> Worked:
    rows, whole = _localities(context, row), _account(context, row)
    budgets = [each["budget_pence"] for each in rows]
    shares = split(whole["unearned_pence"], budgets) if any(budgets) else [0] * len(rows)
    mine = dict(zip((each["locality_code"] for each in rows), shares, strict=True))
    return Worked(mine[row["locality_code"]], [at(ACCOUNT, "unearned_pence", whole), at(LOCALITY, "budget_pence", row)])


def _due(number: int, column: str, context: Context, row: Row) -> Worked:
    """What commissioners pay on a term, less that of the other localities."""
    paid = _received(context, row, number)
    others = [each for each in _localities(context, row) if each["locality_code"] != row["locality_code"]]
    parts: Parts = [at("payment", PAID, each) for each in paid]
    own: Parts = [at(LOCALITY, name, row) for name in ("weighted_persons", "rate_pence")]
    return Worked(sum(each[PAID] for each in paid) - sum(each[column] for each in others), [*parts, *own])


def _rest(column: str, context: Context, row: Row) -> Worked:
    """The body's figure less that of the other localities, and where it is care, the activity of the locality's people."""
    whole = _account(context, row)
    others = [each for each in _localities(context, row) if each["locality_code"] != row["locality_code"]]
    parts: Parts = [at(ACCOUNT, column, whole)]
    if column == "care_pence" and "locality_activity" in context.run.frames:
        planned = str(context.run.manifest.scenario.get("plan_activity", "mitigated"))
        case = "unmitigated" if row["activity_case"] == "unmitigated" else planned
        key = {"year": row["year"], "case": case, "locality_code": row["locality_code"]}
        inside = {each.service for each in _body(context, row).scope if each.in_scope}
        lines = {each["line"] for each in context.rows("outturn", year=row["year"]) if each["service"] in inside}
        parts += [
            FigureAddress("locality_activity", "activity", (*key.items(), ("point_of_delivery", each["point_of_delivery"])))
            for each in context.rows("locality_activity", **key)
            if each["point_of_delivery"] in lines
        ]  # fmt: skip
    return Worked(whole[column] - sum(each[column] for each in others), parts)


_OWN: dict[str, tuple[str, Callable[[Context, Row], Worked]]] = {
    "weighted_persons": ("weighted persons of its practices' lists", _persons),
    "unearned_pence": ("its part of what the body does not earn, by budget", _unearned),
    "on_account_pence": (
        "weighted persons at the rate, paid for planned persons: what all pay less the other localities'",
        partial(_due, 1, "on_account_pence"),
    ),
    "true_up_pence": (
        "settled to the lists every quarter: what all pay less the other localities'",
        partial(_due, 2, "true_up_pence"),
    ),
    "care_pence": (
        "what the body pays for its people, line by line their own units at the line's price: the whole less the other localities'",
        partial(_rest, "care_pence"),
    ),
    **{
        f"{what}_pence": (f"its part of {words}: the whole less the other localities'", partial(_rest, f"{what}_pence"))
        for what, words in (
            ("hospitals", "what the hospitals take or bear, by what is left to it"),
            ("returned", "what goes back to commissioners, by the rest of it"),
            ("pool", "what pools overspend, by what its people had of them"),
        )
    },
}
for _column, (_said, _work) in _OWN.items():
    enter(LOCALITY, _column, _said, _work)
for _table in (ACCOUNT, LOCALITY):
    enter(_table, "rate_pence", "the base rate, grown by the growth rule, in whole pence", _rate)
    enter(_table, "carried_in_pence", "what was carried on from the year before", partial(_carried_in, _table))
enter(ACCOUNT, "listed_persons", "weighted persons of all localities", _listed)

__all__ = ["ACCOUNT", "LOCALITY"]
