"""Solutions as data: what one channel-shift investment does, costs, needs and excludes, with a source for every figure.

A solution at scale x (0 none, 1 full) and effective scale m (x after its maturity) avoids, at a point of delivery p,

    avoided = need x eligible x effect x m          and several solutions on the same activity multiply:
    avoided = need x (1 - (1 - eligible_1 effect_1 m_1) (1 - eligible_2 effect_2 m_2) ...)

Amounts (money, staff, contacts) are for the whole system at full scale; a solution rolled out by locality spends them in
proportion to the locality's persons.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from capitation.errors import DocumentError, Faults
from capitation.money.apportion import LARGEST_PENCE
from capitation.money.pence import pence_of
from capitation.records.documents import Document, Judged, read_document


def _whole_pence(pounds: Decimal) -> Decimal:
    if abs(pounds) * 100 > LARGEST_PENCE:
        raise ValueError(f"an amount of at most {LARGEST_PENCE // 100} pounds")
    if pounds != pounds.quantize(Decimal("0.01")):
        raise ValueError("an amount in pounds with at most two decimals")
    return pounds


Pounds = Annotated[Decimal, AfterValidator(_whole_pence)]
"""An amount in pounds, written with at most two decimals."""
Share = Annotated[Decimal, Field(ge=0, le=1)]
"""A share between 0 and 1."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
"""An id: letters, digits and underscores, starting with a letter."""
Grade = Literal["red", "amber", "green"]
"""Evidence: red is weak, amber partial, green strong."""


class Sourced(Judged):
    """A figure's ground: where it comes from, or who owns it as an assumption."""

    source: str = "assumption"
    """Id of the source (a folder of sources/), or "assumption"."""
    where: str = ""
    """Page, table, row and column, or for an assumption what it rests on."""


class Effect(Sourced):
    """What a solution avoids at one point of delivery at full scale and full maturity."""

    point_of_delivery: Name
    """Where activity is avoided."""
    cell: Name = "all"
    """Which group of patients, where groups reached by the same solutions are kept apart; "all" by default."""
    eligible: Share = Decimal(1)
    """The share of that activity that the solution can reach."""
    low: Decimal | None = None
    """Share of the eligible activity avoided, low end; the central value where it is not given."""
    central: Decimal
    """Share of the eligible activity avoided, best estimate."""
    high: Decimal | None = None
    """Share of the eligible activity avoided, high end; the central value where it is not given."""
    evidence: Grade = "amber"
    """How good the evidence is."""

    def at(self, level: Literal["low", "central", "high"]) -> Decimal:
        """The share of all activity of the cell avoided at full scale: eligible x effect."""
        value = {"low": self.low, "central": self.central, "high": self.high}[level]
        return self.eligible * (self.central if value is None else value)

    @model_validator(mode="after")
    def _is_a_share_in_order(self) -> Effect:
        low = self.central if self.low is None else self.low
        high = self.central if self.high is None else self.high
        if not low <= self.central <= high:
            raise ValueError(f"low {low}, central {self.central} and high {high} in that order")
        for name, value in (("central", self.central), ("low", low), ("high", high)):
            if value > 1:
                such = f", such as {(value / 100).normalize():f} for {value}%" if value <= 100 else ""
                raise ValueError(
                    f"an effect of at most 100% of the eligible activity (1.0){such}, not {name} = {value}"
                )
            if value < 0:
                raise ValueError(f"an effect of 0 or more, not {name} = {value}; use [[creates]] for activity it adds")
        return self


class Cost(Sourced):
    """What the solution costs for the whole system at full scale."""

    kind: Literal["recurrent", "non_recurrent", "capital"]
    """Recurrent: each year at the scale in place. Non-recurrent and capital: once, in the year scale is added."""
    pounds: Pounds
    """The amount; recurrent amounts are a year's."""
    basis: Literal["scale", "start"] = "scale"
    """"scale": in proportion to scale. "start": in full as soon as it is started, whatever the scale."""
    years: int = Field(default=1, ge=1, le=100, strict=True)
    """For non-recurrent and capital costs: over how many years, from the one it is added in, it is spent evenly."""

    @property
    def pence(self) -> int:
        """The amount in whole pence."""
        return pence_of(self.pounds)


class Saving(Sourced):
    """Cash the solution releases directly, apart from the activity it avoids."""

    id: Name = "saving"
    """Short name of the saving."""
    low_pounds: Pounds | None = None
    """A year's amount at full scale and maturity, low end; the central amount where it is not given."""
    pounds: Pounds
    """A year's amount for the whole system at full scale and maturity, best estimate."""
    high_pounds: Pounds | None = None
    """A year's amount at full scale and maturity, high end; the central amount where it is not given."""
    evidence: Grade = "amber"
    """How good the evidence is."""
    falls_to: str = ""
    """Organisation that keeps the cash; the system as a whole where it is not given."""

    def at(self, level: Literal["low", "central", "high"]) -> Decimal:
        """Pounds a year at full scale."""
        value = {"low": self.low_pounds, "central": self.pounds, "high": self.high_pounds}[level]
        return self.pounds if value is None else value


class StaffNeed(Sourced):
    """Staff the solution needs."""

    staff_group: Name
    """Which staff."""
    wte: Decimal = Field(ge=0)
    """Whole-time equivalents for the whole system at full scale."""


class Receiving(Sourced):
    """Contacts that appear elsewhere for each unit avoided."""

    avoided_at: Name
    """Point of delivery where activity is avoided."""
    received_at: Name
    """Point of delivery where contacts appear."""
    contacts_per_unit: Decimal = Field(ge=0)
    """Contacts for each unit avoided."""


class Creates(Sourced):
    """Contacts the solution itself adds."""

    point_of_delivery: Name
    """Where."""
    contacts: Decimal
    """Contacts a year for the whole system at full scale and maturity."""


class Benefit(Sourced):
    """A benefit that is counted in its own unit and not as cash, such as quality-adjusted life years."""

    id: Name
    """Short name; the name of a measure that can be an objective."""
    unit: str
    """What one of it is."""
    amount: Decimal
    """Amount a year for the whole system at full scale and maturity."""


class ReturnPoint(Document):
    """A point of the curve of returns: at this scale, this share of the full effect."""

    scale: Decimal = Field(gt=0)
    """Scale (1 is full)."""
    effect: Decimal = Field(ge=0)
    """Share of the full effect reached at that scale."""


class Prerequisite(Document):
    """Another solution that must be in place first."""

    solution: Name
    """Which."""
    years_before: int = Field(default=0, ge=0, le=100, strict=True)
    """How many years earlier it must have started."""


class Solution(Sourced):
    """One channel-shift investment."""

    id: Name
    """Short name; for a file of solutions/ the same as the file's."""
    title: str = ""
    """Its name in words; the id where it is not given."""
    about: str = ""
    """What it is, who it reaches and how it works."""
    rollout: Literal["system", "locality"] = "system"
    """Started once for the whole system, or locality by locality."""
    localities: tuple[Name, ...] = ()
    """Where it may be rolled out; everywhere where none is named."""
    whole: bool = False
    """Whether it is all or nothing; otherwise any scale from the smallest to full."""
    smallest_scale: Share = Decimal(0)
    """Smallest scale at which it can be run at all."""
    largest_scale: Decimal | None = Field(default=Decimal(1), gt=0)
    """Largest scale; 1 is the full scale that amounts and effects are stated for. Above 1: copies of it."""
    no_largest_scale: bool = False
    """Whether it may be bought without limit, as with single posts or kits; only limits of the problem then hold it."""
    step: Decimal | None = Field(default=None, gt=0)
    """Most scale that can be added in one year (how fast it can be rolled out)."""
    earliest_start: str | None = None
    """First financial year in which it can start."""
    early_start_because: str = ""
    """Why it may start before the milestone of the plan that starts it; without a reason such a start is refused."""
    latest_start: str | None = None
    """Last financial year in which it can start."""
    maturity: tuple[Share, ...] = (Decimal(1),)
    """Share of the full effect in its first, second ... year; the last holds from then on. Zeros are lead time."""
    returns: tuple[ReturnPoint, ...] = ()
    """Curve of returns; in proportion to scale where none is given. It may bend down, or be S-shaped."""
    effects: tuple[Effect, ...] = ()
    """Activity avoided, by point of delivery."""
    costs: tuple[Cost, ...] = ()
    """What it costs."""
    savings: tuple[Saving, ...] = ()
    """Cash released directly."""
    workforce: tuple[StaffNeed, ...] = ()
    """Staff it needs."""
    receiving: tuple[Receiving, ...] = ()
    """Contacts that appear elsewhere for units avoided."""
    creates: tuple[Creates, ...] = ()
    """Contacts it adds by itself."""
    benefits: tuple[Benefit, ...] = ()
    """Benefits in their own units."""
    excludes: tuple[Name, ...] = ()
    """Solutions that cannot be bought together with it."""
    requires: tuple[Prerequisite, ...] = ()
    """Solutions that must be in place for it to start."""

    @property
    def name(self) -> str:
        """The title, or the id where it has none."""
        return self.title or self.id

    @property
    def ceiling(self) -> float:
        """Largest scale as a number; infinity where there is none."""
        return float("inf") if self.no_largest_scale or self.largest_scale is None else float(self.largest_scale)

    @property
    def curve(self) -> list[tuple[float, float]]:
        """Segments of the curve of returns: width in scale, and effect per unit of scale."""
        points = [(0.0, 0.0), *((float(p.scale), float(p.effect)) for p in self.returns)]
        if len(points) == 1:
            return [(self.ceiling, 1.0)]
        return [(b - a, (q - p) / (b - a)) for (a, p), (b, q) in pairwise(points)]

    def effective_scale(self, scale: float) -> float:
        """The effect at a scale as a share of the full effect, at full maturity."""
        total, left = 0.0, scale
        for width, slope in self.curve:
            used = min(left, width)
            total += used * slope
            left -= used
        return total

    def matured(self, age: int) -> float:
        """Share of the full effect in the year of age `age` (0 is the first)."""
        return float(self.maturity[min(age, len(self.maturity) - 1)])

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Solution:
        wrong: list[str] = []
        scales = [p.scale for p in self.returns]
        if scales != sorted(set(scales)):
            wrong.append("the points of returns at rising scales")
        effects = [p.effect for p in self.returns]
        if effects != sorted(effects):
            wrong.append("returns that never fall with scale")
        if self.returns and self.ceiling > float(scales[-1]) + 1e-12:
            wrong.append(f"a last point of returns at the largest scale {self.ceiling:g}, not at {scales[-1]}")
        if float(self.smallest_scale) > self.ceiling:
            wrong.append(f"a smallest scale {self.smallest_scale} at or below the largest {self.ceiling:g}")
        if self.step is not None and self.smallest_scale > self.step:
            wrong.append(f"a smallest scale {self.smallest_scale} that one year's step {self.step} can reach")
        if self.whole and self.step is not None and float(self.step) < self.ceiling:
            wrong.append("no step below full scale, because it is all or nothing")
        if self.whole and self.no_largest_scale:
            wrong.append("a largest scale, because it is all or nothing")
        if not any(self.maturity):
            wrong.append("at least one share above 0 in maturity, or it never has an effect")
        twice = sorted({place for place in self.localities if self.localities.count(place) > 1})
        if twice:
            wrong.append(f"each locality once, not {', '.join(twice)} twice")
        both = sorted(set(self.excludes) & {p.solution for p in self.requires})
        if both:
            wrong.append(f"{', '.join(both)} either excluded or required, not both")
        if self.id in self.excludes or self.id in {p.solution for p in self.requires}:
            wrong.append("no exclusion or requirement of itself")
        if self.ceiling == float("inf") and self.effects:
            wrong.append("a largest scale, because an effect is a share of activity")
        top = max([float(p.effect) for p in self.returns], default=self.ceiling)
        for effect in self.effects:
            for level in ("low", "central", "high"):
                share = float(effect.at(level)) * top
                if 1 + 1e-12 < share < float("inf"):
                    wrong.append(
                        f"at most 100% of {effect.point_of_delivery} avoided at the largest scale, not {share:.0%} ({level})"
                    )
                    break
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


def read_solutions(folder: Path, ids: Iterable[str] = ()) -> tuple[Solution, ...]:
    """The solutions of a folder (one TOML file each), or those of its files that `ids` names, in order.

    Raises:
        DocumentError: a file is missing or wrong, or its id is not the file's name; all faults together.
    """
    names = list(ids) or sorted(path.stem for path in folder.glob("*.toml"))
    faults, found = Faults(), []
    for name in names:
        path = folder / f"{name}.toml"
        try:
            solution = read_document(path, Solution)
        except DocumentError as error:
            faults.extend(error.faults)
            if not error.faults:
                faults.add(str(path), error.message, "a solution document")
            continue
        if solution.id != name:
            faults.add(str(path), f"id {solution.id!r}", f"the file's name {name!r}")
        found.append(solution)
    faults.raise_if_any(DocumentError, f"{folder}: solutions that cannot be used")
    return tuple(found)
