"""Formulas of openings, targets, pace of change and distances from target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction

from capitation.activity.printed_cells import printed_number
from capitation.money.apportion import split
from capitation.pace.opening import commissioner_shares
from capitation.pace.policy import PaceRules, Rate, rate
from capitation.pack.cells import pounds
from capitation.records.documents import Figure
from capitation.records.years import FinancialYear
from capitation.run.formulas.allocation import _by_weight
from capitation.run.formulas.leaves import (
    Row,
    _cells,
    at,
    cell,
    choice,
    file_rows,
    gross_pence,
    locality_of_practices,
    locality_weights,
    policy_leaf,
    policy_of,
    published,
    rules_of,
    scenario_of,
    share_of,
)
from capitation.run.trace import Context, FigureAddress, Node, Worked


@published("practice_opening", "commissioner_pence", "the opening total split between commissioners, largest remainder")
def _commissioner_opening(context: Context, row: Row) -> Worked:
    named = commissioner_shares(scenario_of(context).rule(row["stream"]).opening)
    total = gross_pence(context, row["year"], row["stream"], "recurrent")
    parts: list[FigureAddress | Node] = [
        at("stream_total", "total_pence", year=row["year"], stream=row["stream"], recurrence="recurrent")
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
            choice(
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
    return Worked(share_of(total, weights, row["commissioner_code"]), parts)


@published(
    "practice_opening",
    "opening_pence",
    "the commissioner's opening shared by the weights of its practices, largest remainder",
)
def _practice_opening(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    peers = context.rows("practice_opening", **key, commissioner_code=row["commissioner_code"])
    weights = {p["practice_code"]: p["opening_weight"] for p in peers}
    parts = [
        at("practice_opening", "commissioner_pence", **key, practice_code=row["practice_code"]),
        at("practice_opening", "opening_weight", **key, practice_code=row["practice_code"]),
    ]
    return Worked(share_of(row["commissioner_pence"], weights, row["practice_code"]), parts)


@published(
    "practice_opening",
    "opening_weight",
    "by the scenario's choice: persons, weighted persons, weighted persons x supply, or the printed budget of the practice",
)
def _opening_weight(context: Context, row: Row) -> Worked:
    code, opening = row["practice_code"], scenario_of(context).rule(row["stream"]).opening
    key = {"year": row["year"], "practice_code": code}
    if opening is None or opening.inside == "heads":
        persons = context.row("population", **key)["registered_micro"]
        about = "the scenario names no other way" if opening is None else opening.about
        leaf = choice("spread inside a commissioner", "by registered persons (assumption)", about)
        return Worked(float(persons), [at("population", "registered_micro", **key), leaf])
    if opening.budgets is not None:
        named = opening.budgets
        printed = _cells(context, named.source, named.table)[code, named.column]
        leaf = cell(context, named.source, f"{named.table}, row {code}, column {named.column}", f"budget of {code}")
        return Worked(float(int(pounds(printed["value"], printed["unit"]) * 100)), [leaf])
    weight = context.row("practice_weight", **key, stream=row["stream"])["weighted_persons"]
    parts: list[FigureAddress | Node] = [
        at("practice_weight", "weighted_persons", **key, stream=row["stream"]),
        choice("spread inside a commissioner", f"by {opening.inside} (assumption)", opening.about),
    ]
    if opening.fall_per_kilometre is None:
        return Worked(weight, parts)
    way = file_rows(context, opening.distances)[(code,)]
    supply = max(Fraction(0), 1 - Fraction(opening.fall_per_kilometre.value) * Fraction(way["kilometres"]))
    where = f"{opening.distances}, row {code}: straight line to {way['hospital']}, from {way['basis']}"
    parts += [
        Node("printed cell", f"way of {code} to a hospital", way["kilometres"], "kilometres", where),
        policy_leaf("use that a kilometre takes off", opening.fall_per_kilometre),
    ]
    return Worked(float(Fraction(weight) * supply), parts, f"need x supply: a supply of {float(supply):.6f}")


@published(
    "pace",
    "opening_pence",
    "the recurrent allocation of the year before; in the first year the openings of its practices",
)
def _pace_opening(context: Context, row: Row) -> Worked:
    scenario = scenario_of(context)
    if row["year"] == scenario.years[0]:
        home = locality_of_practices(context)
        mine = [
            p
            for p in context.rows("practice_opening", stream=row["stream"])
            if home[p["practice_code"]] == row["area_code"]
        ]
        parts = [
            at(
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
    return Worked(context.row("pace", **before)["allocation_pence"], [at("pace", "allocation_pence", **before)])


@published("target", "target_pence", "the quantum shared by weighted persons, largest remainder")
def _target(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    weights = locality_weights(context, **key)
    home = locality_of_practices(context)
    parts: list[FigureAddress | Node] = [at("stream_total", "total_pence", **key, recurrence="recurrent")]
    parts += [
        at("practice_weight", "weighted_persons", **key, practice_code=code)
        for code, place in sorted(home.items())
        if place == row["area_code"]
    ]
    return Worked(share_of(gross_pence(context, **key, recurrence="recurrent"), weights, row["area_code"]), parts)


@published("pace", "target_pence", "the target of the table 'target'")
def _pace_target(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"], "area_code": row["area_code"]}
    return Worked(context.row("target", **key)["target_pence"], [at("target", "target_pence", **key)])


@published(
    "pace",
    "lower_pence",
    "the highest of the floors and the limit under target; a fixed amount where the over-target cap applies",
)
def _pace_lower(context: Context, row: Row) -> Worked:
    return lower_bound(context, row, guarantees=True)


def lower_bound(context: Context, row: Row, *, guarantees: bool) -> Worked:
    """The lower bound of an area in a round; without guarantees its floor alone, before any limit under target."""
    rules = rules_of(context, row["year"], row["stream"])
    opening, target = row["opening_pence"], row["target_pence"]
    leaves: list[FigureAddress | Node] = []
    floor = 0
    key = {"year": row["year"], "stream": row["stream"], "area_code": row["area_code"]}
    if isinstance(rules.floor_total, Figure):
        floor = _times(opening, 1 + rate(rules.floor_total), ROUND_CEILING)
        leaves.append(policy_leaf("floor_total", rules.floor_total))
    if isinstance(rules.floor_per_head, Figure):
        persons, before = (
            _persons(context, year, row["area_code"])
            for year in (row["year"], str(FinancialYear(row["year"]).previous))
        )
        kept = Fraction(1 + rate(rules.floor_per_head)) * opening * persons / max(before, 1)
        floor = max(floor, math.ceil(kept))
        leaves.append(policy_leaf("floor_per_head", rules.floor_per_head))
    if rules.bands is not None:
        words = "a band table applies: shown as the engine has it, not recomputed"
        shown = row["lower_pence" if guarantees else "floor_pence"]
        return Worked(shown, [*leaves, at("pace", "opening_pence", **key)], words)
    floor, fixed = _capped(context, row, rules, floor, leaves)
    if fixed:
        return Worked(floor, [at("pace", "opening_pence", **key), *leaves], "the over-target cap fixes the area")
    lower = floor
    if guarantees and isinstance(rules.max_under, Figure):
        asked = _times(target, 1 - rate(rules.max_under), ROUND_CEILING)
        leaves.append(policy_leaf("max_under", rules.max_under))
        most = _grown(opening, floor, rules.max_growth)
        if most is not None and isinstance(rules.max_growth, Figure) and max(floor, min(most, target)) < asked:
            asked = max(floor, min(most, target))
            leaves.append(policy_leaf("max_growth", rules.max_growth))
        lower = max(lower, asked)
    lifted = [r for r in context.rows("place_lift", year=row["year"]) if r["was_too_far_under"]]
    place = policy_of(context).place_for(row["year"])
    if guarantees and lifted and place is not None and row["stream"] == place.core_stream:
        mine = context.row("place_lift", year=row["year"], area_code=row["area_code"])
        bound = (
            _times(mine["place_target_pence"], 1 - rate(place.max_under), ROUND_CEILING) - mine["other_streams_pence"]
        )
        faster = rules.max_growth_place or rules.max_growth
        most = _grown(opening, floor, faster)
        if most is not None and isinstance(faster, Figure) and most < bound:
            bound = most
            leaves.append(policy_leaf("max_growth_place", faster))
        lower = max(lower, bound)
        if isinstance(place.max_under, Figure):
            leaves.append(policy_leaf("place max_under", place.max_under))
    return Worked(lower, [at("pace", "opening_pence", **key), at("pace", "target_pence", **key), *leaves])


def _capped(
    context: Context, row: Row, rules: PaceRules, floor: int, leaves: list[FigureAddress | Node]
) -> tuple[int, bool]:
    """The floor of an area once the over-target cap is looked at, and whether the cap fixes it."""
    if not isinstance(rules.cap_threshold, Figure) or not isinstance(rules.cap_growth, Figure):
        return floor, False
    opening, target = row["opening_pence"], row["target_pence"]
    leaves += [policy_leaf("cap_threshold", rules.cap_threshold), policy_leaf("cap_growth", rules.cap_growth)]
    peers = context.rows("pace", year=row["year"], stream=row["stream"])
    quantum, openings = sum(p["target_pence"] for p in peers), sum(p["opening_pence"] for p in peers)
    capped = _times(opening, 1 + rate(rules.cap_growth), ROUND_FLOOR)
    if opening * quantum > (1 + Fraction(rate(rules.cap_threshold))) * openings * target:
        return capped, True
    if not isinstance(rules.cap_from, Figure) or not target or not openings:
        return floor, False
    leaves.append(policy_leaf("cap_from", rules.cap_from))
    distance = Fraction(opening * quantum, openings * target) - 1
    since, edge = Fraction(rate(rules.cap_from)), Fraction(rate(rules.cap_threshold))
    part = min(max((distance - since) / (edge - since), Fraction(0)), Fraction(1))
    return floor - (floor - capped) + math.ceil((floor - capped) * (1 - part)) if floor > capped else floor, False


def _grown(opening: int, floor: int, most: Rate | None) -> int | None:
    """The most that a limit on growth leaves an area, never below its floor; none without a limit or an opening."""
    return max(floor, _times(opening, 1 + rate(most), ROUND_FLOOR)) if isinstance(most, Figure) and opening else None


def _persons(context: Context, year: str, locality: str) -> int:
    """Registered persons of a locality in millionths."""
    memory = ("persons", year)
    if memory not in context.memory:
        home = locality_of_practices(context)
        sums: dict[str, int] = {}
        for row in context.rows("population", year=year):
            sums[home[row["practice_code"]]] = sums.get(home[row["practice_code"]], 0) + row["registered_micro"]
        context.memory[memory] = sums
    persons: int = context.memory[memory][locality]
    return persons


def _times(pence: int, factor: Decimal, rounding: str) -> int:
    return int((Decimal(pence) * factor).to_integral_value(rounding))


@published(
    "pace",
    "paced_pence",
    "money above the lower bounds brings the furthest under target to one common closing distance",
)
def _pace(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    mine = {**key, "area_code": row["area_code"]}
    parts = [
        at("pace", "target_pence", **mine),
        at("pace", "lower_pence", **mine),
        at("stream_total", "total_pence", **key, recurrence="recurrent"),
    ]
    memory = ("pace", row["year"], row["stream"])
    if memory not in context.memory:
        rows = context.rows("pace", **key)
        # a growth limit is in the bounds already, and so is a ceiling that gave way; a guarantee that gave way for all is not
        given = [r["rule"] for r in context.rows("relaxation", **key) if r["area_code"] is None]
        is_plain = (
            set(given) <= {"target_ceiling"} and rules_of(context, row["year"], row["stream"]).method == "water-fill"
        )
        context.memory[memory] = _water_fill(rows) if is_plain else None
    amounts = context.memory[memory]
    if amounts is None:
        words = "a rule gave way (see the table 'relaxation') or money goes pro rata: shown as the engine has it, not recomputed"
        return Worked(row["paced_pence"], parts, words)
    return Worked(amounts[row["area_code"]], parts)


def _water_fill(rows: Sequence[Row]) -> dict[str, int]:
    """Amounts in proportion to targets within bounds, adding to the sum of targets, in fractions: the level by its break points."""
    total = sum(r["target_pence"] for r in rows)
    target: dict[str, int] = {r["area_code"]: r["target_pence"] for r in rows}
    fixed, free = _at_bounds(rows)
    amounts = {c: int(a) for c, a in fixed.items()}
    if free:
        left = total - int(sum(fixed.values()))
        amounts |= dict(zip(free, split(left, [target[c] for c in free]), strict=True))
    return amounts


def fill_level(rows: Sequence[Row]) -> Fraction | None:
    """The level of a round: money of the areas between their bounds over their targets; none where all are at a bound."""
    fixed, free = _at_bounds(rows)
    left = sum(r["target_pence"] for r in rows) - sum(fixed.values())
    whole = sum(r["target_pence"] for r in rows if r["area_code"] in free)
    return Fraction(left) / whole if whole else None


def _at_bounds(rows: Sequence[Row]) -> tuple[dict[str, Fraction], list[str]]:
    """Amounts of the areas that a bound holds, and the areas that it does not."""
    total = sum(r["target_pence"] for r in rows)
    lower: dict[str, int] = {r["area_code"]: r["lower_pence"] for r in rows}
    upper: dict[str, int | None] = {r["area_code"]: r["upper_pence"] for r in rows}
    target: dict[str, int] = {r["area_code"]: r["target_pence"] for r in rows}

    def clipped(code: str, level: Fraction) -> Fraction:
        wanted: Fraction = max(Fraction(lower[code]), level * target[code])
        limit = upper[code]
        return wanted if limit is None else min(wanted, Fraction(max(limit, lower[code])))

    bounds: list[tuple[str, int]] = list(lower.items())
    bounds += [(code, limit) for code, limit in upper.items() if limit is not None]
    points = sorted({Fraction(bound, target[code]) for code, bound in bounds if target[code]})
    below = max((p for p in points if sum(clipped(c, p) for c in target) <= total), default=Fraction(0))
    free = sorted(c for c in target if clipped(c, below + Fraction(1, 10**30)) > clipped(c, below))
    return {c: clipped(c, below) for c in target if c not in free}, free


@published(
    "locality_total",
    "recurrent_pence",
    "recurrent money after pace of change; without pace, the stream shared by weighted persons",
)
def _recurrent(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    if scenario_of(context).rule(row["stream"]).paced:
        mine = {**key, "area_code": row["area_code"]}
        return Worked(context.row("pace", **mine)["allocation_pence"], [at("pace", "allocation_pence", **mine)])
    return _by_weight(context, row, "recurrent")


@published(
    "locality_total",
    "non_recurrent_pence",
    "non-recurrent money shared by target (paced) or by weighted persons, largest remainder",
)
def _non_recurrent(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    if not scenario_of(context).rule(row["stream"]).paced:
        return _by_weight(context, row, "non-recurrent")
    weights = {r["area_code"]: r["target_pence"] for r in context.rows("target", **key)}
    total = gross_pence(context, **key, recurrence="non-recurrent")
    return Worked(
        share_of(total, weights, row["area_code"]), [at("target", "target_pence", **key, area_code=row["area_code"])]
    )


@published("distance_from_target", "closing_dft_pence", "allocation less target")
def _closing_distance(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"], "area_code": row["area_code"]}
    parts = [at("pace", "allocation_pence", **key), at("target", "target_pence", **key)]
    value = context.row("pace", **key)["allocation_pence"] - context.row("target", **key)["target_pence"]
    return Worked(value, parts)


@published("place_distance", "closing_dft_pence", "allocations less targets over the place-based streams")
def _place_distance(context: Context, row: Row) -> Worked:
    streams = scenario_of(context).placed
    mine = [
        r
        for r in context.rows("distance_from_target", year=row["year"], area_code=row["area_code"])
        if r["stream"] in streams
    ]
    parts = [
        at("distance_from_target", "closing_dft_pence", year=r["year"], stream=r["stream"], area_code=r["area_code"])
        for r in mine
    ]
    return Worked(sum(r["closing_dft_pence"] for r in mine), parts)
