"""What a new system is set up with: the streams of a year, the formula of each, and the national sum that prices one without prices.

The choices are data of the pack that the system extends (`systems/streams.toml`); the engine names no stream.
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from capitation.activity.printed_cells import Cells
from capitation.errors import UnknownNameError
from capitation.pack.sources import DataPack
from capitation.records.documents import Document
from capitation.records.years import FinancialYear
from capitation.weighting.formula import NeedCatalogue

CHOICES_FILE = "systems/streams.toml"
"""File of the first choices, inside the pack."""


class NationalSum(Document):
    """The printed national sum of a stream by year."""

    source: str
    """Id of the source."""
    table: str
    """Printed table, one column a year."""
    row: str
    """Row of the stream."""


class StreamChoice(Document):
    """One stream that a new system is set up with."""

    stream: str
    """Code of the stream."""
    formula: str
    """Need formula that weights its population."""
    about: str
    """Why."""
    national: NationalSum | None = None
    """National sum that prices it where neither totals nor prices are known."""


class YearChoice(Document):
    """The streams of the years that one round of need components serves."""

    since: FinancialYear = Field(alias="from")
    """First year."""
    until: FinancialYear
    """Last year."""
    streams: tuple[StreamChoice, ...] = Field(min_length=1)
    """Streams."""


class FirstChoices(Document):
    """The streams of a new system by the year of its need."""

    years: tuple[YearChoice, ...]
    """Years."""

    def streams(self, year: FinancialYear) -> tuple[StreamChoice, ...]:
        """The streams of a year.

        Raises:
            UnknownNameError: no formula is known for the year.
        """
        found = next((each.streams for each in self.years if each.since <= year <= each.until), None)
        if found is None:
            spans = [each.since if each.since == each.until else f"{each.since} to {each.until}" for each in self.years]
            raise UnknownNameError("year of need components", str(year), spans, where=CHOICES_FILE)
        return found

    def has(self, year: FinancialYear) -> bool:
        """Whether a year has streams."""
        return any(each.since <= year <= each.until for each in self.years)


def first_choices(pack: DataPack) -> FirstChoices:
    """The first choices of the pack that a system extends."""
    return pack.document(CHOICES_FILE, FirstChoices)


def national_pounds_per_head(
    pack: DataPack, catalogue: NeedCatalogue, named: NationalSum, year: FinancialYear, need_year: FinancialYear
) -> tuple[Decimal, str]:
    """Pounds a head of England in a year, or in the last year printed before it, and the words that say so."""
    cells = Cells(pack, named.source, named.table)
    years = [c for c in cells.columns(named.row) if c <= year] or sorted(cells.columns(named.row))[:1]
    at = max(years)
    persons = catalogue.vintages[str(need_year)].population.england_persons
    each = Decimal(cells.pence(named.row, at)) / 100 / Decimal(str(persons))
    return each, f"national sum of {at} ({named.source}, {named.table}, row {named.row}) over {persons:,.0f} persons"
