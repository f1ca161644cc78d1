"""Lists of a year by the second way: every dated list is handed to practices of the map, row by row, in fractions.

A row goes to the practices that its own became by mergers, in the proportions of their base lists; where it became none, to the practices
of its place. The list of a year lies on a straight line between two dated years.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capitation.money.rounding import MICRO, nearest, nearest_fraction
from capitation.places.moved_lists import ListChoice
from capitation.records.years import FinancialYear
from capitation.run.formulas.leaves import all_rows, choice, file_rows, list_column, practice_cells, scenario_of
from capitation.run.trace import Context, Node


def base_lists(context: Context) -> dict[str, int]:
    """Millionths of a person by practice in the base year."""
    column = list_column(context)
    key = ("lists", column)
    if key not in context.memory:
        cells = practice_cells(context)
        context.memory[key] = {code: nearest(Decimal(mine[column]) * MICRO) for code, mine in cells.items()}
    lists: dict[str, int] = context.memory[key]
    return lists


def moved_list(context: Context, code: str, year: str) -> tuple[int, list[Node], str]:
    """Millionths of a person on a list in a year before the scaling, the cells that they rest on, and why in words."""
    low, high, part = sides(_years(context), year)
    found = (1 - part) * _at(context, low)[code] + part * _at(context, high)[code]
    leaves = _cells_of(context, code, (low, high))
    words = (
        f"as on the lists of {low}"
        if low == high
        else f"{float(1 - part):.0%} of the list of {low} and {float(part):.0%} of that of {high}, on the map of the base year"
    )
    return max(0, nearest_fraction(found)), leaves, words


def _choice(context: Context) -> ListChoice:
    named = scenario_of(context).population.lists
    if named is None:
        raise ValueError("a scenario without dated lists moves none")
    return named


def _years(context: Context) -> list[str]:
    """Years of lists that are read, once."""
    if "list years" not in context.memory:
        context.memory["list years"] = _years_read(context)
    years: list[str] = context.memory["list years"]
    return years


def _years_read(context: Context) -> list[str]:
    """Years with lists that the scenario's years lie between, the base year among them."""
    plan = scenario_of(context).population
    rows = file_rows(context, _choice(context).file, "year", "practice_code")
    known = sorted({year for year, _ in rows} | {str(plan.base_year)})
    wanted = [str(total.year) for total in plan.totals]
    before, after = [y for y in known if y <= min(wanted)], [y for y in known if y >= max(wanted)]
    return [y for y in known if y >= (before or known)[-1 if before else 0] and y <= (after[0] if after else known[-1])]


def sides(known: list[str], year: str) -> tuple[str, str, Fraction]:
    """The dated years on either side of a year, and how far it lies from the first to the second."""
    low = [y for y in known if y <= year][-1:] or known[:1]
    high = [y for y in known if y >= year][:1] or known[-1:]
    between = FinancialYear(high[0]).years_after(FinancialYear(low[0]))
    if between <= 0:
        return low[0], low[0], Fraction(0)
    return low[0], high[0], Fraction(FinancialYear(year).years_after(FinancialYear(low[0])), between)


def _events(context: Context) -> list[dict[str, str]]:
    """What became of practices up to the last year of lists that is read."""
    if "list events" not in context.memory:
        context.memory["list events"] = _events_read(context)
    events: list[dict[str, str]] = context.memory["list events"]
    return events


def _events_read(context: Context) -> list[dict[str, str]]:
    last = _years(context)[-1]
    rows = file_rows(context, _choice(context).lineage, "year", "practice_code").values()
    return [row for row in rows if row["year"] <= last]


def _at(context: Context, year: str) -> dict[str, Fraction]:
    """The list of every practice of the map in a dated year."""
    memory = ("lists at", year)
    if memory not in context.memory:
        context.memory[memory] = _handed_out(context, year)
    lists: dict[str, Fraction] = context.memory[memory]
    return lists


def _handed_out(context: Context, year: str) -> dict[str, Fraction]:
    base = base_lists(context)
    if year == str(scenario_of(context).population.base_year):
        return {code: Fraction(persons) for code, persons in base.items()}
    homes = _homes(context)
    events, ends = _events(context), _ends(context)
    closed = {e["practice_code"] for e in events if e["change"] == "closed"}
    over = {e["practice_code"] for e in events if e["change"] != "opened" and e["year"] <= year}
    written = {e["practice_code"]: e.get("place_code") or "" for e in events}
    stay = [code for code in base if code not in closed]
    found = {code: Fraction(base[code] if code in closed else 0) for code in base}

    def hand(persons: int | Fraction, codes: Iterable[str]) -> None:
        mine = [code for code in codes if base[code]]
        whole = sum(base[code] for code in mine)
        for code in mine:
            found[code] += Fraction(persons * base[code], whole)

    def of_place(code: str) -> list[str]:
        place = homes.get(code) or written.get(code, "")
        return [c for c in stay if homes[c] == place] if place else stay

    for (dated, code), row in file_rows(context, _choice(context).file, "year", "practice_code").items():
        if dated != year or code in over:
            continue
        joined = [c for c in stay if ends[c] == ends[code]]
        hand(nearest(Decimal(row["registered_persons"]) * MICRO), joined or of_place(code))
    for code in closed & set(base):
        hand(-base[code], of_place(code))
    return found


def _homes(context: Context) -> dict[str, str]:
    """Place by practice of the map."""
    if "homes of lists" not in context.memory:
        context.memory["homes of lists"] = {
            r["practice_code"]: r["place_code"] for r in all_rows(context, "membership")
        }
    homes: dict[str, str] = context.memory["homes of lists"]
    return homes


def _ends(context: Context) -> dict[str, str]:
    """The practice that each code's patients are with after all its mergers, for codes of any list."""
    if "list ends" not in context.memory:
        events = _events(context)
        successors = {e["practice_code"]: e["successor_code"] for e in events if e["change"] == "merged into"}
        found = {}
        listed = {code for _, code in file_rows(context, _choice(context).file, "year", "practice_code")}
        for code in listed | set(base_lists(context)):
            end = code
            for _ in successors:
                end = successors.get(end, end)
            found[code] = end
        context.memory["list ends"] = found
    ends: dict[str, str] = context.memory["list ends"]
    return ends


def _cells_of(context: Context, code: str, years: tuple[str, str]) -> list[Node]:
    """The dated lists of a practice and of those it is joined with, what became of them, and those without a practice near it."""
    choices, events = _choice(context), _events(context)
    rows = file_rows(context, choices.file, "year", "practice_code")
    ends = _ends(context)
    joined = {c for c, end in ends.items() if end == ends[code]}
    leaves = [
        Node(
            "printed cell", f"list of {c} in {y}", row["registered_persons"], "persons", f"{choices.file}, row {y} {c}"
        )
        for y in dict.fromkeys(years)
        for c in sorted(joined)
        if (row := rows.get((y, c))) is not None
    ]
    leaves += [_event(e, choices.lineage) for e in events if e["practice_code"] in joined]
    homes = _homes(context)
    near = [e for e in events if (homes.get(e["practice_code"]) or e.get("place_code")) == homes[code]]
    leaves += [_event(e, choices.lineage) for e in near if e["change"] == "closed" and e["practice_code"] not in joined]
    return [choice("lists that move apart", "", f"assumption: {choices.about}"), *leaves]


def _event(event: dict[str, Any], file: str) -> Node:
    what = f"{event['practice_code']} {event['change']} {event['successor_code'] or ''}".rstrip()
    return choice(what, event["year"], f"{file}: {event['evidence']} ({event['quality']})")
