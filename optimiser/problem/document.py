"""The problem document: what may be bought, what it moves, and the limits it must keep.

A problem may be a few lines (two solutions, one budget) or a whole system: tables may stand in the document or in
files beside it, and solutions may be written here or read from a folder. Amounts are pounds; a year is "2016/17".
Tables that are left out put no limit on the mix, and the report says which limits had no effect.

The rows of each table are declared by the block of `optimiser/blocks/` that uses them; blocks of other packages may add
keys of their own.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, create_model, field_validator

from capitation.errors import DocumentError, Faults
from capitation.pack.sources import read_rows
from capitation.records.documents import Document, parse_document, read_mapping
from capitation.records.frames import Schema
from capitation.records.years import FinancialYear
from capitation.shift.solution import Name, Solution, read_solutions
from optimiser.blocks import entries
from optimiser.blocks.after import AfterHorizon, ResidualValue
from optimiser.blocks.control_totals import PositionToReach
from optimiser.blocks.effects import Cell
from optimiser.blocks.equity import Equity
from optimiser.blocks.flows import Activity, ActivityRow, FlowRow, PatientFlow
from optimiser.blocks.goals import Goal
from optimiser.blocks.guards import Beds, EvidenceGuard
from optimiser.blocks.income import PaymentTerms, Price, PriceRow
from optimiser.blocks.limits import MeasureLimit
from optimiser.blocks.money import Budget
from optimiser.blocks.overlap import Overlap
from optimiser.blocks.receiving import ReceivingCapacity
from optimiser.blocks.staff import ReceivingStaff, StaffSupply
from optimiser.blocks.start import StartLimit
from optimiser.blocks.stranded import StrandedLimit, TransitionFund
from optimiser.blocks.wards import CostBlock
from optimiser.problem.appraised import DeliveryRisk, Deprivation, OptimismBias
from optimiser.programme.core import ALL, ActivityKind, Future, Level, LocalityPersons, NamedProvider

_FILES: dict[str, tuple[type[Schema], type[Document]]] = {
    "activity": (Activity, ActivityRow),
    "flows": (PatientFlow, FlowRow),
    "prices": (Price, PriceRow),
}
"""Tables that may stand in a file beside the document: the columns of the file, and the row each becomes."""


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
    effect_ends: Literal["percentiles", "limits"] = "percentiles"
    """What low and high of effects and savings are when they are drawn. "percentiles": one in ten is below low, one in ten above
    high, and central is the mean. "limits": nothing is outside low and high, and central is the likeliest."""
    gap: Decimal = Field(default=Decimal(0), ge=0, lt=1)
    """Relative gap at which a search for whole numbers may stop unless its caller says otherwise; 0 proves the best."""
    solutions: tuple[Solution, ...] = ()
    """Solutions written here."""
    solutions_folder: str | None = None
    """Folder of solution files, relative to the problem's file."""
    solution_ids: tuple[Name, ...] = ()
    """Which files of that folder; all where none is named."""
    localities: tuple[LocalityPersons, ...] = ()
    """Places; the whole system is one where none is named."""
    providers: tuple[NamedProvider, ...] = ()
    """Providers; they count as one where none is named."""
    points_of_delivery: tuple[ActivityKind, ...] = ()
    """Kinds of activity that need more than a name."""
    cells: tuple[Cell, ...] = ()
    """Groups of patients within a point of delivery."""
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
    blocks: tuple[CostBlock, ...] = ()
    """Fixed cost released in lumps."""
    whole_blocks: bool = True
    """Whether only whole blocks close, as wards do; otherwise parts of them may, and the report warns."""
    stranded_limits: tuple[StrandedLimit, ...] = ()
    """Protection of providers."""
    transition_funds: tuple[TransitionFund, ...] = ()
    """Support to providers."""
    control_totals: tuple[PositionToReach, ...] = ()
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
    after_horizon: AfterHorizon | None = None
    """How what falls after the last year counts."""
    residual_values: tuple[ResidualValue, ...] = ()
    """What solutions are worth when the last year ends."""
    overlap: Overlap = Overlap()
    """How effects combine."""
    futures: tuple[Future, ...] = ()
    """Ways the future may turn out."""
    price_base_year: FinancialYear | None = None
    """Year at whose prices money is stated; the first year where it is not given. It changes no figure; reports say it."""
    price_terms: Literal["real", "nominal"] = "real"
    """"real": all years at the prices of one year. "nominal": each year at its own prices. It changes no figure; reports say it."""
    delivery: tuple[DeliveryRisk, ...] = ()
    """How sure delivery is: for draws of a mix, and not for the search."""
    optimism_bias: OptimismBias | None = None
    """By how much costs and time are taken to be worse than planned, for the appraisal; general rates where it is not given."""
    deprivation: tuple[Deprivation, ...] = ()
    """How deprived localities are: for benefits by fifth, and not for the search."""
    expected: Expected | None = None
    """The known answer, where there is one."""

    @field_validator("years")
    @classmethod
    def _follow_each_other(cls, years: tuple[FinancialYear, ...]) -> tuple[FinancialYear, ...]:
        if any(b.years_after(a) != 1 for a, b in pairwise(years)):
            raise ValueError("years that follow each other without a gap")
        return years

    def goal_names(self) -> list[str]:
        """Names of the measures aimed at, in order."""
        return [goal.measure for goal in self.goals]


@cache
def document_model() -> type[Problem]:
    """The document with the keys that blocks of other packages add; `Problem` itself where there is none."""
    added: dict[str, Any] = {
        name: (entry.shape, Field(default=entry.default, description=entry.about))
        for name, entry in entries().items()
        if name not in Problem.model_fields
    }
    return create_model("Problem", __base__=Problem, __doc__=Problem.__doc__, **added) if added else Problem


def read_problem(path: Path) -> Problem:
    """The problem in a TOML, JSON or YAML file, with its solutions and tables read in from beside it.

    Raises:
        DocumentError: the file, a solution or a table is missing or wrong; every fault of the file at once.
    """
    return problem_of(read_mapping(path), where=str(path), folder=path.parent)


def policy_of(problem: Path) -> Path | None:
    """The policy that a problem was written from; none where it was not."""
    policy = problem.with_suffix("") / "policy.toml"
    return policy if policy.is_file() else None


def problem_of(content: dict[str, Any], where: str, folder: Path) -> Problem:
    """The problem in a plain mapping; `folder` is where files that it names are looked for.

    Raises:
        DocumentError: see `read_problem`.
    """
    problem = parse_document(content, document_model(), where)
    changes: dict[str, Any] = {}
    if problem.solutions_folder is not None:
        solutions = read_solutions(folder / problem.solutions_folder, problem.solution_ids)
        changes["solutions"] = (*problem.solutions, *solutions)
        changes["solutions_folder"] = None
        changes["solution_ids"] = ()
    elif problem.solution_ids:
        raise DocumentError(f"{where}: solution_ids name files, but there is no solutions_folder to find them in")
    for name, (schema, model) in _FILES.items():
        file = getattr(problem, f"{name}_file")
        if file is not None:
            changes[name] = (*getattr(problem, name), *_rows_of_file(folder / file, schema, model))
            changes[f"{name}_file"] = None
    return problem.model_copy(update=changes) if changes else problem


_SHOWN = 20
"""So many faults of one file are shown at once."""


def _rows_of_file(file: Path, schema: type[Schema], model: type[Document]) -> list[Document]:
    """The rows of a table beside the document, each as if it stood in it.

    Raises:
        DocumentError: a row that could not stand in the document; the first twenty faults at once.
    """
    rows: list[Document] = []
    faults = Faults()
    for row in read_rows(file, schema).iter_rows(named=True):
        what = " ".join(str(row[name]) for name in ("locality", "provider", "point_of_delivery", "year") if name in row)
        clean = {k: (None if k == "year" and v == ALL else v) for k, v in row.items()}
        plain = {k: (str(v) if isinstance(v, float) else v) for k, v in clean.items()}
        try:
            rows.append(parse_document(plain, model, f"{file}: row of {what}"))
        except DocumentError as error:
            faults.extend(error.faults)
            if len(faults) >= _SHOWN:
                break  # the rest is most likely wrong in the same way
    faults.raise_if_any(DocumentError, f"{file}: rows that no document may hold")
    return rows
