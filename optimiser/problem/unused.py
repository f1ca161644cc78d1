"""Rows of a document that decide nothing, because nothing that may be bought meets them; each kind is said in one sentence.

What is silent is not refused: a document written for a whole system may state more than its solutions move. It is named, since
a figure that is changed and changes nothing is easily taken for one that counts.
"""

from __future__ import annotations

from collections.abc import Iterable

from optimiser.problem.document import Problem

_NAMED = 4
"""How many rows of a kind are named."""


def unused_rows(problem: Problem) -> list[str]:
    """A sentence, begun with its table, for each kind of row that decides nothing."""
    avoided = {e.point_of_delivery for s in problem.solutions for e in s.effects}
    received = {r.received_at for s in problem.solutions for r in s.receiving}
    received |= {c.point_of_delivery for s in problem.solutions for c in s.creates}
    kinds = {
        ("points_of_delivery", "no contacts are received there, so what one costs decides nothing"): (
            p.id for p in problem.points_of_delivery if p.contact_cost_pounds and p.id not in received
        ),
        ("receiving_staff", "no contacts are received there, so the staff they need decide nothing"): (
            r.point_of_delivery for r in problem.receiving_staff if r.point_of_delivery not in received
        ),
        ("prices", "no solution avoids anything there, so its price decides nothing"): (
            p.point_of_delivery for p in problem.prices if p.point_of_delivery not in avoided
        ),
        ("providers", "no flow names it, so it sees no activity"): _without_flows(problem),
        ("localities", "it has no activity, but takes its part of amounts by its persons"): _without_activity(problem),
        ("cells", "no effect names it, so it decides nothing"): _cells(problem),
        ("payment_terms", "no avoided activity under it has a price, so it decides nothing"): _terms(problem, avoided),
        ("blocks", "no solution avoids what it serves, so it never closes"): (
            f"{b.id} of {b.provider}" for b in problem.blocks if b.point_of_delivery not in avoided
        ),
        ("blocks", "its lag ends after the last year, so it never closes"): (
            f"{b.id} of {b.provider}" for b in problem.blocks if b.lag_years >= len(problem.years)
        ),
        ("budgets", "what is carried out of the last year comes back in none"): (
            f"the {b.kind} budget of {b.year}"
            for b in problem.budgets
            if b.carry_forward_pounds and b.year == problem.years[-1]
        ),
    }
    said = []
    for (table, words), names in kinds.items():
        found = list(dict.fromkeys(names))
        if found:
            more = f" (and {len(found) - _NAMED:,} more)" if len(found) > _NAMED else ""
            said.append(f"{table}: {', '.join(found[:_NAMED])}{more}: {words}")
    return said


def _without_flows(problem: Problem) -> Iterable[str]:
    seeing = {f.provider for f in problem.flows}
    return [p.id for p in problem.providers if p.id not in seeing] if len(problem.providers) > 1 else []


def _without_activity(problem: Problem) -> Iterable[str]:
    active = {row.locality for row in problem.activity}
    return [p.id for p in problem.localities if p.id not in active] if problem.activity else []


def _cells(problem: Problem) -> Iterable[str]:
    named = {(e.point_of_delivery, e.cell) for s in problem.solutions for e in s.effects}
    return [f"{c.id} of {c.point_of_delivery}" for c in problem.cells if (c.point_of_delivery, c.id) not in named]


def _terms(problem: Problem, avoided: set[str]) -> Iterable[str]:
    priced = {p.point_of_delivery for p in problem.prices} & avoided
    return [
        f"the terms of {term.provider}{' for ' + ', '.join(term.points_of_delivery) if term.points_of_delivery else ''}"
        for term in problem.payment_terms
        if not priced & set(term.points_of_delivery or priced)
    ]
