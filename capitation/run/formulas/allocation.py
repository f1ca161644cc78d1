"""Formulas of allocations at every level, their ledger, and what is available after money set aside."""

from __future__ import annotations

from capitation.allocation.spendable import HELD_KINDS
from capitation.money.apportion import split
from capitation.money.pence import pounds_text
from capitation.run.formulas.leaves import (
    Row,
    at,
    gross_pence,
    locality_of_practices,
    locality_weights,
    published,
    share_of,
)
from capitation.run.formulas.streams import practice_share, rule_of
from capitation.run.trace import Context, FigureAddress, Node, Worked


def _by_weight(context: Context, row: Row, recurrence: str) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    total = gross_pence(context, **key, recurrence=recurrence)
    home = locality_of_practices(context)
    parts: list[FigureAddress | Node] = [
        at("practice_weight", "weighted_persons", **key, practice_code=code)
        for code, place in sorted(home.items())
        if place == row["area_code"]
    ]
    parts += [
        at("stream_total", "total_pence", **key, recurrence=recurrence)
        for _ in context.rows("stream_total", **key, recurrence=recurrence)
    ]
    return Worked(share_of(total, locality_weights(context, **key), row["area_code"]), parts)


@published("locality_total", "total_pence", "recurrent and non-recurrent money together")
def _locality_total(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"], "area_code": row["area_code"]}
    parts = [at("locality_total", c, **key) for c in ("recurrent_pence", "non_recurrent_pence")]
    return Worked(row["recurrent_pence"] + row["non_recurrent_pence"], parts)


@published(
    "allocation",
    "allocation_pence",
    "practices: the locality's or their commissioner's money by weighted persons; localities: their total; places, system: added up",
)
def _allocation(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    if row["level"] == "practice":
        locality = {**key, "level": "locality", "code": row["parent_code"]}
        peers = context.rows("allocation", **key, level="practice", parent_code=row["parent_code"])
        weights = {
            p["code"]: context.row("practice_weight", **key, practice_code=p["code"])["weighted_persons"] for p in peers
        }
        if rule_of(context, row["stream"]) is not None:
            total = {**key, "area_code": row["parent_code"]}
            beside = share_of(context.row("locality_total", **total)["non_recurrent_pence"], weights, row["code"])
            own, rests = practice_share(context, row)
            rests += [at("locality_total", "non_recurrent_pence", **total)]
            words = (
                "its commissioner's own money within the bounds of the round, by weighted persons, largest remainder"
            )
            return Worked(own + beside, rests, words)
        pence = share_of(context.row("allocation", **locality)["allocation_pence"], weights, row["code"])
        parts = [
            at("allocation", "allocation_pence", **locality),
            at("practice_weight", "weighted_persons", **key, practice_code=row["code"]),
        ]
        return Worked(pence, parts, "the locality's money shared by its practices' weighted persons, largest remainder")
    if row["level"] == "locality":
        mine = {**key, "area_code": row["code"]}
        return Worked(
            context.row("locality_total", **mine)["total_pence"],
            [at("locality_total", "total_pence", **mine)],
            "total of the locality",
        )
    below = {"place": "locality", "system": "place"}[row["level"]]
    children = context.rows("allocation", **key, level=below, parent_code=row["code"])
    parts = [at("allocation", "allocation_pence", **key, level=below, code=c["code"]) for c in children]
    return Worked(sum(c["allocation_pence"] for c in children), parts, f"sum of its {below} allocations")


@published("ledger", "balance_pence", "the line before and this movement")
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


@published("held_money", "held_pence", "the locality's reserves and contingency, less what was released")
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


@published(
    "spendable",
    "allocation_pence",
    "the practice's allocation less its part of what its locality holds, largest remainder",
)
def _spendable(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    reserved = context.rows("held_money", **key, locality_code=row["parent_code"])
    memory = ("set aside", row["year"], row["stream"], row["parent_code"])
    if memory not in context.memory:
        peers = context.rows("allocation", **key, level="practice", parent_code=row["parent_code"])
        weights = {p["code"]: p["allocation_pence"] for p in peers}
        names = sorted(weights)
        parts = split(sum(h["held_pence"] for h in reserved), [weights[n] for n in names])
        context.memory[memory] = dict(zip(names, parts, strict=True))
    mine = {**key, "level": "practice", "code": row["code"]}
    found: list[FigureAddress | Node] = [at("allocation", "allocation_pence", **mine)]
    found += [at("held_money", "held_pence", **key, locality_code=row["parent_code"]) for _ in reserved]
    return Worked(context.row("allocation", **mine)["allocation_pence"] - context.memory[memory][row["code"]], found)
