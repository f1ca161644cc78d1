"""An outcome as plain tables and values, ready to be printed, written or sent: nothing is worked out after this."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from optimiser.answers.explain import binding_limits
from optimiser.answers.mix_run import drivers
from optimiser.answers.optimise import Outcome
from optimiser.answers.prices import price_report, price_sentences
from optimiser.answers.whole.closures import closure_sentences, closures
from optimiser.engines.answer import MEANING
from optimiser.problem.document import Problem
from optimiser.programme.core import PLAIN


def outcome_report(outcome: Outcome) -> dict[str, Any]:
    """Everything a reader of the mix needs, as plain values and frames.

    Keys: problem, status, meaning, headline, goal, objective, unit, bound, gap, bound_with_parts_of_blocks, closures, knife_edges, goals, mix, measures, activity, credit, exact, claimed, drivers, prices,
    prices_basis, no_prices_because, certificate, binding, infeasible, silent, warnings, notes, engine, versions,
    matrix_hash, seconds. Money is in pounds.
    """
    headline, answer = outcome.headline, outcome.answer
    prices = price_report(headline)
    certificate = headline.prices.certificate.worst if headline.prices is not None else None
    return {
        "problem": outcome.problem.id,
        "status": outcome.status,
        "meaning": outcome.answers[-1].meaning,
        "headline": headline_sentence(outcome),
        "goal": headline.matrix.objective,
        "objective": plain(headline.objective),
        "unit": headline.matrix.unit,
        "bound": plain(headline.best_possible),
        "gap": plain(headline.gap),
        "bound_with_parts_of_blocks": plain(outcome.parts_bound),
        "closures": closures(outcome.problem, answer, outcome.exact).to_dicts(),
        "knife_edges": closure_sentences(outcome.problem, answer, outcome.exact),
        "goals": [
            {
                "measure": a.matrix.objective,
                "value": plain(a.objective),
                "in_mix": plain(answer.measure(a.matrix.objective)) if answer.has_mix else None,
                "unit": a.matrix.unit,
                "status": a.status,
            }
            for a in outcome.answers
        ]
        + [
            {
                "measure": name,
                "value": None,
                "in_mix": plain(answer.measure(name)) if answer.has_mix else None,
                "unit": answer.matrix.measures[name].unit,
                "status": f"not reached: {status}",
            }
            for name, status in outcome.not_reached
        ],
        "mix": mix_report(outcome) if answer.has_mix else {},
        "measures": measure_report(outcome),
        "activity": _activity(outcome),
        "credit": _credit(outcome),
        "exact": _avoided(outcome, "exact"),
        "claimed": _avoided(outcome, "claimed"),
        "drivers": drivers(outcome),
        "exact_npv": None if outcome.exact is None else plain(outcome.exact.npv),
        "claimed_npv": None if outcome.exact is None else plain(outcome.exact.claimed_npv),
        "over_claim": None if outcome.exact is None else plain(outcome.exact.over_claim),
        "prices": prices.drop("row").to_dicts(),
        "price_sentences": price_sentences(prices),
        "prices_basis": headline.prices.basis if headline.prices is not None else None,
        "prices_from": headline.prices.route if headline.prices is not None else None,
        "no_prices_because": headline.no_prices_because,
        "certificate": plain(certificate),
        "binding": list(binding_limits(answer)),
        "infeasible": infeasible_report(outcome),
        "silent": list(answer.matrix.no_effect),
        "warnings": list(outcome.warnings)
        + cell_warnings(outcome.problem)
        + block_warnings(outcome)
        + expectation_warnings(outcome),
        "notes": [note for a in outcome.answers for note in a.notes] + not_reached_notes(outcome),
        "engine": answer.engine,
        "versions": dict(answer.versions),
        "matrix_hash": outcome.answers[0].matrix.content_hash,
        "columns": answer.matrix.column_count,
        "rows": answer.matrix.row_count,
        "seconds": {stage: round(spent, 6) for stage, spent in outcome.seconds.items()},
    }


def headline_sentence(outcome: Outcome) -> str:
    """What the mix is worth, with the exact product of effects beside the claim wherever the two differ."""
    headline, exact = outcome.headline, outcome.exact
    if not headline.has_mix:
        return headline.meaning
    unit = headline.matrix.unit

    def amount(value: float) -> str:
        return f"£{value:,.0f}" if unit == "£" else f"{value:,.2f} {unit}"

    best = plain(headline.objective) or 0.0
    name = headline.matrix.objective
    value = plain(outcome.answer.measure(name)) or 0.0 if name in outcome.answer.matrix.measures else best
    said = f"{name}: {amount(value)}"
    if abs(value - best) > SAME * max(1.0, abs(best)):
        said += f" ({amount(best)} was found before giving way to the goals after it)"
    if exact is None or (abs(exact.over_claim) <= SAME and abs(exact.claimed_npv - exact.npv) < 0.5):
        return said
    more = "too much" if exact.claimed_npv >= exact.npv else "too little"
    return (
        f"{said} as the search counts it; by the exact product of effects npv is £{exact.npv:,.0f} "
        f"(£{abs(exact.claimed_npv - exact.npv):,.0f} {more} claimed), and {abs(exact.over_claim):.2%} "
        f"{'more' if exact.over_claim >= 0 else 'less'} activity is claimed than avoided"
    )


SAME = 1e-6
"""A claim this near to the exact product, as a share of it, is the same."""


def not_reached_notes(outcome: Outcome) -> list[str]:
    """A sentence for each goal that was not reached."""
    if not outcome.answer.has_mix:  # the headline says why there is none
        return [f"the goal '{name}' was not reached either" for name, _ in outcome.not_reached]
    return [
        f"the goal '{name}' was not reached ({MEANING[status]}); the mix is the best found for the goals before it"
        for name, status in outcome.not_reached
    ]


def plain(value: float | None) -> float | None:
    """The number, or None where there is none or it is not finite (JSON has no word for those)."""
    return None if value is None or not math.isfinite(value) else float(value) + 0.0


def mix_report(outcome: Outcome) -> dict[str, Any]:
    """By solution: title, scale in the last year (weighted over places), and where and when it starts.

    One that can start in none of the years says why, as `cannot_start`.
    """
    never = {name: {"cannot_start": reason} for name, reason in outcome.cannot_start().items()}
    names = {s.id: s.name for s in outcome.problem.solutions}
    starts: dict[str, dict[str, str]] = {}
    for row in outcome.mix().filter(pl.col("start").is_not_null()).iter_rows(named=True):
        starts.setdefault(row["solution"], {})[row["place"]] = row["start"]
    return {
        solution: {
            "title": names[solution],
            "scale": scale,
            "starts": starts.get(solution, {}),
            **never.get(solution, {}),
        }
        for solution, scale in outcome.scales().items()
    }


def measure_report(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Every measure of the mix in its own unit, with its words; empty where there is no mix."""
    answer = outcome.answer
    if not answer.has_mix:
        return {}
    return {
        name: {"value": plain(answer.measure(name)), "unit": m.unit, "about": m.label}
        for name, m in answer.matrix.measures.items()
    }


def _activity(outcome: Outcome) -> list[dict[str, Any]]:
    return [] if outcome.exact is None else outcome.exact.by_point_of_delivery.to_dicts()


def _avoided(outcome: Outcome, column: str) -> dict[str, float | None]:
    """Net present value and units avoided over all years by point of delivery: `exact`, or as `claimed` by the programme."""
    if outcome.exact is None:
        return {}
    found = {"npv": plain(outcome.exact.npv if column == "exact" else outcome.exact.claimed_npv)}
    sums = outcome.exact.avoided.group_by("point_of_delivery", maintain_order=True).agg(pl.col(column).sum())
    return found | {f"avoided_{kind}": plain(units) for kind, units in sums.iter_rows()}


def _credit(outcome: Outcome) -> list[dict[str, Any]]:
    if outcome.credit is None:
        return []
    sums = outcome.credit.group_by("solution", "point_of_delivery", "year", maintain_order=True).agg(
        pl.col("units").sum()
    )
    return sums.to_dicts()


def infeasible_report(outcome: Outcome) -> dict[str, Any] | None:
    """For a problem without a mix: what each limit would have to give, and a set of limits that cannot all be kept."""
    if outcome.relaxation is None:
        return None
    conflict = outcome.conflict
    gives = []
    for r in outcome.relaxation.gives.iter_rows(named=True):
        per = 1000.0 if r["unit"] == "£ thousand" else 1.0
        gives.append(
            {
                "limit": r["label"],
                "group": r["group"],
                "unit": "£" if per == 1000.0 else r["unit"],
                "at": r["limit"] * per,
                "must_give": r["give"] * per,
                "side": r["side"],
            }
        )
    return {
        "must_give": gives,
        "cannot_all_be_kept": [] if conflict is None else conflict.rows["label"].to_list(),
        "conflict_is_minimal": None if conflict is None else conflict.is_minimal,
        "physics": list(outcome.relaxation.physics_conflict),
    }


def expectation_warnings(outcome: Outcome) -> list[str]:
    """A warning where the document states its known answer (`expected`) and the answer is another."""
    expected, problem = outcome.problem.expected, outcome.problem
    if expected is None or outcome.future is not PLAIN or outcome.status not in ("optimal", "gap", "infeasible"):
        return []
    status = "optimal" if outcome.status == "gap" else outcome.status
    if status != expected.status:
        return [f"the document expects the answer to be {expected.status}; it is {status}"]
    said = []
    found = outcome.answers[0].objective
    if expected.objective is not None and found is not None:
        known, near = float(expected.objective), max(1e-6, outcome.answers[0].asked_gap)
        if abs(found - known) > near * max(1.0, abs(known)):
            said.append(f"the document expects {problem.goals[0].measure} to be {known:,.2f}; it is {found:,.2f}")
    return said


def cell_warnings(problem: Problem) -> list[str]:
    """A warning where some effects name a cell and others of the same activity do not: patients of the cell are then reached twice."""
    named: dict[str, set[str]] = {}
    for solution in problem.solutions:
        for effect in solution.effects:
            named.setdefault(effect.point_of_delivery, set()).add(effect.cell)
    return [
        f"effects on {kind} are stated for all its patients and for {', '.join(sorted(cells - {'all'}))} among them; the two add up, as if on "
        "different patients. Where they meet the same ones, state each effect for every cell that it reaches"
        for kind, cells in named.items()
        if "all" in cells and len(cells) > 1
    ]


def block_warnings(outcome: Outcome) -> list[str]:
    """A warning where parts of blocks are closed: a ward cannot close by half."""
    if not outcome.answer.has_mix or not outcome.problem.blocks or outcome.problem.whole_blocks:
        return []
    closed = outcome.answer.column("block_released")
    parts = closed.filter((pl.col("value") - pl.col("value").round()).abs() > 1e-6)
    if not parts.height:
        return []
    saving = {(b.provider, b.id): float(b.saving_pounds) for b in outcome.problem.blocks}
    at_risk = sum(
        (value - math.floor(value + 1e-9)) * saving[(provider, block)]
        for provider, block, value in parts.select("provider", "block", "value").iter_rows()
    )
    return [
        f"parts of blocks are closed in {parts.height} case(s); with whole blocks only, up to £{at_risk:,.0f} of the "
        "released cost (all years) would stay stranded. Set whole_blocks = true to plan with whole ones"
    ]
