"""The formulas of a run's published columns: words, operands and a plain-Python recomputation of each.

Every formula here is a second implementation: integers, fractions and `money.split`, no frames. A test recomputes every row
of every column and compares it with the engine's, so the trace cannot drift from the numbers it explains.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any

from capitation.activity.printed_plan import SERVICES, printed_number
from capitation.allocation.deployable import HELD_KINDS
from capitation.allocation.providers import service_streams
from capitation.money.apportion import split
from capitation.money.pence import pence_of, pounds_text
from capitation.money.rounding import MICRO, nearest
from capitation.pace.policy import PacePolicy, PaceRules, rate
from capitation.records.documents import Figure as SourcedFigure
from capitation.records.years import FinancialYear
from capitation.run.evaluate import pace_policy
from capitation.run.scenario import Scenario
from capitation.run.trace import Context, Figure, Formula, Node, Worked
from capitation.weighting.formula import BlockTerms, need_catalogue

SPEND_COLUMN = "2016/17 Spend £m"
"""Heading of the printed spend by service."""

Row = Mapping[str, Any]
Work = Callable[[Context, Row], Worked]

FORMULAS: dict[tuple[str, str], Formula] = {}
"""Formula by table and column."""


def _formula(table: str, column: str, words: str) -> Callable[[Work], Work]:
    def register(work: Work) -> Work:
        FORMULAS[table, column] = Formula(table, column, words, work)
        return work

    return register


def _at(table: str, column: str, **key: str) -> Figure:
    return Figure(table, column, tuple(key.items()))


# --- what leaves are made of ------------------------------------------------------------------------------------------------------


def scenario_of(context: Context) -> Scenario:
    """The scenario of the run, read back from its manifest."""
    if "scenario" not in context.memory:
        context.memory["scenario"] = Scenario.model_validate(context.run.manifest.scenario)
    scenario: Scenario = context.memory["scenario"]
    return scenario


def cell(context: Context, source_id: str, where: str, label: str) -> Node:
    """The leaf for a printed cell named "table, row R, column C"; other places of a source are told as they stand."""
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


def _choice(label: str, value: str, words: str, unit: str = "") -> Node:
    return Node("choice", label, value, unit, words)


def _practice_cells(context: Context) -> dict[str, dict[str, str]]:
    """The published practice table as text, by practice."""
    if "practices" not in context.memory:
        scenario = scenario_of(context)
        source = context.pack.source(scenario.practices.source)
        file = next(t.file for t in source.tables if t.name == scenario.practices.table)
        with context.pack.path(f"sources/{source.id}/{file}").open(encoding="utf-8", newline="") as text:
            context.memory["practices"] = {row["practice_code"]: row for row in csv.DictReader(text)}
    rows: dict[str, dict[str, str]] = context.memory["practices"]
    return rows


def _practice_cell(context: Context, practice: str, column: str) -> Node:
    source = context.pack.source(scenario_of(context).practices.source)
    words = f"{source.title} ({source.publisher}, {source.published}): practices, row {practice}, column {column}"
    return Node("printed cell", f"{column} of {practice}", _practice_cells(context)[practice][column], "", words)


def _rules(context: Context, year: str, stream: str) -> PaceRules:
    if "policy" not in context.memory:
        context.memory["policy"] = pace_policy(scenario_of(context), context.pack)
    policy: PacePolicy = context.memory["policy"]
    return policy.rules_for(year, stream)


def _policy_leaf(name: str, figure: SourcedFigure) -> Node:
    mark = f", owner {figure.owner}, evidence {figure.quality}" if figure.owner else ""
    return Node("parameter", name, str(figure.value), figure.unit, f"{figure.source}: {figure.where}{mark}")


def _share(total: int, weights: Mapping[str, int], key: str) -> int:
    names = sorted(weights)
    return split(total, [weights[n] for n in names])[names.index(key)]


def _localities(context: Context) -> dict[str, str]:
    return {r["practice_code"]: r["locality_code"] for r in _all(context, "membership")}


def _all(context: Context, table: str) -> list[dict[str, Any]]:
    key = ("all", table)
    if key not in context.memory:
        context.memory[key] = list(context.run.frame(table).iter_rows(named=True))
    rows: list[dict[str, Any]] = context.memory[key]
    return rows


def _locality_weights(context: Context, year: str, stream: str) -> dict[str, int]:
    key = ("locality weights", year, stream)
    if key not in context.memory:
        home = _localities(context)
        sums: dict[str, int] = {}
        for row in context.rows("practice_weight", year=year, stream=stream):
            place = home[row["practice_code"]]
            sums[place] = sums.get(place, 0) + row["weight_micro"]
        context.memory[key] = sums
    weights: dict[str, int] = context.memory[key]
    return weights


def _gross(context: Context, year: str, stream: str, recurrence: str) -> int:
    return sum(r["total_pence"] for r in context.rows("stream_total", year=year, stream=stream, recurrence=recurrence))


# --- money --------------------------------------------------------------------------------------------------------------------------


@_formula("stream_total", "total_pence", "the amount of the stream in the year, as its source prints it")
def _stream_total(context: Context, row: Row) -> Worked:
    series = next(s for s in scenario_of(context).money.streams if s.stream == row["stream"])
    amounts = [a for a in series.amounts if a.year == row["year"] and a.recurrence == row["recurrence"]]
    leaves = [cell(context, a.source, a.where, f"{row['stream']} {row['year']}") for a in amounts]
    return Worked(sum(pence_of(a.pounds) for a in amounts), leaves)


@_formula(
    "control_total_step",
    "amount_pence",
    "the gross amount, or the top-slice's rate times its base, to the nearest penny",
)
def _control_total_step(context: Context, row: Row) -> Worked:
    year, stream = row["year"], row["stream"]
    if row["kind"] == "gross":
        key = {"year": year, "stream": stream, "recurrence": row["recurrence"]}
        return Worked(context.row("stream_total", **key)["total_pence"], [_at("stream_total", "total_pence", **key)])
    plan = scenario_of(context).money
    piece = next(s for s in plan.top_slices if row["name"] in {s.name, f"{s.name}: released"} and s.stream == stream)
    steps = sorted(context.rows("control_total_step", year=year, stream=stream), key=lambda r: r["step"])
    before = [s for s in steps if s["step"] < row["step"]]
    leaf = cell(context, piece.source, piece.where, piece.name)
    if row["kind"] == "release":
        taken = next(s for s in reversed(before) if s["name"] == piece.name)
        part = next(r.rate for r in piece.releases if r.year == year and r.recurrence == row["recurrence"])
        return Worked(
            nearest(part * -taken["amount_pence"]), [leaf, _choice("part given back", str(part), piece.where)]
        )
    if piece.pounds is not None:
        return Worked(-pence_of(piece.pounds), [leaf])
    gross = sum(s["amount_pence"] for s in steps if s["kind"] == "gross")
    base = gross if piece.base == "stream total" else before[-1]["balance_pence"]
    exact = (piece.rate or Decimal(0)) * base
    rounded = {
        "nearest": nearest(exact),
        "down": int(exact.to_integral_value(ROUND_FLOOR)),
        "up": int(exact.to_integral_value(ROUND_CEILING)),
    }[piece.rounding]
    words = f"rate {piece.rate} of the {piece.base}, {pounds_text(base)} pounds, {piece.rounding} penny"
    return Worked(
        -rounded, [leaf, _choice("rate", str(piece.rate), f"top-slice {piece.name!r} of the scenario")], words
    )


@_formula(
    "locality_slice",
    "amount_pence",
    "the system's top-slice shared by the localities' allocations of the stream, largest remainder",
)
def _locality_slice(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    step = next(s for s in context.rows("control_total_step", **key) if s["step"] == row["step"])
    weights = {r["area_code"]: r["total_pence"] for r in context.rows("locality_total", **key)}
    pence = _share(step["amount_pence"], weights, row["locality_code"])
    leaf = cell(context, *_slice_source(context, row), row["name"])
    return Worked(pence, [leaf, _at("locality_total", "total_pence", **key, area_code=row["locality_code"])])


def _slice_source(context: Context, row: Row) -> tuple[str, str]:
    plan = scenario_of(context).money
    piece = next(s for s in plan.top_slices if row["name"] in {s.name, f"{s.name}: released"})
    return piece.source, piece.where


# --- people and need ------------------------------------------------------------------------------------------------------------------


@_formula(
    "population",
    "registered_micro",
    "the projected total shared by the base lists, to the millionth of a person, largest remainder",
)
def _population(context: Context, row: Row) -> Worked:
    plan = scenario_of(context).population
    total = next(t for t in plan.totals if t.year == row["year"])
    column = plan.where.rpartition(" ")[2]
    key = ("lists", column)
    if key not in context.memory:
        cells = _practice_cells(context)
        context.memory[key] = {code: nearest(Decimal(mine[column]) * MICRO) for code, mine in cells.items()}
    micro = _share(nearest(total.persons * MICRO), context.memory[key], row["practice_code"])
    leaf = cell(context, total.source, total.where, f"persons of the system {row['year']}")
    return Worked(micro, [leaf, _practice_cell(context, row["practice_code"], column)])


@_formula(
    "practice_need",
    "weighted_persons",
    "the need formula over the practice's components, normalised to the system's registered persons",
)
def _practice_need(context: Context, row: Row) -> Worked:
    scenario = scenario_of(context)
    if "need catalogue" not in context.memory:
        context.memory["need catalogue"] = need_catalogue(context.pack)
    formula = context.memory["need catalogue"].formula(row["formula"])
    blocks = formula.terms(FinancialYear(scenario.need_year))
    key = ("raw", row["formula"])
    if key not in context.memory:
        cells = _practice_cells(context)
        raws = {code: _raw_need(cells[code], blocks) for code in cells}
        heads = math.fsum(float(c["registered_2018_19"]) if "registered_2018_19" in c else 0.0 for c in cells.values())
        context.memory[key] = (raws, heads / math.fsum(raws.values()))
    raws, scale = context.memory[key]
    columns = dict.fromkeys(
        [*(t.column for b in blocks for t in b.terms), *(i for b in blocks for i in b.index_columns)]
    )
    leaves = [_practice_cell(context, row["practice_code"], column) for column in columns]
    leaves.append(
        _choice("formula", row["formula"], f"data/need/formulas/{row['formula']}.toml: {formula.document.title}")
    )
    return Worked(raws[row["practice_code"]] * scale, leaves, formula.document.about.strip().splitlines()[0])


def _raw_need(cells: Mapping[str, str], blocks: Sequence[BlockTerms]) -> float:
    raw = 0.0
    for block in blocks:
        index = math.prod(float(cells[column]) for column in block.index_columns)
        raw += block.coefficient * index * sum(term.share * float(cells[term.column] or 0) for term in block.terms)
    return raw


@_formula(
    "practice_weight",
    "weight_micro",
    "weighted persons of the base year, moved with the practice's list, to the millionth",
)
def _practice_weight(context: Context, row: Row) -> Worked:
    need = context.row("practice_need", stream=row["stream"], practice_code=row["practice_code"])
    heads = need["registered_persons"]
    moved = need["weighted_persons"] * (row["registered_micro"] / MICRO / heads if heads else 0.0)
    parts = [
        _at("practice_need", "weighted_persons", stream=row["stream"], practice_code=row["practice_code"]),
        _at("population", "registered_micro", year=row["year"], practice_code=row["practice_code"]),
    ]
    return Worked(int(moved * MICRO + 0.5), parts)


# --- opening, target, pace ------------------------------------------------------------------------------------------------------------


@_formula("practice_opening", "commissioner_pence", "the opening total split between commissioners, largest remainder")
def _commissioner_opening(context: Context, row: Row) -> Worked:
    named = scenario_of(context).rule(row["stream"]).opening
    total = _gross(context, row["year"], row["stream"], "recurrent")
    parts: list[Figure | Node] = [
        _at("stream_total", "total_pence", year=row["year"], stream=row["stream"], recurrence="recurrent")
    ]
    openings = context.rows("practice_opening", year=row["year"], stream=row["stream"])
    if named is None:
        weights: dict[str, int] = {}
        for other in openings:
            heads = context.row("population", year=row["year"], practice_code=other["practice_code"])[
                "registered_micro"
            ]
            weights[other["commissioner_code"]] = weights.get(other["commissioner_code"], 0) + heads
        parts.append(
            _choice(
                "split between commissioners", "by registered persons", scenario_of(context).rule(row["stream"]).about
            )
        )
    else:
        codes = {other["commissioner_code"] for other in openings}
        weights = {
            code: int(printed_number(r["value"]) * 1000)
            for (code, column), r in _cells(context, named.source, named.table).items()
            if column == named.column and code in codes
        }
        where = f"{named.table}, row {row['commissioner_code']}, column {named.column}"
        parts.append(cell(context, named.source, where, f"published allocation of {row['commissioner_code']}"))
    return Worked(_share(total, weights, row["commissioner_code"]), parts)


@_formula(
    "practice_opening",
    "opening_pence",
    "the commissioner's opening shared by registered persons (assumption), largest remainder",
)
def _practice_opening(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    peers = context.rows("practice_opening", **key, commissioner_code=row["commissioner_code"])
    weights = {
        p["practice_code"]: context.row("population", year=row["year"], practice_code=p["practice_code"])[
            "registered_micro"
        ]
        for p in peers
    }
    parts = [
        _at("practice_opening", "commissioner_pence", **key, practice_code=row["practice_code"]),
        _at("population", "registered_micro", year=row["year"], practice_code=row["practice_code"]),
    ]
    return Worked(_share(row["commissioner_pence"], weights, row["practice_code"]), parts)


@_formula(
    "pace",
    "opening_pence",
    "the recurrent allocation of the year before; in the first year the openings of its practices",
)
def _pace_opening(context: Context, row: Row) -> Worked:
    scenario = scenario_of(context)
    if row["year"] == scenario.years[0]:
        home = _localities(context)
        mine = [
            p
            for p in context.rows("practice_opening", stream=row["stream"])
            if home[p["practice_code"]] == row["area_code"]
        ]
        parts = [
            _at(
                "practice_opening",
                "opening_pence",
                year=p["year"],
                stream=p["stream"],
                practice_code=p["practice_code"],
            )
            for p in mine
        ]
        return Worked(sum(p["opening_pence"] for p in mine), parts)
    before = {"year": str(FinancialYear(row["year"]).previous), "stream": row["stream"], "area_code": row["area_code"]}
    return Worked(context.row("pace", **before)["allocation_pence"], [_at("pace", "allocation_pence", **before)])


@_formula("target", "target_pence", "the quantum shared by weighted persons, largest remainder")
def _target(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    weights = _locality_weights(context, **key)
    home = _localities(context)
    parts: list[Figure | Node] = [_at("stream_total", "total_pence", **key, recurrence="recurrent")]
    parts += [
        _at("practice_weight", "weight_micro", **key, practice_code=code)
        for code, place in sorted(home.items())
        if place == row["area_code"]
    ]
    return Worked(_share(_gross(context, **key, recurrence="recurrent"), weights, row["area_code"]), parts)


@_formula("pace", "target_pence", "the target of the table 'target'")
def _pace_target(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"], "area_code": row["area_code"]}
    return Worked(context.row("target", **key)["target_pence"], [_at("target", "target_pence", **key)])


@_formula(
    "pace",
    "lower_pence",
    "the highest of the floors and the limit under target; a fixed amount where the over-target cap applies",
)
def _pace_lower(context: Context, row: Row) -> Worked:
    rules = _rules(context, row["year"], row["stream"])
    opening, target = row["opening_pence"], row["target_pence"]
    leaves: list[Figure | Node] = []
    floor = 0
    key = {"year": row["year"], "stream": row["stream"], "area_code": row["area_code"]}
    if isinstance(rules.floor_total, SourcedFigure):
        floor = _times(opening, 1 + rate(rules.floor_total), ROUND_CEILING)
        leaves.append(_policy_leaf("floor_total", rules.floor_total))
    if isinstance(rules.floor_per_head, SourcedFigure):
        persons, before = (
            _persons(context, year, row["area_code"])
            for year in (row["year"], str(FinancialYear(row["year"]).previous))
        )
        kept = Fraction(1 + rate(rules.floor_per_head)) * opening * persons / max(before, 1)
        floor = max(floor, math.ceil(kept))
        leaves.append(_policy_leaf("floor_per_head", rules.floor_per_head))
    if rules.bands is not None or rules.max_growth is not None:
        words = "a band table or growth limit applies: shown as the engine has it, not recomputed"
        return Worked(row["lower_pence"], [*leaves, _at("pace", "opening_pence", **key)], words)
    if isinstance(rules.cap_threshold, SourcedFigure) and isinstance(rules.cap_growth, SourcedFigure):
        leaves += [_policy_leaf("cap_threshold", rules.cap_threshold), _policy_leaf("cap_growth", rules.cap_growth)]
        peers = context.rows("pace", year=row["year"], stream=row["stream"])
        quantum, openings = sum(p["target_pence"] for p in peers), sum(p["opening_pence"] for p in peers)
        if opening * quantum > (1 + Fraction(rate(rules.cap_threshold))) * openings * target:
            floor = _times(opening, 1 + rate(rules.cap_growth), ROUND_FLOOR)
            return Worked(floor, [*leaves, _at("pace", "opening_pence", **key)], "the over-target cap fixes the area")
    if isinstance(rules.max_under, SourcedFigure):
        floor = max(floor, _times(target, 1 - rate(rules.max_under), ROUND_CEILING))
        leaves.append(_policy_leaf("max_under", rules.max_under))
    lifted = [r for r in context.rows("place_lift", year=row["year"]) if r["was_too_far_under"]]
    if lifted and row["stream"] == "ccg":
        mine = context.row("place_lift", year=row["year"], area_code=row["area_code"])
        place = context.memory["policy"].place_for(row["year"])
        bound = (
            _times(mine["place_target_pence"], 1 - rate(place.max_under), ROUND_CEILING) - mine["other_streams_pence"]
        )
        floor = max(floor, bound)
        leaves.append(_policy_leaf("place max_under", place.max_under))
    return Worked(floor, [*leaves, _at("pace", "opening_pence", **key), _at("pace", "target_pence", **key)])


def _persons(context: Context, year: str, locality: str) -> int:
    """Registered persons of a locality in millionths."""
    memory = ("persons", year)
    if memory not in context.memory:
        home = _localities(context)
        sums: dict[str, int] = {}
        for row in context.rows("population", year=year):
            sums[home[row["practice_code"]]] = sums.get(home[row["practice_code"]], 0) + row["registered_micro"]
        context.memory[memory] = sums
    persons: int = context.memory[memory][locality]
    return persons


def _times(pence: int, factor: Decimal, rounding: str) -> int:
    return int((Decimal(pence) * factor).to_integral_value(rounding))


@_formula(
    "pace",
    "allocation_pence",
    "money above the lower bounds brings the furthest under target to one common closing distance",
)
def _pace(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    mine = {**key, "area_code": row["area_code"]}
    parts = [
        _at("pace", "target_pence", **mine),
        _at("pace", "lower_pence", **mine),
        _at("stream_total", "total_pence", **key, recurrence="recurrent"),
    ]
    memory = ("pace", row["year"], row["stream"])
    if memory not in context.memory:
        rows = context.rows("pace", **key)
        is_plain = (
            not context.rows("relaxation", **key) and _rules(context, row["year"], row["stream"]).method == "water-fill"
        )
        context.memory[memory] = _water_fill(rows) if is_plain else None
    amounts = context.memory[memory]
    if amounts is None:
        words = "a rule gave way (see the table 'relaxation') or money goes pro rata: shown as the engine has it, not recomputed"
        return Worked(row["allocation_pence"], parts, words)
    return Worked(amounts[row["area_code"]], parts)


def _water_fill(rows: Sequence[Row]) -> dict[str, int]:
    """Amounts in proportion to targets within bounds, adding to the sum of targets, in fractions: the level by its break points."""
    total = sum(r["target_pence"] for r in rows)
    lower: dict[str, int] = {r["area_code"]: r["lower_pence"] for r in rows}
    upper: dict[str, int | None] = {r["area_code"]: r["upper_pence"] for r in rows}
    target: dict[str, int] = {r["area_code"]: r["target_pence"] for r in rows}

    def held(code: str, level: Fraction) -> Fraction:
        wanted: Fraction = max(Fraction(lower[code]), level * target[code])
        limit = upper[code]
        return wanted if limit is None else min(wanted, Fraction(max(limit, lower[code])))

    bounds: list[tuple[str, int]] = list(lower.items())
    bounds += [(code, limit) for code, limit in upper.items() if limit is not None]
    points = sorted({Fraction(bound, target[code]) for code, bound in bounds if target[code]})
    below = max((p for p in points if sum(held(c, p) for c in target) <= total), default=Fraction(0))
    free = [c for c in target if held(c, below + Fraction(1, 10**30)) > held(c, below)]
    fixed = {c: held(c, below) for c in target if c not in free}
    left = total - int(sum(fixed.values()))
    amounts = {c: int(a) for c, a in fixed.items()}
    if free:
        names = sorted(free)
        amounts |= dict(zip(names, split(left, [target[c] for c in names]), strict=True))
    return amounts


# --- allocation -----------------------------------------------------------------------------------------------------------------------


@_formula(
    "locality_total",
    "recurrent_pence",
    "recurrent money after pace of change; without pace, the stream shared by weighted persons",
)
def _recurrent(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    if scenario_of(context).rule(row["stream"]).paced:
        mine = {**key, "area_code": row["area_code"]}
        return Worked(context.row("pace", **mine)["allocation_pence"], [_at("pace", "allocation_pence", **mine)])
    return _by_weight(context, row, "recurrent")


@_formula(
    "locality_total",
    "non_recurrent_pence",
    "non-recurrent money shared by target (paced) or by weighted persons, largest remainder",
)
def _non_recurrent(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    if not scenario_of(context).rule(row["stream"]).paced:
        return _by_weight(context, row, "non-recurrent")
    weights = {r["area_code"]: r["target_pence"] for r in context.rows("target", **key)}
    total = _gross(context, **key, recurrence="non-recurrent")
    return Worked(
        _share(total, weights, row["area_code"]), [_at("target", "target_pence", **key, area_code=row["area_code"])]
    )


def _by_weight(context: Context, row: Row, recurrence: str) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    total = _gross(context, **key, recurrence=recurrence)
    home = _localities(context)
    parts: list[Figure | Node] = [
        _at("practice_weight", "weight_micro", **key, practice_code=code)
        for code, place in sorted(home.items())
        if place == row["area_code"]
    ]
    parts += [
        _at("stream_total", "total_pence", **key, recurrence=recurrence)
        for _ in context.rows("stream_total", **key, recurrence=recurrence)
    ]
    return Worked(_share(total, _locality_weights(context, **key), row["area_code"]), parts)


@_formula("locality_total", "total_pence", "recurrent and non-recurrent money together")
def _locality_total(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"], "area_code": row["area_code"]}
    parts = [_at("locality_total", c, **key) for c in ("recurrent_pence", "non_recurrent_pence")]
    return Worked(row["recurrent_pence"] + row["non_recurrent_pence"], parts)


@_formula(
    "allocation",
    "allocation_pence",
    "practices: the locality's money by weighted persons; localities: their total; places, system: added up",
)
def _allocation(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    if row["level"] == "practice":
        locality = {**key, "level": "locality", "code": row["parent_code"]}
        peers = context.rows("allocation", **key, level="practice", parent_code=row["parent_code"])
        weights = {
            p["code"]: context.row("practice_weight", **key, practice_code=p["code"])["weight_micro"] for p in peers
        }
        pence = _share(context.row("allocation", **locality)["allocation_pence"], weights, row["code"])
        parts = [
            _at("allocation", "allocation_pence", **locality),
            _at("practice_weight", "weight_micro", **key, practice_code=row["code"]),
        ]
        return Worked(pence, parts, "the locality's money shared by its practices' weighted persons, largest remainder")
    if row["level"] == "locality":
        mine = {**key, "area_code": row["code"]}
        return Worked(
            context.row("locality_total", **mine)["total_pence"],
            [_at("locality_total", "total_pence", **mine)],
            "total of the locality",
        )
    below = {"place": "locality", "system": "place"}[row["level"]]
    children = context.rows("allocation", **key, level=below, parent_code=row["code"])
    parts = [_at("allocation", "allocation_pence", **key, level=below, code=c["code"]) for c in children]
    return Worked(sum(c["allocation_pence"] for c in children), parts, f"sum of its {below} allocations")


# --- distance from target and ledger --------------------------------------------------------------------------------------------------


@_formula("distance_from_target", "closing_dft_pence", "allocation less target")
def _closing_distance(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"], "area_code": row["area_code"]}
    parts = [_at("pace", "allocation_pence", **key), _at("target", "target_pence", **key)]
    value = context.row("pace", **key)["allocation_pence"] - context.row("target", **key)["target_pence"]
    return Worked(value, parts)


@_formula("place_distance", "closing_dft_pence", "allocations less targets over the place-based streams")
def _place_distance(context: Context, row: Row) -> Worked:
    streams = scenario_of(context).place_based_streams
    mine = [
        r
        for r in context.rows("distance_from_target", year=row["year"], area_code=row["area_code"])
        if r["stream"] in streams
    ]
    parts = [
        _at("distance_from_target", "closing_dft_pence", year=r["year"], stream=r["stream"], area_code=r["area_code"])
        for r in mine
    ]
    return Worked(sum(r["closing_dft_pence"] for r in mine), parts)


@_formula("ledger", "balance_pence", "the line before and this movement")
def _balance(context: Context, row: Row) -> Worked:
    key = {k: row[k] for k in ("year", "subject_kind", "subject_code")}
    lines = sorted(context.rows("ledger", **key), key=lambda r: r["step"])
    moved = [r for r in lines if r["step"] <= row["step"]]
    leaves = [
        Node(
            "figure", f"{r['step']}. {r['name']}", pounds_text(r["amount_pence"]), "pounds", "movement of the waterfall"
        )
        for r in moved
    ]
    return Worked(sum(r["amount_pence"] for r in moved), leaves)


# --- services and providers -----------------------------------------------------------------------------------------------------------


@_formula("held_money", "held_pence", "the locality's reserves and contingency, less what was released")
def _held(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"], "locality_code": row["locality_code"]}
    mine = [r for r in context.rows("locality_slice", **key) if r["kind"] in HELD_KINDS]
    leaves = [
        Node(
            "figure",
            r["name"],
            pounds_text(r["amount_pence"]),
            "pounds",
            "top-slice of the locality (table locality_slice)",
        )
        for r in mine
    ]
    return Worked(-sum(r["amount_pence"] for r in mine), leaves)


@_formula(
    "spendable",
    "allocation_pence",
    "the practice's allocation less its part of what its locality holds, largest remainder",
)
def _spendable(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    held = context.rows("held_money", **key, locality_code=row["parent_code"])
    memory = ("held", row["year"], row["stream"], row["parent_code"])
    if memory not in context.memory:
        peers = context.rows("allocation", **key, level="practice", parent_code=row["parent_code"])
        weights = {p["code"]: p["allocation_pence"] for p in peers}
        names = sorted(weights)
        parts = split(sum(h["held_pence"] for h in held), [weights[n] for n in names])
        context.memory[memory] = dict(zip(names, parts, strict=True))
    mine = {**key, "level": "practice", "code": row["code"]}
    found: list[Figure | Node] = [_at("allocation", "allocation_pence", **mine)]
    found += [_at("held_money", "held_pence", **key, locality_code=row["parent_code"]) for _ in held]
    return Worked(context.row("allocation", **mine)["allocation_pence"] - context.memory[memory][row["code"]], found)


def _service_streams(context: Context) -> dict[str, tuple[str, str | None]]:
    """Stream and buyer of each service."""
    if "service streams" not in context.memory:
        rows = service_streams(context.pack).iter_rows(named=True)
        context.memory["service streams"] = {r["service_code"]: (r["stream"], r["commissioner_code"]) for r in rows}
    streams: dict[str, tuple[str, str | None]] = context.memory["service streams"]
    return streams


def _printed_spend(context: Context) -> dict[str, int]:
    if "spend" not in context.memory:
        label = {code: name for name, code in SERVICES.items()}
        cells = _cells(context, "blmk-stp-2016", "spend_by_service_2016_17")
        printed = {service: c["value"] for (service, column), c in cells.items() if column == SPEND_COLUMN}
        context.memory["spend"] = {
            code: int(printed_number(printed[name]) * 100_000_000) for code, name in label.items()
        }
    spend: dict[str, int] = context.memory["spend"]
    return spend


def _stream_sums(context: Context, year: str, locality: str) -> dict[tuple[str, str], int]:
    """Spendable pence of a locality by stream and commissioning group."""
    memory = ("stream sums", year, locality)
    if memory not in context.memory:
        buyer = {r["practice_code"]: r["commissioner_code"] for r in _all(context, "membership")}
        sums: dict[tuple[str, str], int] = {}
        for row in context.rows("spendable", year=year, parent_code=locality):
            key = (row["stream"], buyer[row["code"]])
            sums[key] = sums.get(key, 0) + row["allocation_pence"]
        context.memory[memory] = sums
    found: dict[tuple[str, str], int] = context.memory[memory]
    return found


@_formula(
    "service_envelope",
    "allocation_pence",
    "spendable money of the streams that pay for the service, by the printed spend of 2016/17",
)
def _service_envelope(context: Context, row: Row) -> Worked:
    spend, streams = _printed_spend(context), _service_streams(context)
    single: dict[str, str] = {r.stream: r.service for r in scenario_of(context).streams if r.service}
    service, buyer = row["service_code"], row["commissioner_code"]
    total = 0
    for (stream, group), pence in _stream_sums(context, row["year"], row["locality_code"]).items():
        if single.get(stream) == service and group == buyer:
            total += pence
        elif streams[service][0] == stream and (streams[service][1] or group) == buyer:
            weights = {code: spend[code] for code, (of, _) in streams.items() if of == stream}
            total += _share(pence, weights, service)
    home = {r["practice_code"]: (r["locality_code"], r["commissioner_code"]) for r in _all(context, "membership")}
    paying = {streams[service][0], *(s for s, of in single.items() if of == service)}
    parts: list[Figure | Node] = [
        _at("spendable", "allocation_pence", year=r["year"], stream=r["stream"], level="practice", code=r["code"])
        for r in context.rows("spendable", year=row["year"], parent_code=row["locality_code"])
        if r["stream"] in paying and (streams[service][1] == buyer or home[r["code"]][1] == buyer)
    ]
    label = next(name for name, code in SERVICES.items() if code == service)
    where = f"spend_by_service_2016_17, row {label}, column {SPEND_COLUMN}"
    parts.append(cell(context, "blmk-stp-2016", where, f"printed spend on {service}"))
    return Worked(total, parts)


@_formula(
    "provider_allocation",
    "allocation_pence",
    "the service envelope shared by activity times cost times flow of each line, largest remainder",
)
def _provider_allocation(context: Context, row: Row) -> Worked:
    memory = ("provider weights", row["locality_code"], row["service_code"])
    if memory not in context.memory:
        weights: dict[str, int] = {}
        for line in context.rows("service_line", service_code=row["service_code"]):
            for flow in context.rows("flow", locality_code=row["locality_code"], line=line["line"]):
                worth = line["cost_pence"] * flow["share_ppm"]
                if worth:
                    weights[flow["provider_code"]] = weights.get(flow["provider_code"], 0) + worth
        context.memory[memory] = weights
    key = {k: row[k] for k in ("year", "commissioner_code", "locality_code", "service_code")}
    whole = context.row("service_envelope", **key)["allocation_pence"]
    words = "flows of the place by line: marked assumptions, data/providers/flows.csv"
    parts: list[Figure | Node] = [
        _at("service_envelope", "allocation_pence", **key),
        _choice("share of the envelope", f"{row['allocation_pence']} of {whole} pence", words),
    ]
    return Worked(_share(whole, context.memory[memory], row["provider_code"]), parts)
