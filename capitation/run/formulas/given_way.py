"""Formulas of what a round could not meet: the most its limits hold, its common distance, the rules that gave way; and what was set aside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_CEILING
from fractions import Fraction

from capitation.money.pence import pounds_text
from capitation.money.rounding import MICRO
from capitation.pace.policy import rate
from capitation.run.formulas.derived import AREA
from capitation.run.formulas.leaves import Row, all_rows, at, choice, policy_of, published, rules_of, scenario_of
from capitation.run.formulas.pace import _times, fill_level
from capitation.run.formulas.providers import printed_spend, service_stream_of, spend_reading
from capitation.run.trace import Context, FigureAddress, Node, Worked

Parts = list[FigureAddress | Node]

LIMITS = ("target_ceiling", "max_growth", "over_target_cap")
AS_IT_IS = "shown as the engine has it, not recomputed"


def _round(context: Context, row: Row) -> tuple[list[Row], list[Row]]:
    """The areas of a round, and the rules that gave way in it."""
    key = {"year": row["year"], "stream": row["stream"]}
    return list(context.rows("pace", **key)), list(context.rows("relaxation", **key))


def _areas(rows: Sequence[Row], column: str) -> Parts:
    return [at("pace", column, **{k: r[k] for k in AREA}) for r in rows]


@published("pace_summary", "upper_bounds_pence", "upper bounds of all areas; empty where one that may grow has none")
def _upper_bounds(context: Context, row: Row) -> Worked:
    rows, relaxed = _round(context, row)
    if any(r["rule"] in LIMITS for r in relaxed):
        return Worked(row["upper_bounds_pence"], _areas(rows, "upper_pence"), f"a limit gave way: {AS_IT_IS}")
    most = [(r["upper_pence"] if r["target_pence"] else r["lower_pence"]) for r in rows]
    found = None if any(m is None for m in most) else sum(most)
    return Worked(found, _areas(rows, "upper_pence"))


@published(
    "pace_summary",
    "common_closing_dft_share",
    "the level at which money above the lower bounds meets the quantum, less 1",
)
def _common_distance(context: Context, row: Row) -> Worked:
    rows, relaxed = _round(context, row)
    parts = _areas([r for r in rows if r["is_lifted"]] or rows, "closing_dft_share")
    if rules_of(context, row["year"], row["stream"]).method != "water-fill":
        return Worked(None, parts, "money goes pro rata: areas share no distance")
    if relaxed:
        return Worked(row["common_closing_dft_share"], parts, f"a rule gave way: {AS_IT_IS}")
    level = fill_level(rows)
    return Worked(None if level is None else float(level - 1), parts)


def _moved(row: Row, rows: Sequence[Row], relaxed: Sequence[Row]) -> list[Row]:
    """The rules of the same side that gave way for all areas before this one."""
    side = row["rule"] in LIMITS
    return [r for r in relaxed if r["area_code"] is None and (r["rule"] in LIMITS) == side and r["step"] < row["step"]]


@published(
    "relaxation",
    "shortfall_pence",
    "what the bounds ask above the quantum (or limits leave of it), less what gave way before",
)
def _shortfall(context: Context, row: Row) -> Worked:
    rows, relaxed = _round(context, row)
    if row["area_code"] is not None:
        return _one_area(row)
    total = context.row("pace_summary", year=row["year"], stream=row["stream"])
    bound = "upper_bounds_pence" if row["rule"] in LIMITS else "lower_bounds_pence"
    key = {"year": row["year"], "stream": row["stream"]}
    parts: Parts = [at("pace_summary", bound, **key), at("pace_summary", "quantum_pence", **key)]
    before = _moved(row, rows, relaxed)
    parts += [
        Node("figure", f"{r['step']}. {r['rule']}", pounds_text(r["relieved_pence"]), "pounds", "gave way before")
        for r in before
    ]
    if total[bound] is None:
        return Worked(row["shortfall_pence"], parts, AS_IT_IS)
    missing = abs(total["quantum_pence"] - total[bound])
    return Worked(missing - sum(r["relieved_pence"] for r in before), parts)


@published(
    "relaxation", "relieved_pence", "what is missing while the rule stands, less what is missing once it gave way"
)
def _relieved(context: Context, row: Row) -> Worked:
    if row["area_code"] is not None:
        return _one_area(row)
    _, relaxed = _round(context, row)
    side = row["rule"] in LIMITS
    after = [r for r in relaxed if r["area_code"] is None and (r["rule"] in LIMITS) == side and r["step"] > row["step"]]
    left = after[0]["shortfall_pence"] if after else 0
    parts: Parts = [
        Node("figure", "missing before", pounds_text(row["shortfall_pence"]), "pounds", "the rule standing"),
        Node("figure", "missing after", pounds_text(left), "pounds", "the rule having given way"),
    ]
    return Worked(row["shortfall_pence"] - left, parts)


def _one_area(row: Row) -> Worked:
    """What a growth limit takes of one area's lower bound."""
    parts: Parts = [
        Node("figure", "asked", f"{row['asked']:.0f}", "pence", "the lower bound that the rule asks"),
        Node("figure", "reached", f"{row['reached']:.0f}", "pence", "what the growth limit leaves of it"),
    ]
    return Worked(
        round(row["asked"] - row["reached"]), parts, "what the rule asks of the area less what its growth limit leaves"
    )


@published(
    "relaxation",
    "asked",
    "what the rule asks: a distance under target, the whole of the rule, or the area's least money",
)
def _asked(context: Context, row: Row) -> Worked:
    rules, place = rules_of(context, row["year"], row["stream"]), policy_of(context).place_for(row["year"])
    allowed = rules.max_under if row["rule"] == "max_under" else (place.max_under if place is not None else None)
    parts: Parts = [choice(row["rule"], str(rate(allowed)) if allowed else "1", "rule of the policy")]
    if row["rule"] not in {"max_under", "place_max_under"} or row["measure"].startswith("the whole"):
        return Worked(1.0, parts, "the whole of it")
    if row["area_code"] is None:
        return Worked(-float(rate(allowed)) if allowed else -1.0, parts)
    if row["rule"] == "max_under" and allowed:
        mine = context.row("pace", **{k: row[k] for k in AREA})
        found = _times(mine["target_pence"], 1 - rate(allowed), ROUND_CEILING)
        return Worked(float(found), [*parts, at("pace", "target_pence", **{k: row[k] for k in AREA})])
    return Worked(row["asked"], parts, AS_IT_IS)


@published(
    "relaxation",
    "reached",
    "what was reached: the distance, the part kept, or the area's lower bound; empty where the rule was set aside",
)
def _reached(context: Context, row: Row) -> Worked:
    rows, _ = _round(context, row)
    if row["measure"].startswith("the whole"):
        return Worked(None, [], "the rule was set aside")
    if row["area_code"] is not None:
        key = {k: row[k] for k in AREA}
        return Worked(float(context.row("pace", **key)["lower_pence"]), [at("pace", "lower_pence", **key)])
    free = [r for r in rows if r["held_by"] == "relaxed_max_under" and r["allocation_pence"] > r["floor_pence"]]
    if row["rule"] == "max_under" and free:
        level = Fraction(sum(r["allocation_pence"] for r in free), sum(r["target_pence"] for r in free))
        return Worked(
            float(level - 1),
            _areas(free, "allocation_pence"),
            "money of the areas it gave way for over their targets, less 1",
        )
    return Worked(row["reached"], _areas(rows, "allocation_pence"), AS_IT_IS)


@published(
    "set_aside",
    "amount",
    "its size: persons between the projection and the lists, or pounds of allocations beyond the printed spend; 0 where it is a limit in words",
)
def _set_aside(context: Context, row: Row) -> Worked:
    if row["unit"] == "pounds":
        return _beyond_the_print(context)
    if row["unit"] != "persons":
        return Worked(0.0, [choice("size", "0", row["reason"])])
    base = scenario_of(context).population.base_year
    projected = sum(r["registered_micro"] for r in context.rows("population", year=str(base))) / MICRO
    first = all_rows(context, "practice_need")[0]["stream"]
    listed = math.fsum(r["registered_persons"] for r in context.rows("practice_need", stream=first))
    parts: Parts = [
        choice("projected", f"{projected:,.3f}", f"persons of {base} by the scenario", "persons"),
        choice("listed", f"{listed:,.3f}", f"persons of {base} on the lists", "persons"),
    ]
    return Worked(round(projected - listed, 3), parts)


def _beyond_the_print(context: Context) -> Worked:
    """The allocations of the year of the printed spend less that spend, over the streams that buy its services."""
    spend, streams = printed_spend(context), service_stream_of(context)
    _, reading = spend_reading(context)
    bought = {stream for stream, _ in streams.values()}
    given = {
        series.stream: sum(a.pence for a in series.amounts if a.year == reading.year)
        for series in scenario_of(context).money.streams
        if series.stream in bought
    }
    spent = sum(pence for service, pence in spend.items() if service in streams and streams[service][0] in given)
    parts: Parts = [
        *(
            choice(f"allocation of {stream}", pounds_text(pence), f"of {reading.year} by the scenario", "pounds")
            for stream, pence in given.items()
        ),
        choice("printed spend", pounds_text(spent), f"on all services of {reading.year}", "pounds"),
    ]
    return Worked((sum(given.values()) - spent) / 100, parts)
