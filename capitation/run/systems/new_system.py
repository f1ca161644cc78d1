"""A new system from nothing to a folder that runs: practices, localities, money, policy and scenario, each first choice marked.

    practices -> localities -> need -> money -> scenario

What is chosen here for want of anything better (money from the formula's own prices, openings by registered persons, straight to
target) is an assumption with an owner and a mark in the scenario that is written, and a note says what to fill in next.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import polars as pl

from capitation.errors import DataError, Faults, ScenarioError, SourceError, suggest
from capitation.money.rounding import nearest
from capitation.pack.cells import pounds
from capitation.pack.sources import DataPack, RawTable
from capitation.pack.tables import read_table
from capitation.places.locality_rule import build_localities
from capitation.places.membership import Locality, Membership, checked_membership, locality_band, read_map
from capitation.places.own_map import named_localities
from capitation.records.frames import Frame
from capitation.records.years import FinancialYear, financial_years
from capitation.run.scenario import PersonsOfYear, PopulationPlan, Scenario, StreamRule, TableName
from capitation.run.systems.first_choices import FirstChoices, StreamChoice, first_choices, national_pounds_per_head
from capitation.run.systems.practices import FoundPractices, find_practices, tables_of
from capitation.streams.document import StreamAmount, StreamPlan, StreamSeries
from capitation.weighting.formula import NeedCatalogue, need_catalogue
from capitation.weighting.inputs import need_inputs
from capitation.weighting.weigh import need

OWNER = "System finance director"
PRACTICES = "practices"
"""Table of the practices in the system's own source."""
_YEARS = 3


@dataclass(frozen=True)
class WantedSystem:
    """What a user asks for."""

    system: str
    """Name of the system, the id of its scenario and policy; in lower case the id of its pack."""
    area: str | None = None
    """Code of the area in the tables; none means all practices of them."""
    inputs: Path | None = None
    """Folder of published tables."""
    practices: Path | None = None
    """A user's own table of practices, in place of a folder."""
    places: Path | None = None
    """A user's own map: practice_code, locality_code, and place_code, locality_name and place_name where known."""
    totals: Path | None = None
    """Money by year and stream: year, stream, pounds."""
    name: str | None = None
    """Display name."""
    year: FinancialYear | None = None
    """First year to allocate, and year of the need; none means the first that the tables have."""
    last_year: FinancialYear | None = None
    """Last year to allocate; none means three years in all."""
    band: tuple[int | None, int | None] = (None, None)
    """Fewest and most registered persons of a locality; none means those of the pack."""

    @property
    def id(self) -> str:
        """The id of the system's pack and of its source."""
        return self.system.lower()


@dataclass(frozen=True)
class NewSystem:
    """Everything that the folder of a new system holds."""

    wanted: WantedSystem
    scenario: Scenario
    found: FoundPractices
    membership: Frame[Membership]
    localities: Frame[Locality]
    notes: list[str] = field(default_factory=list)
    """What was chosen for the user, and what to fill in next."""


def new_system(wanted: WantedSystem, pack: DataPack) -> NewSystem:
    """The system that a user asks for, on the formulas of `pack`.

    Raises:
        SourceError: a file cannot be read or has no need components.
        UnknownNameError: the area, or a year, is not known.
        FrameError: the map is not a partition of the practices.
        ScenarioError: the name is no name, or the totals leave out a year.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", wanted.system):
        raise ScenarioError(f"system: found {wanted.system!r}; expected letters, digits and hyphens, such as norfolk")
    choices, catalogue = first_choices(pack), need_catalogue(pack)
    found = _practices(wanted, choices, catalogue)
    years = _years(wanted, found.year)
    notes: list[str] = []
    members, homes = _localities(wanted, found, pack, years[1], notes)
    streams, amounts = _money(wanted, choices, catalogue, pack, found, years, notes)
    scenario = _scenario(wanted, found, years, streams, amounts)
    if found.stand_ins.height:
        shown = ", ".join(found.stand_ins["practice_code"].head(5)) + (" ..." if found.stand_ins.height > 5 else "")
        notes.append(
            f"{found.stand_ins.height} of {found.practices.height} practices have no coordinates of their own ({shown}); each "
            "stands at the middle of its network or commissioner: places/without-coordinates.csv"
        )
    return NewSystem(wanted, scenario, found, members, homes, notes)


def _practices(wanted: WantedSystem, choices: FirstChoices, catalogue: NeedCatalogue) -> FoundPractices:
    if (wanted.inputs is None) == (wanted.practices is None):
        raise ScenarioError("found both or neither of --inputs and --practices; expected one of them")
    if wanted.inputs is not None:
        if wanted.area is None:
            raise ScenarioError(
                "found no --area; expected the code of a system or commissioner, or ENG for all practices"
            )
        tables = tables_of(wanted.inputs)
    else:
        assert wanted.practices is not None  # one of the two, as said above
        rows = read_table(wanted.practices).frame
        if "practice_code" not in rows.columns:
            near = suggest("practice_code", rows.columns)
            raise SourceError(
                f"{wanted.practices}: found no column 'practice_code'; expected one row a practice. {near}"
            )
        tables = [(wanted.practices, rows)]
    known = [FinancialYear(year) for year in catalogue.vintages if choices.has(FinancialYear(year))]
    if wanted.year is not None:
        choices.streams(wanted.year)
        known = [wanted.year]
    return find_practices(tables, catalogue, wanted.area, sorted(known))


def _years(wanted: WantedSystem, first: FinancialYear) -> list[FinancialYear]:
    """The opening year and the years to allocate."""
    last = wanted.last_year or FinancialYear.starting(first.first_calendar_year + _YEARS - 1)
    if last < first:
        raise ScenarioError(f"--last-year: found {last}; expected {first}, the first year to allocate, or a later one")
    return financial_years(FinancialYear.starting(first.first_calendar_year - 1), last)


def _localities(
    wanted: WantedSystem, found: FoundPractices, pack: DataPack, year: FinancialYear, notes: list[str]
) -> tuple[Frame[Membership], Frame[Locality]]:
    low, high = (given or usual for given, usual in zip(wanted.band, locality_band(pack, year), strict=True))
    if wanted.places is None:
        plan = build_localities(found.practices, year=str(year), low=low, high=high)
        outside = plan.localities.filter(pl.col("outside_band").is_not_null()).height
        notes.append(
            f"{plan.localities.height} localities were made of primary care networks by the rule of capitation places define, "
            f"{outside} of them outside {low:,} to {high:,} persons; give your own with --places"
        )
        return plan.membership, plan.localities
    rows = read_map(wanted.places)
    members = checked_membership(rows, found.practices, str(year), where=str(wanted.places))
    homes = named_localities(members, read_table(wanted.places).frame, found.practices, (low, high), wanted.places.name)
    return members, homes


def _money(
    wanted: WantedSystem,
    choices: FirstChoices,
    catalogue: NeedCatalogue,
    pack: DataPack,
    found: FoundPractices,
    years: list[FinancialYear],
    notes: list[str],
) -> tuple[list[StreamRule], list[StreamSeries]]:
    """The streams whose need the table has, each with its amounts by year."""
    totals = {} if wanted.totals is None else read_totals(wanted.totals)
    named = {stream for stream, _ in totals}
    rules, series, faults = [], [], Faults()
    chosen = choices.streams(found.year)
    for stream in sorted(named - {c.stream for c in chosen}):
        where = f"{wanted.totals}: stream {stream}"
        expected = f"one of {', '.join(c.stream for c in chosen)}"
        faults.add(where, "a stream without a need formula", expected, "Other streams are added in the scenario.")
    for choice in chosen:
        formula = catalogue.formula(choice.formula)
        lost = [
            c.column
            for c in formula.components()
            if c.missing is None and _is_empty(found.need, c.column, c.other_columns)
        ]
        lost += [i.column for i in formula.indices() if i.column not in found.need.columns]
        if lost:
            notes.append(
                f"stream {choice.stream} was left out: the practices have no {', '.join(lost)} in {found.year}"
            )
            continue
        if named and choice.stream not in named:
            notes.append(f"stream {choice.stream} was left out: {wanted.totals} has no money for it")
            continue
        for year in years:
            if named and (choice.stream, str(year)) not in totals:
                faults.add(
                    f"{wanted.totals}: stream {choice.stream}",
                    f"no pounds for {year}",
                    "an amount for every year from the opening year on",
                )
        if len(faults):
            continue
        rules.append(
            StreamRule(
                stream=choice.stream, formula=choice.formula, about=f"{choice.about} Openings by commissioner are not to hand; registered persons stand in for them.",
                owner=OWNER, quality="red", impact="amber",
            )
        )  # fmt: skip
        amounts = _amounts(choice, catalogue, pack, found, years, totals, str(wanted.totals))
        series.append(StreamSeries(stream=choice.stream, amounts=tuple(amounts)))
        if not named:
            notes.append(
                f"money of stream {choice.stream}: {amounts[0].where}; replace it by your allocations with --totals, or in [money]"
            )
    faults.raise_if_any(ScenarioError, "the money is not complete")
    if not rules:
        raise SourceError(f"{wanted.practices or wanted.inputs}: found need for no stream; {'; '.join(notes)}")
    return rules, series


def _amounts(
    choice: StreamChoice, catalogue: NeedCatalogue, pack: DataPack, found: FoundPractices, years: list[FinancialYear],
    totals: Mapping[tuple[str, str], int], file: str,
) -> list[StreamAmount]:  # fmt: skip
    """The money of one stream: as given, else the formula's own targets, else the system's heads at the national sum a head."""

    def amount(year: FinancialYear, pence: int, where: str, quality: str) -> StreamAmount:
        return StreamAmount.model_validate(
            {
                "year": year,
                "pounds": Decimal(pence) / 100,
                "source": "assumption",
                "where": where,
                "owner": OWNER,
                "quality": quality,
            }
        )

    if totals:
        return [amount(y, totals[choice.stream, str(y)], f"given in {Path(file).name}", "amber") for y in years]
    formula = catalogue.formula(choice.formula)
    if formula.is_in_pounds:
        inputs = need_inputs(RawTable("practices", found.need), formula, year=str(found.year))
        targets = need(formula, inputs.components, inputs.year, base="file").practices["target_gbp"]
        pence = nearest(Decimal(str(targets.sum())) * 100)
        words = f"the formula's own target of {found.year} ({formula.id}), the same in every year"
        return [amount(y, pence, words, "red") for y in years]
    if choice.national is None:
        raise DataError(f"stream {choice.stream}: found neither totals nor prices; give --totals")
    rows = []
    for year in years:
        each, words = national_pounds_per_head(pack, catalogue, choice.national, year, found.year)
        heads = Decimal(str(_persons(found, year)))
        rows.append(
            amount(year, nearest(each * heads * 100), f"{words}, for {heads:,.0f} persons of the system", "red")
        )
    return rows


def read_totals(path: Path) -> dict[tuple[str, str], int]:
    """Pence by stream and year of a table with the columns year, stream and pounds, and a unit where it has one.

    Raises:
        SourceError: a column is missing, a cell is no year or no sum, or a stream has a year twice; every fault at once.
    """
    table, faults = read_table(path), Faults()
    lost = [c for c in ("year", "stream", "pounds") if c not in table.frame.columns]
    for column in lost:
        faults.add(str(path), f"no column {column!r}", "year, stream and pounds", suggest(column, table.frame.columns))
    faults.raise_if_any(SourceError, f"{path}: the totals cannot be read")
    found: dict[tuple[str, str], int] = {}
    for number, row in enumerate(table.frame.iter_rows(named=True)):
        where = f"{path}: line {table.line(number)}"
        try:
            key = (str(row["stream"] or "").strip(), str(FinancialYear(str(row["year"]))))
            if not key[0]:
                faults.add(where, "no stream", "the code of a stream")
            elif key in found:
                faults.add(where, f"{key[0]} {key[1]} once more", "one amount a stream and year")
            found[key] = nearest(pounds(str(row["pounds"]), str(row.get("unit") or "£")) * 100)
        except (DataError, SourceError) as error:
            faults.add(where, error.message, "a year such as 2018/19, a stream and a sum in pounds")
    faults.raise_if_any(SourceError, f"{path}: the totals cannot be read")
    return found


def _is_empty(rows: pl.DataFrame, column: str, others: tuple[str, ...]) -> bool:
    name = next((n for n in (column, *others) if n in rows.columns), None)
    return name is None or rows[name].null_count() == rows.height


def _persons(found: FoundPractices, year: FinancialYear) -> float:
    return found.persons.get(str(year), found.persons[str(found.year)])


def _scenario(
    wanted: WantedSystem,
    found: FoundPractices,
    years: list[FinancialYear],
    rules: list[StreamRule],
    series: list[StreamSeries],
) -> Scenario:
    source = f"{wanted.id}-practices"
    name = wanted.name or found.area_name or wanted.system
    column = f"{PRACTICES}, column {found.list_column}"
    persons = []
    for year in years:
        heads = Decimal(str(round(_persons(found, year), 3)))
        given = str(year) in found.persons
        where = (
            f"{column}: sum of {year}"
            if given
            else f"registered persons of {found.year} carried to the year; replace by a projection"
        )
        persons.append(PersonsOfYear(year=year, persons=heads, source=source if given else "assumption", where=where))
    return Scenario(
        id=wanted.system,
        title=name,
        about=f"Written by capitation new from {(wanted.inputs or wanted.practices or Path()).name}; its first choices are marked as assumptions.",
        system_code=wanted.area or wanted.system.upper(),
        system_name=name,
        opening_year=years[0],
        practices=TableName(source=source, table=PRACTICES),
        need_year=found.year,
        population=PopulationPlan(
            title=f"Registered lists, {found.year}", counted_on=dt.date(found.year.first_calendar_year + 1, 3, 31),
            base_year=found.year, source=source, where=column, column=found.list_column, totals=tuple(persons),
        ),
        money=StreamPlan(first_year=years[0], last_year=years[-1], streams=tuple(series)),
        streams=tuple(rules),
        policy=wanted.system,
    )  # fmt: skip
