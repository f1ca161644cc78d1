"""What a problem says for its appraisal alone: how sure delivery is, and how deprived its localities are; the search uses neither.

late_chance       chance that a solution brings its good `late_years` later than planned, with its costs as planned
failure_chance    chance that it brings nothing at all, with its costs as planned
cost_low, _high   one in ten costs less than `cost_low` times what is stated, one in ten more than `cost_high` times
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field, model_validator

from capitation.errors import Faults
from capitation.shift.solution import Name, Share, Sourced
from optimiser.programme.core import ALL
from optimiser.programme.meaning import Meaning, contradictions


class DeliveryRisk(Sourced):
    """How sure it is that a solution is delivered in time, at all, and at its cost."""

    solution: Name = ALL
    """Which; every solution where it is not given."""
    late_chance: Share = Decimal(0)
    """Chance that its effects and savings come late."""
    late_years: int = Field(default=1, ge=1, le=100, strict=True)
    """How many years late they then are."""
    failure_chance: Share = Decimal(0)
    """Chance that its effects and savings never come."""
    cost_low: Decimal = Field(default=Decimal(1), gt=0)
    """Its own costs, times this, at the low end (one in ten costs less)."""
    cost_central: Decimal = Field(default=Decimal(1), gt=0)
    """The mean of what its own costs are multiplied by."""
    cost_high: Decimal = Field(default=Decimal(1), gt=0)
    """Its own costs, times this, at the high end (one in ten costs more)."""

    @model_validator(mode="after")
    def _in_order(self) -> DeliveryRisk:
        if not self.cost_low <= self.cost_central <= self.cost_high:
            found = f"{self.cost_low}, {self.cost_central} and {self.cost_high}"
            raise ValueError(f"cost_low, cost_central and cost_high in that order, not {found}")
        if self.late_chance + self.failure_chance > 1:
            raise ValueError("late_chance and failure_chance that add to at most 1")
        return self


class OptimismBias(Sourced):
    """By how much plans of this kind turn out dearer and later than they say."""

    capital: Decimal = Field(default=Decimal("0.44"), ge=0, le=5)
    """Share by which capital spend is taken to rise."""
    recurrent: Decimal = Field(default=Decimal(0), ge=0, le=5)
    """Share by which recurrent spend is taken to rise."""
    non_recurrent: Decimal = Field(default=Decimal("0.1"), ge=0, le=5)
    """Share by which spend once is taken to rise."""
    late_years: int = Field(default=0, ge=0, le=100, strict=True)
    """Years by which every solution is taken to come late, paid for as planned."""


class Deprivation(Sourced):
    """How many of a locality's persons live in each fifth of the country's neighbourhoods by deprivation."""

    locality: Name
    """Which."""
    persons_by_fifth: tuple[Decimal, Decimal, Decimal, Decimal, Decimal]
    """Persons, or shares of them, in each fifth, the most deprived first."""

    @model_validator(mode="after")
    def _some(self) -> Deprivation:
        if min(self.persons_by_fifth) < 0 or sum(self.persons_by_fifth) <= 0:
            raise ValueError("persons of 0 or more in each fifth, and more than 0 in all")
        return self


DELIVERY = Meaning("how sure the delivery of {solution} is", "late_chance", (), ("solution",))
DEPRIVATION = Meaning("the deprivation of {locality}", "persons_by_fifth", ("locality",))


def check_appraised(faults: Faults, delivery: tuple[DeliveryRisk, ...], deprivation: tuple[Deprivation, ...]) -> None:
    """Gather rows that contradict each other."""
    contradictions(faults, "delivery", DELIVERY, delivery)
    contradictions(faults, "deprivation", DEPRIVATION, deprivation)


def delivery_of(rows: tuple[DeliveryRisk, ...], solution: str) -> DeliveryRisk | None:
    """The row for a solution: its own, else the one for every solution; None where there is neither."""
    by = {row.solution: row for row in rows}
    return by.get(solution, by.get(ALL))
