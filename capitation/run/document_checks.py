"""Checks of the documents and tables of a pack beyond its sources: each by its own model, and by what it names.

A scenario that names a policy, a formula or a table that is not there is at fault before it is run; so is a policy that names a
parameter that is not there, a table whose cells are not what their columns hold, and a parameter that says that it was derived from
printed cells and differs from them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from capitation.activity.plan import PointOfDelivery
from capitation.activity.unit_costs import NationalCost
from capitation.aims.context import PlanContext
from capitation.aims.milestones import NamedMilestone
from capitation.aims.outcomes import NamedResult, PrintedArea
from capitation.aims.risks import NamedRisk
from capitation.allocation.providers import ElsewhereProvider, Flow
from capitation.allocation.services import ServiceStream
from capitation.chain.book import OrganisationBook
from capitation.chain.rules import Chain
from capitation.errors import CapitationError, Fault, suggest
from capitation.money.written_numbers import exact_number
from capitation.pace.history import HospitalDistance
from capitation.pace.policy import FromParameter, PacePolicy
from capitation.pack.parameters import Parameter
from capitation.pack.plausibility import BANDS_FILE, PlausibleBand, outside, plausibility_bands
from capitation.pack.sources import DataPack, Source
from capitation.places.ages import AgeCost, PracticeAge
from capitation.places.lineage import DatedPracticeList, LineageEvent
from capitation.places.membership import Locality, Membership, Practice, Resolution
from capitation.places.organisations import Organisation
from capitation.profiles.profile import Profile
from capitation.records.documents import Document, read_document, read_mapping
from capitation.records.frames import Schema
from capitation.run.aims.backtest import OutturnCell
from capitation.run.evaluate import practice_table
from capitation.run.months.monthly import ServiceProfile
from capitation.run.scenario import Scenario
from capitation.shift.avoided_value import MarginalShare, ServiceCost
from capitation.shift.plausibility import PlausibilityBand
from capitation.shift.solution import Solution
from capitation.weighting.age_sex import AgeSexDocument, age_sex_formula
from capitation.weighting.formula import Component, CostIndex, FormulaDocument, Vintage, need_catalogue
from capitation.weighting.place_tool import KnownCode, PlaceToolLayout

DOCUMENTS: dict[str, type[Document]] = {
    "scenarios": Scenario,
    "policies": PacePolicy,
    "chains": Chain,
    "organisations": OrganisationBook,
    "solutions": Solution,
    "profiles": Profile,
    "need/formulas": FormulaDocument,
    "need/components": Component,
    "need/indices": CostIndex,
    "need/vintages": Vintage,
    "need/age_sex": AgeSexDocument,
    "need/place_tool": PlaceToolLayout,
}
"""The model of the TOML documents of each folder."""

TABLES: dict[str, type[Schema]] = {
    "activity/points-of-delivery.csv": PointOfDelivery,
    "activity/national-costs.csv": NationalCost,
    "aims/areas.csv": PrintedArea,
    "aims/context.csv": PlanContext,
    "aims/milestones.csv": NamedMilestone,
    "aims/outcomes.csv": NamedResult,
    "aims/outturn.csv": OutturnCell,
    "aims/risks.csv": NamedRisk,
    "evidence/marginal-shares.csv": MarginalShare,
    "evidence/plausibility-bands.csv": PlausibilityBand,
    "evidence/service-costs.csv": ServiceCost,
    "need/age_costs/hospital.csv": AgeCost,
    "need/place_tool/known.csv": KnownCode,
    "places/hospital-distance.csv": HospitalDistance,
    "places/lineage.csv": LineageEvent,
    "places/localities.csv": Locality,
    "places/membership.csv": Membership,
    "places/practice-ages.csv": PracticeAge,
    "places/practice-lists.csv": DatedPracticeList,
    "places/practices-2018-19.csv": Practice,
    "places/resolutions.csv": Resolution,
    "profiles/by-service.csv": ServiceProfile,
    "providers/elsewhere.csv": ElsewhereProvider,
    "providers/flows.csv": Flow,
    "providers/service-streams.csv": ServiceStream,
    BANDS_FILE: PlausibleBand,
}
"""The schema of each table of a pack that is read against one."""

_NAMED_BY_ID = ("scenarios", "policies", "solutions", "need/formulas")
"""Folders in which a document's id is the name of its file."""


def documents_fit_their_models(pack: DataPack) -> Iterator[Fault]:
    """Documents that do not fit their model, or whose id is not their file's name."""
    for folder, model in DOCUMENTS.items():
        for path in pack.files(f"{folder}/*.toml").values():
            document, faults = read_or_faults(path, model)
            yield from faults
            said = getattr(document, "id", path.stem) if document is not None else path.stem
            if folder in _NAMED_BY_ID and said != path.stem:
                yield Fault(f"{path}: id", repr(said), f"the file's name {path.stem!r}", "Rename one of them.")


def tables_fit_their_schemas(pack: DataPack) -> Iterator[Fault]:
    """Tables whose cells are not what their columns hold."""
    for relative, schema in TABLES.items():
        path = pack.files(relative).get(relative)
        if path is not None:
            yield from _caught(lambda r=relative, s=schema: pack.rows(r, s), path)  # type: ignore[misc]  # bound at once


def formulas_stand(pack: DataPack) -> Iterator[Fault]:
    """Need formulas that name a component or an index that is not there."""
    files = pack.files("need/formulas/*.toml")
    if files and not any(True for path in files.values() for _ in read_or_faults(path, FormulaDocument)[1]):
        first = next(iter(files.values()))
        try:
            catalogue = need_catalogue(pack)
        except CapitationError as error:
            yield from _faults(error, first)
            return
        for name in catalogue.documents:
            yield from _caught(lambda n=name: catalogue.formula(n), files.get(f"need/formulas/{name}.toml", first))  # type: ignore[misc]  # bound at once
    for relative, path in pack.files("need/age_sex/*.toml").items():
        yield from _caught(lambda r=relative: age_sex_formula(pack, Path(r).stem), path)  # type: ignore[misc]  # bound at once


def policies_name_parameters_that_exist(pack: DataPack) -> Iterator[Fault]:
    """Policies that name a parameter which the pack does not have."""
    known = parameter_names(pack)
    for path in pack.files("policies/*.toml").values():
        policy, _ = read_or_faults(path, PacePolicy)
        for key, named in named_parameters(policy, ""):
            if named not in known:
                yield Fault(
                    f"{path}: {key}.parameter", repr(named), "a parameter of parameters/", suggest(named, known)
                )


def scenarios_name_what_exists(pack: DataPack) -> Iterator[Fault]:
    """Scenarios that name a policy, formula, source, table or practice that is not there."""
    policies, formulas = pack.names("policies"), pack.names("need/formulas")
    tables = {}
    for path in pack.files("sources/*/source.toml").values():
        source, _ = read_or_faults(path, Source)
        if source is not None:
            tables[source.id] = {table.name: path.parent / table.file for table in source.tables}
    for path in pack.files("scenarios/*.toml").values():
        scenario, _ = read_or_faults(path, Scenario)
        if scenario is None:
            yield from _names_of_broken(path, policies, formulas)
            continue
        yield from _named(path, "policy", scenario.policy, policies, "a file of policies/")
        for rule in scenario.streams:
            yield from _named(path, f"streams ({rule.stream}).formula", rule.formula, formulas, "a need formula")
        source_id, table = scenario.practices.source, scenario.practices.table
        if source_id not in tables:
            yield from _named(path, "practices.source", source_id, list(tables), "a folder of sources/")
        elif table not in tables[source_id]:
            yield from _named(path, "practices.table", table, list(tables[source_id]), f"a table of {source_id}")
        if scenario.population.base_year not in {total.year for total in scenario.population.totals}:
            yield Fault(
                f"{path}: population.totals",
                f"no persons of the base year {scenario.population.base_year}",
                "the persons of the lists' own year too, so that growth from it can be said",
            )


NAMED_TABLES: dict[str, type[Schema]] = {
    "practices": Practice,
    "membership": Membership,
    "localities": Locality,
    "organisations": Organisation,
    "elsewhere": ElsewhereProvider,
    "flows": Flow,
    "service_streams": ServiceStream,
    "points_of_delivery": PointOfDelivery,
    "national_costs": NationalCost,
}
"""The schema of each table that a scenario may name among its files."""


def tables_of_scenarios_fit(pack: DataPack) -> Iterator[Fault]:
    """Tables that a scenario names in place of the usual ones: not there, or not what their columns hold."""
    for path in pack.files("scenarios/*.toml").values():
        scenario, _ = read_or_faults(path, Scenario)
        for key in () if scenario is None else scenario.files.model_fields_set & set(NAMED_TABLES):
            name = getattr(scenario.files, key)
            if name is None:
                continue
            table = pack.files(name).get(name)
            if table is None:
                near = suggest(name, pack.files(f"{name.rpartition('/')[0] or '.'}/*.csv"))
                yield Fault(f"{path}: files.{key}", f"{name!r}, which is not there", "a file of the pack", near)
            elif TABLES.get(name) is not NAMED_TABLES[key]:
                yield from _caught(lambda n=name, k=key: pack.rows(n, NAMED_TABLES[k]), table)  # type: ignore[misc]  # bound at once


def maps_cover_the_practices(pack: DataPack) -> Iterator[Fault]:
    """Practices of a scenario that its map puts nowhere, and practices of the map that the scenario does not have."""
    for path in pack.files("scenarios/*.toml").values():
        scenario, _ = read_or_faults(path, Scenario)
        if scenario is None:
            continue
        try:
            cells = practice_table(scenario, pack).cells
            members = pack.rows(scenario.files.membership, Membership)
        except CapitationError:
            continue  # said by the checks above
        if "practice_code" not in cells.columns:
            continue
        here, mapped = set(cells.get_column("practice_code")), set(members.get_column("practice_code"))
        for codes, found in (
            (here - mapped, "in no locality"),
            (mapped - here, "in the map, and not in the practices"),
        ):
            if codes:
                shown = ", ".join(sorted(map(str, codes))[:5])
                yield Fault(
                    f"{path}: {scenario.files.membership}",
                    f"{len(codes)} practice(s) {found}, such as {shown}",
                    "one row for each practice of the scenario",
                    "Make the map again with `capitation places define`.",
                )


def _names_of_broken(path: Path, policies: list[str], formulas: list[str]) -> Iterator[Fault]:
    """Names in a scenario that does not fit its model, so that all of its faults are said at once."""
    try:
        content = read_mapping(path)
    except CapitationError:
        return
    if isinstance(content.get("policy"), str):
        yield from _named(path, "policy", content["policy"], policies, "a file of policies/")
    for rule in content.get("streams") or ():
        if isinstance(rule, dict) and isinstance(rule.get("formula"), str):
            yield from _named(
                path, f"streams ({rule.get('stream')}).formula", rule["formula"], formulas, "a need formula"
            )


def localities_are_those_of_the_map(pack: DataPack) -> Iterator[Fault]:
    """Localities that have gone stale: other practices or persons in them than the map and the lists say."""
    wanted = ("places/localities.csv", "places/membership.csv")
    paths = {name: pack.files(name).get(name) for name in wanted}
    if any(path is None for path in paths.values()):
        return
    try:
        places, members = pack.rows(wanted[0], Locality), pack.rows(wanted[1], Membership)
    except CapitationError:
        return
    where = str(paths[wanted[0]])
    years = members.get_column("year").unique().sort(descending=True)
    counts = members.filter(pl.col("year") == years[0]).group_by("locality_code").len("mapped") if len(years) else None
    if counts is None:
        return
    both = places.select("locality_code", "practices").join(counts, on="locality_code", how="full", coalesce=True)
    for code, said, mapped in both.sort("locality_code").iter_rows():
        if said is None:
            yield Fault(f"{where}: {code}", "no row", f"a row of the map's locality with {mapped} practices")
        elif said != (mapped or 0):
            yield Fault(
                f"{where}: {code}, column 'practices'",
                f"{said}",
                f"{mapped or 0}, as places/membership.csv has",
                "Make it again with `capitation places define`.",
            )


def parameters_are_as_printed(pack: DataPack) -> Iterator[Fault]:
    """Parameters whose `where` names printed cells that say something else, and growth beyond anything plausible."""
    bands = plausibility_bands(pack) if not list(_caught(lambda: plausibility_bands(pack), pack.root)) else None
    for relative, path in pack.files("parameters/*/*.toml").items():
        parameter, _ = read_or_faults(path, Parameter)
        for dated in () if parameter is None else parameter.values:
            said = _printed(pack, dated.source, dated.where)
            if said is not None and not any(_same(dated.value, each) for each in said):
                yield Fault(
                    f"{path}: value from {dated.since}",
                    f"{dated.value}",
                    f"{_short(said[0])}, which is {dated.where}",
                    "Put the printed value back, or name another source.",
                )
            if bands is not None and relative.startswith("parameters/growth/"):
                unlikely = outside(bands, "growth", path.stem, pl.Series([float(dated.value)]), [str(dated.since)])
                for far in (each for each in unlikely if each.refused):
                    yield Fault(f"{path}: value from {dated.since}", far.found, far.expected)


_RATIO = re.compile(r"^(?P<table>[\w-]+), row (?P<row>.+), (?P<over>[^,]+) over (?P<under>[^,]+), less 1$")
_LESS = re.compile(r"^(?P<table>[\w-]+), row (?P<row>.+) less row (?P<other>.+), column (?P<column>.+)$")
_CELL = re.compile(r"^(?P<table>[\w-]+), row (?P<row>.+), column (?P<column>[^,;]+)$")


def _printed(pack: DataPack, source: str, where: str) -> list[Decimal] | None:
    """What the printed cells that a place names come to, in each unit that may be meant; none where it names no cells."""
    for pattern in (_RATIO, _LESS, _CELL):
        named = pattern.match(where)
        if named is None:
            continue
        try:
            cells = pack.printed(source, named["table"])
        except CapitationError:
            return None
        of = {(row, column): value for row, column, value in cells.select("row", "column", "value").iter_rows()}
        if pattern is _RATIO:
            over, under = (_number(of.get((named["row"], named[side]))) for side in ("over", "under"))
            return None if over is None or not under else [over / under - 1]
        first = _number(of.get((named["row"], named["column"])))
        if first is None:
            return None
        if pattern is _LESS:
            other = _number(of.get((named["other"], named["column"])))
            if other is None:
                return None
            first -= other
        return [first, first / 100, first * 1000, first * 10**6, -first, -first / 100]
    return None


def _number(text: str | None) -> Decimal | None:
    """The number in a printed cell; none where it is not one number."""
    if text is None:
        return None
    bare = text.strip().rstrip("%").rstrip("m").strip()
    try:
        return exact_number(bare.lstrip("£"))
    except CapitationError:
        return None


def _same(value: Decimal, printed: Decimal) -> bool:
    """Whether a value is a printed number to the digits that it gives."""
    digits = max(0, -int(value.as_tuple().exponent)) if value.is_finite() else 0
    return abs(value - printed) <= Decimal(1).scaleb(-digits) / 2 + Decimal(1).scaleb(-12)


def _short(value: Decimal) -> str:
    return f"{round(value, 6).normalize():f}"


def parameter_names(pack: DataPack) -> list[str]:
    """Names of the parameters of a pack, such as "pace.floor_growth"."""
    return [f"{topic}.{file[:-5]}" for _, topic, file in (r.split("/") for r in pack.files("parameters/*/*.toml"))]


def named_parameters(content: Any, key: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # walks any document
    """Keys of a document that take their number from a parameter, and which parameter."""
    if isinstance(content, FromParameter):
        yield key, content.parameter
    elif isinstance(content, Document):
        for name in type(content).model_fields:
            yield from named_parameters(getattr(content, name), f"{key}.{name}" if key else name)
    elif isinstance(content, tuple | list):
        for number, inner in enumerate(content):
            yield from named_parameters(inner, f"{key}.{number}")


def _named(path: Path, key: str, name: str, known: Iterable[str], expected: str) -> Iterator[Fault]:
    names = list(known)
    if name not in names:
        yield Fault(f"{path}: {key}", repr(name), expected, suggest(name, names))


def read_or_faults(path: Path, model: type[Any]) -> tuple[Any, list[Fault]]:
    """A document, or what is wrong with it."""
    try:
        return read_document(path, model), []
    except CapitationError as error:
        return None, list(_faults(error, path))


def _caught(read: Callable[[], object], path: Path) -> Iterator[Fault]:
    """What is wrong with whatever `read` reads."""
    try:
        read()
    except CapitationError as error:
        yield from _faults(error, path)


def _faults(error: CapitationError, path: Path) -> Iterator[Fault]:
    if error.faults:
        yield from error.faults
    else:
        yield Fault(str(path), error.message, "a file that can be read")


DOCUMENT_CHECKS: tuple[Callable[[DataPack], Iterator[Fault]], ...] = (
    documents_fit_their_models,
    tables_fit_their_schemas,
    formulas_stand,
    policies_name_parameters_that_exist,
    scenarios_name_what_exists,
    tables_of_scenarios_fit,
    maps_cover_the_practices,
    localities_are_those_of_the_map,
    parameters_are_as_printed,
)
"""The checks of documents and tables, in the order in which their faults are reported."""
