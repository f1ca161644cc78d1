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

from capitation.activity.plan import POINTS_FILE
from capitation.activity.unit_costs import NATIONAL_COSTS_FILE, OTHER_ACUTE_FILE
from capitation.allocation.providers import ELSEWHERE_FILE, FLOWS_FILE
from capitation.allocation.services import SERVICE_STREAMS_FILE
from capitation.errors import UnknownNameError
from capitation.pace.history import StreamOpening
from capitation.pace.statutory import StatutoryRule
from capitation.places.ages import AgeChoice
from capitation.places.membership import LOCALITIES_FILE, MEMBERSHIP_FILE
from capitation.places.moved_lists import ListChoice
from capitation.places.organisations import ORGANISATIONS_FILE
from capitation.records.documents import Document, Judged, read_document
from capitation.records.years import FinancialYear, financial_years
from capitation.streams.document import DoNothingGap, Stream, StreamPlan


class ScenarioFiles(Document):
    """Files of the data pack that a scenario uses in place of the usual ones; a part whose files the pack lacks is not modelled."""

    practices: str | None = None
    """Practices with their names; none means the only `places/practices*.csv`."""
    membership: str = MEMBERSHIP_FILE
    """Practice to locality, place and commissioner."""
    localities: str = LOCALITIES_FILE
    """Localities with their names."""
    organisations: str = ORGANISATIONS_FILE
    """Organisations that money can flow to."""
    elsewhere: str = ELSEWHERE_FILE
    """Providers taken together."""
    flows: str = FLOWS_FILE
    """Share of each provider in each line of an area."""
    service_streams: str = SERVICE_STREAMS_FILE
    """Stream that pays for each service."""
    points_of_delivery: str = POINTS_FILE
    """Points of delivery, and what spreads the activity of each."""
    national_costs: str = NATIONAL_COSTS_FILE
    """National costs of acute care."""
    other_acute_share: str = OTHER_ACUTE_FILE
    """Share of acute spend that no point of delivery counts."""
    solutions: str = "solutions"
    """Folder of the solutions."""


class ActivityChoice(Document):
    """What the activity of localities rests on."""

    need_stream: str | None = None
    """Stream whose formula names the need that spreads activity; none means the first that names all of it."""
    first_year: FinancialYear | None = None
    """Year of the baseline; none means as the plan is read."""
    last_year: FinancialYear | None = None
    """Year of the projections; none means as the plan is read."""


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
    """The population base and its projection; practices keep their share of the base unless dated lists move them apart."""

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
    column: str | None = None
    """Column of the lists in the practice table; none means the one that the vintage of the need year names."""
    totals: tuple[PersonsOfYear, ...] = Field(min_length=1)
    """Projected persons of the system by year."""
    lists: ListChoice | None = None
    """Dated practice lists that move lists apart; none means that every list moves as the total does."""
    ages: AgeChoice | None = None
    """Ages by practice and year that need follows; none means that need per head stays as in the base year."""


class StreamRule(Judged):
    """How one stream of money reaches localities."""

    stream: Stream
    """Stream of money."""
    formula: str
    """Id of the need formula that weights its population."""
    paced: bool = True
    """Whether pace of change moves it towards target; otherwise it is shared by weighted persons at once."""
    opening: StreamOpening | None = None
    """Amounts that split the opening total between commissioners, and what spreads each over its practices; none means registered persons."""
    statutory: StatutoryRule | None = None
    """Published allocations that each commissioner keeps in every year; none means that the stream is one pot of the system."""
    service: str | None = None
    """The one service it pays for, where the printed spend by service does not say what a stream buys."""
    buys_care: bool = True
    """Whether the money buys care; sustainability funding does not: it is income without cost, earned by rule (key chain)."""
    about: str = ""
    """Why, where the rule is a judgement."""


class Scenario(Document):
    """The choices of one run."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")
    """Short name."""
    title: str
    """Display name."""
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
    """Year of the need components; need per head stays as in that year unless ages move it (population.ages)."""
    population: PopulationPlan
    """Population base and projection."""
    money: StreamPlan
    """Streams by year and top-slices, the opening year included."""
    streams: tuple[StreamRule, ...] = Field(min_length=1)
    """How each stream reaches localities."""
    chain: str | None = None
    """Id of the chain document (a file of chains/) that leads from the opening deficit to what doing nothing comes to; none means no bridge."""
    place_based_streams: tuple[Stream, ...] = ()
    """Streams that the place-based distance from target adds together; none means all that are paced."""
    plan: str | None = None
    """Source of the printed plan (one with a reading.toml); none means the one whose cells the money cites, if any."""
    files: ScenarioFiles = ScenarioFiles()
    """Files of the pack in place of the usual ones."""
    activity: ActivityChoice = ActivityChoice()
    """Years of the plan's activity, and the need that spreads it, where they are not as the plan is read."""
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
        wrong += [
            f"stream {r.stream!r} is not paced, and yet its commissioners keep their own allocations (statutory); leave one of the two out"
            for r in self.streams
            if r.statutory is not None and not r.paced
        ]
        wrong += [
            f"stream {r.stream!r} buys no care (buys_care = false) and yet the service {r.service!r}; leave one of the two out"
            for r in self.streams
            if r.service is not None and not r.buys_care
        ]
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
        if len(self.years) == 0:
            wrong.append(
                f"money.last_year is {self.money.last_year}; it must be after the opening year {self.opening_year}"
            )
        wrong += [
            f"place_based_streams names {s!r}, which is no paced stream; the paced ones are {', '.join(self.paced) or 'none'}"
            for s in self.place_based_streams
            if s not in self.paced
        ]
        spread = self.activity.need_stream
        if spread is not None and spread not in rules:
            wrong.append(
                f"activity.need_stream names {spread!r}, which has no rule; expected one of {', '.join(rules)}"
            )
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def years(self) -> list[FinancialYear]:
        """The years that are allocated: those after the opening year."""
        if self.money.last_year <= self.opening_year:
            return []
        return financial_years(self.opening_year.next, self.money.last_year)

    @property
    def paced(self) -> list[str]:
        """Streams that pace of change moves towards target."""
        return [rule.stream for rule in self.streams if rule.paced]

    @property
    def placed(self) -> list[str]:
        """Streams that the place-based distance from target adds together."""
        return list(self.place_based_streams) or self.paced

    def rule(self, stream: str) -> StreamRule:
        """The rule of one stream.

        Raises:
            UnknownNameError: the scenario has no such stream.
        """
        found = {rule.stream: rule for rule in self.streams}
        if stream not in found:
            raise UnknownNameError("stream", stream, found, where=f"scenario {self.id}")
        return found[stream]


def read_scenario(path: Path) -> Scenario:
    """The scenario in a TOML, JSON or YAML file.

    Raises:
        DocumentError: with every fault at once.
    """
    return read_document(path, Scenario)
