"""Need components are read here: practices with their registered persons, weighted populations, indices and areas.

The columns wanted follow from the formula, so a new component or index needs no change here. A file may hold several
years; exactly one is used. Empty cells are filled only where the component's document says what they mean, and each
such filling is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from capitation.errors import DataError, Fault, Faults, SourceError, UnknownNameError, suggest
from capitation.pack.rows import Given, RawTable, raw_table, row_faults, rows_of
from capitation.pack.total_rows import table_total_faults
from capitation.records.columns import PRACTICE, REGISTERED_PERSONS, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.weighting.formula import Formula, NeedCatalogue

AREA_COLUMNS: dict[str, tuple[str, ...]] = {
    "lad_code": ("lad_code", "lad21_code", "lad22_code"),
    "icb_code": ("icb_code", "icb22_code"),
    "ccg19_code": ("ccg19_code", "ccg_code"),
    "stp21_code": ("stp21_code", "stp_code"),
}
"""Area columns kept with each practice, and the names each goes by in files."""


class NeedComponents(Schema):
    """One practice of one year: the columns that every formula shares; component and index columns come beside them."""

    practice_code = PRACTICE
    year = YEAR.but(key=False)
    registered_persons = REGISTERED_PERSONS.but(about="Registered persons of the population base")
    lad_code = Column(pl.String, "code", "Local authority district of the practice", nullable=True)
    icb_code = Column(pl.String, "code", "Integrated care board of the practice", nullable=True)
    ccg19_code = Column(pl.String, "code", "Clinical commissioning group of the practice, 2019 codes", nullable=True)
    stp21_code = Column(pl.String, "code", "Sustainability and transformation partnership, 2021 codes", nullable=True)


@dataclass(frozen=True)
class NeedInputs:
    """The rows of one year that a formula can be applied to, with what was filled or noticed on the way."""

    components: Frame[NeedComponents]
    year: FinancialYear
    has_year_column: bool
    notes: tuple[str, ...]


def components_schema(formula: Formula) -> type[NeedComponents]:
    """The schema of a formula's input: the shared columns with one more for each component and cost index it reads."""
    columns: dict[str, Column] = {}
    for component in formula.components():
        columns[component.column] = Column(pl.Float64, "weighted persons", component.about, ge=0)
    for index in formula.indices():
        columns[index.column] = Column(pl.Float64, "index, England about 1", index.about, ge=0)
    return type(f"NeedComponents[{formula.id}]", (NeedComponents,), dict(columns))


def year_of(path: str, given: str | None, years: list[str], fallback: tuple[str, ...] = ()) -> FinancialYear:
    """The one year of a file to use.

    Args:
        path: the name of the file, for messages.
        given: the year asked for, if any.
        years: the years found in the file; empty where it has no year column.
        fallback: years to choose from where the file has no year column.

    Raises:
        SourceError: several years and none given, or the year given is not in the file.
    """
    if given is not None:
        year = FinancialYear(given)
        if years and year not in years:
            raise SourceError(
                f"{path}: found no rows of {year}; expected one of its years {', '.join(sorted(years))}. {suggest(year, years)}"
            )
        return year
    choice = sorted(years) or sorted(fallback)
    if len(choice) == 1:
        return FinancialYear(choice[0])
    listed = f"years {', '.join(choice)}" if years else "no column 'year'"
    raise SourceError(
        f"{path}: found {listed}; expected one year to use. Choose it with --year, such as --year {choice[0]}"
    )


def years_of(path: str, rows: pl.DataFrame) -> list[str]:
    """The years of the rows' column "year"; none where the file has no such column.

    Raises:
        SourceError: some rows have a year and others none, or a year is not one; every fault at once.
    """
    years = rows.get_column("year")
    found = [str(year) for year in years.drop_nulls().unique().sort()]
    faults = Faults()
    if found and years.null_count():
        code = rows.filter(pl.col("year").is_null()).get_column("practice_code")[0]
        faults.add(
            f"{path}: column 'year'",
            f"{years.null_count()} empty cells, such as practice {code}",
            "a year in every row",
        )
    for year in found:
        try:
            FinancialYear(year)
        except DataError:
            faults.add(f"{path}: column 'year'", repr(year), "a financial year such as '2023/24'")
    faults.raise_if_any(SourceError, f"{path}: the year of some rows is not clear")
    return found


def column_names(
    schema: type[Schema], available: list[str], column_map: Mapping[str, str], aliases: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """The file's name for each column of `schema` that goes by another: the user's map first, then known aliases."""
    names = dict(column_map)
    for wanted in schema.columns():
        if wanted in names or wanted in available:
            continue
        found = [name for name in aliases.get(wanted, ()) if name in available]
        if found:
            names[wanted] = found[0]
    return names


def list_columns(catalogue: NeedCatalogue, year: str | None = None) -> tuple[str, ...]:
    """Names that the column of registered persons goes by: that of the year's own vintage first, then those of the others."""
    vintages = [v for v in catalogue.vintages.values() if str(v.year) == year]
    columns = [v.population.column for v in (*vintages, *catalogue.vintages.values())]
    return tuple(dict.fromkeys((*columns, "registered_projected", "registered")))


def registered_column(catalogue: NeedCatalogue, year: str | None, available: Sequence[str]) -> str:
    """The column of registered persons in a table, as `need_inputs` finds it.

    Raises:
        UnknownNameError: the table has none that is known.
    """
    known = ("registered_persons", *list_columns(catalogue, year))
    found = next((name for name in known if name in available), None)
    if found is None:
        raise UnknownNameError("column of registered persons", known[1], available)
    return found


def read_need_inputs(
    given: Given,
    formula: Formula,
    *,
    year: str | None = None,
    column_map: Mapping[str, str] | None = None,
    contains: tuple[str, ...] | None = None,
) -> NeedInputs:
    """The rows of one year of a table, checked for a formula.

    Args:
        given: the table; columns it has beyond those wanted are ignored.
        formula: the formula the rows are for.
        year: the year to use, needed where the file has several.
        column_map: the file's column name by ours, for files with other headings.
        contains: ids of cost indices the columns already contain, where it is not what the vintage says.

    Raises:
        SourceError: the file cannot be read, or a year must be chosen.
        FrameError: repeated or nameless practices, missing or negative persons, empty cells without a meaning.
    """
    return need_inputs(raw_table(given), formula, year=year, column_map=column_map, contains=contains)


def need_inputs(
    table: RawTable,
    formula: Formula,
    *,
    year: str | None = None,
    column_map: Mapping[str, str] | None = None,
    contains: tuple[str, ...] | None = None,
) -> NeedInputs:
    """The rows of one year of a table, checked for a formula; arguments and errors are those of `read_need_inputs`."""
    path, available = table.where, table.cells.columns
    strict = components_schema(formula)
    aliases = {
        **AREA_COLUMNS,
        "registered_persons": list_columns(formula.catalogue, year),
        **{c.column: c.other_columns for c in formula.components()},
    }
    names = column_names(strict, available, column_map or {}, aliases)
    loose = type(
        strict.__name__,
        (Schema,),
        {
            "practice_code": Column(pl.String, "code", "Code of the practice", key=True),
            "year": Column(pl.String, "financial year", "Allocation year of the row", key=True, nullable=True),
            **{
                name: Column(column.dtype, column.unit, column.about, nullable=name in AREA_COLUMNS)
                for name, column in strict.columns().items()
                if name not in {"practice_code", "year"}
            },
        },
    )
    cells = Faults()
    rows = rows_of(table, _nullable_cells(loose), column_map=names, keep_extra=True, gather=cells)
    _require(path, strict, available, names)
    found = years_of(path, rows)
    has_year = bool(found)
    chosen = year_of(path, year, found, formula.document.years)
    faults = Faults()
    formula.check_year(chosen, faults)
    formula.check_contents(chosen, contains, faults)
    faults.raise_if_any(SourceError, f"{path}: formula {formula.id} does not fit these rows")
    mine = rows.filter(pl.col("year") == str(chosen)) if has_year else rows
    mine = mine.with_columns(pl.lit(str(chosen)).alias("year"))
    cells.extend(_totals(table, formula, names, str(chosen) if has_year else None))
    filled, notes = fill_missing(mine, formula)
    vintage = formula.vintage(chosen)
    if vintage is not None:
        notes = (*notes, *vintage.notes)
    _refuse_empty_columns(path, filled, rows, chosen, formula)
    if len(cells):
        cells.extend(row_faults(strict, filled, f"{path}, {chosen}", cells))
        cells.raise_if_any(SourceError, f"{path}: some rows cannot be used")
    checked = strict.validate(filled, where=f"{path}, {chosen}")
    return NeedInputs(checked, chosen, has_year, notes)


def _totals(table: RawTable, formula: Formula, names: Mapping[str, str], year: str | None) -> list[Fault]:
    """Rows of the chosen year that are, or are called, the sum of the others."""
    of_year = names.get("year", "year")
    if year is not None:
        rows = table.cells.with_row_index("__row").filter(pl.col(of_year).cast(pl.String).str.strip_chars() == year)
        lines = [table.line(row) for row in rows.get_column("__row")]
        table = replace(table.with_cells(rows.drop("__row")), _lines=lambda: lines)
    labels = [names.get("practice_code", "practice_code"), "practice_name"]
    amounts = ["registered_persons", *(c.column for c in formula.components())]
    return table_total_faults(table, labels, [names.get(name, name) for name in amounts])


def _refuse_empty_columns(
    path: str, mine: pl.DataFrame, rows: pl.DataFrame, year: FinancialYear, formula: Formula
) -> None:
    """Say in one sentence that a column holds nothing in the chosen year, and in which years it does."""
    faults = Faults()
    for column in (*(c.column for c in formula.components()), *(i.column for i in formula.indices())):
        if mine.height and mine.get_column(column).null_count() == mine.height:
            listed = rows.filter(pl.col(column).is_not_null()).get_column("year").drop_nulls().unique().sort().to_list()
            remedy = f"Years with values: {', '.join(listed)}." if listed else ""
            faults.add(
                f"{path}: column {column!r}",
                f"no value in any of the {mine.height} rows of {year}",
                "a value in every row",
                remedy,
            )
    faults.raise_if_any(SourceError, f"{path}: formula {formula.id} has nothing to read in {year}")


def fill_missing(rows: pl.DataFrame, formula: Formula) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """`rows` with empty component cells filled where their meaning is agreed, and a sentence for each such filling."""
    notes: list[str] = []
    for component in formula.components():
        empty = rows.get_column(component.column).null_count()
        if component.missing is not None and empty:
            value = float(component.missing.persons)
            codes = rows.filter(pl.col(component.column).is_null()).get_column("practice_code").sort().to_list()
            shown = f"{', '.join(codes[:3])}{' ...' if len(codes) > 3 else ''}"
            notes.append(
                f"{component.column}: {empty} empty cell(s) taken as {value:g} ({shown}). {component.missing.reason}"
            )
            rows = rows.with_columns(pl.col(component.column).fill_null(value))
    return rows, tuple(notes)


def _nullable_cells(schema: type[Schema]) -> type[Schema]:
    """The same columns, all of them nullable except the practice: emptiness is judged for the chosen year only."""
    columns = {
        name: Column(c.dtype, c.unit, c.about, key=c.key, nullable=name != "practice_code")
        for name, c in schema.columns().items()
    }
    return type(schema.__name__, (Schema,), dict(columns))


def _require(path: str, schema: type[Schema], available: list[str], names: Mapping[str, str]) -> None:
    faults = Faults()
    for name, column in schema.columns().items():
        if name in AREA_COLUMNS or name == "year" or name in available or name in names:
            continue
        remedy = f"{suggest(name, available)} Give its name with --map {name}=NAME."
        faults.add(path, f"no column {name!r}", f"{column.about.rstrip('.')} ({column.unit})", remedy)
    faults.raise_if_any(SourceError, f"{path}: columns are missing")


def parse_column_map(pairs: list[str]) -> dict[str, str]:
    """The file's column name by ours, from texts such as "wp_community=Community WP".

    Raises:
        SourceError: a text is not of that form, or a column is mapped twice; every fault at once.
    """
    faults = Faults()
    mapping: dict[str, str] = {}
    for pair in pairs:
        wanted, sign, given = (part.strip() for part in pair.partition("="))
        if not (wanted and sign and given):
            faults.add(
                "--map", repr(pair), "our column, an equals sign and the file's column", "Such as wp_community='CS WP'."
            )
        elif wanted in mapping:
            faults.add("--map", f"{wanted!r} more than once", "each column once")
        else:
            mapping[wanted] = given
    faults.raise_if_any(SourceError, "the column map cannot be used")
    return mapping


class GivenCostIndex(Schema):
    """A cost index given by the user for a practice or an area."""

    code = Column(pl.String, "code", "Code of the practice or area", key=True)
    cost_index = Column(pl.Float64, "index, England about 1", "Cost index to use", ge=0)


@dataclass(frozen=True)
class GivenCostIndices:
    """Cost indices given by the user, and the column of practices that their codes belong to."""

    level: str
    values: Frame[GivenCostIndex]


def read_cost_index(given: Given) -> GivenCostIndices:
    """The cost indices of a file with a column practice_code, lad_code or another area code, and a column cost_index.

    Raises:
        SourceError: the file has none, or several, of these code columns, or cells cannot be read.
        FrameError: a code twice, or a negative index.
    """
    table = raw_table(given)
    path, available = table.where, table.cells.columns
    levels = {
        name: here
        for name in ("practice_code", *AREA_COLUMNS)
        for here in (name, *AREA_COLUMNS.get(name, ()))
        if here in available
    }
    if len(levels) != 1:
        found = " and ".join(sorted(levels.values())) or f"columns {', '.join(available)}"
        raise SourceError(f"{path}: found {found}; expected one code column: practice_code, {', '.join(AREA_COLUMNS)}")
    ((level, code),) = levels.items()
    index = next((name for name in ("cost_index", "index") if name in available), None)
    if index is None:
        raise UnknownNameError("column", "cost_index", available, where=path)
    rows = rows_of(table, GivenCostIndex, column_map={"code": code, "cost_index": index}, keep_extra=True)
    return GivenCostIndices(level, rows)
