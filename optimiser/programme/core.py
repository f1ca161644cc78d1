"""What every block may ask of a problem: its years, places, kinds of activity, solutions and goals, and the future.

Each block knows its own rows of the document by an `DocumentKey`; what all blocks share stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar, cast

from pydantic import AfterValidator, Field

from capitation.records.documents import Document
from capitation.records.years import FinancialYear
from capitation.shift.solution import Name, Pounds, Solution
from optimiser.programme.meaning import EVERY, Meaning

ALL = EVERY
"""Stands for the whole system where a place or a provider is not named."""
SYSTEM, COMMISSIONER = "system", "commissioner"

Level = Literal["low", "central", "high"]


class LocalityPersons(Document):
    """A place of some tens of thousands of persons."""

    id: Name
    """Short name."""
    title: str = ""
    """Its name in words."""
    persons: Decimal = Field(gt=0)
    """Registered persons: how system amounts are spread over localities, and the base of equity per head."""


class NamedProvider(Document):
    """An organisation that is paid for activity."""

    id: Name
    """Short name."""
    title: str = ""
    """Its name in words."""


class ActivityKind(Document):
    """A kind of activity."""

    id: Name
    """Short name."""
    title: str = ""
    """Its name in words."""
    length_of_stay_days: Decimal | None = Field(default=None, ge=0)
    """Mean length of stay, for points of delivery that occupy beds."""
    contact_cost_pounds: Pounds = Decimal(0)
    """Cost of one more contact received here because activity moved."""


def _no_percentage(factor: Decimal) -> Decimal:
    if factor > LARGEST_FACTOR:
        raise ValueError(f"a factor of at most {LARGEST_FACTOR}, such as 1.15 for 15% more")
    return factor


LARGEST_FACTOR = 10
"""A factor above this is a percentage that was meant as a share."""
Factor = Annotated[Decimal, Field(ge=0), AfterValidator(_no_percentage)]
"""What a figure is multiplied by: 1 leaves it as it is."""


class Future(Document):
    """One way the future may turn out, for sweeps, regret and risk."""

    id: Name
    """Short name."""
    probability: Decimal | None = Field(default=None, gt=0)
    """How likely; equal for all where none is given."""
    effects: Level | None = None
    """Which end of every effect and saving; the plan's where it is not given."""
    effect_factors: dict[str, Factor] = Field(default_factory=dict)
    """By solution: its effects and savings times this."""
    activity_factor: Factor = Decimal(1)
    """Activity before any solution times this."""
    cost_factor: Factor = Decimal(1)
    """Costs of solutions times this."""
    cost_factors: dict[str, Factor] = Field(default_factory=dict, exclude_if=lambda factors: not factors)
    """By solution: its costs times this as well. Left out where none is given, so that checksums of documents stay."""
    staff_factor: Factor = Decimal(1)
    """Staff supply times this."""


PLAIN = Future(id="plan")
"""The future that is planned with, where no other is given."""


class Core(Protocol):
    """The parts of a problem document that every block may ask for."""

    @property
    def id(self) -> str:
        """Short name."""

    @property
    def years(self) -> tuple[FinancialYear, ...]:
        """Years, in order and without gaps."""

    @property
    def discount_rate(self) -> Decimal | None:
        """Rate a year for net present value."""

    @property
    def perspective(self) -> Literal["commissioner", "system"]:
        """Whose cash `npv` counts."""

    @property
    def effects(self) -> Level:
        """Which end of every effect and saving is planned with."""

    @property
    def solutions(self) -> tuple[Solution, ...]:
        """What may be bought."""

    @property
    def localities(self) -> tuple[LocalityPersons, ...]:
        """Places; the whole system is one where none is named."""

    @property
    def providers(self) -> tuple[NamedProvider, ...]:
        """Providers; not distinguished where none is named."""

    @property
    def points_of_delivery(self) -> tuple[ActivityKind, ...]:
        """Kinds of activity that need more than a name."""

    def goal_names(self) -> Sequence[str]:
        """Names of the measures aimed at, in order."""


T = TypeVar("T")
Row = TypeVar("Row", bound=Document)


@dataclass(frozen=True)
class DocumentKey(Generic[T]):
    """One key of the problem document: its name, what it may hold, and what stands where it is left out."""

    field: str
    shape: Any
    default: T
    about: str
    meaning: Meaning | None = None
    """What each row says, where the key holds rows: it decides between general and special ones."""

    def of(self, document: object) -> T:
        """What `document` says under this key."""
        return cast(T, getattr(document, self.field, self.default))


def rows(field: str, model: type[Row], about: str, meaning: Meaning | None = None) -> DocumentKey[tuple[Row, ...]]:
    """A key that holds rows of `model`, none where it is left out."""
    return DocumentKey(field, tuple[model, ...], (), about, meaning)  # type: ignore[valid-type]  # a model known at run time


def one(field: str, model: type[Row], about: str) -> DocumentKey[Row | None]:
    """A key that holds one `model`, or nothing."""
    return DocumentKey(field, model | None, None, about)
