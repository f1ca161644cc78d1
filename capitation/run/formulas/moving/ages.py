"""Cost of a head at the ages of a practice by the second way: row by row, in fractions."""

from __future__ import annotations

from fractions import Fraction

from capitation.run.formulas.leaves import choice, file_rows, scenario_of
from capitation.run.formulas.moving.lists import sides
from capitation.run.trace import Context, FigureAddress, Node


def cost_of_ages(context: Context, code: str, year: str) -> tuple[Fraction, list[FigureAddress | Node], str]:
    """Pence a head at the ages of a practice in a year, the cells that it rests on, and where the year lies in words."""
    named = scenario_of(context).population.ages
    if named is None:
        raise ValueError("a scenario without ages moves no need by them")
    rows = file_rows(context, named.file, "year", "practice_code", "age_from")
    if "age years" not in context.memory:
        context.memory["age years"] = sorted({y for y, *_ in rows})
    known: list[str] = context.memory["age years"]
    costs = {int(age): row for (age,), row in file_rows(context, named.costs, "age_from").items()}
    low, high, part = sides(known, year)
    found = Fraction(0)
    leaves: list[FigureAddress | Node] = [choice("need that follows ages", "", f"assumption: {named.about}")]
    for side, weight in ((low, 1 - part), (high, part)):
        persons = {age: int(rows[side, code, str(age)]["persons"]) for age in costs}
        spent = sum(persons[age] * int(costs[age]["pence_per_head"]) for age in costs)
        found += weight * Fraction(spent, sum(persons.values()))
        if weight:
            leaves += [
                Node("printed cell", f"{code} from age {age} in {side}", str(n), "of all its ages", f"{named.file}, row {side} {code} {age}")
                for age, n in sorted(persons.items(), reverse=True)
            ]  # fmt: skip
    leaves += [
        Node("printed cell", f"cost of a head from age {age}", r["pence_per_head"], "pence", f"{named.costs}: {r['where']}; {r['evidence']}")
        for age, r in sorted(costs.items(), reverse=True)
    ]  # fmt: skip
    where = low if low == high else f"between {low} and {high}"
    return found, leaves, f"at the ages of {where}: {float(found) / 100:,.2f} pounds of hospital care a head"
