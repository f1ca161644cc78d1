"""What a problem document contradicts itself in: names that nothing else knows, things said twice, limits that cross.

Every name is looked up in a set that is made once, so a document is checked in time proportional to its length.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from decimal import Decimal

import polars as pl

from capitation.errors import DataError, Faults, suggest
from capitation.records.years import FinancialYear
from optimiser.blocks.flows import activity_before, provider_flows
from optimiser.problem.document import Problem
from optimiser.problem.rows import check_reserved, check_rows
from optimiser.programme.core import ALL, COMMISSIONER, SYSTEM
from optimiser.programme.tables import ProblemTables

SUGGESTED = 20
"""How many unknown names of a kind come with the names nearest to them; looking for near names takes long."""


def check_names(problem: Problem, faults: Faults) -> None:
    """Gather every fault of names and limits of `problem`."""
    names = _Names(problem, faults)
    _check_solutions(problem, names)
    _check_places_and_providers(problem, names)
    _check_tables(problem, names)
    check_rows(problem, faults)
    check_reserved(problem, faults)
    _check_limits(problem, faults)
    if 1 < len(problem.providers) == len({p.id for p in problem.providers}):
        _check_flows(problem, faults)
    _check_shares(problem, faults)
    _repeated(faults, "goals", problem.goal_names())
    if not problem.goals:
        faults.add("goals", "none", "at least one goal")


class _Names:
    """The names a problem knows, by kind, and the faults of those that it does not."""

    def __init__(self, problem: Problem, faults: Faults) -> None:
        self.faults = faults
        self.solutions = {s.id for s in problem.solutions}
        self.localities = {p.id for p in problem.localities}
        self.providers = {p.id for p in problem.providers}
        self.active = {r.point_of_delivery for r in problem.activity}
        """Points of delivery with activity; `points_of_delivery` are all that the document names."""
        self.points_of_delivery = (
            self.active
            | {p.id for p in problem.points_of_delivery}
            | {r.point_of_delivery for r in problem.receiving_capacity}
        )
        self._suggested: Counter[str] = Counter()

    def check(self, where: str, kind: str, name: str, known: AbstractSet[str]) -> None:
        """A fault unless `name` is among `known`."""
        if name in known:
            return
        self._suggested[kind] += 1
        near = suggest(name, known) if self._suggested[kind] <= SUGGESTED else ""
        self.faults.add(
            where,
            f"unknown {kind} {name!r}",
            f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} that the problem knows",
            near,
        )


def _repeated(faults: Faults, where: str, ids: Iterable[object]) -> None:
    seen: set[object] = set()
    for name in ids:
        if name in seen:
            faults.add(where, f"{name!r} twice", "each once", "Remove one of the two.")
        seen.add(name)


def _reached(point_of_delivery: str, cell: str) -> str:
    return point_of_delivery if cell == "all" else f"{point_of_delivery} in cell {cell}"


def _check_solutions(problem: Problem, names: _Names) -> None:
    faults = names.faults
    if not problem.solutions:
        faults.add("solutions", "none", "at least one solution")
    _repeated(faults, "solutions", [s.id for s in problem.solutions])
    cells: dict[str, set[str]] = {}
    for cell in problem.cells:
        cells.setdefault(cell.point_of_delivery, set()).add(cell.id)
    requires = {s.id: {p.solution for p in s.requires} for s in problem.solutions}
    for s in problem.solutions:
        where = f"solution {s.id!r}"
        for e in s.effects:
            names.check(f"{where}: effects", "point of delivery", e.point_of_delivery, names.active)
            if e.cell != "all":
                names.check(f"{where}: effects", "cell", e.cell, cells.get(e.point_of_delivery, set()))
        _repeated(faults, f"{where}: effects", [_reached(e.point_of_delivery, e.cell) for e in s.effects])
        avoided = {e.point_of_delivery for e in s.effects}
        for r in s.receiving:
            names.check(f"{where}: receiving.avoided_at", "point of delivery it avoids", r.avoided_at, avoided)
            received_at = f"{where}: receiving.received_at"
            names.check(received_at, "point of delivery", r.received_at, names.points_of_delivery)
        for c in s.creates:
            names.check(f"{where}: creates", "point of delivery", c.point_of_delivery, names.points_of_delivery)
        for other in s.excludes:
            names.check(f"{where}: excludes", "solution", other, names.solutions)
            if other in requires[s.id] or s.id in requires.get(other, set()):
                faults.add(where, f"{other!r} excluded and required at once", "one or the other", "Remove one.")
        for need in s.requires:
            names.check(f"{where}: requires", "solution", need.solution, names.solutions)
        for place in s.localities:
            names.check(f"{where}: localities", "locality", place, names.localities)
        for name, year in (("earliest_start", s.earliest_start), ("latest_start", s.latest_start)):
            if year is not None:
                _check_year(faults, f"{where}: {name}", year)
        if any(c.kind == "recurrent" and c.years > 1 for c in s.costs):
            faults.add(
                f"{where}: costs", "years on a recurrent cost, which is paid in every year", "years on other costs only"
            )
        if s.earliest_start and s.latest_start and s.earliest_start > s.latest_start:
            faults.add(where, f"earliest start {s.earliest_start} after latest {s.latest_start}", "them in order")
    for cycle in _cycles(requires):
        faults.add("solutions: requires", " -> ".join(cycle), "no circle of prerequisites", "Remove one of them.")


def _check_year(faults: Faults, where: str, text: str) -> None:
    try:
        FinancialYear(text)
    except DataError as error:
        faults.add(where, repr(text), error.message)


def _cycles(requires: dict[str, set[str]]) -> list[list[str]]:
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> None:
        if name in path:
            found.append([*path[path.index(name) :], name])
            return
        if name in done:
            return
        for other in sorted(requires.get(name, ())):
            walk(other, [*path, name])
        done.add(name)

    for name in sorted(requires):
        walk(name, [])
    return found


def _check_places_and_providers(problem: Problem, names: _Names) -> None:
    faults, places, providers = names.faults, names.localities, names.providers
    _repeated(faults, "localities", [p.id for p in problem.localities])
    _repeated(faults, "providers", [p.id for p in problem.providers])
    _repeated(faults, "futures", [f.id for f in problem.futures])
    _repeated(faults, "points_of_delivery", [p.id for p in problem.points_of_delivery])
    for r in problem.activity:
        if places and r.locality == ALL:
            faults.add(
                f"activity of {r.point_of_delivery}",
                "a row without a locality",
                "a row for each locality, because the problem has localities",
                "Name the locality of the row.",
            )
        elif places or r.locality != ALL:
            names.check(f"activity of {r.point_of_delivery}", "locality", r.locality, places or {ALL})
    for f in problem.flows:
        if f.locality != ALL:
            names.check("flows", "locality", f.locality, places)
        names.check("flows", "provider", f.provider, providers)
        names.check("flows", "point of delivery", f.point_of_delivery, names.active)
    for name, rows in (
        ("blocks", problem.blocks),
        ("stranded_limits", problem.stranded_limits),
        ("beds", problem.beds),
        ("payment_terms", problem.payment_terms),
    ):
        for row in rows:
            names.check(name, "provider", row.provider, providers or {ALL})


def _check_tables(problem: Problem, names: _Names) -> None:
    wide, parties = names.points_of_delivery, {COMMISSIONER, *names.providers}
    for p in problem.prices:
        if p.provider != ALL:
            names.check("prices", "provider", p.provider, names.providers)
        names.check("prices", "point of delivery", p.point_of_delivery, wide)
    for b in problem.blocks:
        names.check(f"block {b.id!r}", "point of delivery", b.point_of_delivery, names.active)
    for term in problem.payment_terms:
        for pod in term.points_of_delivery:
            names.check(f"payment_terms of {term.provider}", "point of delivery", pod, names.active)
    for c in problem.control_totals:
        names.check("control_totals", "organisation", c.organisation, parties | {SYSTEM})
    for room in problem.receiving_capacity:
        if room.locality != ALL:
            names.check("receiving_capacity", "locality", room.locality, names.localities)
    for staff in problem.receiving_staff:
        names.check("receiving_staff", "point of delivery", staff.point_of_delivery, wide)
    for future in problem.futures:
        for name in (*future.effect_factors, *future.cost_factors):
            names.check(f"future {future.id!r}", "solution", name, names.solutions)
    for value in problem.residual_values:
        names.check("residual_values", "solution", value.solution, names.solutions)
    for risk in problem.delivery:
        names.check("delivery", "solution", risk.solution, names.solutions | {ALL})
    for deprived in problem.deprivation:
        names.check("deprivation", "locality", deprived.locality, names.localities)
    for s in problem.solutions:
        for v in s.savings:
            if v.falls_to:
                names.check(f"solution {s.id!r}: savings", "organisation", v.falls_to, parties)


def _check_limits(problem: Problem, faults: Faults) -> None:
    if len(problem.years) > 1 and problem.discount_rate is None:
        faults.add("discount_rate", "nothing", "a rate a year, because there are several years", "Add the key.")
    rate = problem.discount_rate
    if rate is not None and rate >= 1:
        such = f", such as {(rate / 100).normalize():f} for {rate}%" if rate < 100 else ""
        faults.add("discount_rate", f"{rate}", f"a share below 1 a year{such}")
    for b in problem.budgets:
        for words, pounds in (("", b.pounds), (" carried forward", b.carry_forward_pounds)):
            if pounds < 0:
                faults.add(f"{b.kind} budget {b.year}{words}", f"{pounds} pounds", "0 or more")
    for f in problem.transition_funds:
        if f.pounds < 0:
            faults.add(f"transition fund of {f.year}", f"{f.pounds} pounds", "0 or more")
    for limit in problem.limits:
        if limit.at_least is None and limit.at_most is None:
            faults.add(f"limit on {limit.measure!r}", "neither at_least nor at_most", "one of them")


def _check_flows(problem: Problem, faults: Faults) -> None:
    t = ProblemTables(problem)
    place = ["locality", "point_of_delivery"]
    sums = provider_flows(t).group_by(place).agg(pl.col("flow").sum())
    kinds = [e.point_of_delivery for s in problem.solutions for e in s.effects]
    kinds += [
        row.point_of_delivery for row in problem.flows
    ]  # shares that are stated are whole, whether or not anything is avoided
    touched = pl.DataFrame({"point_of_delivery": kinds}, schema={"point_of_delivery": pl.String}).unique()
    wanted = activity_before(t).select(place).unique().join(touched, on="point_of_delivery")
    checked = wanted.join(sums, on=place, how="left").with_columns(pl.col("flow").fill_null(0.0))
    known = [p.id for p in problem.localities] or [ALL]  # others are a fault already
    bad = checked.filter(pl.col("locality").is_in(known) & ((pl.col("flow") - 1).abs() > 1e-6)).sort(place)
    for row in bad.head(10).iter_rows(named=True):
        source = "" if row["locality"] == ALL else f" from {row['locality']}"
        where = f"flows of {row['point_of_delivery']}{source}"
        faults.add(where, f"shares that add to {row['flow']:g}", "1, over the providers")
    if bad.height > 10:
        faults.add("flows", f"{bad.height - 10} more such rows", "shares that add to 1")


def _check_shares(problem: Problem, faults: Faults) -> None:
    shares: dict[str, Decimal] = {}
    for cell in problem.cells:
        shares[cell.point_of_delivery] = shares.get(cell.point_of_delivery, Decimal(0)) + cell.share
    for pod, total in sorted(shares.items()):
        if total > 1:
            faults.add(f"cells of {pod}", f"shares that add to {total}", "at most 1")
    for term in problem.payment_terms:
        begins = [p.from_pounds for p in term.pieces]
        if begins[0] != 0 or begins != sorted(set(begins)):
            found = f"pieces from {', '.join(map(str, begins))}"
            faults.add(f"payment_terms of {term.provider}", found, "rising, from 0")
    given = [f.probability for f in problem.futures]
    if any(p is not None for p in given) and any(p is None for p in given):
        faults.add("futures", "a probability for some of them", "for all or none")
    elif given and given[0] is not None and abs(float(sum(p for p in given if p is not None)) - 1) > 1e-9:
        faults.add("futures", f"probabilities that add to {sum(p for p in given if p is not None)}", "1")
