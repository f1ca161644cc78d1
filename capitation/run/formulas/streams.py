"""Formulas of the money: totals of streams, movements of the control total, top-slices, and commissioners that keep their own allocations."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any

from capitation.money.apportion import split
from capitation.money.pence import pence_of, pounds_text
from capitation.money.rounding import nearest
from capitation.pace.opening import CommissionerShares, printed_pence
from capitation.pace.policy import rate
from capitation.pace.statutory import StatutoryRule
from capitation.records.documents import Figure
from capitation.run.formulas.leaves import (
    Row,
    all_rows,
    at,
    cell,
    choice,
    gross_pence,
    published,
    rules_of,
    scenario_of,
    share_of,
)
from capitation.run.trace import Context, FigureAddress, Node, Worked

Parts = list[FigureAddress | Node]


@published("stream_total", "total_pence", "the amount of the stream in the year, as its source prints it")
def _stream_total(context: Context, row: Row) -> Worked:
    series = next(s for s in scenario_of(context).money.streams if s.stream == row["stream"])
    amounts = [a for a in series.amounts if a.year == row["year"] and a.recurrence == row["recurrence"]]
    leaves = [cell(context, a.source, a.where, f"{row['stream']} {row['year']}") for a in amounts]
    return Worked(sum(pence_of(a.pounds) for a in amounts), leaves)


@published(
    "control_total_step",
    "amount_pence",
    "the gross amount, or the top-slice's rate times its base, to the nearest penny",
)
def _control_total_step(context: Context, row: Row) -> Worked:
    year, stream = row["year"], row["stream"]
    if row["kind"] == "gross":
        key = {"year": year, "stream": stream, "recurrence": row["recurrence"]}
        return Worked(context.row("stream_total", **key)["total_pence"], [at("stream_total", "total_pence", **key)])
    plan = scenario_of(context).money
    piece = next(s for s in plan.top_slices if row["name"] in {s.name, f"{s.name}: released"} and s.stream == stream)
    steps = sorted(context.rows("control_total_step", year=year, stream=stream), key=lambda r: r["step"])
    before = [s for s in steps if s["step"] < row["step"]]
    leaf = cell(context, piece.source, piece.where, piece.name)
    if row["kind"] == "release":
        taken = next(s for s in reversed(before) if s["name"] == piece.name)
        part = next(r.rate for r in piece.releases if r.year == year and r.recurrence == row["recurrence"])
        return Worked(nearest(part * -taken["amount_pence"]), [leaf, choice("part given back", str(part), piece.where)])
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
    return Worked(-rounded, [leaf, choice("rate", str(piece.rate), f"top-slice {piece.name!r} of the scenario")], words)


@published(
    "locality_slice",
    "amount_pence",
    "the system's top-slice shared by the localities' allocations of the stream, largest remainder",
)
def _locality_slice(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    step = next(s for s in context.rows("control_total_step", **key) if s["step"] == row["step"])
    weights = {r["area_code"]: r["total_pence"] for r in context.rows("locality_total", **key)}
    pence = share_of(step["amount_pence"], weights, row["locality_code"])
    leaf = cell(context, *_slice_source(context, row), row["name"])
    return Worked(pence, [leaf, at("locality_total", "total_pence", **key, area_code=row["locality_code"])])


def _slice_source(context: Context, row: Row) -> tuple[str, str]:
    plan = scenario_of(context).money
    piece = next(s for s in plan.top_slices if row["name"] in {s.name, f"{s.name}: released"})
    return piece.source, piece.where


def rule_of(context: Context, stream: str) -> StatutoryRule | None:
    """The rule under which commissioners keep their own allocations of a stream; none where it is one pot."""
    return scenario_of(context).rule(stream).statutory


def _members(context: Context, year: str, stream: str) -> list[dict[str, Any]]:
    """Practices with their locality, commissioner and weighted persons, by code."""
    homes = {r["practice_code"]: r for r in all_rows(context, "membership")}
    weights = context.rows("practice_weight", year=year, stream=stream)
    found = [
        {
            "practice": r["practice_code"],
            "area": homes[r["practice_code"]]["locality_code"],
            "commissioner": homes[r["practice_code"]]["commissioner_code"],
            "weight": r["weighted_persons"],
        }
        for r in weights
    ]
    return sorted(found, key=lambda m: str(m["practice"]))


def kept_by_practices(context: Context, year: str, stream: str) -> dict[str, tuple[int, int]]:
    """What each practice has of a round and what it has of its commissioner's own, both recurrent."""
    memory = ("statutory", year, stream)
    if memory not in context.memory:
        context.memory[memory] = _kept(context, year, stream)
    kept: dict[str, tuple[int, int]] = context.memory[memory]
    return kept


def _kept(context: Context, year: str, stream: str) -> dict[str, tuple[int, int]]:
    members = _members(context, year, stream)
    rounds = {r["area_code"]: r for r in context.rows("pace", year=year, stream=stream)}
    paced: dict[str, int] = {}
    pieces: dict[tuple[str, str], dict[str, Any]] = {}
    for area, row in rounds.items():
        mine = [m for m in members if m["area"] == area]
        paced |= dict(
            zip(
                (m["practice"] for m in mine),
                split(row["paced_pence"], [m["weight"] for m in mine]),
                strict=True,
            )
        )
        owners = sorted({m["commissioner"] for m in mine})
        shares = [math.fsum(m["weight"] for m in mine if m["commissioner"] == c) for c in owners]
        cut = {n: split(row[n] or 0, shares) for n in ("target_pence", "lower_pence", "upper_pence", "opening_pence")}
        faster = rules_of(context, year, stream).max_growth
        times = 1 + rate(faster) if isinstance(faster, Figure) else Decimal(0)
        for i, owner in enumerate(owners):
            part = sum(paced[m["practice"]] for m in mine if m["commissioner"] == owner)
            most = None if row["upper_pence"] is None else max(cut["upper_pence"][i], part)
            pieces[owner, area] = {
                "target": cut["target_pence"][i],
                "least": min(cut["lower_pence"][i], part),
                "most": most,
                "beyond": None if most is None else max(most, math.floor(cut["opening_pence"][i] * float(times))),
            }
    own = {r["commissioner_code"]: r["own_pence"] for r in context.rows("commissioner_allocation", year=year, stream=stream)}  # fmt: skip
    kept: dict[str, int] = {}
    for owner, pence in own.items():
        areas = sorted(area for who, area in pieces if who == owner)
        amounts = _filled([pieces[owner, area] for area in areas], pence)
        for area, amount in zip(areas, amounts, strict=True):
            mine = [m for m in members if m["area"] == area and m["commissioner"] == owner]
            parts = split(amount, [m["weight"] for m in mine])
            kept |= dict(zip((m["practice"] for m in mine), parts, strict=True))
    return {code: (paced[code], kept[code]) for code in paced}


def _filled(pieces: list[dict[str, Any]], total: int) -> list[int]:
    """Amounts in proportion to targets within bounds that add to a total; in proportion to the bounds where it lies outside them."""
    least, most = [p["least"] for p in pieces], [p["most"] for p in pieces]
    if sum(least) > total:
        return split(total, least)
    if None not in most and sum(most) < total:  # the ceiling at target gives way before the limit on growth
        most = [p["beyond"] for p in pieces]
        if sum(most) < total:
            return split(total, most)

    def at_level(level: Fraction) -> list[Fraction]:
        wanted = [max(Fraction(p["least"]), level * p["target"]) for p in pieces]
        return [w if m is None else min(w, Fraction(m)) for w, m in zip(wanted, most, strict=True)]

    bounds = [(p["least"], p["target"]) for p in pieces] + [
        (limit, p["target"]) for p, limit in zip(pieces, most, strict=True) if limit
    ]
    points = sorted({Fraction(bound, target) for bound, target in bounds if target})
    below = max((p for p in points if sum(at_level(p)) <= total), default=Fraction(0))
    here, beyond = at_level(below), at_level(below + Fraction(1, 10**30))
    free = [i for i in range(len(pieces)) if beyond[i] > here[i]]
    amounts = [int(a) for a in here]
    if free:
        left = total - sum(a for i, a in enumerate(amounts) if i not in free)
        for i, amount in zip(free, split(left, [pieces[i]["target"] for i in free]), strict=True):
            amounts[i] = amount
    return amounts


def practice_share(context: Context, row: Row) -> tuple[int, Parts]:
    """What one practice has of a stream whose commissioners keep their own: the recurrent sum and what it rests on."""
    key = {"year": row["year"], "stream": row["stream"]}
    owner = next(m["commissioner"] for m in _members(context, **key) if m["practice"] == row["code"])
    parts: Parts = [
        at("commissioner_allocation", "allocation_pence", **key, commissioner_code=owner),
        at("pace", "paced_pence", **key, area_code=row["parent_code"]),
        at("practice_weight", "weighted_persons", **key, practice_code=row["code"]),
    ]
    return _of(context, row["stream"], kept_by_practices(context, **key)[row["code"]]), parts


def _of(context: Context, stream: str, both: tuple[int, int]) -> int:
    rule = rule_of(context, stream)
    return both[0] if rule is not None and rule.pooled else both[1]


@published(
    "pace",
    "allocation_pence",
    "what the round gives; where commissioners keep their own allocations, what its practices have of those",
)
def _allocation(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    mine: Parts = [at("pace", "paced_pence", **key, area_code=row["area_code"])]
    if rule_of(context, row["stream"]) is None:
        return Worked(row["paced_pence"], mine)
    here = [m for m in _members(context, **key) if m["area"] == row["area_code"]]
    kept = kept_by_practices(context, **key)
    owners = sorted({m["commissioner"] for m in here})
    mine += [at("commissioner_allocation", "allocation_pence", **key, commissioner_code=c) for c in owners]
    words = "commissioners keep their own allocations: their money within the bounds of the round, furthest under target first"
    return Worked(sum(_of(context, row["stream"], kept[m["practice"]]) for m in here), mine, words)


@published("commissioner_allocation", "published_pence", "the printed allocation; empty where none is printed")
def _published(context: Context, row: Row) -> Worked:
    rule = rule_of(context, row["stream"])
    if rule is None or row["published_pence"] is None:
        return Worked(None, [choice("published allocation", "none", f"the table prints none for {row['year']}")])
    named = CommissionerShares(source=rule.source, table=rule.table, column=row["year"])
    found = printed_pence(named, [row["commissioner_code"]], context.pack)[row["commissioner_code"]]
    where = f"{rule.table}, row {row['commissioner_code']}, column {row['year']}"
    return Worked(found, [cell(context, rule.source, where, f"published allocation of {row['commissioner_code']}")])


@published(
    "commissioner_allocation",
    "own_pence",
    "the published one; where the stream's total is another, or none is published, the total shared like the latest that is",
)
def _own(context: Context, row: Row) -> Worked:
    key = {"stream": row["stream"]}
    rows = context.rows("commissioner_allocation", **key)
    years = sorted({r["year"] for r in rows if r["year"] <= row["year"] and r["published_pence"] is not None})
    weights = {r["commissioner_code"]: r["published_pence"] for r in rows if r["year"] == years[-1]}
    parts: Parts = [
        at("commissioner_allocation", "published_pence", year=years[-1], **key, commissioner_code=row["commissioner_code"]),
        at("stream_total", "total_pence", year=row["year"], **key, recurrence="recurrent"),
    ]  # fmt: skip
    total = gross_pence(context, row["year"], row["stream"], recurrence="recurrent")
    return Worked(share_of(total, weights, row["commissioner_code"]), parts)


@published("commissioner_allocation", "pooled_pence", "what the round gives the localities of its practices")
def _pooled(context: Context, row: Row) -> Worked:
    key = {"year": row["year"], "stream": row["stream"]}
    mine = [m for m in _members(context, **key) if m["commissioner"] == row["commissioner_code"]]
    kept = kept_by_practices(context, **key)
    areas = sorted({m["area"] for m in mine})
    return Worked(
        sum(kept[m["practice"]][0] for m in mine), [at("pace", "paced_pence", **key, area_code=a) for a in areas]
    )


@published("commissioner_allocation", "allocation_pence", "its own allocation, or what it has of the pool")
def _held(context: Context, row: Row) -> Worked:
    rule = rule_of(context, row["stream"])
    column = "pooled_pence" if rule is not None and rule.pooled else "own_pence"
    return Worked(row[column], _mine(row, column))


def _difference(column: str, more: str, less: str, words: str) -> None:
    def work(_context: Context, row: Row) -> Worked:
        found = None if row[less] is None else row[more] - row[less]
        return Worked(found, _mine(row, more, less))

    published("commissioner_allocation", column, words)(work)


def _mine(row: Row, *columns: str) -> Parts:
    key = {k: row[k] for k in ("year", "stream", "commissioner_code")}
    return [at("commissioner_allocation", column, **key) for column in columns]


_difference("difference_pence", "own_pence", "published_pence", "its own allocation less the published one")
_difference("pooling_pence", "pooled_pence", "own_pence", "what it has of the pool less its own allocation")
