"""Starting a solution: what can be started where and when, once in each place, and how many in a year.

start[s,l,tau]  1 if solution s starts in place l in year tau
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from pydantic import Field

from capitation.records.documents import Document
from capitation.records.years import FinancialYear
from capitation.shift.solution import Solution
from optimiser.blocks.limits import LIMITS
from optimiser.programme.core import ALL, rows
from optimiser.programme.meaning import Meaning, in_each_year
from optimiser.programme.programme import Programme, constraint, measures, variables
from optimiser.programme.tables import NUMBER, TEXT, WHOLE, ProblemTables, long, table


class StartLimit(Document):
    """How many solutions the programme can start in a year."""

    year: FinancialYear | None = None
    """Year; every year where it is not given."""
    most: int = Field(ge=0, strict=True)
    """Most starts (one locality of a locality solution counts as one)."""


START_LIMITS = rows(
    "start_limits", StartLimit, "Capacity to start things.", Meaning("the most starts{in_year}", "most", (), ("year",))
)


@table
def starts(t: ProblemTables) -> pl.DataFrame:
    """What can be started: solution, place, weight (its part of system amounts), floor, ceiling, step, first, last."""
    found = [
        (
            s.id,
            place,
            weight,
            s.ceiling if s.whole else float(s.smallest_scale),
            s.ceiling,
            float("inf") if s.step is None else float(s.step),
            0 if s.earliest_start is None else max(0, _years_in(t, s.earliest_start)),
            t.horizon - 1 if s.latest_start is None else min(t.horizon - 1, _years_in(t, s.latest_start)),
        )
        for s, places in _places(t)
        for place, weight in places
    ]
    return long(
        found, solution=TEXT, place=TEXT, weight=NUMBER, floor=NUMBER, ceiling=NUMBER, step=NUMBER, first=WHOLE, last=WHOLE
    )  # fmt: skip


@table
def reach(t: ProblemTables) -> pl.DataFrame:
    """solution, place, locality, part (of the place's amounts that fall in the locality)."""
    found = []
    for s, places in _places(t):
        for place, _ in places:
            parts = [(place, 1.0)] if place != ALL or not t.problem.localities else _chosen(t, s)
            found += [(s.id, place, locality, part) for locality, part in parts]
    return long(found, solution=TEXT, place=TEXT, locality=TEXT, part=NUMBER)


def _places(t: ProblemTables) -> Iterator[tuple[Solution, list[tuple[str, float]]]]:
    """Each solution with the places where it can be started and their parts of system amounts."""
    for s in t.problem.solutions:
        yield s, [(ALL, 1.0)] if s.rollout == "system" or not t.problem.localities else _chosen(t, s)


def _chosen(t: ProblemTables, s: Solution) -> list[tuple[str, float]]:
    named = set(s.localities)
    weights = zip(t.localities["locality"], t.localities["weight"], strict=True)
    chosen = [(p, weight) for p, weight in weights if not named or p in named]
    whole = sum(weight for _, weight in chosen)
    return [(p, weight / whole) for p, weight in chosen]


def _years_in(t: ProblemTables, year: str) -> int:
    return FinancialYear(year).years_after(t.problem.years[0])


def must_start(p: Programme) -> set[str]:
    """Solutions whose start must be yes or no: all or nothing, a smallest scale, a cost of starting, or some logic."""
    solutions = p.problem.solutions
    linked = {s.id for s in solutions if s.excludes or s.requires}
    linked |= {name for s in solutions for name in (*s.excludes, *(q.solution for q in s.requires))}
    measured = {*p.problem.goal_names(), *(x.measure for x in LIMITS.of(p.problem))}
    counted = bool(START_LIMITS.of(p.problem)) or "starts" in measured
    return {
        s.id
        for s in solutions
        if counted or s.whole or s.smallest_scale > 0 or s.id in linked or any(c.basis == "start" for c in s.costs)
    }


def _say_what_cannot_start(p: Programme) -> None:
    """Solutions whose first year of starting lies after the last year, or whose last lies before the first."""
    years = p.problem.years
    for s, _ in _places(p.tables):
        first, last = s.earliest_start, s.latest_start
        if first is not None and _years_in(p.tables, first) >= p.tables.horizon:
            p.without_effect(
                "start", f"{s.id} cannot start: its earliest start {first} is after the last year {years[-1]}"
            )
        if last is not None and _years_in(p.tables, last) < 0:
            p.without_effect(
                "start", f"{s.id} cannot start: its latest start {last} is before the first year {years[0]}"
            )


def _say_what_chains_forbid(p: Programme) -> None:
    """Solutions whose prerequisites cannot be in place early enough, or exclude each other: no mix ever has them."""
    t = p.tables
    by = {s.id: s for s, _ in _places(t)}
    first: dict[str, int] = {}
    why: dict[str, str] = {}

    def earliest(name: str) -> int:
        if name in first:
            return first[name]
        s = by[name]
        own = 0 if s.earliest_start is None else max(0, _years_in(t, s.earliest_start))
        last = t.horizon - 1 if s.latest_start is None else min(t.horizon - 1, _years_in(t, s.latest_start))
        first[name] = own
        for need in s.requires:
            at = earliest(need.solution) + need.years_before
            if at > first[name]:
                first[name] = at
                before = f" {need.years_before} year(s) before it" if need.years_before else ""
                why[name] = f"it requires {need.solution}{before}"
        if first[name] > last:
            first[name] = t.horizon
        return first[name]

    for name in by:
        if earliest(name) >= t.horizon and name in why:
            p.without_effect(
                "start", f"{name} cannot start: {why[name]}, which comes too late for any year it may start in"
            )
        needed, reach_of = {name}, [name]
        while reach_of:
            more = {need.solution for need in by[reach_of.pop()].requires} - needed
            needed |= more
            reach_of += sorted(more)
        if any(by[each].localities for each in needed):
            continue
        at_odds = sorted((a, b) for a in needed for b in by[a].excludes if b in needed)
        if at_odds:
            a, b = at_odds[0]
            p.without_effect("start", f"{name} cannot start: it needs both {a} and {b}, which exclude each other")


def can_start(t: ProblemTables) -> pl.DataFrame:
    """The starts table by year, between the first and the last year in which each can start."""
    per_year = starts(t).join(t.dates, how="cross", maintain_order="left_right")
    return per_year.filter(pl.col("t").is_between(pl.col("first"), pl.col("last")))


@variables(10)
def start(p: Programme) -> None:
    """A start for each solution, place and year in which it can start."""
    _say_what_cannot_start(p)
    _say_what_chains_forbid(p)
    whole = pl.col("solution").is_in(sorted(must_start(p))).alias("whole")
    p.columns(
        "start", can_start(p.tables).with_columns(whole), ["solution", "place", "year"], unit="start",
        label="start of {solution} in {place} in {year}", upper=1.0, integer="whole", first_stage=True,
    )  # fmt: skip


@constraint(10, "start_once")
def start_once(p: Programme) -> None:
    """A solution starts at most once in a place (physics).

    In words: over all years, a solution has at most one start in each place.

        sum over tau of start[s,l,tau] <= 1
    """
    rows = p.rows(
        "start_once", starts(p.tables), ["solution", "place"], kind="P", unit="starts",
        label="{solution} starts once in {place}", upper=1.0,
    )  # fmt: skip
    p.add(rows.select("row", "solution", "place"), "start", ["solution", "place"])


@constraint(210, "starts_per_year")
def starts_per_year(p: Programme) -> None:
    """No more solutions start in a year than the programme can manage (policy).

    In words: the starts of a year, over all solutions and places, are at most the number stated.

        sum over s, l of start[s,l,t] <= most[t]
    """
    t = p.tables
    stated = [(r.year, float(r.most)) for r in START_LIMITS.of(p.problem)]
    if not stated:
        p.without_effect("starts_per_year", "no number of starts is stated")
        return
    most = in_each_year(t.dates, long(stated, year=TEXT, most=NUMBER), [])
    p.years_without("starts_per_year", "starts", most)
    rows = p.rows(
        "starts_per_year", most.join(t.dates, on="t"), ["year"], kind="Q", unit="starts",
        label="starts in {year}", group="programme", upper="most",
    )  # fmt: skip
    p.add(rows.select("row", "t"), p["start"].select("t", "col"), ["t"])


@measures(40)
def number_of_starts(p: Programme) -> None:
    """How many starts there are in all."""
    p.count("starts", p["start"], "starts", "min", "starts")
