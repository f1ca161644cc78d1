"""NHS England's place-based tool: its published CSV files become practice need components, and each known trap is reported.

Headings change from release to release, so each generation of headings is a document in `need/place_tool`; the
components name their own headings. What the files hold that misleads is found and named: `Trap` says what was
found, at how many practices and persons, and what was done about it. Nothing is filled, dropped or renamed in silence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from capitation.errors import Faults, SourceError, suggest
from capitation.pack.cells import doubt, numbers
from capitation.pack.rows import RawTable, parse_raw, spelling_faults
from capitation.pack.sources import DataPack
from capitation.pack.tables import TEXT_ENDINGS, Sheet
from capitation.pack.total_rows import total_faults
from capitation.records.columns import PRACTICE, SOURCE, YEAR
from capitation.records.documents import Document
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.sentences import capital
from capitation.weighting.formula import Component, NeedCatalogue, Vintage

ODD_DISTRICT_SHARE = 0.01
"""A district is odd for a system that registers less than this share of the district's persons."""

TINY_DISTRICT_SHARE = 0.001
"""A district is odd for a system if it holds less than this share of the system's persons."""

SAME_TOTAL = 1e-6
"""Two England totals are the same release within this relative difference."""


class PlaceToolColumns(Document):
    """The headings under which one generation of files carries the columns that are not components."""

    practice_code: str
    """Code of the practice."""
    practice_name: str
    """Name of the practice."""
    icb_code: str
    """Code of the integrated care board."""
    lad_code: str
    """Code of the local authority district."""
    lad_name: str
    """Name of the local authority district."""
    registered_projected: str
    """Projected registered persons."""


class PlaceToolLayout(Document):
    """One generation of headings."""

    id: str
    """Short name, the same as the file's."""
    title: str
    """Display name."""
    years: tuple[FinancialYear, ...]
    """Years published under these headings."""
    source: str
    """Id of the source (a folder of sources/)."""
    where: str
    """Files and commits whose first line was read."""
    columns: PlaceToolColumns
    """Headings by our column."""


class KnownCode(Schema):
    """A practice or system code that misleads, as found and published."""

    kind = Column(pl.String, "name", "Name of the trap", key=True)
    code = Column(pl.String, "code", "Practice or system code", key=True)
    since = Column(pl.String, "financial year", "First year in which it holds")
    until = Column(pl.String, "financial year", "Last year in which it holds; empty while it does", nullable=True)
    into = Column(pl.String, "code", "Successor or predecessor, where there is one", nullable=True)
    about = Column(pl.String, "text", "What misleads and what to do")
    source = SOURCE.but(about="Source of the statement")
    where = Column(pl.String, "locator", "Where it stands in it")
    trust = Column(pl.String, "mark", "How far it can be trusted", one_of=("P", "R", "D", "U"))


class PlaceToolPractice(Schema):
    """A practice of the tool in one year, under the column names the engine reads; component columns come beside these."""

    year = YEAR
    practice_code = PRACTICE
    practice_name = Column(pl.String, "name", "Name of the practice", nullable=True)
    icb_code = Column(pl.String, "code", "Code of the integrated care board", nullable=True)
    lad_code = Column(pl.String, "code", "Code of the local authority district", nullable=True)
    registered_projected = Column(pl.Float64, "persons", "Registered persons projected to the year", ge=0)


class Trap(Schema):
    """Something in a published file that misleads, and what was done about it."""

    trap = Column(pl.String, "name", "Name of the trap", key=True)
    subject = Column(pl.String, "code", "Practice, column or file it concerns", key=True)
    practices = Column(pl.Int64, "practices", "Practices concerned", ge=0)
    persons = Column(pl.Float64, "persons", "Registered persons concerned", ge=0)
    found = Column(pl.String, "text", "What was found")
    done = Column(pl.String, "text", "What was done, or is left to the user")


@dataclass(frozen=True)
class PlaceTool:
    """A published file read: practices ready for need and place index, rows set aside, traps met."""

    year: FinancialYear
    practices: Frame[PlaceToolPractice]
    set_aside: pl.DataFrame
    """Rows without a practice code or without a population, with the reason."""
    traps: Frame[Trap]


def read_place_tool(
    path: Path,
    pack: DataPack,
    catalogue: NeedCatalogue,
    year: str | None = None,
    *,
    may_total: bool = False,
    sheet: Sheet | None = None,
) -> PlaceTool:
    """The practices of one published file of the place-based tool, with every trap found in it.

    Args:
        path: the CSV as published, such as 2023_2024.csv.
        pack: the data pack with the generations of headings.
        catalogue: need documents, whose components name their headings.
        year: the year of the file; read from its name where left out.
        may_total: whether the user says that no row is the sum of the others.
        sheet: where the table stands in its file, where the user says so.

    Raises:
        SourceError: the year is not clear, headings are not those of any known generation, text stands where a number
            should, a row is the sum of the others, or a practice is listed twice with different figures or in two
            spellings; every fault at once.
    """
    traps: list[dict[str, object]] = []
    raw = parse_raw(_as_utf8(path, traps), path, sheet)
    layouts = pack.documents("need/place_tool", PlaceToolLayout)
    layout = _layout_of(path, raw.cells.columns, layouts)
    chosen = _year_of_file(path, year, layout, traps)
    rows = _renamed(replace(raw, may_total=may_total), layout, catalogue, traps)
    rows, set_aside = _without_nameless(rows, traps)
    rows = _without_repeats(path, rows, traps)
    components = [c for c in catalogue.components.values() if c.column in rows.columns]
    vintage = catalogue.vintages.get(chosen)
    _population_heading(layout, chosen, rows, traps)
    _contained(vintage, catalogue, rows, traps)
    rows = _empty_cells(rows, components, traps)
    _zero_cells(rows, components, traps)
    _odd_districts(rows, traps)
    _district_names(rows, traps)
    _another_years_values(rows, chosen, catalogue.vintages, traps)
    _known_codes(rows, chosen, pack, traps)
    ordered = rows.with_columns(pl.lit(str(chosen)).alias("year")).select(
        *PlaceToolPractice.columns(), *(c.column for c in components)
    )
    schema: type[PlaceToolPractice] = type(
        "PlaceToolPractice",
        (PlaceToolPractice,),
        {c.column: Column(pl.Float64, "weighted persons", c.about, nullable=True, ge=0) for c in components},
    )
    table = pl.DataFrame(traps, schema=Trap.dtypes()) if traps else Trap.empty()
    return PlaceTool(chosen, schema.validate(ordered, str(path)), set_aside, Trap.validate(table))


def _trap(
    traps: list[dict[str, object]], trap: str, subject: str, rows: pl.DataFrame | None, found: str, done: str
) -> None:
    persons = 0.0 if rows is None else math.fsum(rows.get_column("registered_projected").drop_nulls())
    count = 0 if rows is None else rows.height
    traps.append(
        {"trap": trap, "subject": subject, "practices": count, "persons": persons, "found": found, "done": done}
    )


def _as_utf8(path: Path, traps: list[dict[str, object]]) -> bytes:
    if not path.is_file():
        near = suggest(path.name, (p.name for p in path.parent.glob("*"))) if path.parent.is_dir() else ""
        raise SourceError(f"{path}: no such file. {near}".rstrip())
    content = path.read_bytes()
    if path.suffix.lower() not in TEXT_ENDINGS:
        return content
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        _trap(traps, "encoding", path.name, None, "UTF-16 text", "Read as UTF-16")
        return content.decode("utf-16").encode()
    if content.startswith(b"\xef\xbb\xbf"):
        _trap(traps, "byte-order mark", path.name, None, "a UTF-8 byte-order mark before the first heading", "Removed")
        content = content[3:]
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        _trap(traps, "encoding", path.name, None, f"line {line} is not UTF-8 text", "Read as Windows-1252")
        return content.decode("cp1252", errors="replace").encode()
    return content


def _layout_of(path: Path, headings: list[str], layouts: Mapping[str, PlaceToolLayout]) -> PlaceToolLayout:
    missing = {
        layout.id: [h for h in layout.columns.model_dump().values() if h not in headings] for layout in layouts.values()
    }
    nearest = min(missing, key=lambda name: len(missing[name]))
    layout = layouts[nearest]
    faults = Faults()
    for heading in missing[nearest]:
        faults.add(str(path), f"no heading {heading!r}", f"a heading of {layout.title}", suggest(heading, headings))
    faults.raise_if_any(SourceError, f"{path}: not a file of the place-based tool; nearest are the {layout.title}")
    return layout


def _year_of_file(
    path: Path, given: str | None, layout: PlaceToolLayout, traps: list[dict[str, object]]
) -> FinancialYear:
    in_name = re.search(r"(20\d\d)_(20)?(\d\d)(?!\d)", path.name)
    named = FinancialYear(f"{in_name[1]}/{in_name[3]}") if in_name else None
    if given is not None:
        year = FinancialYear(given)
    elif named is not None:
        year = named
    else:
        raise SourceError(
            f"{path}: found no year in the file's name; expected one such as 2023_2024.csv. Give it with --year"
        )
    if named is not None and year != named:
        _trap(traps, "year against file name", path.name, None, f"{named} in the name", f"Read as {year}, as asked")
    if year not in layout.years:
        raise SourceError(
            f"{path}: found the {layout.title}; expected the headings of {year}. Headings of that kind were published for {', '.join(layout.years)}"
        )
    return year


def _renamed(
    table: RawTable, layout: PlaceToolLayout, catalogue: NeedCatalogue, traps: list[dict[str, object]]
) -> pl.DataFrame:
    """The columns the engine reads, under its names, numbers as numbers; total rows and codes in two spellings are refused."""
    path, raw = table.where, table.cells
    texts = layout.columns.model_dump()
    population = texts.pop("registered_projected")
    numbers_of = {"registered_projected": population}
    for component in catalogue.components.values():
        found = [h for h in component.place_tool_headings if h in raw.columns]
        if found:
            numbers_of[component.column] = found[0]
        elif component.place_tool_headings and component.kind != "published overall":
            heading = component.place_tool_headings[0]
            _trap(
                traps,
                "missing column",
                component.column,
                None,
                f"no heading {heading!r}",
                "Left out; formulas that read it will say so",
            )
    faults = Faults()
    columns = []
    for name, heading in texts.items():
        columns.append(raw.get_column(heading).cast(pl.String).alias(name))
    for name, heading in numbers_of.items():
        cells = raw.get_column(heading)
        values = numbers(cells) if cells.dtype == pl.String else cells.cast(pl.Float64)
        lost = (cells.is_not_null() & values.is_null()).arg_true()
        for row in lost.head(20):
            said = doubt(str(cells[row]))
            faults.add(
                f"{path}: line {table.line(row)}, column {heading!r}",
                repr(cells[row]),
                "a number of persons",
                f"{capital(said)}.",
            )
        for row in (values < 0).arg_true().head(20):
            faults.add(f"{path}: line {table.line(row)}, column {heading!r}", repr(cells[row]), "at least 0 persons")
        columns.append(values.alias(name))
    rows = pl.DataFrame(columns)
    faults.extend(spelling_faults(rows, ["practice_code"], table))
    if not table.may_total:
        labels = ["practice_code", "practice_name"]
        faults.extend(total_faults(rows, labels, list(numbers_of), path, table.lines, "--no-total-row"))
    faults.raise_if_any(SourceError, f"{path}: some cells cannot be read, or rows are no practice")
    return rows


def _without_nameless(rows: pl.DataFrame, traps: list[dict[str, object]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    reason = (
        pl.when(pl.col("practice_code").is_null())
        .then(pl.lit("no practice code"))
        .when(pl.col("registered_projected").is_null())
        .then(pl.lit("no population"))
    )
    marked = rows.with_columns(reason.alias("reason"))
    aside = marked.filter(pl.col("reason").is_not_null())
    for why in aside.get_column("reason").unique().sort():
        mine = aside.filter(pl.col("reason") == why)
        shown = (
            ", ".join(str(c) for c in mine.get_column("practice_code").drop_nulls().head(5)) or "rows without a code"
        )
        _trap(
            traps, "missing value", why, mine, f"{mine.height} row(s) with {why}: {shown}", "Set aside with the reason"
        )
    return marked.filter(pl.col("reason").is_null()).drop("reason"), aside


def _without_repeats(path: Path, rows: pl.DataFrame, traps: list[dict[str, object]]) -> pl.DataFrame:
    repeated = rows.filter(pl.col("practice_code").is_duplicated())
    if repeated.is_empty():
        return rows
    once = rows.unique(maintain_order=True)
    faults = Faults()
    for code in (
        once.filter(pl.col("practice_code").is_duplicated()).get_column("practice_code").unique().sort().head(20)
    ):
        faults.add(
            f"{path}: practice {code}", "several rows with different figures", "one row", "Remove the wrong one."
        )
    faults.raise_if_any(SourceError, f"{path}: practices are listed more than once")
    for code in repeated.get_column("practice_code").unique().sort():
        mine = once.filter(pl.col("practice_code") == code)
        count = rows.filter(pl.col("practice_code") == code).height
        _trap(traps, "duplicate practice", str(code), mine, f"{count} identical rows", "One kept")
    return once


def _population_heading(
    layout: PlaceToolLayout, year: FinancialYear, rows: pl.DataFrame, traps: list[dict[str, object]]
) -> None:
    heading = layout.columns.registered_projected
    in_heading = re.search(r"20\d\d/\d\d", heading)
    if in_heading and in_heading[0] != str(year):
        found = f"the population column of {year} has the heading {heading!r}"
        _trap(
            traps,
            "population heading of another year",
            heading,
            rows,
            found,
            f"Read as the projected population of {year}",
        )


def _contained(
    vintage: Vintage | None, catalogue: NeedCatalogue, rows: pl.DataFrame, traps: list[dict[str, object]]
) -> None:
    for index in () if vintage is None else vintage.contains:
        title = catalogue.indices[index].title.lower()
        names = ", ".join(vintage.contained_in) if vintage is not None else ""
        found = f"{names} already contain the {title}"
        _trap(
            traps,
            f"{index} already in the columns",
            index,
            rows,
            found,
            "Kept as published; formulas that apply it refuse these columns",
        )


def _empty_cells(rows: pl.DataFrame, components: list[Component], traps: list[dict[str, object]]) -> pl.DataFrame:
    for component in components:
        mine = rows.filter(pl.col(component.column).is_null())
        if mine.is_empty():
            continue
        shown = f"{', '.join(mine.get_column('practice_code').sort().head(3))}{' ...' if mine.height > 3 else ''}"
        found = f"{mine.height} empty cell(s): {shown}"
        if component.missing is not None:
            value = float(component.missing.persons)
            rows = rows.with_columns(pl.col(component.column).fill_null(value))
            _trap(
                traps,
                f"empty {component.id}",
                component.column,
                mine,
                found,
                f"Taken as {value:g}. {component.missing.reason}",
            )
        else:
            _trap(
                traps,
                "missing value",
                component.column,
                mine,
                found,
                "Left empty; formulas that read it will refuse these practices",
            )
    return rows


def _zero_cells(rows: pl.DataFrame, components: list[Component], traps: list[dict[str, object]]) -> None:
    for component in components:
        mine = rows.filter(pl.col(component.column) == 0)
        if mine.height:
            done = "Kept as 0; versions of the tool replaced 0 by 1"
            _trap(traps, "zero weight", component.column, mine, f"{mine.height} practice(s) of weight 0", done)
    none = rows.filter(pl.col("registered_projected") == 0)
    if none.height:
        _trap(
            traps,
            "zero population",
            "registered_projected",
            none,
            f"{none.height} practice(s) without persons",
            "Kept; they have no need index",
        )


def _odd_districts(rows: pl.DataFrame, traps: list[dict[str, object]]) -> None:
    persons = pl.col("registered_projected")
    shares = (
        rows.group_by("icb_code", "lad_code")
        .agg(persons.sum().alias("persons"))
        .with_columns(
            (pl.col("persons") / pl.col("persons").sum().over("lad_code")).alias("of_district"),
            (pl.col("persons") / pl.col("persons").sum().over("icb_code")).alias("of_system"),
        )
    )
    odd = shares.filter((pl.col("of_district") < ODD_DISTRICT_SHARE) | (pl.col("of_system") < TINY_DISTRICT_SHARE))
    found = rows.join(odd, on=["icb_code", "lad_code"], how="semi").sort("practice_code")
    for row in found.iter_rows(named=True):
        mine = found.filter(pl.col("practice_code") == row["practice_code"])
        text = f"{row['registered_projected']:,.2f} persons of {row['icb_code']} under district {row['lad_code']} ({row['lad_name']}), which is not its own"
        _trap(
            traps,
            "district outside its system",
            row["practice_code"],
            mine,
            text,
            "Kept under its system; a place made of districts must name it by hand",
        )


def _district_names(rows: pl.DataFrame, traps: list[dict[str, object]]) -> None:
    mine = rows.filter((pl.col("lad_name") == pl.col("lad_code")) & pl.col("lad_code").is_not_null())
    if mine.height:
        _trap(
            traps,
            "district name holds its code",
            "lad_name",
            mine,
            f"{mine.height} rows",
            "The code is used; names are not",
        )


def _another_years_values(
    rows: pl.DataFrame, year: FinancialYear, vintages: Mapping[str, Vintage], traps: list[dict[str, object]]
) -> None:
    total = math.fsum(rows.get_column("registered_projected"))

    def is_total_of(vintage: Vintage) -> bool:
        expected = float(vintage.population.england_persons)
        return abs(total - expected) <= SAME_TOTAL * expected

    own = vintages.get(year)
    if own is not None and is_total_of(own):
        return
    for other in vintages.values():
        if other.year != year and is_total_of(other):
            found = f"the population adds to {total:,.0f}, which is England's of {other.year}"
            _trap(
                traps,
                "values of another year",
                str(year),
                rows,
                found,
                f"Kept; use the final release of {year} instead",
            )


def _known_codes(rows: pl.DataFrame, year: FinancialYear, pack: DataPack, traps: list[dict[str, object]]) -> None:
    known = pack.rows("need/place_tool/known.csv", KnownCode)
    named = {(str(t["trap"]), str(t["subject"])) for t in traps}
    for row in known.iter_rows(named=True):
        if not row["since"] <= str(year) <= (row["until"] or "9999/00"):
            continue
        if (row["kind"], row["code"]) in named:
            continue
        column = "icb_code" if row["kind"] == "system code changed" else "practice_code"
        mine = rows.filter(pl.col(column) == row["code"])
        if mine.height:
            beside = row["into"] is not None and rows.filter(pl.col(column) == row["into"]).height
            found = f"{row['code']}{' beside ' + row['into'] if beside else ''} in {year}"
            _trap(traps, row["kind"], row["code"], mine, found, row["about"])
