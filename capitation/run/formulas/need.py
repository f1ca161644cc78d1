"""Formulas of people and need: projected lists, need of the base year, weights of every year."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from capitation.money.rounding import MICRO, nearest
from capitation.records.years import FinancialYear
from capitation.run.formulas.leaves import (
    Row,
    at,
    cell,
    choice,
    list_column,
    policy_leaf,
    practice_cell,
    practice_cells,
    published,
    scenario_of,
    share_of,
)
from capitation.run.formulas.moving.ages import cost_of_ages
from capitation.run.formulas.moving.lists import base_lists, moved_list
from capitation.run.trace import Context, Worked
from capitation.weighting.formula import BlockTerms, need_catalogue
from capitation.weighting.weigh import ASSUMED


@published(
    "population",
    "registered_micro",
    "the projected total shared by the lists of the year, to the millionth of a person, largest remainder",
)
def _population(context: Context, row: Row) -> Worked:
    plan = scenario_of(context).population
    total = next(t for t in plan.totals if t.year == row["year"])
    lists = {r["practice_code"]: r["listed_micro"] for r in context.rows("population", year=row["year"])}
    micro = share_of(nearest(total.persons * MICRO), lists, row["practice_code"])
    leaf = cell(context, total.source, total.where, f"persons of the system {row['year']}")
    key = {"year": row["year"], "practice_code": row["practice_code"]}
    return Worked(micro, [leaf, at("population", "listed_micro", **key)])


@published(
    "population",
    "listed_micro",
    "the list of the base year; where lists move apart, as the practice's dated lists on either side of the year have it",
)
def _listed(context: Context, row: Row) -> Worked:
    column, code = list_column(context), row["practice_code"]
    base = practice_cell(context, code, column)
    if scenario_of(context).population.lists is None:
        return Worked(base_lists(context)[code], [base])
    persons, leaves, words = moved_list(context, code, row["year"])
    return Worked(persons, [base, *leaves], words)


@published(
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
        cells = practice_cells(context)
        raws = {code: _raw_need(cells[code], blocks) for code in cells}
        column = list_column(context)
        heads = math.fsum(float(c[column]) for c in cells.values())
        context.memory[key] = (raws, heads / math.fsum(raws.values()))
    raws, scale = context.memory[key]
    columns = dict.fromkeys(
        [*(t.column for b in blocks for t in b.terms), *(i for b in blocks for i in b.index_columns)]
    )
    leaves = [practice_cell(context, row["practice_code"], column) for column in columns]
    cells_of_practice = practice_cells(context)[row["practice_code"]]
    for block in blocks:
        if block.area_level is not None:
            code = cells_of_practice.get(block.area_level) or ""
            mark = block.area_marks.get(code, ASSUMED)
            index = f"{_area_index(cells_of_practice, block):.6f}"
            leaves.append(
                choice(f"cost index of {code or 'no area'}", index, f"{block.area_level} of block {block.id}: {mark}")
            )
    leaves.append(choice("formula", row["formula"], f"need/formulas/{row['formula']}.toml: {formula.document.title}"))
    return Worked(raws[row["practice_code"]] * scale, leaves, formula.document.about.strip().splitlines()[0])


def _raw_need(cells: Mapping[str, str], blocks: Sequence[BlockTerms]) -> float:
    raw = 0.0
    for block in blocks:
        index = math.prod(float(cells[column]) for column in block.index_columns) * _area_index(cells, block)
        raw += block.coefficient * index * sum(term.share * float(cells[term.column] or 0) for term in block.terms)
    return raw


def _area_index(cells: Mapping[str, str], block: BlockTerms) -> float:
    """The cost index of the practice's area; 1 where the block has none, or the area's is not known."""
    if block.area_level is None:
        return 1.0
    known = block.area_coefficients.get(cells.get(block.area_level) or "")
    return 1.0 if known is None else known / block.coefficient


@published(
    "practice_weight",
    "weighted_persons",
    "weighted persons of the base year, moved with the practice's list and the ages on it; scaled to registered persons where these move apart",
)
def _practice_weight(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    memory = ("raw weights", *key.values())
    if memory not in context.memory:
        rows = context.rows("practice_weight", **key)
        raws = {r["practice_code"]: _raw_weight(context, r) for r in rows}
        context.memory[memory] = (
            raws,
            sum(r["registered_micro"] for r in rows) / MICRO / (math.fsum(raws.values()) or 1.0),
        )
    raws, scale = context.memory[memory]
    plan = scenario_of(context).population
    words = f"times {scale:.6f}, so that weighted persons of the year add to its registered persons"
    if plan.lists is None and plan.ages is None:
        scale, words = 1.0, ""
    parts = [
        at("practice_need", "weighted_persons", stream=row["stream"], practice_code=row["practice_code"]),
        at("population", "registered_micro", year=row["year"], practice_code=row["practice_code"]),
        at("practice_weight", "age_index", **key, practice_code=row["practice_code"]),
    ]
    return Worked(raws[row["practice_code"]] * scale, parts, words)


def _raw_weight(context: Context, row: Row) -> float:
    need = context.row("practice_need", stream=row["stream"], practice_code=row["practice_code"])
    heads: float = need["registered_persons"]
    moved = row["registered_micro"] / MICRO / heads if heads else 0.0
    return float(need["weighted_persons"] * moved * row["age_index"])


@published(
    "practice_weight",
    "age_index",
    "cost of a head at the ages of the year over that at the ages of the base year, as far as need follows; 1 without ages",
)
def _age_index(context: Context, row: Row) -> Worked:
    plan = scenario_of(context).population
    if plan.ages is None:
        return Worked(1.0, [choice("ages", "none", "the scenario moves no need by ages")])
    now, leaves, words = cost_of_ages(context, row["practice_code"], row["year"])
    base, *_ = cost_of_ages(context, row["practice_code"], str(plan.base_year))
    follows = plan.ages.follows
    leaves.insert(0, policy_leaf("how much need follows", follows))
    index = 1 + Fraction(follows.value) * (now / base - 1)
    return Worked(max(0.0, float(index)), leaves, words)
