"""Formulas of figures that follow from others of their own row or of other tables: shares, differences, balances, sums and counts."""

from __future__ import annotations

import math
from collections.abc import Callable

from capitation.money.apportion import split
from capitation.money.pence import pence_of, pounds_text
from capitation.money.rounding import MICRO
from capitation.run.formulas.leaves import (
    Row,
    at,
    cell,
    choice,
    list_column,
    locality_of_practices,
    locality_weights,
    practice_cell,
    published,
    scenario_of,
)
from capitation.run.tables import SCHEMAS
from capitation.run.trace import Context, FigureAddress, Node, Worked

Find = Callable[[Context, Row], Worked]


def own(table: str, row: Row, *columns: str) -> list[FigureAddress | Node]:
    """Addresses of other figures of the same row."""
    keys = [name for name, column in SCHEMAS[table].columns().items() if column.key]
    return [at(table, column, **{k: row[k] for k in keys}) for column in columns]


def _quotient(table: str, column: str, over: str, under: str, words: str, less: float = 0.0) -> None:
    """Enter a quotient of two columns of the same row, less a constant; empty where the divisor is 0."""

    def work(_context: Context, row: Row) -> Worked:
        found = None if not row[under] else row[over] / row[under] - less
        return Worked(found, own(table, row, over, under))

    published(table, column, words)(work)


def _difference(table: str, column: str, more: str, less: str, words: str) -> None:
    """Enter a difference of two columns of the same row."""

    def work(_context: Context, row: Row) -> Worked:
        return Worked(row[more] - row[less], own(table, row, more, less))

    published(table, column, words)(work)


def _same_as(table: str, column: str, other: str, other_column: str, keys: tuple[str, ...], words: str) -> None:
    """Enter a column that repeats a figure of another table."""

    def work(context: Context, row: Row) -> Worked:
        key = {k: row[k] for k in keys}
        return Worked(context.row(other, **key)[other_column], [at(other, other_column, **key)])

    published(table, column, words)(work)


AREA = ("year", "stream", "area_code")

_same_as("distance_from_target", "opening_pence", "pace", "opening_pence", AREA, "the opening of the table 'pace'")
_same_as("distance_from_target", "target_pence", "target", "target_pence", AREA, "the target of the table 'target'")
_same_as(
    "distance_from_target", "allocation_pence", "pace", "allocation_pence", AREA, "the allocation of the table 'pace'"
)
_difference(
    "distance_from_target",
    "opening_dft_pence",
    "opening_at_average_growth_pence",
    "target_pence",
    "opening at average growth less target",
)
_quotient(
    "distance_from_target", "opening_dft_share", "opening_dft_pence", "target_pence", "opening distance over target"
)
_quotient(
    "distance_from_target", "closing_dft_share", "closing_dft_pence", "target_pence", "closing distance over target"
)
_quotient(
    "place_distance",
    "opening_dft_share",
    "opening_dft_pence",
    "target_pence",
    "opening distance over the target of all streams",
)
_quotient(
    "place_distance",
    "closing_dft_share",
    "closing_dft_pence",
    "target_pence",
    "closing distance over the target of all streams",
)
_difference("pace", "closing_dft_pence", "allocation_pence", "target_pence", "allocation less target")
_quotient("pace", "closing_dft_share", "closing_dft_pence", "target_pence", "closing distance over target")
_quotient("pace", "growth_rate", "allocation_pence", "opening_pence", "allocation over opening, less 1", less=1.0)
_difference(
    "place_lift", "change_pence", "core_after_pence", "core_before_pence", "core money after the place rule less before"
)
_difference(
    "total_check", "difference_pence", "summed_pence", "printed_pence", "the sum of the streams less the printed total"
)


def _of_streams(column: str, words: str) -> None:
    """Enter a figure of all place-based streams of an area: the sum of that of each."""

    def work(context: Context, row: Row) -> Worked:
        streams = scenario_of(context).placed
        mine = [
            r
            for r in context.rows("distance_from_target", year=row["year"], area_code=row["area_code"])
            if r["stream"] in streams
        ]
        parts: list[FigureAddress | Node] = [
            at("distance_from_target", column, **{k: r[k] for k in AREA}) for r in mine
        ]
        return Worked(sum(r[column] for r in mine), parts)

    published("place_distance", column, words)(work)


_of_streams("target_pence", "targets of the place-based streams added up")
_of_streams("allocation_pence", "allocations of the place-based streams added up")
_of_streams("opening_dft_pence", "opening distances of the place-based streams added up")


@published("place_distance", "streams", "how many place-based streams the area has")
def _streams_of_place(context: Context, row: Row) -> Worked:
    streams = scenario_of(context).placed
    mine = [
        r
        for r in context.rows("distance_from_target", year=row["year"], area_code=row["area_code"])
        if r["stream"] in streams
    ]
    return Worked(len(mine), [choice("place_based_streams", ", ".join(streams), "streams of the scenario")])


@published(
    "distance_from_target",
    "opening_at_average_growth_pence",
    "the sum of targets shared by openings, largest remainder",
)
def _opening_at_growth(context: Context, row: Row) -> Worked:
    peers = context.rows("distance_from_target", year=row["year"], stream=row["stream"])
    memory = ("openings at growth", row["year"], row["stream"])
    if memory not in context.memory:
        codes = sorted(p["area_code"] for p in peers)
        opening = {p["area_code"]: p["opening_pence"] for p in peers}
        context.memory[memory] = dict(
            zip(codes, split(sum(p["target_pence"] for p in peers), [opening[c] for c in codes]), strict=True)
        )
    return Worked(
        context.memory[memory][row["area_code"]], own("distance_from_target", row, "opening_pence", "target_pence")
    )


def _per_person(moment: str) -> None:
    column = f"{moment}_dft_pence_per_person"

    def work(context: Context, row: Row) -> Worked:
        home = locality_of_practices(context)
        memory = ("heads", row["year"])
        if memory not in context.memory:
            sums: dict[str, int] = {}
            for r in context.rows("population", year=row["year"]):
                sums[home[r["practice_code"]]] = sums.get(home[r["practice_code"]], 0) + r["registered_micro"]
            context.memory[memory] = sums
        heads = context.memory[memory][row["area_code"]] / MICRO
        people: list[FigureAddress | Node] = [
            at("population", "registered_micro", year=row["year"], practice_code=code)
            for code, place in sorted(home.items())
            if place == row["area_code"]
        ]
        distance = row[f"{moment}_dft_pence"]
        return Worked(
            distance / heads if heads else None, [*own("distance_from_target", row, f"{moment}_dft_pence"), *people]
        )

    published("distance_from_target", column, f"{moment} distance over registered persons")(work)


_per_person("opening")
_per_person("closing")


@published(
    "pace", "opening_dft_share", "the opening's share of all openings over the target's share of all targets, less 1"
)
def _pace_opening_share(context: Context, row: Row) -> Worked:
    peers = context.rows("pace", year=row["year"], stream=row["stream"])
    openings, targets = sum(p["opening_pence"] for p in peers), sum(p["target_pence"] for p in peers)
    whole = openings * row["target_pence"]
    share = (row["opening_pence"] * targets - whole) / whole if whole else None
    return Worked(share, own("pace", row, "opening_pence", "target_pence"))


@published("target", "weighted_persons", "weighted persons of its practices added up")
def _target_weight(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    parts: list[FigureAddress | Node] = [
        at("practice_weight", "weighted_persons", **key, practice_code=code)
        for code, place in sorted(locality_of_practices(context).items())
        if place == row["area_code"]
    ]
    return Worked(locality_weights(context, **key)[row["area_code"]], parts)


@published("target", "target_share", "weighted persons of the area over those of all areas")
def _target_share(context: Context, row: Row) -> Worked:
    whole = math.fsum(locality_weights(context, year=row["year"], stream=row["stream"]).values())
    return Worked(row["weighted_persons"] / whole if whole else 0.0, own("target", row, "weighted_persons"))


def _level_weight(table: str) -> None:
    def work(context: Context, row: Row) -> Worked:
        key = {"year": row["year"], "stream": row["stream"]}
        column = {"practice": "practice_code", "locality": "locality_code", "place": "place_code"}.get(row["level"])
        inside = [
            r["practice_code"]
            for r in context.run.frame("membership").iter_rows(named=True)
            if column is None or r[column] == row["code"]
        ]
        parts: list[FigureAddress | Node] = [
            at("practice_weight", "weighted_persons", **key, practice_code=code) for code in sorted(inside)
        ]
        return Worked(
            math.fsum(context.row("practice_weight", **key, practice_code=code)["weighted_persons"] for code in inside),
            parts,
        )

    published(table, "weighted_persons", "weighted persons of its practices added up")(work)


_level_weight("allocation")
_level_weight("spendable")

_same_as(
    "practice_weight",
    "registered_micro",
    "population",
    "registered_micro",
    ("year", "practice_code"),
    "the practice's projected list",
)
_same_as(
    "practice_weight",
    "need_index",
    "practice_need",
    "need_index",
    ("stream", "practice_code"),
    "need per head of the base year",
)


@published("practice_need", "registered_persons", "the practice's list as its source prints it")
def _registered(context: Context, row: Row) -> Worked:
    leaf = practice_cell(context, row["practice_code"], list_column(context))
    return Worked(float(leaf.value), [leaf])


_quotient("practice_need", "need_index", "weighted_persons", "registered_persons", "weighted over registered persons")


@published("population", "registered_persons", "the exact list in persons")
def _persons(_context: Context, row: Row) -> Worked:
    return Worked(row["registered_micro"] / MICRO, own("population", row, "registered_micro"))


@published("control_total_step", "balance_pence", "the movements of the stream up to and with this one")
def _step_balance(context: Context, row: Row) -> Worked:
    steps = [
        s
        for s in context.rows("control_total_step", year=row["year"], stream=row["stream"])
        if s["step"] <= row["step"]
    ]
    leaves = [
        Node("figure", f"{s['step']}. {s['name']}", pounds_text(s["amount_pence"]), "pounds", "movement") for s in steps
    ]
    return Worked(sum(s["amount_pence"] for s in steps), leaves)


def _deployable(column: str, kinds: tuple[str, ...]) -> None:
    def work(context: Context, row: Row) -> Worked:
        steps = [
            s
            for s in context.rows("control_total_step", year=row["year"], stream=row["stream"])
            if s["recurrence"] in kinds
        ]
        leaves = [Node("figure", s["name"], pounds_text(s["amount_pence"]), "pounds", "movement") for s in steps]
        return Worked(sum(s["amount_pence"] for s in steps), leaves)

    published("deployable", column, f"the stream's {' and '.join(kinds)} movements from gross to deployable")(work)


_deployable("recurrent_pence", ("recurrent",))
_deployable("non_recurrent_pence", ("non-recurrent",))
_deployable("deployable_pence", ("recurrent", "non-recurrent"))


@published("total_check", "printed_pence", "the total as its source prints it")
def _printed_total(context: Context, row: Row) -> Worked:
    total = next(
        t
        for t in scenario_of(context).money.totals
        if t.year == row["year"] and " + ".join(t.streams) == row["streams"]
    )
    return Worked(total.pence, [cell(context, total.source, total.where, f"printed total {row['year']}")])


@published("total_check", "summed_pence", "the amounts of its streams added up")
def _summed_total(context: Context, row: Row) -> Worked:
    plan = scenario_of(context).money
    amounts = [
        (s.stream, a)
        for s in plan.streams
        if s.stream in row["streams"].split(" + ")
        for a in s.amounts
        if a.year == row["year"]
    ]
    leaves = [cell(context, a.source, a.where, f"{stream} {row['year']}") for stream, a in amounts]
    return Worked(sum(pence_of(a.pounds) for _, a in amounts), leaves)


@published("gap_bridge", "amount_pence", "the printed part; what the parts leave over of the printed deficit")
def _gap(context: Context, row: Row) -> Worked:
    gap = next(g for g in scenario_of(context).gaps if g.year == row["year"])
    parts = {p.name: p for p in gap.parts}
    if row["kind"] == "part":
        part = parts[row["name"]]
        return Worked(part.pence, [cell(context, part.source, part.where, part.name)])
    printed = gap.total.pence if gap.total is not None else 0
    leaves = [cell(context, p.source, p.where, p.name) for p in gap.parts]
    return Worked(printed - sum(p.pence for p in gap.parts), leaves)


@published("gap_bridge", "balance_pence", "the lines up to and with this one")
def _gap_balance(context: Context, row: Row) -> Worked:
    lines = [r for r in context.rows("gap_bridge", year=row["year"]) if r["step"] <= row["step"]]
    parts: list[FigureAddress | Node] = [
        Node("figure", r["name"], pounds_text(r["amount_pence"]), "pounds", "line of the bridge") for r in lines
    ]
    return Worked(sum(r["amount_pence"] for r in lines), parts)


@published("ledger", "amount_pence", "the balance after the movement less the balance before it")
def _movement(context: Context, row: Row) -> Worked:
    lines = context.rows("ledger", **{k: row[k] for k in ("year", "subject_kind", "subject_code")})
    before = next((r["balance_pence"] for r in lines if r["step"] == row["step"] - 1), 0)
    words = [
        Node("figure", "balance before", pounds_text(before), "pounds", "line before"),
        Node("figure", "balance after", pounds_text(row["balance_pence"]), "pounds", "this line"),
    ]
    return Worked(row["balance_pence"] - before, words)


@published("unit_cost", "unit_cost_pence", "spend over activity, nearest penny, half up")
def _unit_cost(_context: Context, row: Row) -> Worked:
    units = row["baseline_activity"]
    return Worked(
        (2 * row["spend_pence"] + units) // (2 * units) if units else None, own("unit_cost", row, "spend_pence")
    )


@published("unit_cost", "odd_pence", "spend less activity times the rounded unit cost")
def _odd(_context: Context, row: Row) -> Worked:
    units, unit = row["baseline_activity"], row["unit_cost_pence"]
    return Worked(
        None if not units else row["spend_pence"] - units * unit,
        own("unit_cost", row, "spend_pence", "unit_cost_pence"),
    )


_same_as(
    "service_line", "cost_pence", "unit_cost", "spend_pence", ("line",), "spend of the line in the table 'unit_cost'"
)
