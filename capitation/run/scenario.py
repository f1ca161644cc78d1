"""A scenario: the choices that turn a data pack into a run.

It names the system, the money by stream and year with its top-slices, the lists and their projection, the need formula of
each stream, how opening baselines were formed, the pace-of-change policy, and the do-nothing gap to bridge. Every amount
carries its place in a source; every judgement its owner.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

from pydantic import Field, model_validator

from capitation.pace.opening import CommissionerShares
from capitation.records.documents import Document, Judged, read_document
from capitation.records.years import FinancialYear, financial_years
from capitation.streams.document import DoNothingGap, Stream, StreamPlan


class TableName(Document):
    """A table of a source of the data pack."""

    source: str
    """Id of the source."""
    table: str
    """Name of the table."""


class PersonsOfYear(Document):
    """A projected population of the whole system."""

    year: FinancialYear
    """Financial year."""
    persons: Decimal = Field(gt=0)
    """Registered persons projected for the year."""
    source: str
    """Id of the source, or "assumption"."""
    where: str
    """Page, table, row and column."""


class PopulationPlan(Document):
    """The population base and its projection; practices keep their share of the base."""

    title: str
    """What was counted, such as "Registered lists 2018/19"."""
    counted_on: dt.date
    """Date of the count, or the last day of an average."""
    base_year: FinancialYear
    """Financial year that the lists stand for."""
    source: str
    """Id of the source of the lists."""
    where: str
    """Table and column of the lists."""
    totals: tuple[PersonsOfYear, ...] = Field(min_length=1)
    """Projected persons of the system by year."""


class StreamRule(Judged):
    """How one stream of money reaches localities."""

    stream: Stream
    """Stream of money."""
    formula: str
    """Id of the need formula that weights its population."""
    paced: bool = True
    """Whether pace of change moves it towards target; otherwise it is shared by weighted persons at once."""
    opening: CommissionerShares | None = None
    """Amounts that split the opening total between commissioners; none means that registered persons split it."""
    service: str | None = None
    """The one service it pays for, where the printed spend by service does not say what a stream buys."""
    about: str = ""
    """Why, where the rule is a judgement; inside a commissioner the opening follows registered persons."""


class Scenario(Document):
    """The choices of one run."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Short name."""
    title: str
    """Name for people."""
    about: str = ""
    """What it shows."""
    system_code: str
    """Code of the system."""
    system_name: str
    """Name of the system."""
    opening_year: FinancialYear
    """Year whose allocations are the opening baselines: the year before the first round."""
    practices: TableName
    """Wide table of practices with their need components."""
    need_year: FinancialYear
    """Year of the need components; need per head stays as in that year."""
    population: PopulationPlan
    """Population base and projection."""
    money: StreamPlan
    """Streams by year and top-slices, the opening year included."""
    streams: tuple[StreamRule, ...] = Field(min_length=1)
    """How each stream reaches localities."""
    place_based_streams: tuple[Stream, ...] = ("ccg", "primary-medical", "specialised")
    """Streams that the place-based distance from target adds together."""
    policy: str
    """Id of the pace-of-change policy (a file of policies/)."""
    gaps: tuple[DoNothingGap, ...] = ()
    """Do-nothing deficits to bridge."""

    @model_validator(mode="after")
    def _holds_together(self) -> Scenario:
        wrong = []
        rules = [rule.stream for rule in self.streams]
        money = [series.stream for series in self.money.streams]
        wrong += [f"stream {s!r} has money but no rule in [[streams]]" for s in money if s not in rules]
        wrong += [f"stream {s!r} has a rule but no money in [[money.streams]]" for s in rules if s not in money]
        wrong += [f"stream {s!r} has {rules.count(s)} rules" for s in sorted({r for r in rules if rules.count(r) > 1})]
        if self.money.first_year != self.opening_year:
            wrong.append(
                f"money.first_year is {self.money.first_year}; it must be the opening year {self.opening_year}"
            )
        wrong += [
            f"stream {series.stream!r} is paced but has no money in the opening year; say 0, or set paced = false"
            for series in self.money.streams
            if series.stream in rules
            and self.rule(series.stream).paced
            and (series.since or self.opening_year) > self.opening_year
        ]
        given = {total.year for total in self.population.totals}
        missing = [y for y in financial_years(self.money.first_year, self.money.last_year) if y not in given]
        if missing:
            wrong.append(f"population.totals has no persons for {', '.join(missing)}")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def years(self) -> list[FinancialYear]:
        """The years that are allocated: those after the opening year."""
        return financial_years(self.opening_year.next, self.money.last_year)

    def rule(self, stream: str) -> StreamRule:
        """The rule of one stream."""
        return next(rule for rule in self.streams if rule.stream == stream)


def read_scenario(path: Path) -> Scenario:
    """The scenario in a TOML, JSON or YAML file.

    Raises:
        DocumentError: with every fault at once.
    """
    return read_document(path, Scenario)
