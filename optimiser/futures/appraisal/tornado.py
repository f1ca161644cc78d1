"""One thing at a time at the low and the high end of its range: what that does to the worth of the mix.

Every low and high in the solution files is tried: each effect and saving by itself, and all of a solution's together; and the
ends that `delivery` states for its costs. What is
built stays built, effects are the exact product, and planned blocks close only as far as the activity has gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

import numpy as np
import polars as pl

from capitation.money.rounding import MICRO, nearest
from capitation.records.documents import Document, Figure
from capitation.records.varied import what_moves
from optimiser.answers.optimise import Outcome
from optimiser.futures.appraisal.delivery import as_planned
from optimiser.futures.appraisal.score import Model
from optimiser.problem.appraised import delivery_of
from optimiser.problem.document import Problem
from optimiser.problem.tables import tables_of
from optimiser.programme.core import Level
from optimiser.programme.tables import THOUSAND

SCHEMA = {"what": pl.String, "change": pl.Float64, "npv": pl.Float64}
_LEVELS: dict[Decimal, Level | None] = {Decimal(-1): "low", Decimal(0): None, Decimal(1): "high"}


class RangedEffect(Document):
    """An effect or a saving with its ends, under the name a reader knows it by."""

    name: str
    """Solution, and what it moves."""
    solution: str
    """Which solution."""
    row: int
    """Which effect or saving of the document, in order; -1 for all of the solution's."""
    figure: Figure
    """The value planned with, and its ends."""


class RangedEffects(Document):
    """The effects and savings of a problem that have a range."""

    effects: tuple[RangedEffect, ...]
    """In the order of the document."""


def tornado(outcome: Outcome, purses: Iterable[tuple[str, float]]) -> pl.DataFrame:
    """what, change, npv (pounds): each range at each of its ends, and each purse (its discounted spend) a tenth dearer.

    Largest change first; what changes nothing is left out.
    """
    npv = outcome.answer.measure("npv")
    measure = _Worth(outcome)
    rows = []
    for moved in what_moves(RangedEffects(effects=tuple(_ranged(outcome.problem, measure.level))), measure):
        name = _name_of(moved.figure.name)
        for end, amount in (("low", moved.at_low), ("high", moved.at_high)):
            change = (amount - moved.base) / MICRO
            rows.append((f"{name} at the {end} end", change, npv + change))
    rows += _of_costs(outcome.problem, measure, npv)
    rows += [(f"{purse} spend a tenth higher", -0.1 * spent, npv - 0.1 * spent) for purse, spent in purses]
    table = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return table.filter(pl.col("change").abs() > 0.005).sort(pl.col("change").abs(), descending=True)


def _of_costs(problem: Problem, measure: _Worth, npv: float) -> list[tuple[str, float, float]]:
    """Each solution's own costs at the ends that `delivery` states for them."""
    planned = as_planned(problem, 1)
    effects, each = measure.effects[None, :], [np.array([value]) for value in measure.savings]

    def worth(cost: np.ndarray) -> float:
        found = measure.model.score_at(effects, each, replace(planned, cost=cost))
        return float(found["npv"][0]) * THOUSAND

    rows = []
    base = worth(planned.cost)
    for i, s in enumerate(problem.solutions):
        stated = delivery_of(problem.delivery, s.id)
        if stated is None or stated.cost_low == stated.cost_high:
            continue
        for end, factor in (("low", stated.cost_low), ("high", stated.cost_high)):
            cost = planned.cost.copy()
            cost[:, i] = float(factor)
            change = worth(cost) - base
            rows.append((f"{s.id}: its costs at the {end} end", change, npv + change))
    return rows


def _name_of(place: str) -> str:
    """The name of a ranged effect within the name of its place in the document."""
    return place.removeprefix("effects (").removesuffix(").figure")


def _ranged(problem: Problem, level: Level) -> Iterator[RangedEffect]:
    number = 0
    for s in problem.solutions:
        own = []
        for kind, things in (("share", s.effects), ("pounds", s.savings)):
            for thing in things:
                low, value, high = thing.at("low"), thing.at(level), thing.at("high")
                words = getattr(thing, "point_of_delivery", None) or getattr(thing, "id", "")
                cell = getattr(thing, "cell", "all")
                words = words if cell == "all" else f"{words} {cell}"
                if low != high:
                    figure = _figure(value, kind, low, high)
                    own.append(RangedEffect(name=f"{s.id}: {words}", solution=s.id, row=number, figure=figure))
                number += 1
        if own:
            together = _figure(Decimal(0), "level", Decimal(-1), Decimal(1))
            yield RangedEffect(name=s.id, solution=s.id, row=-1, figure=together)
        if len(own) > 1:
            yield from own


def _figure(value: Decimal, unit: str, low: Decimal, high: Decimal) -> Figure:
    return Figure(value=value, unit=unit, source="problem", where="the solution's own row", low=low, high=high)


class _Worth:
    """The worth of the mix, in millionths of a pound, for effects and savings at other values."""

    def __init__(self, outcome: Outcome) -> None:
        self.problem = outcome.problem
        self.model = Model(outcome.problem, outcome.answer, tables_of(outcome.problem, outcome.future))
        self.level = self.model.tables.level
        self.effects, self.savings = self.model.planned_effects(), self.model.planned_savings()
        acting = self.model.acting
        self.rows: list[tuple[str, np.ndarray, int]] = []
        """For each effect and saving: its solution, the rows of `acting` that it moves, and the number of its saving (-1 for none)."""
        saving = 0
        for s in self.problem.solutions:
            for e in s.effects:
                mine = (acting["solution"] == s.id) & (acting["point_of_delivery"] == e.point_of_delivery)
                self.rows.append((s.id, np.flatnonzero((mine & (acting["cell"] == e.cell)).to_numpy()), -1))
            for _ in s.savings:
                self.rows.append((s.id, np.zeros(0, dtype=np.intp), saving))
                saving += 1

    def __call__(self, ends: RangedEffects) -> dict[str, int]:
        effects, savings = self.effects.copy(), list(self.savings)
        for ranged in ends.effects:
            if ranged.row >= 0:
                self._set(effects, savings, ranged.row, ranged.figure.value)
        for ranged in ends.effects:
            level = _LEVELS[ranged.figure.value] if ranged.row < 0 else None
            if level is not None:
                for row, value in self._at(ranged.solution, level):
                    self._set(effects, savings, row, value)
        each = [np.array([value]) for value in savings]
        found = self.model.score_at(effects[None, :], each)
        return {"npv": nearest(Decimal(repr(float(found["npv"][0]) * THOUSAND * MICRO)))}

    def _at(self, solution: str, level: Level) -> Iterator[tuple[int, Decimal]]:
        number = 0
        for s in self.problem.solutions:
            values = [e.at(level) for e in s.effects] + [v.at(level) for v in s.savings]
            if s.id == solution:
                yield from enumerate(values, start=number)
            number += len(values)

    def _set(self, effects: np.ndarray, savings: list[float], row: int, value: Decimal) -> None:
        solution, acting, saving = self.rows[row]
        if saving >= 0:
            savings[saving] = float(value) * self.model.tables.factor(solution) / THOUSAND
        else:
            effects[acting] = float(value)
