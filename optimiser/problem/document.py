"""The problem document: what may be bought, what it moves, and the limits it must keep.

A problem may be a few lines (two solutions, one budget) or a whole system: tables may stand in the document or in
files beside it, and solutions may be written here or read from a folder. Amounts are pounds; a year is "2016/17".
Tables that are left out put no limit on the mix, and the report says which constraints applied to nothing.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field, field_validator

from capitation.errors import DocumentError
from capitation.pack.sources import read_rows
from capitation.records.columns import POINT_OF_DELIVERY, YEAR
from capitation.records.documents import Document, parse_document, read_mapping
from capitation.records.frames import Column, Schema
from capitation.records.years import FinancialYear
from capitation.shift.solution import Grade, Name, Pounds, Share, Solution, Sourced, read_solutions

ALL = "ALL"
"""Stands for the whole system where a place or a provider is not named."""

Level = Literal["low", "central", "high"]


class Activity(Schema):
    """Activity before any solution, of one locality at one point of delivery in one year."""

    locality = Column(
        pl.String, "locality id", "Where the patients live; ALL where localities are not told apart", key=True
    )
    point_of_delivery = POINT_OF_DELIVERY
    year = YEAR
    units = Column(pl.Float64, "contacts, spells or attendances", "Activity if nothing is bought", ge=0)


class Flow(Schema):
    """Share of a locality's activity at a point of delivery that a provider sees."""

    locality = Column(pl.String, "locality id", "Where the patients live", key=True)
    provider = Column(pl.String, "provider id", "Who sees them", key=True)
    point_of_delivery = POINT_OF_DELIVERY
    share = Column(pl.Float64, "share", "Part of the locality's activity", ge=0, le=1)


class Price(Schema):
    """What one unit of activity is worth under the tariff, under the contract, and in the provider's own cost."""

    provider = Column(pl.String, "provider id", "Who is paid; ALL for every provider", key=True)
    point_of_delivery = POINT_OF_DELIVERY
    year = YEAR.but(about="Year; ALL for every year")
    tariff_pounds = Column(pl.Float64, "pounds a unit", "Full tariff price", ge=0)
    marginal_pounds = Column(pl.Float64, "pounds a unit", "What the contract pays less for one unit less", ge=0)
    variable_cost_pounds = Column(pl.Float64, "pounds a unit", "What the provider spends less for one unit less", ge=0)


class Locality(Document):
    """A place of some tens of thousands of persons."""

    id: Name
    """Short name."""
    title: str = ""
    """Its name in words."""
    persons: Decimal = Field(gt=0)
    """Registered persons: how system amounts are spread over localities, and the base of equity per head."""


class Provider(Document):
    """An organisation that is paid for activity."""

    id: Name
    """Short name."""
    title: str = ""
    """Its name in words."""


class PointOfDelivery(Document):
    """A kind of activity."""

    id: Name
    """Short name."""
    title: str = ""
    """Its name in words."""
    length_of_stay_days: Decimal | None = Field(default=None, ge=0)
    """Mean length of stay, for points of delivery that occupy beds."""
    contact_cost_pounds: Pounds = Decimal(0)
    """Cost of one more contact received here because activity moved."""


class Cell(Document):
    """A group of patients within a point of delivery that the same solutions reach."""

    point_of_delivery: Name
    """Kind of activity."""
    id: Name
    """Short name, used by the effects of solutions."""
    share: Share
    """Part of that activity which the group makes up."""


class ActivityRow(Document):
    """One row of activity, for problems that carry it in the document."""

    locality: Name = ALL
    """Where the patients live; the whole system where it is not given."""
    point_of_delivery: Name
    """Kind of activity."""
    year: FinancialYear | None = None
    """Year; every year of the problem where it is not given."""
    units: Decimal = Field(ge=0)
    """Activity if nothing is bought."""


class FlowRow(Document):
    """One row of flows, for problems that carry them in the document."""

    locality: Name = ALL
    """Where the patients live; every locality where it is not given."""
    provider: Name
    """Who sees them."""
    point_of_delivery: Name
    """Kind of activity."""
    share: Share
    """Part of the locality's activity."""


class PriceRow(Sourced):
    """One row of prices, for problems that carry them in the document."""

    provider: Name = ALL
    """Who is paid; every provider where it is not given."""
    point_of_delivery: Name
    """Kind of activity."""
    year: FinancialYear | None = None
    """Year; every year where it is not given."""
    tariff_pounds: Decimal = Field(ge=0)
    """Full tariff price of a unit."""
    marginal_pounds: Decimal | None = Field(default=None, ge=0)
    """What the contract pays less for one unit less; the tariff where it is not given."""
    variable_cost_pounds: Decimal = Field(default=Decimal(0), ge=0)
    """What the provider spends less for one unit less, at once."""


class PaymentPiece(Document):
    """One stretch of what a contract takes from a provider's income as tariff value falls away."""

    from_pounds: Pounds
    """Tariff value not done at which the stretch begins; the first begins at 0."""
    slope: Decimal = Field(ge=0)
    """Pounds of income lost for each pound of tariff value not done."""


class PaymentTerms(Document):
    """How a provider's income falls with the tariff value it does not do: the exact pieces of its contract."""

    provider: Name
    """Who is paid."""
    points_of_delivery: tuple[Name, ...] = ()
    """Kinds of activity under these terms; all where none is named."""
    pieces: tuple[PaymentPiece, ...] = Field(min_length=1)
    """Stretches from 0 on, in order."""


class Budget(Document):
    """Money for the mix in one year."""

    kind: Literal["recurrent", "non_recurrent", "capital"]
    """Which purse."""
    year: FinancialYear
    """Year in which it may be spent."""
    pounds: Pounds
    """How much."""
    carry_forward_pounds: Pounds = Decimal(0)
    """Most that may be carried into the next year."""


class StaffSupply(Sourced):
    """Staff of one group that the mix may use."""

    staff_group: Name
    """Which staff."""
    year: FinancialYear | None = None
    """Year; every year where it is not given."""
    wte: Decimal = Field(ge=0)
    """Posts funded for the mix, whole-time equivalents."""
    vacancy_share: Share = Decimal(0)
    """Share of those posts that stands empty."""
    pipeline_wte: Decimal = Field(default=Decimal(0), ge=0)
    """Most further staff that can be taken on in the year."""
    leavers_share: Share = Decimal(0)
    """Share of staff taken on who leave each year."""
    hire_pounds_per_wte: Pounds = Decimal(0)
    """Non-recurrent cost of taking on one."""


class ReceivingCapacity(Document):
    """How much a point of delivery can take."""

    locality: Name = ALL
    """Where; the system as a whole where it is not given."""
    point_of_delivery: Name
    """Kind of activity."""
    year: FinancialYear | None = None
    """Year; every year where it is not given."""
    units: Decimal = Field(ge=0)
    """Activity that can be seen in all, including what is seen already."""
    expansion_most: Decimal = Field(default=Decimal(0), ge=0)
    """Most capacity that can be added in the year."""
    expansion_capital_pounds: Pounds = Decimal(0)
    """Capital for one unit of added capacity."""
    expansion_recurrent_pounds: Pounds = Decimal(0)
    """Recurrent cost a year of one unit of added capacity."""


class ReceivingStaff(Document):
    """Staff that received contacts need."""

    point_of_delivery: Name
    """Kind of activity."""
    staff_group: Name
    """Which staff."""
    contacts_per_wte: Decimal = Field(gt=0)
    """Contacts a year that one whole-time equivalent sees."""


class Block(Sourced):
    """Fixed cost that a provider can release only in lumps: a ward, a theatre, a clinic."""

    id: Name
    """Short name."""
    provider: Name
    """Whose."""
    point_of_delivery: Name
    """Activity that must fall for it to close."""
    units: Decimal = Field(gt=0)
    """Activity a year that one block serves."""
    saving_pounds: Pounds
    """Cost a year released by closing one."""
    lag_years: int = Field(default=0, ge=0)
    """Years between the fall in activity and the release."""
    most: int = Field(default=1, ge=1)
    """How many can close."""
    staff_group: Name | None = None
    """Staff it frees, where they can work in the mix."""
    staff_wte: Decimal = Field(default=Decimal(0), ge=0)
    """How many it frees."""


class StrandedLimit(Document):
    """The most stranded cost a provider may be left with."""

    provider: Name
    """Whose."""
    year: FinancialYear | None = None
    """Year; every year where it is not given."""
    pounds: Pounds
    """Most income lost beyond cost released, after transition support."""


class TransitionFund(Document):
    """Money to tide providers over."""

    year: FinancialYear
    """Year."""
    pounds: Pounds
    """Most support to all providers together."""


class ControlTotal(Sourced):
    """The position an organisation, or the system, must reach in a year."""

    organisation: Name
    """ "system", "commissioner" or a provider's id."""
    year: FinancialYear
    """Year."""
    baseline_pounds: Pounds
    """Surplus (or deficit, below 0) if nothing is bought."""
    target_pounds: Pounds
    """Surplus (or deficit, below 0) to reach."""


class Equity(Document):
    """Floor on each locality's benefit per head."""

    floor: Share
    """Smallest benefit per head as a share of the system's."""


class EvidenceGuard(Document):
    """Ceiling on savings that rest on weak evidence."""

    most: Share
    """Largest share of counted savings."""
    grades: tuple[Grade, ...] = ("red",)
    """Which grades count as weak."""


class Beds(Sourced):
    """Beds of a provider and how full they may be."""

    provider: Name
    """Whose."""
    year: FinancialYear | None = None
    """Year; every year where it is not given."""
    beds: Decimal = Field(ge=0)
    """Beds open."""
    occupancy_most: Share
    """Fullest they may be, such as 0.92."""


class StartLimit(Document):
    """How many solutions the programme can start in a year."""

    year: FinancialYear | None = None
    """Year; every year where it is not given."""
    most: int = Field(ge=0)
    """Most starts (one locality of a locality solution counts as one)."""


class MeasureLimit(Document):
    """A floor or ceiling on any measure."""

    measure: str
    """Which, such as "avoided_non_elective"."""
    at_least: Decimal | None = None
    """Floor, in the measure's unit."""
    at_most: Decimal | None = None
    """Ceiling, in the measure's unit."""


class Goal(Document):
    """One goal; goals are met in order, each without giving up the ones before."""

    measure: str
    """Which measure."""
    tolerance: Decimal = Field(default=Decimal("1e-6"), ge=0)
    """Share of the goal that later goals may give up."""


class Overlap(Document):
    """How effects of several solutions on the same activity are put together."""

    mode: Literal["multiplicative", "strict"] = "multiplicative"
    """"multiplicative": chords of 1 - product of (1 - effect), exact for on and off. "strict": never claims too much."""
    pieces: int = Field(default=8, ge=1, le=64)
    """Most chords for one group of solutions; the more, the closer."""


class Future(Document):
    """One way the future may turn out, for sweeps, regret and risk."""

    id: Name
    """Short name."""
    probability: Decimal | None = Field(default=None, gt=0)
    """How likely; equal for all where none is given."""
    effects: Level = "central"
    """Which end of every effect and saving."""
    effect_factors: dict[str, Decimal] = Field(default_factory=dict)
    """By solution: its effects and savings times this."""
    activity_factor: Decimal = Field(default=Decimal(1), ge=0)
    """Activity before any solution times this."""
    cost_factor: Decimal = Field(default=Decimal(1), ge=0)
    """Costs of solutions times this."""
    staff_factor: Decimal = Field(default=Decimal(1), ge=0)
    """Staff supply times this."""


class Expected(Document):
    """The known answer of a shipped problem."""

    status: Literal["optimal", "infeasible", "unbounded"] = "optimal"
    """What the solver should say."""
    objective: Decimal | None = None
    """Best value of the first goal, in its unit."""
    mix: dict[str, Decimal] = Field(default_factory=dict)
    """Scale in the last year, by solution."""
    relax: dict[str, Decimal] = Field(default_factory=dict)
    """For an infeasible problem: how much each named limit must give, by its label."""


class Problem(Document):
    """A channel-shift investment problem."""

    id: Name
    """Short name."""
    title: str
    """What is decided, in a line."""
    about: str = ""
    """More about it."""
    years: tuple[FinancialYear, ...] = Field(min_length=1)
    """Years, in order and without gaps."""
    discount_rate: Decimal | None = Field(default=None, ge=0)
    """Rate a year for net present value (the Green Book's is 0.035); the first year is not discounted. Needed for several years."""
    perspective: Literal["commissioner", "system"] = "commissioner"
    """Whose cash `npv` counts. For the system, income lost by providers is no saving; cost they release is."""
    effects: Level = "central"
    """Which end of every effect and saving is planned with."""
    gap: Decimal = Field(default=Decimal(0), ge=0, lt=1)
    """Relative gap at which a search for whole numbers may stop unless its caller says otherwise; 0 proves the best."""
    solutions: tuple[Solution, ...] = ()
    """Solutions written here."""
    solutions_folder: str | None = None
    """Folder of solution files, relative to the problem's file."""
    solution_ids: tuple[Name, ...] = ()
    """Which files of that folder; all where none is named."""
    localities: tuple[Locality, ...] = ()
    """Places; the whole system is one where none is named."""
    providers: tuple[Provider, ...] = ()
    """Providers; they are not told apart where none is named."""
    points_of_delivery: tuple[PointOfDelivery, ...] = ()
    """Kinds of activity that need more than a name."""
    cells: tuple[Cell, ...] = ()
    """Groups of patients told apart within a point of delivery."""
    activity: tuple[ActivityRow, ...] = ()
    """Activity if nothing is bought."""
    activity_file: str | None = None
    """The same as a CSV or parquet file, relative to the problem's file."""
    flows: tuple[FlowRow, ...] = ()
    """Which providers see it."""
    flows_file: str | None = None
    """The same as a CSV or parquet file."""
    prices: tuple[PriceRow, ...] = ()
    """What a unit is worth."""
    prices_file: str | None = None
    """The same as a CSV or parquet file."""
    payment_terms: tuple[PaymentTerms, ...] = ()
    """Contracts that are more than a price for each unit."""
    budgets: tuple[Budget, ...] = ()
    """Money by purse and year."""
    staff: tuple[StaffSupply, ...] = ()
    """Staff the mix may use."""
    receiving_capacity: tuple[ReceivingCapacity, ...] = ()
    """How much receiving points of delivery can take."""
    receiving_staff: tuple[ReceivingStaff, ...] = ()
    """Staff that received contacts need."""
    blocks: tuple[Block, ...] = ()
    """Fixed cost released in lumps."""
    whole_blocks: bool = False
    """Whether only whole blocks close; otherwise parts of them may, and the report warns."""
    stranded_limits: tuple[StrandedLimit, ...] = ()
    """Protection of providers."""
    transition_funds: tuple[TransitionFund, ...] = ()
    """Support to providers."""
    control_totals: tuple[ControlTotal, ...] = ()
    """Positions to reach."""
    equity: Equity | None = None
    """Floor between localities."""
    evidence_guard: EvidenceGuard | None = None
    """Ceiling on weakly evidenced savings."""
    beds: tuple[Beds, ...] = ()
    """Occupancy to keep."""
    start_limits: tuple[StartLimit, ...] = ()
    """Capacity to start things."""
    limits: tuple[MeasureLimit, ...] = ()
    """Floors and ceilings on measures."""
    goals: tuple[Goal, ...] = (Goal(measure="npv"),)
    """What to aim at, first things first."""
    overlap: Overlap = Overlap()
    """How effects combine."""
    futures: tuple[Future, ...] = ()
    """Ways the future may turn out."""
    expected: Expected | None = None
    """The known answer, where there is one."""

    @field_validator("years")
    @classmethod
    def _follow_each_other(cls, years: tuple[FinancialYear, ...]) -> tuple[FinancialYear, ...]:
        if any(b.years_after(a) != 1 for a, b in pairwise(years)):
            message = "years that follow each other without a gap"
            raise ValueError(message)
        return years

    def goal_names(self) -> list[str]:
        """Names of the measures aimed at, in order."""
        return [goal.measure for goal in self.goals]


def read_problem(path: Path) -> Problem:
    """The problem in a TOML, JSON or YAML file, with its solutions and tables read in from beside it.

    Raises:
        DocumentError: the file, a solution or a table is missing or wrong; every fault of the file at once.
    """
    return problem_of(read_mapping(path), where=str(path), folder=path.parent)


def problem_of(content: dict[str, Any], where: str, folder: Path) -> Problem:
    """The problem in a plain mapping; `folder` is where files that it names are looked for.

    Raises:
        DocumentError: see `read_problem`.
    """
    problem = parse_document(content, Problem, where)
    changes: dict[str, Any] = {}
    if problem.solutions_folder is not None:
        read = read_solutions(folder / problem.solutions_folder, problem.solution_ids)
        changes["solutions"] = (*problem.solutions, *read)
        changes["solutions_folder"] = None
        changes["solution_ids"] = ()
    elif problem.solution_ids:
        message = f"{where}: solution_ids name files, but there is no solutions_folder to find them in"
        raise DocumentError(message)
    if problem.activity_file is not None:
        activity = read_rows(folder / problem.activity_file, Activity)
        changes["activity"] = (*problem.activity, *(_row(ActivityRow, r) for r in activity.iter_rows(named=True)))
        changes["activity_file"] = None
    if problem.flows_file is not None:
        flows = read_rows(folder / problem.flows_file, Flow)
        changes["flows"] = (*problem.flows, *(_row(FlowRow, r) for r in flows.iter_rows(named=True)))
        changes["flows_file"] = None
    if problem.prices_file is not None:
        prices = read_rows(folder / problem.prices_file, Price)
        changes["prices"] = (*problem.prices, *(_row(PriceRow, r) for r in prices.iter_rows(named=True)))
        changes["prices_file"] = None
    return problem.model_copy(update=changes) if changes else problem


def _row(model: Any, row: dict[str, Any]) -> Any:  # noqa: ANN401  # one of the three row models above
    clean = {k: (None if k == "year" and v == ALL else v) for k, v in row.items()}
    return model.model_validate({k: (str(v) if isinstance(v, float) else v) for k, v in clean.items()})
