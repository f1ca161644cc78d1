"""Formulas of people and need: projected lists, need of the base year, weights of every year."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

from capitation.money.rounding import MICRO, nearest
from capitation.records.years import FinancialYear
from capitation.run.formulas.leaves import (
    Row,
    at,
    cell,
    choice,
    list_column,
    practice_cell,
    practice_cells,
    published,
    scenario_of,
    share_of,
)
from capitation.run.trace import Context, Worked
from capitation.weighting.formula import BlockTerms, need_catalogue
from capitation.weighting.weigh import ASSUMED


@published(
    "population",
    "registered_micro",
    "the projected total shared by the base lists, to the millionth of a person, largest remainder",
)
def _population(context: Context, row: Row) -> Worked:
    plan = scenario_of(context).population
    total = next(t for t in plan.totals if t.year == row["year"])
    column = list_column(context)
    key = ("lists", column)
    if key not in context.memory:
        cells = practice_cells(context)
        context.memory[key] = {code: nearest(Decimal(mine[column]) * MICRO) for code, mine in cells.items()}
    micro = share_of(nearest(total.persons * MICRO), context.memory[key], row["practice_code"])
    leaf = cell(context, total.source, total.where, f"persons of the system {row['year']}")
    return Worked(micro, [leaf, practice_cell(context, row["practice_code"], column)])


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
    "weighted persons of the base year, moved with the practice's list",
)
def _practice_weight(context: Context, row: Row) -> Worked:
    need = context.row("practice_need", stream=row["stream"], practice_code=row["practice_code"])
    heads = need["registered_persons"]
    moved = need["weighted_persons"] * (row["registered_micro"] / MICRO / heads if heads else 0.0)
    parts = [
        at("practice_need", "weighted_persons", stream=row["stream"], practice_code=row["practice_code"]),
        at("population", "registered_micro", year=row["year"], practice_code=row["practice_code"]),
    ]
    return Worked(moved, parts)
