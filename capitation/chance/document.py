"""Uncertainty documents: how far each part of a year's spend may stand from the plan, with the source of every figure.

    spend = plan x growth x price x (1 + shock of the year) x list size x chance of the locality + savings not delivered

Process risk (chance, shocks, list size) falls anew every year; parameter risk (growth, price, delivery) is one truth that is
not known: it is drawn once and holds for all years.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from capitation.chance.curves.correlation import correlation_faults
from capitation.chance.curves.shapes import Curve, Empirical, Fitted, Gamma, Lognormal, Normal, Triangular, through
from capitation.chance.delivery import Delivery
from capitation.errors import DocumentError, Fault, Faults
from capitation.records.documents import Document, Figure, read_document
from capitation.records.years import FinancialYear

LAYERS = ("chance", "environment", "list-size", "growth", "price", "delivery")
"""The layers, in the order in which they stand in the formula."""

RISK = {
    "chance": "process",
    "environment": "process",
    "list-size": "process",
    "growth": "parameter",
    "price": "parameter",
    "delivery": "parameter",
}
"""Whether a layer falls anew each year (process) or is one truth that is not known (parameter)."""

Shape = Literal["normal", "lognormal", "gamma"]


class Spread(Document):
    """A quantity known by its 10th percentile, mean and 90th percentile."""

    p10: Figure
    """One in ten is below."""
    mean: Figure
    """The mean, not the middle and not the most likely."""
    p90: Figure
    """One in ten is above."""

    def fitted(self, least: float, most: float) -> Fitted:
        """The curve through p10 and p90 with a mean as near the given one as can be, between two bounds."""
        return through(float(self.p10.value), float(self.mean.value), float(self.p90.value), least, most)

    @model_validator(mode="after")
    def _in_order(self) -> Spread:
        if not self.p10.value <= self.mean.value <= self.p90.value:
            message = f"p10 {self.p10.value}, mean {self.mean.value} and p90 {self.p90.value} in that order"
            raise ValueError(message)
        return self


class Corners(Document):
    """A quantity known by its least, most likely and greatest value (triangular)."""

    low: Figure
    """The least."""
    mode: Figure
    """The most likely."""
    high: Figure
    """The greatest."""

    @property
    def curve(self) -> Triangular:
        """The triangular curve."""
        return Triangular(float(self.low.value), float(self.mode.value), float(self.high.value))

    @model_validator(mode="after")
    def _in_order(self) -> Corners:
        if not self.low.value <= self.mode.value <= self.high.value:
            message = f"low {self.low.value}, mode {self.mode.value} and high {self.high.value} in that order"
            raise ValueError(message)
        return self


CASE_BOUNDS = (0.0, 20.0)
"""A case costs nothing at least and twenty times the mean at most."""

LIST_BOUNDS = (-0.5, 1.0)
"""A list halves at worst and doubles at most."""

GROWTH_BOUNDS = (-0.5, 1.0)
"""Activity halves or doubles in a year at most."""

PRICE_BOUNDS = (0.0, 10.0)
"""A price is not below nil."""

GREATEST_CV = 100
"""No person's spend in a year varies by more than a hundred times its mean."""

GREATEST_SHOCK = 1
"""A year does not move a line by more than all of it, as one standard deviation."""


class CountAndCost(Document):
    """Chance of a line by the number of cases and the cost of each."""

    line: str
    """The line of spend, as the plan names it."""
    counts: Literal["poisson", "negative-binomial"]
    """poisson: cases come one by one; negative-binomial: people come back, so that counts vary more than their mean."""
    dispersion: Figure | None = None
    """Variance of the count over its mean, above 1; required for negative-binomial."""
    cost: Literal["lognormal", "gamma", "empirical"] = "lognormal"
    """The curve of the cost of a case."""
    cost_cv_squared: Figure | None = None
    """Variance of the cost of a case over its squared mean; required for lognormal and gamma."""
    cost_spread: Spread | None = None
    """p10, mean and p90 of the cost of a case over the mean cost; required for empirical."""

    @model_validator(mode="after")
    def _complete(self) -> CountAndCost:
        if self.counts == "negative-binomial" and (self.dispersion is None or self.dispersion.value <= 1):
            given = "none" if self.dispersion is None else self.dispersion.value
            message = f"a dispersion above 1 with negative-binomial counts, not {given}"
            raise ValueError(message)
        if self.counts == "poisson" and self.dispersion is not None:
            message = f"no dispersion with poisson counts, whose own is 1, not {self.dispersion.value}"
            raise ValueError(message)
        if self.cost == "empirical":
            if self.cost_spread is None or self.cost_cv_squared is not None:
                message = "cost_spread and no cost_cv_squared with an empirical cost"
                raise ValueError(message)
            if abs(self.cost_spread.mean.value - 1) > 0 or self.cost_spread.p10.value < 0:
                message = "a cost_spread over the mean cost, whose mean is 1 and whose p10 is not below 0"
                raise ValueError(message)
        elif self.cost_cv_squared is None or self.cost_spread is not None:
            message = f"cost_cv_squared and no cost_spread with a {self.cost} cost"
            raise ValueError(message)
        if self.cost_cv_squared is not None and self.cost_cv_squared.value <= 0:
            message = f"a variance above 0 (cost_cv_squared), not {self.cost_cv_squared.value}"
            raise ValueError(message)
        return self

    @property
    def clustering(self) -> float:
        """Variance of the count over its mean."""
        return 1.0 if self.dispersion is None else float(self.dispersion.value)

    @property
    def case(self) -> Lognormal | Gamma | Empirical:
        """The curve of the cost of a case over the mean cost."""
        if self.cost_spread is not None:
            return self.cost_spread.fitted(*CASE_BOUNDS).curve
        cv = float(self.cost_cv_squared.value) ** 0.5 if self.cost_cv_squared is not None else 0.0
        return Lognormal.of(1.0, cv) if self.cost == "lognormal" else Gamma.of(1.0, cv)


class Chance(Document):
    """Chance variation of a locality's spend with no change in behaviour or circumstances."""

    cv: Figure
    """Coefficient of variation of a person's spend in a year: the whole budget's sd is this over the root of the persons."""
    shape: Shape = "normal"
    """The curve of a year's total."""
    lines: tuple[CountAndCost, ...] = ()
    """Lines with counts and costs of their own; repeat use is raised until the whole budget has the sd that cv gives."""

    @model_validator(mode="after")
    def _positive(self) -> Chance:
        if not 0 < self.cv.value <= GREATEST_CV:
            message = f"a cv above 0 and at most {GREATEST_CV}, not {self.cv.value}"
            raise ValueError(message)
        names = [each.line for each in self.lines]
        if len(set(names)) < len(names):
            message = f"each line once, not {', '.join(names)}"
            raise ValueError(message)
        return self


class Shock(Document):
    """What a year does to a line everywhere at once, such as a hard winter; it does not pool away with size."""

    line: str
    """The line of spend, or "all" for every one."""
    sd: Figure
    """Standard deviation of the year's factor, as a share."""

    @model_validator(mode="after")
    def _positive(self) -> Shock:
        if not 0 <= self.sd.value <= GREATEST_SHOCK:
            message = f"a standard deviation of at least 0 and at most {GREATEST_SHOCK}, not {self.sd.value}"
            raise ValueError(message)
        return self


class LayerCorrelation(Document):
    """Correlations of the shocks of a year."""

    lines: tuple[str, ...]
    """Lines of the shocks, in the order of the rows and columns."""
    matrix: tuple[tuple[Figure, ...], ...]
    """Rows of correlations."""

    @property
    def rows(self) -> list[list[float]]:
        """The figures alone."""
        return [[float(each.value) for each in row] for row in self.matrix]


class Growth(Document):
    """Growth of activity above the plan, rising year by year at one unknown rate."""

    rate: Corners
    """Rate a year above the plan: as mitigated, as trended, as it may turn out."""
    lines: tuple[str, ...] = ()
    """The lines that grow so; all where none is named."""


class Uncertainty(Document):
    """Everything that is uncertain about the spend of a system's localities."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Short name, the same as the file's."""
    title: str
    """What is uncertain."""
    about: str
    """How the figures were found and what they leave out."""
    since: FinancialYear = Field(alias="from")
    """First year for which the figures hold."""
    chance: Chance
    """Chance of each locality."""
    shocks: tuple[Shock, ...] = ()
    """Shocks of a year, shared by all localities."""
    correlation: LayerCorrelation | None = None
    """Correlations of the shocks; independent where it is left out."""
    list_size: Spread | None = None
    """A locality's list over the projected one, less 1, in a year."""
    growth: Growth | None = None
    """Growth above the plan."""
    price: Corners | None = None
    """Cost of a unit over the planned one."""
    delivery: Delivery | None = None
    """Delivery of solutions."""

    @model_validator(mode="after")
    def _within_bounds(self) -> Uncertainty:
        parts: list[tuple[str, Figure | None, Figure | None, tuple[float, float]]] = []
        if self.list_size is not None:
            parts.append(("list_size", self.list_size.p10, self.list_size.p90, LIST_BOUNDS))
        if self.growth is not None:
            parts.append(("growth.rate", self.growth.rate.low, self.growth.rate.high, GROWTH_BOUNDS))
        if self.price is not None:
            parts.append(("price", self.price.low, self.price.high, PRICE_BOUNDS))
        for each in self.chance.lines:
            if each.cost_spread is not None:
                parts.append((f"chance.lines.{each.line}", each.cost_spread.p10, each.cost_spread.p90, CASE_BOUNDS))
        for name, low, high, (least, most) in parts:
            if low is not None and high is not None and not least <= low.value <= high.value <= most:
                message = f"{name} between {least:g} and {most:g}, not {low.value} to {high.value}"
                raise ValueError(message)
        return self

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers for which the document has figures."""
        parts = {
            "chance": self.chance,
            "environment": self.shocks or None,
            "list-size": self.list_size,
            "growth": self.growth,
            "price": self.price,
            "delivery": self.delivery,
        }
        return tuple(name for name in LAYERS if parts[name] is not None)

    def misses(self) -> Iterator[tuple[str, float]]:
        """Spreads whose p10, mean and p90 no curve between their bounds can meet, with how far the mean is off."""
        spreads = [("list_size", self.list_size, LIST_BOUNDS)]
        spreads += [(f"chance.lines.{c.line}", c.cost_spread, CASE_BOUNDS) for c in self.chance.lines]
        for name, spread, bounds in spreads:
            miss = spread.fitted(*bounds).miss if spread is not None else 0.0
            if miss:
                yield name, miss
        if self.delivery is not None:
            yield from self.delivery.misses()


def read_uncertainty(path: Path) -> Uncertainty:
    """The uncertainty document in a TOML, JSON or YAML file.

    Raises:
        DocumentError: a key or a figure is wrong, or correlations do not hold together; all faults at once.
    """
    document = read_document(path, Uncertainty)
    faults = Faults()
    faults.extend(document_faults(document, str(path)))
    faults.raise_if_any(DocumentError, f"{path}: the uncertainties contradict themselves")
    return document


def document_faults(document: Uncertainty, where: str) -> list[Fault]:
    """What the parts of a document say against each other."""
    faults = []
    named = [shock.line for shock in document.shocks]
    for line in sorted({line for line in named if named.count(line) > 1}):
        faults.append(Fault(f"{where}: shocks", f"{line!r} {named.count(line)} times", "each line once"))
    grows = document.growth.lines if document.growth is not None else ()
    for line in sorted({line for line in grows if grows.count(line) > 1}):
        faults.append(Fault(f"{where}: growth.lines", f"{line!r} {grows.count(line)} times", "each line once"))
    if document.correlation is not None:
        given = document.correlation
        if sorted(given.lines) != sorted(set(named)):
            faults.append(
                Fault(
                    f"{where}: correlation.lines",
                    ", ".join(given.lines) or "none",
                    f"each line that has a shock, once: {', '.join(named) or 'none'}",
                )
            )
        faults += correlation_faults(given.lines, given.rows, f"{where}: correlation")
    return faults


def correlations(document: Uncertainty) -> np.ndarray:
    """Correlations of the shocks in the order of the shocks."""
    if document.correlation is None:
        return np.eye(len(document.shocks))
    order = [document.correlation.lines.index(shock.line) for shock in document.shocks]
    return np.asarray(document.correlation.rows)[np.ix_(order, order)]


@cache
def total_curve(shape: Shape, sd: float) -> Curve:
    """The curve of a total over its plan: mean 1 and the given sd."""
    if shape == "normal":
        return Normal(1.0, sd)
    return Lognormal.of(1.0, sd) if shape == "lognormal" else Gamma.of(1.0, sd)
