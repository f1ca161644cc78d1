"""How the printed tables of a plan are read: a document beside them, `reading.toml`, from printed labels to codes.

The engine knows no plan. A system whose source has such a document has a printed plan; each part is optional, and a part
that the plan does not print leaves the frames that rest on it empty.
"""

from __future__ import annotations

from typing import Literal

from capitation.errors import SourceError, UnknownNameError
from capitation.pack.sources import DataPack
from capitation.records.documents import Document
from capitation.records.years import FinancialYear

READING = "reading.toml"
"""File of a source that says how its tables are read."""

Labels = dict[str, str]
"""Code by printed label, in the order of the plan."""


class AllocationReading(Document):
    """Streams by year."""

    table: str
    """Printed table."""
    years: tuple[FinancialYear, ...]
    """Columns of the table."""
    persons: str
    """Row of the projected population."""
    total: str
    """Row of the printed total."""
    rows: Labels
    """Stream by the label of its row."""


class DistanceReading(Document):
    """Distance from the national target at the two ends of the plan."""

    table: str
    """Printed table."""
    row: str
    """Row of the distance."""
    columns: dict[str, Literal["start", "end"]]
    """End of the plan by the label of its column."""
    sign: Literal[1, -1] = 1
    """-1 where the plan prints how far it is under."""


class FundReading(Document):
    """Sustainability funding of one year."""

    table: str
    """Printed table."""
    row: str
    """Row of the sum."""
    column: str
    """Column of the sum."""
    year: FinancialYear
    """Year from which the money is expected."""
    is_recurrent: bool
    """Whether the plan counts on it every year from then on."""


class SpendReading(Document):
    """Spend by service in one year."""

    table: str
    """Printed table."""
    year: FinancialYear
    """Year of the spend."""
    column: str
    """Column of the spend."""
    rows: Labels
    """Service by the label of its row."""


class ActivityReading(Document):
    """Activity by point of delivery: a baseline and two projections."""

    table: str
    """Printed table."""
    first_year: FinancialYear
    """Year of the baseline."""
    last_year: FinancialYear
    """Year of both projections."""
    baseline: str
    """Column of the baseline."""
    unmitigated: str
    """Column of the projection on current trends."""
    mitigated: str
    """Column of the projection after channel shift."""
    rows: Labels
    """Point of delivery by the label of its row."""


class GapReading(Document):
    """One printed part of the deficit."""

    table: str
    """Printed table."""
    row: str
    """Row of the sum."""
    column: str
    """Column of the sum."""
    part: str
    """Code of the part."""
    year: FinancialYear
    """Year of the deficit."""
    sign: Literal[1, -1] = 1
    """-1 where the plan prints a surplus."""


class SupplyReading(Document):
    """General practices, GPs and nurses by area: the row of each figure."""

    table: str
    """Printed table."""
    practices: str
    """General practices."""
    gps: str
    """General practitioners."""
    nurses: str
    """Practice nurses."""
    patients_per_gp: str
    """Average list of a GP."""
    patients_per_nurse: str
    """Average list of a nurse."""
    patients_per_practice: str
    """Average list of a practice."""
    gps_per_thousand: str
    """GPs each 1,000 patients."""
    nurses_per_thousand: str
    """Nurses each 1,000 patients."""
    gps_over_55_share: str
    """Share of GPs older than 55."""
    nurses_over_55_share: str
    """Share of nurses older than 55."""
    columns: Labels
    """Area by the label of its column."""


class SavingsReading(Document):
    """What parts of shared work are asked to save."""

    table: str
    """Printed table."""
    saving: str
    """Column of the saving."""
    share: str
    """Column of its share of the cost base."""
    rows: Labels
    """Part by the label of its row."""


class SolutionsReading(Document):
    """Solutions with their names and staff."""

    table: str
    """Printed table of the solutions."""
    name: str
    """Column of the name."""
    workforce_table: str
    """Printed table of the staff."""
    workforce: str
    """Column of the staff."""
    rows: Labels
    """Solution by the label of its row."""


class WaitingReading(Document):
    """Results against waiting-time standards."""

    table: str
    """Printed table."""
    standard: str
    """Row of the standards themselves."""
    rows: Labels
    """Organisation by the label of its row."""
    columns: Labels
    """Standard by the label of its column."""


class VacancyReading(Document):
    """Vacancies by staff group and area."""

    table: str
    """Printed table."""
    column: str
    """Label of a column, with {area} where the area's label stands."""
    rows: Labels
    """Staff group by the label of its row."""
    areas: Labels
    """Area by its label."""


class Reading(Document):
    """How the tables of one plan are read."""

    allocation: AllocationReading | None = None
    """Streams by year."""
    distance: DistanceReading | None = None
    """Distance from the national target."""
    sustainability_fund: tuple[FundReading, ...] = ()
    """Sustainability funding by year."""
    spend: SpendReading | None = None
    """Spend by service."""
    activity: ActivityReading | None = None
    """Activity by point of delivery."""
    gap: tuple[GapReading, ...] = ()
    """Parts of the deficit."""
    supply: SupplyReading | None = None
    """General practices and their staff."""
    savings: SavingsReading | None = None
    """Savings asked of shared work."""
    solutions: SolutionsReading | None = None
    """Solutions of the plan."""
    waiting: WaitingReading | None = None
    """Waiting times."""
    vacancies: tuple[VacancyReading, ...] = ()
    """Vacancies of staff groups."""


def plan_source(pack: DataPack, named: str | None = None) -> str | None:
    """The source that holds the printed plan: the one named, else the only one with a reading; none where there is none.

    Raises:
        UnknownNameError: the named source is not there, or has no reading.
        SourceError: several sources have a reading and none is named.
    """
    found = [relative.split("/")[1] for relative in pack.files(f"sources/*/{READING}")]
    if named is not None:
        if named not in found:
            raise UnknownNameError("plan", named, found, where=f"sources with a {READING}")
        return named
    if len(found) > 1:
        raise SourceError(
            f"{pack.root}: found {len(found)} printed plans: {', '.join(found)}; expected one. Name it in the scenario: plan = ..."
        )
    return found[0] if found else None


def reading(pack: DataPack, source: str | None = None) -> Reading:
    """How the plan of a pack is read.

    Raises:
        SourceError: the pack has no printed plan.
    """
    return pack.document(f"sources/{required_plan(pack, source)}/{READING}", Reading)


def required_plan(pack: DataPack, source: str | None = None) -> str:
    """The source that holds the printed plan.

    Raises:
        SourceError: the pack has none.
    """
    found = plan_source(pack, source)
    if found is None:
        raise SourceError(f"{pack.root}: found no source with a {READING}; expected the tables of a printed plan")
    return found
