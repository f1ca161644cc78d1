"""Delivery of solutions, as an uncertainty document says it: effect, cost, delay and failure, for all solutions and for single ones.

one quantity in one of three forms:  p10, mean, p90   |   low, mode, high (triangular)   |   percentiles (a published curve)
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import numpy as np
from pydantic import Field, model_validator

from capitation.chance.curves.normal import STANDARD
from capitation.chance.curves.shapes import Curve, Empirical, Triangular, through
from capitation.records.documents import Document, Figure, Judged

EFFECT_BOUNDS = (0.0, 1.0)
"""A solution delivers between nothing and all that was promised."""

COST_BOUNDS = (-1.0, float("inf"))
"""A cost falls by all of itself at most."""

DELAY_BOUNDS = (0.0, float("inf"))
"""A delay is not below nil."""

BOUNDS = {"effect": EFFECT_BOUNDS, "cost": COST_BOUNDS, "years_late": DELAY_BOUNDS}
"""Bounds of each quantity."""

SPREAD, CORNERS = ("p10", "mean", "p90"), ("low", "mode", "high")


class Percentiles(Judged):
    """A curve by its percentiles, with straight lines between them."""

    chances: tuple[Decimal, ...] = Field(min_length=2)
    """Chances from 0 to 1, rising."""
    values: tuple[Decimal, ...] = Field(min_length=2)
    """The value that is not passed with each chance."""
    unit: str
    """What one of it is, such as "share of the promised saving"."""
    source: str
    """Id of the source (a folder of sources/), or "assumption"."""
    where: str
    """Page, table, row and column, or for an assumption what it rests on."""

    @property
    def curve(self) -> Empirical:
        """The curve."""
        return Empirical(tuple(map(float, self.chances)), tuple(map(float, self.values)))

    @model_validator(mode="after")
    def _a_curve(self) -> Percentiles:
        if len(self.chances) != len(self.values):
            message = f"a value for each chance, not {len(self.values)} for {len(self.chances)}"
            raise ValueError(message)
        ends = (self.chances[0], self.chances[-1])
        if ends != (Decimal(0), Decimal(1)) or any(
            b <= a for a, b in zip(self.chances, self.chances[1:], strict=False)
        ):
            message = f"chances that rise from 0 to 1, not {', '.join(map(str, self.chances))}"
            raise ValueError(message)
        if any(b < a for a, b in zip(self.values, self.values[1:], strict=False)):
            message = f"values that do not fall, not {', '.join(map(str, self.values))}"
            raise ValueError(message)
        if self.source == "assumption" and (self.owner is None or self.quality is None):
            raise ValueError("an assumption needs an owner and a quality mark")
        return self


class Turnout(Document):
    """How a quantity may turn out, in one of three forms."""

    p10: Figure | None = None
    """One in ten is below."""
    mean: Figure | None = None
    """The mean, not the middle and not the most likely."""
    p90: Figure | None = None
    """One in ten is above."""
    low: Figure | None = None
    """The least, of a triangular curve."""
    mode: Figure | None = None
    """The most likely, of a triangular curve."""
    high: Figure | None = None
    """The greatest, of a triangular curve."""
    percentiles: Percentiles | None = None
    """A whole curve, such as a published one."""

    def _three(self, names: tuple[str, ...]) -> tuple[float, ...]:
        return tuple(float(figure.value) for name in names if (figure := getattr(self, name)) is not None)

    def curve(self, least: float, most: float) -> Curve:
        """The curve, between two bounds where it is one through p10, mean and p90."""
        if self.percentiles is not None:
            return self.percentiles.curve
        corners = self._three(CORNERS)
        if corners:
            return Triangular(*corners)
        p10, mean, p90 = self._three(SPREAD)
        return through(p10, mean, p90, least, most).curve

    def miss(self, least: float, most: float) -> float:
        """How far the mean of the curve stands from the given one; nil where it can be met or none is given."""
        given = self._three(SPREAD)
        if not given:
            return 0.0
        p10, mean, p90 = given
        return through(p10, mean, p90, least, most).miss

    def tenth(self, least: float, most: float) -> float:
        """The value that one in ten is below."""
        if self.percentiles is not None:
            return float(np.interp(0.1, self.percentiles.curve.shares, self.percentiles.curve.values))
        return (
            float(self.curve(least, most).at_score(np.array(STANDARD.inv_cdf(0.1))))
            if self.p10 is None
            else float(self.p10.value)
        )

    def ends(self) -> tuple[float, float]:
        """The least and the greatest that are given."""
        if self.percentiles is not None:
            return float(self.percentiles.values[0]), float(self.percentiles.values[-1])
        given = self._three(SPREAD) or self._three(CORNERS)
        return given[0], given[-1]

    @model_validator(mode="after")
    def _one_form(self) -> Turnout:
        given = [name for name in (*SPREAD, *CORNERS, "percentiles") if getattr(self, name) is not None]
        if given not in ([*SPREAD], [*CORNERS], ["percentiles"]):
            message = f"p10, mean and p90, or low, mode and high, or percentiles, not {', '.join(given) or 'nothing'}"
            raise ValueError(message)
        for names in (SPREAD, CORNERS):
            three = self._three(names)
            if three and list(three) != sorted(three):
                said = [f"{name} {getattr(self, name).value}" for name in names]
                message = f"{said[0]}, {said[1]} and {said[2]} in that order"
                raise ValueError(message)
        return self


class DeliveryOf(Document):
    """What may be said of the delivery of one solution, or of all."""

    effect: Turnout | None = None
    """Share of the promised saving that is delivered."""
    cost: Turnout | None = None
    """Cost above the planned one, as a share of it."""
    delay: Figure | None = None
    """Chance that the first year passes without any effect."""
    years_late: Turnout | None = None
    """Years that pass without any effect, in whole years as drawn; in place of delay."""
    failure: Figure | None = None
    """Chance that a solution never delivers."""

    @model_validator(mode="after")
    def _within_bounds(self) -> DeliveryOf:
        for name in ("delay", "failure", "correlation"):
            given = getattr(self, name, None)
            if given is not None and not 0 <= given.value <= 1:
                message = f"{name} between 0 and 1, not {given.value}"
                raise ValueError(message)
        for name, (least, most) in BOUNDS.items():
            given = getattr(self, name)
            if given is not None and not least <= given.ends()[0] <= given.ends()[1] <= most:
                bounds = f"between {least:g} and {most:g}" if most < float("inf") else f"of {least:g} or more"
                message = f"{name} {bounds}, not {given.ends()[0]:g} to {given.ends()[1]:g}"
                raise ValueError(message)
        if self.delay is not None and self.years_late is not None:
            raise ValueError("delay or years_late, not both")
        return self


class SolutionDelivery(DeliveryOf):
    """What is said of one solution; the rest is as for all."""

    solution: str
    """Id of the solution."""


class Delivery(DeliveryOf):
    """How solutions that the plan counts on may turn out."""

    effect: Turnout
    """Share of the promised saving that is delivered."""
    cost: Turnout
    """Cost above the planned one, as a share of it."""
    failure: Figure
    """Chance that a solution never delivers."""
    correlation: Figure
    """Correlation between solutions: 0 is each on its own, 1 is all alike."""
    solutions: tuple[SolutionDelivery, ...] = ()
    """Solutions of which something else is known."""

    @model_validator(mode="after")
    def _complete(self) -> Delivery:
        if self.delay is None and self.years_late is None:
            raise ValueError("delay or years_late, not neither")
        names = [each.solution for each in self.solutions]
        if len(set(names)) < len(names):
            message = f"each solution once, not {', '.join(names)}"
            raise ValueError(message)
        return self

    def misses(self) -> Iterator[tuple[str, float]]:
        """Parts whose p10, mean and p90 no curve between their bounds can meet, with how far the mean is off."""
        for where, each in (("delivery", self), *((f"delivery.solutions.{s.solution}", s) for s in self.solutions)):
            for name, bounds in BOUNDS.items():
                given = getattr(each, name)
                miss = 0.0 if given is None else given.miss(*bounds)
                if miss:
                    yield f"{where}.{name}", miss

    def of(self, solution: str) -> DeliveryOf:
        """What is known of one solution, with what is said of all where nothing is said of it."""
        own = next((each for each in self.solutions if each.solution == solution), None)
        if own is None:
            return self
        parts = {name: getattr(own, name) or getattr(self, name) for name in ("effect", "cost", "failure")}
        late = own if own.delay is not None or own.years_late is not None else self
        return DeliveryOf(**parts, delay=late.delay, years_late=late.years_late)


__all__ = [
    "COST_BOUNDS",
    "DELAY_BOUNDS",
    "EFFECT_BOUNDS",
    "Delivery",
    "DeliveryOf",
    "Percentiles",
    "SolutionDelivery",
    "Turnout",
]
