"""What a comparison reads of its scenario's run: where that run is at hand, figures of the comparison lead on into it, to printed cells.

A plan has the tables of its run beside those of its options; a comparison is joined with the run of its scenario by `joined`. Where
no run is at hand, the figures are shown as the engine has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from capitation.allocation.services import service_streams
from capitation.pack.sources import DataPack
from capitation.run.formulas import FORMULAS as OF_RUN
from capitation.run.run import Run
from capitation.run.trace import Context, FigureAddress, Node, Recomputation, Worked
from contracts.options.formulas.columns import AS_IT_IS, FORMULAS, Parts, Row

Work = Callable[[Context, Row], Worked]

_OTHER = ("other_cost", "running_costs")
"""Lines of a commissioner's account that no payment moves."""


@dataclass(frozen=True)
class Traceable:
    """What the figures of a result are looked up in, and how each column of it is made."""

    context: Context
    formulas: Mapping[tuple[str, str], Recomputation]
    of_run: frozenset[str] = frozenset()
    """Tables that are those of the scenario's run."""


def joined(comparison: Run, run: Run, pack: DataPack) -> Traceable:
    """A comparison with the run of its scenario, so that its figures lead on into those of the run.

    Args:
        comparison: the comparison.
        run: the run of the scenario that it was made on.
        pack: the pack that both were made from.
    """
    beside = {name: frame for name, frame in run.frames.items() if name not in comparison.frames}
    whole = Context(Run(comparison.manifest, {**beside, **comparison.frames}), pack)
    own = Context(run, pack)
    theirs = {at: _within(own, each) for at, each in OF_RUN.items() if at[0] in beside}
    return Traceable(whole, {**theirs, **FORMULAS}, frozenset(beside))


def _within(own: Context, each: Recomputation) -> Recomputation:
    """A formula of the run, which looks at the run alone."""
    return Recomputation(each.table, each.column, each.words, lambda _context, row: each.work(own, row))


def _led(table: str, column: str, needs: str, words: str) -> Callable[[Work], Work]:
    """Enter a formula that leads into a table of the run; where that is not at hand, the one before it stands."""

    def register(work: Work) -> Work:
        before = FORMULAS[table, column].work

        def worked(context: Context, row: Row) -> Worked:
            return work(context, row) if needs in context.run.frames else before(context, row)

        FORMULAS[table, column] = Recomputation(table, column, words, worked)
        return work

    return register


def _addresses(table: str, column: str, rows: Iterable[Row], *keys: str) -> Parts:
    return [FigureAddress(table, column, tuple((key, row[key]) for key in keys)) for row in rows]


_GIVEN = ("year", "commissioner_code", "locality_code", "service_code", "provider_code")


@_led("commissioner_money", "planned_pence", "provider_allocation", "what the plan pays providers for its people")
def _planned(context: Context, row: Row) -> Worked:
    found = context.rows("provider_allocation", year=row["year"], commissioner_code=row["commissioner_code"])
    return Worked(
        sum(r["allocation_pence"] for r in found),
        _addresses("provider_allocation", "allocation_pence", found, *_GIVEN),
    )


@_led(
    "commissioner_money", "held_pence", "spendable",
    "what its practices are allocated less what they may spend: reserves and contingency",
)  # fmt: skip
def _kept(context: Context, row: Row) -> Worked:
    if not context.rows("provider_allocation", year=row["year"], commissioner_code=row["commissioner_code"]):
        offered = context.rows("sustainability_fund", year=row["year"])
        fund = context.rows("organisation_position", year=row["year"], organisation_code=row["commissioner_code"])
        if fund and fund[0]["role"] == "fund":
            parts = _addresses(
                "sustainability_fund", "offered_pence", offered, "year", "organisation_code", "condition"
            )
            return Worked(sum(r["offered_pence"] for r in offered), parts, "what the fund offers on its conditions")
        return Worked(row["held_pence"], [], f"held by nobody in particular: {AS_IT_IS}")
    if "payers" not in context.memory:
        context.memory["payers"] = _practices_of(context)
    mine = context.memory["payers"].get((row["year"], row["commissioner_code"]), [])
    spent = {(r["stream"], r["code"]): r for r in context.rows("spendable", year=row["year"])}
    key = ("year", "stream", "level", "code")
    parts = _addresses("allocation", "allocation_pence", mine, *key)
    left = [each for r in mine if (each := spent.get((r["stream"], r["code"])))]
    parts += _addresses("spendable", "allocation_pence", left, *key)
    whole = sum(r["allocation_pence"] for r in mine)
    return Worked(whole - sum(r["allocation_pence"] for r in left), parts)


def _practices_of(context: Context) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Allocations of practices by year and by who commissions with them."""
    buyers: dict[str, set[str | None]] = {}
    for each in service_streams(context.pack).iter_rows(named=True):
        buyers.setdefault(each["stream"], set()).add(each["commissioner_code"])
    single = {stream: next(iter(codes)) for stream, codes in buyers.items() if len(codes) == 1}
    homes = {r["practice_code"]: r["commissioner_code"] for r in context.run.frame("membership").iter_rows(named=True)}
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in context.rows("allocation", level="practice"):
        payer = single.get(row["stream"]) or homes[row["code"]]
        found.setdefault((row["year"], payer), []).append(row)
    return found


@_led("commissioner_money", "other_cost_pence", "organisation_account", "lines of its account that no payment moves")
def _other_cost(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "organisation_code": row["commissioner_code"]}
    for found in context.rows("organisation_position", **key):
        if found["role"] in {"fund", "unshared"}:
            parts = _addresses("organisation_position", "cost_pence", [found], *key)
            return Worked(found["cost_pence"], parts, "what the chain can lay to nobody else")
    lines = [r for r in context.rows("organisation_account", **key, role="commissioner") if r["line"] in _OTHER]
    parts = _addresses("organisation_account", "amount_pence", lines, "year", "organisation_code", "line")
    return Worked(-sum(r["amount_pence"] for r in lines), parts)


@_led(
    "outturn", "plan_value_pence", "provider_allocation",
    "the provider's allocation for the service less its other lines; lines share it by cost and flow",
)  # fmt: skip
def _plan_value(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "provider_code": row["provider"], "commissioner_code": row["commissioner"]}
    whole = context.rows("provider_allocation", **key, service_code=row["service"])
    same = {name: row[name] for name in ("activity_case", "year", "commissioner", "provider", "service")}
    others = [r for r in context.rows("outturn", **same) if r["line"] != row["line"]]
    value = sum(r["allocation_pence"] for r in whole) - sum(r["plan_value_pence"] for r in others)
    return Worked(value, _addresses("provider_allocation", "allocation_pence", whole, *_GIVEN))


def _of_activity(column: str, words: str) -> None:
    @_led("outturn", column, "locality_activity", words)
    def work(context: Context, row: Row) -> Worked:
        case = str(context.run.manifest.scenario.get("plan_activity", "mitigated"))
        case = "unmitigated" if column == "actual_activity" and row["activity_case"] == "unmitigated" else case
        key = {"year": row["year"], "case": case, "point_of_delivery": row["line"]}
        found = context.rows("locality_activity", **key)
        parts = _addresses("locality_activity", "activity", found, *key, "locality_code")
        return Worked(row[column], parts, f"{words}: {AS_IT_IS}")


_of_activity("plan_activity", "the localities' planned activity, shared among providers by value")
_of_activity("actual_activity", "the localities' activity in this case, shared among providers by value")


def _of_line(column: str, words: str, *parts: str) -> None:
    """Enter a value of a line that is worked out locality by locality, with the figures of the line that it is made of."""

    def work(_context: Context, row: Row) -> Worked:
        key = ("activity_case", "year", "commissioner", "provider", "service", "line")
        made = [p for p in parts if row[p] is not None]
        return Worked(row[column], [a for p in made for a in _addresses("outturn", p, [row], *key)], f"{words}: {AS_IT_IS}")  # fmt: skip

    FORMULAS["outturn", column] = Recomputation("outturn", column, words, work)


_of_line("actual_value_pence", "planned value x actual over planned activity, by locality", "plan_value_pence", "plan_activity", "actual_activity")  # fmt: skip
_of_line("actual_cost_pence", "cost at plan, and the variable part of it for activity beyond, by locality", "plan_cost_pence", "plan_activity", "actual_activity")  # fmt: skip


@_led("outturn", "plan_cost_pence", "organisation_account", "the line's part of what the provider's care costs")
def _plan_cost(context: Context, row: Row) -> Worked:
    found = context.rows("organisation_account", year=row["year"], organisation_code=row["provider"], role="provider")
    lines = [r for r in found if r["line"] == "cost"]
    parts = _addresses("organisation_account", "amount_pence", lines, "year", "organisation_code", "line")
    words = f"the line's part of what the provider's care costs, by the value of its activity: {AS_IT_IS}"
    return Worked(row["plan_cost_pence"], parts, words)


def _payment(context: Context, row: Row) -> Worked:
    """A payment: what is earned of the fund, or what a clause pays on the lines between the two."""
    fund = context.run.frames.get("sustainability_fund")
    if row["kind"] == "funding" and fund is not None:
        won = context.rows("sustainability_fund", year=row["year"], organisation_code=row["provider_code"])
        parts = _addresses("sustainability_fund", "earned_pence", won, "year", "organisation_code", "condition")
        return Worked(sum(r["earned_pence"] for r in won), parts, "what it earns of the fund on its conditions")
    key = {"activity_case": row["activity_case"], "year": row["year"]}
    lines = context.rows("outturn", **key, commissioner=row["commissioner_code"], provider=row["provider_code"])
    on = ("activity_case", "year", "commissioner", "provider", "service", "line")
    for column, words in (
        ("plan_value_pence", "the value of all that was planned between the two"),
        ("actual_value_pence", "the value of all that was done between the two"),
    ):
        if lines and sum(r[column] for r in lines) == row["amount_pence"] != 0:
            return Worked(row["amount_pence"], [_clause(row), *_addresses("outturn", column, lines, *on)], words)
    words = f"what this clause pays on the lines between the two: {AS_IT_IS}"
    return Worked(row["amount_pence"], [_clause(row), *_addresses("outturn", "actual_value_pence", lines, *on)], words)


def _clause(row: Row) -> Node:
    return Node(
        "choice", f"contract {row['contract']}", row["term"], "", "the clause; its document has every figure of it"
    )


FORMULAS["payment", "amount_pence"] = Recomputation(
    "payment", "amount_pence", "what a clause of the contract pays on the lines between the two", _payment
)

__all__ = ["FORMULAS", "Traceable", "joined"]
