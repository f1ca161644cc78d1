"""Formulas of the chain by organisation: positions from their accounts, and what sustainability funding offers and earns."""

from __future__ import annotations

from capitation.chain.accounts import INCOME
from capitation.chain.book import OrganisationBook, Standard, read_book
from capitation.chain.bridge import OWN
from capitation.chain.rules import Chain, read_chain
from capitation.chain.sustainability import WEIGHTS
from capitation.money.apportion import split
from capitation.money.pence import pounds_text
from capitation.pack.parameters import Parameters
from capitation.records.years import FinancialYear
from capitation.run.formulas.leaves import Row, at, cell, published, scenario_of
from capitation.run.trace import Context, FigureAddress, Node, Worked

_KEY = ("year", "organisation_code")


def _lines(context: Context, row: Row) -> dict[str, Row]:
    return {r["line"]: r for r in context.rows("organisation_account", **{k: row[k] for k in _KEY})}


def _of_account(context: Context, row: Row, names: tuple[str, ...], sign: int) -> Worked:
    lines = _lines(context, row)
    if not lines:
        return _alone(context, row, sign)
    mine = [lines[n] for n in names if n in lines]
    parts: list[FigureAddress | Node] = [
        Node("figure", r["title"], pounds_text(r["amount_pence"]), "pounds", r["source"]) for r in mine
    ]
    return Worked(sign * sum(r["amount_pence"] for r in mine), parts)


def _alone(context: Context, row: Row, sign: int) -> Worked:
    """The one line of the fund, or of what is not explained: income of the one, cost of the other."""
    (line,) = [
        r for r in context.rows("bridge", year=row["year"], organisation=row["organisation_code"]) if not r["is_total"]
    ]
    counts = (row["role"] == "fund") == (sign > 0)
    leaf = Node("figure", line["title"], pounds_text(line["amount_pence"]), "pounds", line["source"])
    return Worked(-sign * line["amount_pence"] if counts else 0, [leaf])


@published("organisation_account", "amount_pence", "a line of the account, as its source has it")
def _account_line(_context: Context, row: Row) -> Worked:
    return Worked(
        row["amount_pence"], [Node("figure", row["title"], pounds_text(row["amount_pence"]), "pounds", row["source"])]
    )


@published("organisation_position", "control_total_pence", "the control total that its source gives the organisation")
def _control_total(_context: Context, row: Row) -> Worked:
    total = row["control_total_pence"]
    shown = "none" if total is None else pounds_text(total)
    return Worked(total, [Node("choice", "control total", shown, "pounds", row["control_total_source"])])


@published("organisation_position", "income_pence", "the lines of income of its account")
def _income(context: Context, row: Row) -> Worked:
    return _of_account(context, row, tuple(INCOME), 1)


@published("organisation_position", "cost_pence", "the lines of cost of its account")
def _cost(context: Context, row: Row) -> Worked:
    return _of_account(context, row, ("planned_payments", "other_cost", "cost"), -1)


@published("organisation_position", "sustainability_pence", "what it earns on its conditions")
def _earned_in_all(context: Context, row: Row) -> Worked:
    mine = context.rows("sustainability_fund", **{k: row[k] for k in _KEY})
    parts: list[FigureAddress | Node] = [
        at("sustainability_fund", "earned_pence", **{k: r[k] for k in (*_KEY, "condition")}) for r in mine
    ]
    return Worked(sum(r["earned_pence"] for r in mine), parts)


def bought_lines(context: Context, row: Row) -> list[Row]:
    """Lines of the mix in the chain of an organisation in a year; none where none was bought."""
    mine = {"year": row["year"], "organisation": row["organisation_code"], "level": "organisation"}
    return [line for name in (OWN["mix"], "mix") for line in context.rows("bridge", **mine, line=name)]


@published("organisation_position", "position_pence", "what is left of its deficit in the chain, with the sign turned")
def _position(context: Context, row: Row) -> Worked:
    mine = {"year": row["year"], "organisation": row["organisation_code"]}
    left = context.row("bridge", **mine, line=OWN["left"])
    parts: list[FigureAddress | Node] = [
        Node("figure", left["title"], pounds_text(left["amount_pence"]), "pounds", left["source"])
    ]
    bought = 0  # a plan's chain goes on to the mix, which is not in a position when nothing is done
    for line in bought_lines(context, row):
        bought += line["amount_pence"]
        parts.append(
            Node("figure", f"less {line['title']}", pounds_text(line["amount_pence"]), "pounds", line["source"])
        )
    return Worked(bought - left["amount_pence"], parts)


@published("organisation_position", "margin_pence", "position less control total")
def _margin(_context: Context, row: Row) -> Worked:
    total = row["control_total_pence"]
    parts: list[FigureAddress | Node] = [at("organisation_position", "position_pence", **{k: row[k] for k in _KEY})]
    if total is not None:
        parts.append(Node("choice", "control total", pounds_text(total), "pounds", row["control_total_source"]))
    return Worked(None if total is None else row["position_pence"] - total, parts)


def _documents(context: Context) -> tuple[Chain, OrganisationBook]:
    chain = read_chain(context.pack, str(scenario_of(context).chain))
    return chain, read_book(context.pack, str(chain.organisations))


def _standard(context: Context, row: Row) -> Standard:
    _, book = _documents(context)
    return next(
        s for s in book.standards if (s.organisation, s.condition) == (row["organisation_code"], row["condition"])
    )


@published("sustainability_fund", "standard", "the standard of the condition")
def _asked(context: Context, row: Row) -> Worked:
    each = _standard(context, row)
    return Worked(float(each.standard), [cell(context, each.source, each.where, f"standard {row['condition']}")])


@published("sustainability_fund", "reached", "the printed result")
def _reached(context: Context, row: Row) -> Worked:
    each = _standard(context, row)
    return Worked(float(each.value), [cell(context, each.source, each.where, f"result {row['condition']}")])


@published(
    "sustainability_fund", "offered_pence", "the fund by income from the system, then by the weight of the condition"
)
def _offered(context: Context, row: Row) -> Worked:
    chain, book = _documents(context)
    year = FinancialYear(row["year"])
    bodies = sorted({s.organisation for s in book.standards})
    fund = sum(
        r["total_pence"] for r in context.rows("stream_total", year=year, stream=str(chain.sustainability_stream))
    )
    income = [
        sum(r["allocation_pence"] for r in context.rows("provider_allocation", year=year, provider_code=body))
        for body in bodies
    ]
    mine = split(fund, income)[bodies.index(row["organisation_code"])]
    weights = [Parameters(context.pack).value(name, year) for name in WEIGHTS.values()]
    parts: list[FigureAddress | Node] = [
        Node("figure", f"fund of {year}", pounds_text(fund), "pounds", "frame stream_total"),
        Node(
            "figure", f"offered to {row['organisation_code']}", pounds_text(mine), "pounds", "by income from the system"
        ),
    ]
    return Worked(split(mine, weights)[list(WEIGHTS).index(row["condition"])], parts)


@published(
    "sustainability_fund", "earned_pence", "what is offered where the condition and the gate are met, else nothing"
)
def _earned(_context: Context, row: Row) -> Worked:
    offered = at("sustainability_fund", "offered_pence", **{k: row[k] for k in (*_KEY, "condition")})
    return Worked(row["offered_pence"] if row["is_met"] else 0, [offered])
