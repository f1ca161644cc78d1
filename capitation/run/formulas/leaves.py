"""What formulas are made of: their register, the rows of other tables, and the leaves: printed cells, parameters and choices."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from capitation.activity.reading import Reading, reading, required_plan
from capitation.money.apportion import split
from capitation.money.weights import Number
from capitation.pace.policy import PacePolicy, PaceRules
from capitation.records.documents import Figure
from capitation.records.years import FinancialYear
from capitation.run.evaluate import pace_policy
from capitation.run.parts import plan_of
from capitation.run.scenario import Scenario
from capitation.run.trace import Context, FigureAddress, Node, Recomputation, Worked
from capitation.weighting.formula import need_catalogue
from capitation.weighting.inputs import registered_column

Row = Mapping[str, Any]
Work = Callable[[Context, Row], Worked]

FORMULAS: dict[tuple[str, str], Recomputation] = {}
"""Recomputation by table and column."""


def published(table: str, column: str, words: str) -> Callable[[Work], Work]:
    """Enter the decorated function in the register as the formula of a column."""

    def register(work: Work) -> Work:
        FORMULAS[table, column] = Recomputation(table, column, words, work)
        return work

    return register


def at(table: str, column: str, **key: str) -> FigureAddress:
    """The address of a figure of the run."""
    return FigureAddress(table, column, tuple(key.items()))


def scenario_of(context: Context) -> Scenario:
    """The scenario of the run, read back from its manifest."""
    if "scenario" not in context.memory:
        context.memory["scenario"] = Scenario.model_validate(context.run.manifest.scenario)
    scenario: Scenario = context.memory["scenario"]
    return scenario


def cell(context: Context, source_id: str, where: str, label: str) -> Node:
    """The leaf for a printed cell named "table, row R, column C"; other places of a source are shown as they stand."""
    if source_id == "assumption":
        return Node("choice", label, "", "", f"assumption: {where}")
    source = context.pack.source(source_id)
    title = f"{source.title} ({source.publisher}, {source.published})"
    match = re.match(r"^(\w+), row (.+), column (.+)$", where)
    if not match:
        return Node("printed cell", label, "", "", f"{title}: {where}")
    table, row, column = match.groups()
    found = _cells(context, source_id, table)[row, column]
    words = f"{title}, licence: {source.licence}: table {table}, row {row!r}, column {column!r}, {found['locator']}"
    return Node("printed cell", label, found["value"], found["unit"], words)


def _cells(context: Context, source_id: str, table: str) -> dict[tuple[str, str], Row]:
    """The cells of a printed table by row and column."""
    key = ("cells", source_id, table)
    if key not in context.memory:
        rows = context.pack.printed(source_id, table).iter_rows(named=True)
        context.memory[key] = {(r["row"], r["column"]): r for r in rows}
    cells: dict[tuple[str, str], Row] = context.memory[key]
    return cells


def choice(label: str, value: str, words: str, unit: str = "") -> Node:
    """The leaf for a choice of the scenario."""
    return Node("choice", label, value, unit, words)


def printed_plan(context: Context) -> tuple[str, Reading]:
    """The source of the run's printed plan, and how it is read.

    Raises:
        SourceError: the run has none, so that nothing of it rests on one.
    """
    if "plan" not in context.memory:
        source = required_plan(context.pack, plan_of(scenario_of(context), context.pack))
        context.memory["plan"] = (source, reading(context.pack, source))
    plan: tuple[str, Reading] = context.memory["plan"]
    return plan


def list_column(context: Context) -> str:
    """The column of the practice table that holds the lists."""
    scenario = scenario_of(context)
    if scenario.population.column:
        return scenario.population.column
    cells = practice_cells(context)
    available = list(next(iter(cells.values())))
    return registered_column(need_catalogue(context.pack), FinancialYear(scenario.need_year), available)


def practice_cells(context: Context) -> dict[str, dict[str, str]]:
    """The published practice table as text, by practice."""
    if "practices" not in context.memory:
        scenario = scenario_of(context)
        source = context.pack.source(scenario.practices.source)
        file = next(t.file for t in source.tables if t.name == scenario.practices.table)
        with context.pack.path(f"sources/{source.id}/{file}").open(encoding="utf-8", newline="") as text:
            context.memory["practices"] = {row["practice_code"]: row for row in csv.DictReader(text)}
    rows: dict[str, dict[str, str]] = context.memory["practices"]
    return rows


def practice_cell(context: Context, practice: str, column: str) -> Node:
    """The leaf for a cell of the published practice table."""
    source = context.pack.source(scenario_of(context).practices.source)
    words = f"{source.title} ({source.publisher}, {source.published}): practices, row {practice}, column {column}"
    return Node("printed cell", f"{column} of {practice}", practice_cells(context)[practice][column], "", words)


def file_rows(context: Context, file: str, *key: str) -> dict[tuple[str, ...], dict[str, str]]:
    """The rows of a table of the pack as text, by the columns that name one: the practice, where none is given."""
    memory = ("rows of", file)
    if memory not in context.memory:
        with context.pack.path(file).open(encoding="utf-8-sig", newline="") as text:
            rows = list(csv.DictReader(text))
        names = key or ("practice_code",)
        context.memory[memory] = {tuple(row[name] for name in names): row for row in rows}
    found: dict[tuple[str, ...], dict[str, str]] = context.memory[memory]
    return found


def rules_of(context: Context, year: str, stream: str) -> PaceRules:
    """The pace-of-change rules of a year and stream."""
    return policy_of(context).rules_for(year, stream)


def policy_of(context: Context) -> PacePolicy:
    """The pace-of-change policy of the run, its parameters put in."""
    if "policy" not in context.memory:
        context.memory["policy"] = pace_policy(scenario_of(context), context.pack)
    policy: PacePolicy = context.memory["policy"]
    return policy


def policy_leaf(name: str, figure: Figure) -> Node:
    """The leaf for a parameter of the policy."""
    mark = f", owner {figure.owner}, evidence {figure.quality}" if figure.owner else ""
    return Node("parameter", name, str(figure.value), figure.unit, f"{figure.source}: {figure.where}{mark}")


def share_of(total: int, weights: Mapping[str, Number], key: str) -> int:
    """The part of one key when a total is shared by weights, largest remainder, ties in order of key."""
    names = sorted(weights)
    return split(total, [weights[n] for n in names])[names.index(key)]


def locality_of_practices(context: Context) -> dict[str, str]:
    """Locality by practice."""
    return {r["practice_code"]: r["locality_code"] for r in all_rows(context, "membership")}


def all_rows(context: Context, table: str) -> list[dict[str, Any]]:
    """All rows of a table of the run."""
    key = ("all", table)
    if key not in context.memory:
        context.memory[key] = list(context.run.frame(table).iter_rows(named=True))
    rows: list[dict[str, Any]] = context.memory[key]
    return rows


def locality_weights(context: Context, year: str, stream: str) -> dict[str, float]:
    """Exact weights of localities, added up from their practices."""
    key = ("locality weights", year, stream)
    if key not in context.memory:
        home = locality_of_practices(context)
        sums: dict[str, list[float]] = {}
        for row in context.rows("practice_weight", year=year, stream=stream):
            sums.setdefault(home[row["practice_code"]], []).append(row["weighted_persons"])
        context.memory[key] = {place: math.fsum(mine) for place, mine in sums.items()}
    weights: dict[str, float] = context.memory[key]
    return weights


def gross_pence(context: Context, year: str, stream: str, recurrence: str) -> int:
    """The gross allocation of the system in a year and stream."""
    return sum(r["total_pence"] for r in context.rows("stream_total", year=year, stream=stream, recurrence=recurrence))
