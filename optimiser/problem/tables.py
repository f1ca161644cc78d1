"""A problem document as long tables: one row for each thing that may happen, absent rows meaning "not allowed".

Sparsity is data here, not code: a solution that reaches no locality, or an effect on activity that nobody has, simply
makes no row. Every name is checked against the others and every fault of the document is told at once. Money is in
thousand pounds from here on, so that coefficients stay near 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from capitation.errors import DataError, DocumentError, Faults, suggest
from capitation.records.years import FinancialYear
from capitation.shift.solution import Solution
from optimiser.problem.document import ALL, Future, Level, Problem

THOUSAND = 1000.0
"""Pounds in the programme's unit of money."""
SYSTEM, COMMISSIONER = "system", "commissioner"

PLAIN = Future(id="plan")
"""The future that is planned with, where no other is given."""


@dataclass(frozen=True)
class Tables:
    """The long tables of one problem under one future."""

    problem: Problem
    future: Future

    @property
    def solutions(self) -> dict[str, Solution]:
        """Solutions by id."""
        return {s.id: s for s in self.problem.solutions}

    @property
    def level(self) -> Level:
        """Which end of effects and savings is used."""
        return self.future.effects if self.future is not PLAIN else self.problem.effects

    @cached_property
    def years(self) -> pl.DataFrame:
        """t, year, discount (factor of net present value), days."""
        rate = float(self.problem.discount_rate or 0)
        return pl.DataFrame(
            [
                {"t": t, "year": str(y), "discount": (1 + rate) ** -t, "days": float((y.end - y.start).days + 1)}
                for t, y in enumerate(self.problem.years)
            ],
            schema={"t": pl.Int32, "year": pl.String, "discount": pl.Float64, "days": pl.Float64},
        )

    @property
    def horizon(self) -> int:
        """How many years."""
        return len(self.problem.years)

    @cached_property
    def localities(self) -> pl.DataFrame:
        """locality, persons, weight (share of all persons)."""
        rows = [{"locality": p.id, "persons": float(p.persons)} for p in self.problem.localities] or [
            {"locality": ALL, "persons": 1.0}
        ]
        return pl.DataFrame(rows).with_columns((pl.col("persons") / pl.col("persons").sum()).alias("weight"))

    @cached_property
    def providers(self) -> list[str]:
        """Providers; ALL alone where they are not told apart."""
        return [p.id for p in self.problem.providers] or [ALL]

    @cached_property
    def units(self) -> pl.DataFrame:
        """What can be started: solution, place, weight (its part of system amounts), floor, ceiling, step, first, last."""
        rows = []
        for s in self.problem.solutions:
            for place, weight in self._places(s):
                rows.append(
                    {
                        "solution": s.id,
                        "place": place,
                        "weight": weight,
                        "floor": s.ceiling if s.whole else float(s.smallest_scale),
                        "ceiling": s.ceiling,
                        "step": float("inf") if s.step is None else float(s.step),
                        "first": 0 if s.earliest_start is None else self._t(s.earliest_start, early=True),
                        "last": self.horizon - 1 if s.latest_start is None else self._t(s.latest_start, early=False),
                    }
                )
        schema = {
            "solution": pl.String,
            "place": pl.String,
            "weight": pl.Float64,
            "floor": pl.Float64,
            "ceiling": pl.Float64,
            "step": pl.Float64,
            "first": pl.Int32,
            "last": pl.Int32,
        }
        return pl.DataFrame(rows, schema=schema)

    def _places(self, s: Solution) -> list[tuple[str, float]]:
        weights = {r["locality"]: r["weight"] for r in self.localities.iter_rows(named=True)}
        if s.rollout == "system" or list(weights) == [ALL]:
            return [(ALL, 1.0)]
        chosen = [p for p in weights if not s.localities or p in s.localities]
        whole = sum(weights[p] for p in chosen)
        return [(p, weights[p] / whole) for p in chosen]

    def _t(self, year: str, *, early: bool) -> int:
        years = self.problem.years
        place = FinancialYear(year).years_after(years[0])
        return max(0, place) if early else min(len(years) - 1, place)

    @cached_property
    def reach(self) -> pl.DataFrame:
        """solution, place, locality, part (of the place's amounts that fall in the locality)."""
        weights = {r["locality"]: r["weight"] for r in self.localities.iter_rows(named=True)}
        rows = []
        for s in self.problem.solutions:
            for place, _ in self._places(s):
                if place != ALL or list(weights) == [ALL]:
                    rows.append((s.id, place, place, 1.0))
                    continue
                chosen = [p for p in weights if not s.localities or p in s.localities]
                whole = sum(weights[p] for p in chosen)
                rows += [(s.id, ALL, p, weights[p] / whole) for p in chosen]
        schema = {"solution": pl.String, "place": pl.String, "locality": pl.String, "part": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    @cached_property
    def segments(self) -> pl.DataFrame:
        """solution, k, width, slope of the curve of returns."""
        rows = [
            (s.id, k, width, slope) for s in self.problem.solutions for k, (width, slope) in enumerate(s.curve, start=1)
        ]
        schema = {"solution": pl.String, "k": pl.Int32, "width": pl.Float64, "slope": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    @cached_property
    def bent_up(self) -> set[str]:
        """Solutions whose returns rise somewhere, so that segments must be forced to fill in order."""
        return {
            s.id
            for s in self.problem.solutions
            if any(b[1] > a[1] + 1e-12 for a, b in zip(s.curve, s.curve[1:], strict=False))
        }

    @cached_property
    def maturity(self) -> pl.DataFrame:
        """solution, age, share of the full effect."""
        rows = [(s.id, a, s.matured(a)) for s in self.problem.solutions for a in range(self.horizon)]
        return pl.DataFrame(rows, schema={"solution": pl.String, "age": pl.Int32, "share": pl.Float64}, orient="row")

    @cached_property
    def need(self) -> pl.DataFrame:
        """locality, point_of_delivery, t, units before any solution."""
        years = self.years.select("t", "year")
        rows = [
            (r.locality, r.point_of_delivery, None if r.year is None else str(r.year), float(r.units))
            for r in self.problem.activity
        ]
        schema = {"locality": pl.String, "point_of_delivery": pl.String, "year": pl.String, "units": pl.Float64}
        table = pl.DataFrame(rows, schema=schema, orient="row")
        every = table.filter(pl.col("year").is_null()).drop("year").join(years, how="cross").drop("year")
        dated = table.join(years, on="year", how="inner", validate="m:1").drop("year")
        factor = float(self.future.activity_factor)
        columns = ["locality", "point_of_delivery", "t", "units"]
        return (
            pl.concat([every.select(columns), dated.select(columns)])
            .with_columns(pl.col("units") * factor)
            .sort("locality", "point_of_delivery", "t")
        )

    @cached_property
    def cells(self) -> pl.DataFrame:
        """point_of_delivery, cell, share."""
        rows = [(c.point_of_delivery, c.id, float(c.share)) for c in self.problem.cells]
        named = {(p, c) for p, c, _ in rows}
        wanted = {(e.point_of_delivery, e.cell) for s in self.problem.solutions for e in s.effects}
        rows += [(p, c, 1.0) for p, c in sorted(wanted - named) if c == "all"]
        schema = {"point_of_delivery": pl.String, "cell": pl.String, "cell_share": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _factor(self, solution: str) -> float:
        return float(self.future.effect_factors.get(solution, 1))

    @cached_property
    def effects(self) -> pl.DataFrame:
        """solution, point_of_delivery, cell, share (avoided at full scale), evidence."""
        rows = [
            (s.id, e.point_of_delivery, e.cell, min(1.0, float(e.at(self.level)) * self._factor(s.id)), e.evidence)
            for s in self.problem.solutions
            for e in s.effects
        ]
        schema = {
            "solution": pl.String,
            "point_of_delivery": pl.String,
            "cell": pl.String,
            "share": pl.Float64,
            "evidence": pl.String,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    @cached_property
    def costs(self) -> pl.DataFrame:
        """solution, kind, basis, thousand (pounds a year), years."""
        factor = float(self.future.cost_factor)
        rows = [
            (s.id, c.kind, c.basis, float(c.pounds) * factor / THOUSAND, c.years)
            for s in self.problem.solutions
            for c in s.costs
        ]
        schema = {
            "solution": pl.String,
            "kind": pl.String,
            "basis": pl.String,
            "thousand": pl.Float64,
            "spread": pl.Int32,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    @cached_property
    def savings(self) -> pl.DataFrame:
        """solution, saving, falls_to, thousand (pounds a year), evidence."""
        rows = [
            (
                s.id,
                v.id,
                v.falls_to or COMMISSIONER,
                float(v.at(self.level)) * self._factor(s.id) / THOUSAND,
                v.evidence,
            )
            for s in self.problem.solutions
            for v in s.savings
        ]
        schema = {
            "solution": pl.String,
            "saving": pl.String,
            "falls_to": pl.String,
            "thousand": pl.Float64,
            "evidence": pl.String,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    @cached_property
    def flows(self) -> pl.DataFrame:
        """locality, provider, point_of_delivery, share; a sole provider sees everything."""
        places = self.localities["locality"].to_list()
        given: dict[tuple[str, str, str], float] = {}
        for f in self.problem.flows:
            for place in places if f.locality == ALL else [f.locality]:
                given.setdefault((place, f.provider, f.point_of_delivery), float(f.share))
        named = {(place, pod) for place, _, pod in given}
        pods = self.need["point_of_delivery"].unique(maintain_order=True).to_list()
        if len(self.providers) == 1:
            for place in places:
                for pod in pods:
                    if (place, pod) not in named:
                        given[(place, self.providers[0], pod)] = 1.0
        rows = [(*key, share) for key, share in given.items()]
        schema = {
            "locality": pl.String,
            "provider": pl.String,
            "point_of_delivery": pl.String,
            "flow": pl.Float64,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    @cached_property
    def prices(self) -> pl.DataFrame:
        """provider, point_of_delivery, t, tariff, marginal, variable: thousand pounds a unit; exact rows win over ALL."""
        best: dict[tuple[str, str, int], tuple[int, float, float, float]] = {}
        for row in self.problem.prices:
            tariff = float(row.tariff_pounds) / THOUSAND
            marginal = tariff if row.marginal_pounds is None else float(row.marginal_pounds) / THOUSAND
            variable = float(row.variable_cost_pounds) / THOUSAND
            rank = (row.provider != ALL) * 2 + (row.year is not None)
            for provider in self.providers if row.provider == ALL else [row.provider]:
                for t, year in enumerate(self.problem.years):
                    if row.year is not None and row.year != year:
                        continue
                    key = (provider, row.point_of_delivery, t)
                    if key not in best or best[key][0] < rank:
                        best[key] = (rank, tariff, marginal, variable)
        rows = [(*key, *value[1:]) for key, value in best.items()]
        schema = {
            "provider": pl.String,
            "point_of_delivery": pl.String,
            "t": pl.Int32,
            "tariff": pl.Float64,
            "marginal": pl.Float64,
            "variable": pl.Float64,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    @cached_property
    def unit_value(self) -> pl.DataFrame:
        """locality, point_of_delivery, t, value: marginal price met by the locality's flows, thousand pounds a unit."""
        return (
            self.flows.join(self.prices, on=["provider", "point_of_delivery"], how="inner")
            .group_by("locality", "point_of_delivery", "t", maintain_order=True)
            .agg((pl.col("flow") * pl.col("marginal")).sum().alias("value"))
        )

    @cached_property
    def staff(self) -> pl.DataFrame:
        """staff_group, t, supply (posts less vacancies), pipeline, leavers, hire cost in thousand pounds."""
        factor = float(self.future.staff_factor)
        rows = [
            (
                r.staff_group,
                t,
                float(r.wte) * (1 - float(r.vacancy_share)) * factor,
                float(r.pipeline_wte) * factor,
                float(r.leavers_share),
                float(r.hire_pounds_per_wte) / THOUSAND,
            )
            for r in self.problem.staff
            for t, year in enumerate(self.problem.years)
            if r.year in (None, year)
        ]
        schema = {
            "staff_group": pl.String,
            "t": pl.Int32,
            "supply": pl.Float64,
            "pipeline": pl.Float64,
            "leavers": pl.Float64,
            "hire_cost": pl.Float64,
        }
        return pl.DataFrame(rows, schema=schema, orient="row").unique(
            ["staff_group", "t"], keep="last", maintain_order=True
        )

    @cached_property
    def workforce(self) -> pl.DataFrame:
        """solution, staff_group, wte at full scale."""
        rows = [(s.id, w.staff_group, float(w.wte)) for s in self.problem.solutions for w in s.workforce]
        schema = {"solution": pl.String, "staff_group": pl.String, "wte": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    @cached_property
    def points_of_delivery(self) -> dict[str, tuple[float | None, float]]:
        """Length of stay in days and cost of one received contact in thousand pounds, by point of delivery."""
        return {
            p.id: (
                None if p.length_of_stay_days is None else float(p.length_of_stay_days),
                float(p.contact_cost_pounds) / THOUSAND,
            )
            for p in self.problem.points_of_delivery
        }

    def each_year(self, year: FinancialYear | None) -> list[int]:
        """The places of a year in the problem; all of them where none is given."""
        return [t for t, y in enumerate(self.problem.years) if year in (None, y)]


def tables_of(problem: Problem, future: Future = PLAIN) -> Tables:
    """The long tables of `problem` under `future`, once every name and limit agrees with the others.

    Raises:
        DocumentError: every fault of the document, told at once.
    """
    faults = Faults()
    _check_solutions(problem, faults)
    _check_names(problem, faults)
    _check_limits(problem, faults)
    faults.raise_if_any(DocumentError, f"problem {problem.id!r} contradicts itself")
    return Tables(problem, future)


def _unknown(faults: Faults, where: str, kind: str, name: str, known: Iterable[str]) -> None:
    names = sorted(set(known))
    if name not in names:
        faults.add(where, f"unknown {kind} {name!r}", f"a {kind} that the problem knows", suggest(name, names))


def _repeated(faults: Faults, where: str, ids: Iterable[object]) -> None:
    seen: set[object] = set()
    for name in ids:
        if name in seen:
            faults.add(where, f"{name!r} twice", "each once", "Remove one of the two.")
        seen.add(name)


def _check_solutions(problem: Problem, faults: Faults) -> None:
    ids = [s.id for s in problem.solutions]
    if not ids:
        faults.add("solutions", "none", "at least one solution")
    _repeated(faults, "solutions", ids)
    pods = {r.point_of_delivery for r in problem.activity}
    receiving = (
        pods | {r.point_of_delivery for r in problem.receiving_capacity} | {p.id for p in problem.points_of_delivery}
    )
    places = {p.id for p in problem.localities}
    cells = {(c.point_of_delivery, c.id) for c in problem.cells}
    requires = {s.id: {p.solution for p in s.requires} for s in problem.solutions}
    for s in problem.solutions:
        where = f"solution {s.id!r}"
        for e in s.effects:
            _unknown(faults, f"{where}: effects", "point of delivery", e.point_of_delivery, pods)
            if e.cell != "all" and (e.point_of_delivery, e.cell) not in cells:
                _unknown(faults, f"{where}: effects", "cell", e.cell, (c for p, c in cells if p == e.point_of_delivery))
        _repeated(faults, f"{where}: effects", [(e.point_of_delivery, e.cell) for e in s.effects])
        own = {e.point_of_delivery for e in s.effects}
        for r in s.receiving:
            _unknown(faults, f"{where}: receiving.avoided_at", "point of delivery it avoids", r.avoided_at, own)
            _unknown(faults, f"{where}: receiving.received_at", "point of delivery", r.received_at, receiving)
        for c in s.creates:
            _unknown(faults, f"{where}: creates", "point of delivery", c.point_of_delivery, receiving)
        for other in s.excludes:
            _unknown(faults, f"{where}: excludes", "solution", other, ids)
            if other in requires[s.id] or s.id in requires.get(other, set()):
                faults.add(where, f"{other!r} excluded and required at once", "one or the other", "Remove one.")
        for need in s.requires:
            _unknown(faults, f"{where}: requires", "solution", need.solution, ids)
        for place in s.localities:
            _unknown(faults, f"{where}: localities", "locality", place, places)
        for name, year in (("earliest_start", s.earliest_start), ("latest_start", s.latest_start)):
            if year is not None:
                _check_year(faults, f"{where}: {name}", year)
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


def _check_names(problem: Problem, faults: Faults) -> None:
    places = {p.id for p in problem.localities}
    providers = {p.id for p in problem.providers}
    pods = {r.point_of_delivery for r in problem.activity}
    wide = pods | {p.id for p in problem.points_of_delivery} | {r.point_of_delivery for r in problem.receiving_capacity}
    _repeated(faults, "localities", [p.id for p in problem.localities])
    _repeated(faults, "providers", [p.id for p in problem.providers])
    _repeated(faults, "futures", [f.id for f in problem.futures])
    _repeated(faults, "activity", [(r.locality, r.point_of_delivery, r.year) for r in problem.activity])
    _repeated(faults, "budgets", [(b.kind, str(b.year)) for b in problem.budgets])
    _repeated(faults, "blocks", [(b.provider, b.id) for b in problem.blocks])
    for r in problem.activity:
        if places or r.locality != ALL:
            _unknown(faults, f"activity of {r.point_of_delivery}", "locality", r.locality, places or {ALL})
        if r.year is not None and r.year not in problem.years:
            faults.add(f"activity of {r.point_of_delivery}", f"year {r.year}", "a year of the problem")
    for f in problem.flows:
        if f.locality != ALL:
            _unknown(faults, "flows", "locality", f.locality, places)
        _unknown(faults, "flows", "provider", f.provider, providers)
        _unknown(faults, "flows", "point of delivery", f.point_of_delivery, pods)
    for name, rows in (
        ("blocks", problem.blocks),
        ("stranded_limits", problem.stranded_limits),
        ("beds", problem.beds),
        ("payment_terms", problem.payment_terms),
    ):
        for row in rows:
            _unknown(faults, name, "provider", row.provider, providers or {ALL})
    for p in problem.prices:
        if p.provider != ALL:
            _unknown(faults, "prices", "provider", p.provider, providers)
        _unknown(faults, "prices", "point of delivery", p.point_of_delivery, wide)
    for b in problem.blocks:
        _unknown(faults, f"block {b.id!r}", "point of delivery", b.point_of_delivery, pods)
    for term in problem.payment_terms:
        for pod in term.points_of_delivery:
            _unknown(faults, f"payment_terms of {term.provider}", "point of delivery", pod, pods)
    for c in problem.control_totals:
        _unknown(faults, "control_totals", "organisation", c.organisation, {SYSTEM, COMMISSIONER, *providers})
    for room in problem.receiving_capacity:
        if room.locality != ALL:
            _unknown(faults, "receiving_capacity", "locality", room.locality, places)
    for staff in problem.receiving_staff:
        _unknown(faults, "receiving_staff", "point of delivery", staff.point_of_delivery, wide)
    for future in problem.futures:
        for name in future.effect_factors:
            _unknown(faults, f"future {future.id!r}", "solution", name, (s.id for s in problem.solutions))
    for s in problem.solutions:
        for v in s.savings:
            if v.falls_to:
                _unknown(faults, f"solution {s.id!r}: savings", "organisation", v.falls_to, {COMMISSIONER, *providers})


def _check_limits(problem: Problem, faults: Faults) -> None:
    if len(problem.years) > 1 and problem.discount_rate is None:
        faults.add("discount_rate", "nothing", "a rate a year, because there are several years", "Add the key.")
    for b in problem.budgets:
        if b.year not in problem.years:
            faults.add(f"{b.kind} budget", f"year {b.year}", f"one of {', '.join(problem.years)}")
        if b.pounds < 0:
            faults.add(f"{b.kind} budget {b.year}", f"{b.pounds} pounds", "0 or more")
    for year in (*(c.year for c in problem.control_totals), *(f.year for f in problem.transition_funds)):
        if year not in problem.years:
            faults.add("control totals and funds", f"year {year}", f"one of {', '.join(problem.years)}")
    for limit in problem.limits:
        where = f"limit on {limit.measure!r}"
        if limit.at_least is None and limit.at_most is None:
            faults.add(where, "neither at_least nor at_most", "one of them")
        elif limit.at_least is not None and limit.at_most is not None and limit.at_least > limit.at_most:
            faults.add(
                where, f"a floor of {limit.at_least} above a ceiling of {limit.at_most}", "floor at or below ceiling"
            )
    if len(problem.providers) > 1:
        _check_flows(problem, faults)
    for pod in sorted({c.point_of_delivery for c in problem.cells}):
        total = sum(
            (c.share for c in problem.cells if c.point_of_delivery == pod), start=type(problem.cells[0].share)(0)
        )
        if total > 1:
            faults.add(f"cells of {pod}", f"shares that add to {total}", "at most 1")
    for term in problem.payment_terms:
        starts = [p.from_pounds for p in term.pieces]
        if starts[0] != 0 or starts != sorted(set(starts)):
            faults.add(
                f"payment_terms of {term.provider}", f"pieces from {', '.join(map(str, starts))}", "rising, from 0"
            )
    given = [f.probability for f in problem.futures]
    if any(p is not None for p in given) and any(p is None for p in given):
        faults.add("futures", "a probability for some of them", "for all or none")
    elif given and given[0] is not None and abs(float(sum(p for p in given if p is not None)) - 1) > 1e-9:
        faults.add("futures", f"probabilities that add to {sum(p for p in given if p is not None)}", "1")
    _repeated(faults, "goals", problem.goal_names())
    if not problem.goals:
        faults.add("goals", "none", "at least one goal")


def _check_flows(problem: Problem, faults: Faults) -> None:
    table = Tables(problem, PLAIN)
    sums = table.flows.group_by("locality", "point_of_delivery").agg(pl.col("flow").sum())
    touched = table.effects.select("point_of_delivery").unique()
    wanted = table.need.select("locality", "point_of_delivery").unique().join(touched, on="point_of_delivery")
    checked = wanted.join(sums, on=["locality", "point_of_delivery"], how="left").with_columns(
        pl.col("flow").fill_null(0.0)
    )
    bad = checked.filter((pl.col("flow") - 1).abs() > 1e-6).sort("locality", "point_of_delivery")
    for row in bad.head(10).iter_rows(named=True):
        faults.add(
            f"flows of {row['point_of_delivery']} from {row['locality']}",
            f"shares that add to {row['flow']:g}",
            "1, over the providers",
        )
    if bad.height > 10:
        faults.add("flows", f"{bad.height - 10} more such rows", "shares that add to 1")
