"""Formulas of activity, unit costs and flows: what localities use and where they go."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from capitation.activity.plan import grown_activity, points_of_delivery
from capitation.activity.reading import ActivityReading
from capitation.activity.unit_costs import OTHER_ACUTE, national_costs, other_acute_share, relative_costs
from capitation.allocation.providers import flows
from capitation.errors import SourceError
from capitation.money.apportion import split
from capitation.money.rounding import MICRO, nearest
from capitation.records.years import FinancialYear
from capitation.run.formulas.leaves import (
    Row,
    _cells,
    cell,
    choice,
    list_column,
    locality_of_practices,
    practice_cells,
    printed_plan,
    published,
    scenario_of,
    share_of,
)
from capitation.run.formulas.providers import printed_spend, spend_reading
from capitation.run.trace import Context, FigureAddress, Node, Worked


def _activity_reading(context: Context) -> tuple[str, ActivityReading]:
    source, plan = printed_plan(context)
    if plan.activity is None:
        raise SourceError(f"source {source}: found no activity; expected how the plan prints it")
    return source, plan.activity


def _printed_activity(context: Context, point: str, column: str) -> tuple[int, Node]:
    """The printed activity of a point of delivery, and its cell."""
    source, part = _activity_reading(context)
    label = next(name for name, code in part.rows.items() if code == point)
    text = _cells(context, source, part.table)[label, column]["value"]
    leaf = cell(context, source, f"{part.table}, row {label}, column {column}", f"{column} of {point}")
    return int(text.replace(",", "")), leaf


@published(
    "locality_activity",
    "activity",
    "the system's activity of the year, grown by one rate between the printed years, shared by the need that drives it",
)
def _locality_activity(context: Context, row: Row) -> Worked:
    scenario, (_, part) = scenario_of(context), _activity_reading(context)
    first, last = scenario.activity.first_year or part.first_year, scenario.activity.last_year or part.last_year
    start, begin = _printed_activity(context, row["point_of_delivery"], part.baseline)
    end, finish = _printed_activity(
        context, row["point_of_delivery"], part.mitigated if row["case"] == "mitigated" else part.unmitigated
    )
    total = grown_activity(start, end, FinancialYear(row["year"]).years_after(first), last.years_after(first))
    point = _point(context, row["point_of_delivery"])
    weights = _locality_components(context, point["spread_by"])
    words = f"activity/points-of-delivery.csv: {point['where']}; owner {point['owner']}, evidence {point['quality']}"
    return Worked(
        share_of(total, weights, row["locality_code"]), [begin, finish, choice("spread by", point["spread_by"], words)]
    )


def _point(context: Context, code: str) -> dict[str, Any]:
    if "points" not in context.memory:
        rows = points_of_delivery(context.pack, scenario_of(context).files.points_of_delivery).iter_rows(named=True)
        context.memory["points"] = {r["point_of_delivery"]: r for r in rows}
    point: dict[str, Any] = context.memory["points"][code]
    return point


def _locality_components(context: Context, component: str) -> dict[str, int]:
    """The weight of each locality for a need component, or its registered persons, in millionths."""
    memory = ("spread", component)
    if memory not in context.memory:
        column = list_column(context) if component == "registered" else f"wp_{component}"
        home, sums = locality_of_practices(context), dict[str, int]()
        for code, cells in practice_cells(context).items():
            sums[home[code]] = sums.get(home[code], 0) + nearest(Decimal(cells[column] or 0) * MICRO)
        context.memory[memory] = sums
    weights: dict[str, int] = context.memory[memory]
    return weights


@published(
    "unit_cost",
    "baseline_activity",
    "the baseline activity as the plan prints it; empty where no point of delivery counts it",
)
def _baseline(context: Context, row: Row) -> Worked:
    _, part = _activity_reading(context)
    if row["line"] not in part.rows.values():
        return Worked(None, [])
    value, leaf = _printed_activity(context, row["line"], part.baseline)
    return Worked(value, [leaf])


@published("unit_cost", "relative_cost_pence", "national cost over national activity, for acute points of delivery")
def _relative(context: Context, row: Row) -> Worked:
    if "relative" not in context.memory:
        rows = relative_costs(national_costs(context.pack, scenario_of(context).files.national_costs))
        context.memory["relative"] = dict(rows.iter_rows())
    value = context.memory["relative"].get(row["line"])
    file = scenario_of(context).files.national_costs
    return Worked(
        value, [Node("data file", f"national cost of {row['line']}", str(value), "pence", file)] if value else []
    )


@published(
    "unit_cost",
    "spend_pence",
    "the printed spend of its service; acute spend by activity times relative cost, after a stated share",
)
def _line_spend(context: Context, row: Row) -> Worked:
    source, part = spend_reading(context)
    total = printed_spend(context)[row["service_code"]]
    label = next(name for name, code in part.rows.items() if code == row["service_code"])
    leaf = cell(
        context, source, f"{part.table}, row {label}, column {part.column}", f"printed spend on {row['service_code']}"
    )
    lines = context.rows("unit_cost", service_code=row["service_code"])
    if len(lines) == 1:
        return Worked(total, [leaf])
    _, activity = _activity_reading(context)
    file = scenario_of(context).files.other_acute_share
    share = other_acute_share(context.pack, activity.first_year, file)
    other = nearest(share * MICRO)
    counted, left = split(total, [MICRO - other, other])
    parts: list[FigureAddress | Node] = [
        leaf,
        Node("parameter", "share of acute spend that no point of delivery counts", str(share), "share", file),
    ]
    if row["line"] == OTHER_ACUTE:
        return Worked(left, parts)
    weights = {r["line"]: r["baseline_activity"] * r["relative_cost_pence"] for r in lines if r["line"] != OTHER_ACUTE}
    return Worked(share_of(counted, weights, row["line"]), parts)


@published("flow", "share_ppm", "the locality's own share of the line, else that of its place: a marked assumption")
def _flow(context: Context, row: Row) -> Worked:
    if "flows" not in context.memory:
        rows = flows(context.pack, scenario_of(context).files.flows).iter_rows(named=True)
        context.memory["flows"] = {(r["area_code"], r["line"], r["provider_code"]): r for r in rows}
        members = context.run.frame("membership").iter_rows(named=True)
        context.memory["place of locality"] = {r["locality_code"]: r["place_code"] for r in members}
    given = context.memory["flows"]
    here = (row["locality_code"], row["line"], row["provider_code"])
    found = given.get(here) or given[(context.memory["place of locality"][row["locality_code"]], *here[1:])]
    words = f"{found['source']}: {found['where']}; owner {found['owner']}, evidence {found['quality']}"
    return Worked(
        found["share_ppm"],
        [choice(f"share of {found['area_code']}", str(found["share_ppm"]), words, "parts per million")],
    )
