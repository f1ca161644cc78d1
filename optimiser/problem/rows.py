"""Rows of a document that contradict each other, years that it does not have, and names with a meaning of their own."""

from __future__ import annotations

from collections.abc import Iterable

from capitation.errors import Faults
from optimiser.blocks import entries
from optimiser.problem.appraised import check_appraised
from optimiser.problem.document import Problem
from optimiser.programme.core import ALL, COMMISSIONER, SYSTEM
from optimiser.programme.meaning import Meaning, contradictions

_IN_A_SOLUTION = {
    "workforce": Meaning("the {staff_group} it needs", "wte", ("staff_group",)),
    "receiving": Meaning(
        "contacts at {received_at} for one unit avoided at {avoided_at}",
        "contacts_per_unit",
        ("avoided_at", "received_at"),
    ),
    "creates": Meaning("contacts it adds at {point_of_delivery}", "contacts", ("point_of_delivery",)),
    "benefits": Meaning("its {id}", "amount", ("id",)),
    "requires": Meaning("the years before it of {solution}", "years_before", ("solution",)),
}
"""What the rows of a solution say; costs and savings are lists of items, and add up."""


def check_rows(problem: Problem, faults: Faults) -> None:
    """Gather rows that contradict each other and years outside the problem, in every table alike."""
    years = set(problem.years)
    known = f"one of {', '.join(problem.years)}"
    for key in entries().values():
        if key.meaning is None:
            continue
        rows = key.of(problem)
        for row in rows:
            year = getattr(row, "year", None)
            if year is not None and year not in years:
                faults.add(f"{key.field}: {key.meaning.about(row)}", f"year {year}", known)
        contradictions(faults, key.field, key.meaning, rows)
    for s in problem.solutions:
        for name, meaning in _IN_A_SOLUTION.items():
            contradictions(faults, f"solution {s.id!r}: {name}", meaning, getattr(s, name))
    _check_limits(problem, faults)
    _check_terms(problem, faults)
    check_appraised(faults, problem.delivery, problem.deprivation)


def _check_limits(problem: Problem, faults: Faults) -> None:
    """Two floors, two ceilings, or a floor above a ceiling of one measure, in one row or over several."""
    ends: dict[tuple[str, str], object] = {}
    for limit in problem.limits:
        for end, words in (("at_least", "floor"), ("at_most", "ceiling")):
            value = getattr(limit, end)
            if value is None:
                continue
            if (limit.measure, end) in ends:
                said = f"that two rows give the {words} of {limit.measure}: {ends[limit.measure, end]} and {value}"
                faults.add("limits", said, "one row", "Remove one of the two.")
            ends.setdefault((limit.measure, end), value)
    for measure in dict.fromkeys(limit.measure for limit in problem.limits):
        low, high = ends.get((measure, "at_least")), ends.get((measure, "at_most"))
        if low is not None and high is not None and low > high:  # type: ignore[operator]  # both are numbers
            faults.add(
                f"limit on {measure!r}", f"a floor of {low} above a ceiling of {high}", "floor at or below ceiling"
            )


def _check_terms(problem: Problem, faults: Faults) -> None:
    """Two payment terms of one provider for the same kind of activity."""
    seen: set[tuple[str, str]] = set()
    for term in problem.payment_terms:
        for pod in term.points_of_delivery or (ALL,):
            if (term.provider, pod) in seen:
                what = "all activity" if pod == ALL else pod
                said = f"that two payment terms of {term.provider} are for {what}"
                faults.add("payment_terms", said, "each kind of activity under one of them", "Remove one of the two.")
            seen.add((term.provider, pod))


def check_reserved(problem: Problem, faults: Faults) -> None:
    """Gather names that have a meaning of their own: parties, ALL, built-in measures; and a benefit in two units."""
    _alike(problem, faults)
    parties = {ALL: "every provider", COMMISSIONER: "who pays", SYSTEM: "all organisations together"}
    _taken(faults, "provider", [p.id for p in problem.providers], parties)
    _taken(faults, "solution", [s.id for s in problem.solutions], {ALL: "every solution"})
    _taken(faults, "locality", [p.id for p in problem.localities], {ALL: "the system as a whole"})
    _taken(faults, "cell", [c.id for c in problem.cells], {"all": "all patients of a point of delivery"})
    pods = {r.point_of_delivery for r in problem.activity} | {p.id for p in problem.points_of_delivery}
    pods |= {r.point_of_delivery for r in problem.receiving_capacity}
    every = {ALL: "every one"}
    _taken(faults, "point of delivery", sorted(pods), {"at_tariff": "money", "at_contract": "money"} | every)
    groups = {r.staff_group for r in problem.staff} | {r.staff_group for r in problem.receiving_staff}
    groups |= {b.staff_group for b in problem.blocks if b.staff_group is not None}
    groups |= {w.staff_group for s in problem.solutions for w in s.workforce}
    _taken(faults, "staff group", sorted(groups), every)
    _taken(faults, "block", sorted({b.id for b in problem.blocks}), every)
    _taken(faults, "benefit", sorted({b.id for s in problem.solutions for b in s.benefits}), every)
    built_in = _built_in(problem)
    units: dict[str, tuple[str, str]] = {}
    for s in problem.solutions:
        for b in s.benefits:
            if b.id.casefold() in built_in:
                said = f"a benefit {b.id!r}, which is the name of a built-in measure"
                faults.add(f"solution {s.id!r}: benefits", said, "a name of its own", "Rename the benefit.")
            other, unit = units.setdefault(b.id, (s.id, b.unit))
            if unit != b.unit:
                said = f"{b.id!r} in {b.unit}, and in {unit} in solution {other!r}"
                faults.add(f"solution {s.id!r}: benefits", said, "one unit for one benefit", "Rename one of them.")


def _taken(faults: Faults, kind: str, names: Iterable[str], reserved: dict[str, str]) -> None:
    words = {word.casefold(): meaning for word, meaning in reserved.items()}
    for name in names:
        if name.casefold() in words:
            said = f"{name!r}, which stands for {words[name.casefold()]}"
            faults.add(f"{kind} {name!r}", said, f"a name of its own for the {kind}", "Rename it.")


def _built_in(problem: Problem) -> set[str]:
    """Names of the measures that the product itself makes, whether or not this problem calls for them."""
    fixed = (
        "npv commissioner_npv system_npv investment recurrent_spend non_recurrent_spend capital_spend peak_deficit "
        "shortfall income_lost stranded_cost support starts avoided avoided_at_tariff avoided_at_contract bed_days wte "
        "owed_after residual_value value_after"
    )
    pods = {r.point_of_delivery for r in problem.activity} | {p.id for p in problem.points_of_delivery}
    pods |= {r.point_of_delivery for r in problem.receiving_capacity}
    years = {f"net_cash_{y.replace('/', '_')}" for y in problem.years}
    counted = {f"{word}_{pod}".casefold() for pod in pods for word in ("avoided", "received")}
    return {*fixed.split(), *years, *counted}


def _alike(problem: Problem, faults: Faults) -> None:
    """Two names of one kind that differ in nothing but capitals: one is a slip, and its row would decide nothing."""
    kinds: dict[str, Iterable[str]] = {
        "solution": (s.id for s in problem.solutions),
        "locality": (p.id for p in problem.localities),
        "provider": (p.id for p in problem.providers),
        "point of delivery": [
            *(r.point_of_delivery for r in problem.activity),
            *(p.id for p in problem.points_of_delivery),
            *(r.point_of_delivery for r in problem.receiving_capacity),
        ],
        "staff group": [
            *(r.staff_group for r in problem.staff),
            *(r.staff_group for r in problem.receiving_staff),
            *(b.staff_group for b in problem.blocks if b.staff_group is not None),
            *(w.staff_group for s in problem.solutions for w in s.workforce),
        ],
        "benefit": (b.id for s in problem.solutions for b in s.benefits),
        "future": (f.id for f in problem.futures),
    }
    for kind, names in kinds.items():
        known: dict[str, str] = {}
        for name in dict.fromkeys(names):
            other = known.setdefault(name.casefold(), name)
            if other != name:
                said = f"{other!r} and {name!r}, which differ in capitals alone"
                faults.add(f"{kind} {name!r}", said, f"one spelling for one {kind}", "Write both alike, or rename one.")
