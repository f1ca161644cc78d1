"""Place need index: how needy a place is per head, relative to its system and to the whole file.

    index_pc = ( sum W_ic / sum P_i over the practices of place p ) / ( sum W_ic / sum P_i over the system )

A place is a sum of practices. The index is divided first and rounded last, to three decimals, half up on the decimal
text of the number, as NHS England's place-based tool does. Practices of the system that are in no place get a row of
their own, so that no person is lost from sight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import polars as pl

from capitation.errors import Faults, SourceError, suggest
from capitation.pack.layers import default_data_folder
from capitation.pack.rows import Given, raw_table, rows_of
from capitation.pack.sources import DataPack
from capitation.pack.total_rows import table_total_faults
from capitation.records.columns import PRACTICE, REGISTERED_PERSONS, WEIGHTED_PERSONS
from capitation.records.frames import Column, Frame, Schema
from capitation.weighting.formula import Component, NeedCatalogue, need_catalogue
from capitation.weighting.inputs import AREA_COLUMNS, column_names, read_need_inputs, year_of, years_of
from capitation.weighting.weigh import Need, need

PLACE, UNPLACED, SYSTEM = "place", "in no place", "system"

SYSTEM_COLUMNS = ("icb_code", "stp21_code")
"""Columns that can name a practice's system, in order of preference."""

PLACE_COLUMNS = ("place", "place_code", "locality_code", "locality")
"""Names under which a map's places go."""

FINE = 1_000_000_000
"""Sums are taken in whole thousand-millionths of a person, so that row order cannot change them."""


WHOLE = 1e-6
"""A file holds all England where its persons miss the published sum by no more than this share."""


class PlacePractice(Schema):
    """One practice in one place."""

    practice_code = PRACTICE
    place = Column(pl.String, "code", "Place, locality or network the practice belongs to")


class PlaceComponent(Schema):
    """A practice's registered persons and its weighted persons for one component."""

    practice_code = PRACTICE
    component = Column(pl.String, "id", "Component, or formula for an overall", key=True)
    system_code = Column(pl.String, "code", "System of the practice; the same everywhere where the file names none")
    registered_persons = REGISTERED_PERSONS
    weighted_persons = WEIGHTED_PERSONS.but(about="Weighted persons for the component")


class PlaceIndex(Schema):
    """The need index of one place for one component."""

    kind = Column(pl.String, "word", "A place, the rest of the system, or the system", one_of=(PLACE, UNPLACED, SYSTEM))
    place = Column(pl.String, "code", "Place; the system's code on the system's row", key=True)
    component = Column(pl.String, "id", "Component, or formula for an overall", key=True)
    practices = Column(pl.Int64, "practices", "Practices of the place", ge=0)
    registered_persons = REGISTERED_PERSONS.but(about="Registered persons of the place")
    weighted_persons = WEIGHTED_PERSONS.but(about="Weighted persons of the place")
    index_vs_system = Column(
        pl.Float64, "index", "Need per head relative to the system, unrounded", ge=0, nullable=True
    )
    index_vs_system_3dp = Column(pl.Float64, "index", "The same, three decimals, half up", ge=0, nullable=True)
    index_vs_file = Column(pl.Float64, "index", "Need per head relative to all rows of the file", ge=0, nullable=True)
    index_vs_file_3dp = Column(pl.Float64, "index", "The same, three decimals, half up", ge=0, nullable=True)


@dataclass(frozen=True)
class PlaceIndices:
    """Indices of all places, the practices of the system in none, and what was filled or assumed on the way."""

    indices: Frame[PlaceIndex]
    unplaced: pl.DataFrame
    """Practices of the system in no place, with their registered persons."""
    notes: tuple[str, ...]


def place_index(
    places: Frame[PlacePractice],
    components: Frame[PlaceComponent],
    system: str | None = None,
    mean_is_one: tuple[str, ...] = (),
) -> Frame[PlaceIndex]:
    """The need index of each place for each component, with a row for the system and one for its practices in no place.

    Args:
        places: one row a practice, in its place.
        components: one row a practice and component, for all practices of the file.
        system: the system the places belong to; the one of the mapped practices by default.
        mean_is_one: components whose mean over the file is 1 by their normalisation, whatever their rows add to here.

    Raises:
        SourceError: a mapped practice is not in the file or lies in another system, or the mapped practices lie in
            several systems and none was named; every fault at once.
        FrameError: rows break the schemas.

    Example:
        A place of 1,000 persons and 1,050 weighted, in a system of 4,000 and 4,000, has index 1.05.
    """
    mapped, rows = PlacePractice.validate(places), PlaceComponent.validate(components)
    known = rows.select("practice_code", "system_code", "registered_persons").unique(
        "practice_code", keep="first", maintain_order=True
    )
    mine = _system_of(mapped, known, system)
    placed = rows.filter(pl.col("system_code") == mine).join(
        mapped, on="practice_code", how="left", validate="m:1", maintain_order="left"
    )
    kind = pl.when(pl.col("place").is_null()).then(pl.lit(UNPLACED)).otherwise(pl.lit(PLACE))
    within = _sums(
        placed.with_columns(kind.alias("kind"), pl.col("place").fill_null(f"({UNPLACED})")),
        ["component", "kind", "place"],
    )
    whole = _sums(placed, ["component"])
    by_rule = (
        pl.when(pl.col("component").is_in(list(mean_is_one))).then(pl.col("persons")).otherwise(pl.col("weighted"))
    )
    everything = _sums(rows, ["component"]).with_columns(by_rule.alias("weighted"))
    system_rows = whole.with_columns(pl.lit(SYSTEM).alias("kind"), pl.lit(mine).alias("place"))
    joined = (
        pl.concat([within, system_rows.select(within.columns)])
        .join(whole.select("component", "persons", "weighted"), on="component", validate="m:1", suffix="_system")
        .join(everything.select("component", "persons", "weighted"), on="component", validate="m:1", suffix="_file")
    )
    indexed = joined.with_columns(
        *(
            pl.when((pl.col("persons") > 0) & (pl.col(f"persons_{of}") > 0) & (pl.col(f"weighted_{of}") > 0))
            .then((pl.col("weighted") / pl.col("persons")) / (pl.col(f"weighted_{of}") / pl.col(f"persons_{of}")))
            .alias(f"index_vs_{of}")
            for of in ("system", "file")
        ),
        (pl.col("persons") / FINE).alias("registered_persons"),
        (pl.col("weighted") / FINE).alias("weighted_persons"),
    )
    rounded = indexed.with_columns(
        pl.Series(f"index_vs_{of}_3dp", [three_decimals(x) for x in indexed.get_column(f"index_vs_{of}")], pl.Float64)
        for of in ("system", "file")
    )
    return PlaceIndex.validate(rounded.select(*PlaceIndex.columns()))


def three_decimals(value: float | None) -> float | None:
    """`value` to three decimals, half up on its shortest decimal text; None stays None.

    Example:
        >>> three_decimals(1.0005), three_decimals(0.9995), three_decimals(1.00049999)
        (1.001, 1.0, 1.0)
    """
    if value is None:
        return None
    return float(Decimal(repr(value)).quantize(Decimal("0.001"), rounding=ROUND_HALF_UP))


def _sums(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    def fine(name: str) -> pl.Expr:
        return (pl.col(name) * FINE).round().cast(pl.Int64).sum()

    return rows.group_by(by, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("practices"),
        fine("registered_persons").alias("persons"),
        fine("weighted_persons").alias("weighted"),
    )


def _system_of(mapped: pl.DataFrame, known: pl.DataFrame, system: str | None) -> str:
    """The one system of the mapped practices, once every mapped practice is known and lies in it."""
    faults = Faults()
    codes = known.get_column("practice_code").to_list()
    unknown = mapped.join(known, on="practice_code", how="anti").get_column("practice_code").sort()
    for code in unknown.head(20):
        faults.add(
            f"map: practice {code}",
            "a code that is not in the practice file",
            "a known practice",
            suggest(str(code), codes),
        )
    if len(unknown) > 20:
        faults.add("map", f"{len(unknown) - 20} more unknown practices", "none")
    located = mapped.join(known, on="practice_code", validate="1:1")
    present = located.group_by("system_code").len().sort("system_code").rows()
    if system is None and len(present) > 1:
        listed = ", ".join(f"{code} ({count} practices)" for code, count in present)
        faults.add(
            "map",
            f"practices of {len(present)} systems: {listed}",
            "practices of one system",
            "Name the system the places belong to.",
        )
    if system is not None:
        systems = known.get_column("system_code").unique().to_list()
        if system not in systems:
            faults.add("system", repr(system), "a system of the practice file", suggest(system, systems))
        else:
            away = located.filter(pl.col("system_code") != system)
            for code, other in away.select("practice_code", "system_code").sort("practice_code").head(20).iter_rows():
                faults.add(
                    f"map: practice {code}",
                    f"a practice of {other}",
                    f"a practice of {system}",
                    "Take it out of the map.",
                )
    if mapped.is_empty():
        faults.add("map", "no practice", "at least one practice in a place")
    faults.raise_if_any(SourceError, "the places cannot be indexed")
    return system if system is not None else str(present[0][0])


def place_indices_from_files(
    places: Given,
    practices: Given,
    year: str | None = None,
    system: str | None = None,
    column_map: Mapping[str, str] | None = None,
    formulas: tuple[str, ...] = (),
    catalogue: NeedCatalogue | None = None,
    place_column: str | None = None,
) -> PlaceIndices:
    """The need indices of the places of a map, from a file of practice need components.

    Args:
        places: CSV or parquet with practice_code and place (or place_code, locality_code, locality).
        practices: CSV or parquet with practice_code, registered persons and a column wp_... for each component.
        year: the year to use, needed where the file has several.
        system: the system of the places, needed where the mapped practices lie in several.
        column_map: the practice file's column name by ours.
        formulas: ids of formulas whose overall weighted persons are indexed as well.
        catalogue: need documents; those of the default data pack where left out.
        place_column: column of the map that names the place, where it has several of them.

    Raises:
        SourceError: files cannot be read, a practice twice in the map or in two places, unknown practices, several
            systems; every fault of a file at once.
        FrameError: practices twice in the practice file, missing or negative persons.
    """
    known = catalogue or need_catalogue(DataPack(default_data_folder()))
    mapped = read_places(places, place_column)
    long, notes, mean_is_one = _read_components(practices, known, year, dict(column_map or {}), formulas)
    indices = place_index(mapped, long, system, mean_is_one)
    mine = indices.filter(pl.col("kind") == SYSTEM).get_column("place")[0]
    unplaced = (
        long.filter(pl.col("system_code") == mine)
        .join(mapped, on="practice_code", how="anti")
        .select("practice_code", "registered_persons")
        .unique("practice_code", keep="first")
        .sort("practice_code")
    )
    if unplaced.height:
        persons = unplaced.get_column("registered_persons").sum()
        shown = f"{', '.join(unplaced.get_column('practice_code').head(5))}{' ...' if unplaced.height > 5 else ''}"
        notes.append(f"{unplaced.height} practice(s) of {mine} with {persons:,.2f} persons are in no place: {shown}")
    return PlaceIndices(indices, unplaced, tuple(notes))


def read_places(given: Given, place_column: str | None = None) -> Frame[PlacePractice]:
    """The map of a file: practice_code and `place_column`, or the first of `PLACE_COLUMNS` it has.

    Raises:
        SourceError: no place column, a practice twice, or a practice in two places; every fault at once.
    """
    table = raw_table(given)
    path, available = table.where, table.cells.columns
    wanted = PLACE_COLUMNS if place_column is None else (place_column,)
    name = next((c for c in wanted if c in available), None)
    if name is None:
        raise SourceError(
            f"{path}: found the columns {', '.join(available)}; expected practice_code and one of {', '.join(wanted)}"
        )
    loose: type[Schema] = type(
        "PlacePractice",
        (Schema,),
        {c: Column(pl.String, column.unit, column.about) for c, column in PlacePractice.columns().items()},
    )
    rows = rows_of(table, loose, column_map={"place": name}, keep_extra=True)
    faults = Faults()
    per_practice = rows.group_by("practice_code").agg(pl.col("place").unique().sort(), pl.len()).sort("practice_code")
    for code, found, count in per_practice.filter(pl.col("len") > 1).head(50).iter_rows():
        text = f"in {count} places: {', '.join(found)}" if len(found) > 1 else f"{count} rows for place {found[0]}"
        faults.add(f"{path}: practice {code}", text, "one place, once", "Keep one row.")
    faults.raise_if_any(SourceError, f"{path}: practices must be in one place each")
    return PlacePractice.validate(rows, path)


def _read_components(
    rows_given: Given, known: NeedCatalogue, year: str | None, column_map: dict[str, str], formulas: tuple[str, ...]
) -> tuple[Frame[PlaceComponent], list[str], tuple[str, ...]]:
    """The practices of one year in long form, one row a component; notes; and formulas whose mean over the file is 1."""
    table = raw_table(rows_given)
    path, available = table.where, table.cells.columns
    by_column = {c.column: c for c in known.components.values()}
    given = [c for c in {**dict.fromkeys(available), **dict.fromkeys(column_map)} if c.startswith("wp_")]
    persons = tuple(dict.fromkeys([*(v.population.column for v in known.vintages.values()), "registered"]))
    columns = {
        "practice_code": Column(pl.String, "code", "Code of the practice", key=True),
        "year": Column(pl.String, "financial year", "Allocation year", key=True, nullable=True),
        "registered_persons": Column(pl.Float64, "persons", "Registered persons", ge=0, nullable=True),
        **{c: Column(pl.String, "code", "System of the practice", nullable=True) for c in SYSTEM_COLUMNS},
        **{c: Column(pl.Float64, "weighted persons", "Weighted persons", ge=0, nullable=True) for c in given},
    }
    schema: type[Schema] = type("PlaceComponents", (Schema,), dict(columns))
    names = column_names(schema, available, column_map, {"registered_persons": persons, **AREA_COLUMNS})
    rows = rows_of(table, schema, column_map=names, keep_extra=True)
    found = years_of(path, rows)
    covered = sorted({str(y) for formula_id in formulas for y in known.formula(formula_id).document.years})
    chosen = year_of(path, year, found, tuple(covered)) if found or formulas else None
    mine = rows.filter(pl.col("year") == str(chosen)) if found else rows
    faults = Faults()
    labels = [names.get("practice_code", "practice_code"), "practice_name"]
    if not found:
        faults.extend(table_total_faults(table, labels, [names.get(c, c) for c in ("registered_persons", *given)]))
    if "registered_persons" not in available and "registered_persons" not in names:
        faults.add(
            path,
            "no column 'registered_persons'",
            f"registered persons ({', '.join(persons)})",
            "Name it with a column map.",
        )
    if not given:
        faults.add(path, "no column that starts with 'wp_'", "weighted persons of at least one component")
    empty = mine.filter(pl.col("registered_persons").is_null()).get_column("practice_code")
    if len(empty) and not len(faults):
        faults.add(
            f"{path}: column 'registered_persons'",
            f"{len(empty)} empty cells, such as {empty[0]}",
            "a value in every row",
        )
    faults.raise_if_any(SourceError, f"{path}: practices cannot be indexed")
    vintage = known.vintages.get(chosen) if chosen is not None else None
    notes: list[str] = [] if vintage is None else list(vintage.notes)
    mine, kept, filled = _filled(mine, given, by_column, chosen or Path(path).name, path)
    notes += filled
    system = next((c for c in SYSTEM_COLUMNS if mine.get_column(c).null_count() < mine.height), None)
    code = pl.col(system).fill_null("(none)") if system else pl.lit("(all practices of the file)")
    base = mine.with_columns(code.alias("system_code"))
    ids = {name: by_column[name].id if name in by_column else name.removeprefix("wp_") for name in kept}
    parts = [_long(base, ids[name], pl.col(name)) for name in kept]
    mean_is_one: list[str] = []
    for formula_id in formulas:
        formula = known.formula(formula_id)
        inputs = read_need_inputs(table, formula, year=str(chosen), column_map=column_map)
        result = need(formula, inputs.components, inputs.year)
        notes += [*inputs.notes, *result.notes]
        if _is_england(result) and formula.document.normalisation == "in the coefficients":
            mean_is_one.append(formula_id)
        weighted = base.join(
            result.practices.select("practice_code", "weighted_persons"),
            on="practice_code",
            how="left",
            validate="1:1",
            maintain_order="left",
        )
        parts.append(_long(weighted, formula_id, pl.col("weighted_persons")))
    return PlaceComponent.validate(pl.concat(parts), path), list(dict.fromkeys(notes)), tuple(mean_is_one)


def _filled(
    mine: pl.DataFrame, given: list[str], by_column: Mapping[str, Component], chosen: str, path: str
) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Rows with empty cells filled where their meaning is agreed, the columns that have an index, and notes."""
    faults, notes = Faults(), list[str]()
    kept: list[str] = []
    for name in given:
        gaps = mine.get_column(name).null_count()
        component = by_column.get(name)
        if gaps == mine.height:
            notes.append(f"{name} is empty in every row of {chosen} and has no index")
            continue
        kept.append(name)
        if gaps:
            value = float(component.missing.persons) if component and component.missing else None
            if value is None:
                code = mine.filter(pl.col(name).is_null()).get_column("practice_code")[0]
                faults.add(f"{path}: column {name!r}", f"{gaps} empty cells, such as {code}", "a value in every row")
            else:
                mine = mine.with_columns(pl.col(name).fill_null(value))
                notes.append(f"{name}: {gaps} empty cell(s) taken as {value:g}. {component.missing.reason}")  # type: ignore[union-attr]  # value is set from it
    faults.raise_if_any(SourceError, f"{path}: practices cannot be indexed")
    return mine, kept, notes


def _is_england(result: Need) -> bool:
    """The rows are all England's: their registered persons are those published for the year."""
    vintage = result.formula.vintage(result.year)
    if vintage is None:
        return False
    england = float(vintage.population.england_persons)
    return abs(math.fsum(result.practices.get_column("registered_persons")) - england) <= WHOLE * england


def _long(rows: pl.DataFrame, component: str, weighted: pl.Expr) -> pl.DataFrame:
    return rows.select(
        "practice_code",
        pl.lit(component).alias("component"),
        "system_code",
        "registered_persons",
        weighted.alias("weighted_persons"),
    )
