"""The overall weighted persons that NHS England publishes beside the components: found in a file, read, and what it serves.

A formula says in its document which component is its published overall. With such a column in a file the coefficients of
its areas can be recovered (`recover.py`), or the column taken as it stands by a formula that reads nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from capitation.errors import DataError, Faults, SourceError, suggest
from capitation.pack.rows import Given, raw_table, rows_of
from capitation.records.columns import PRACTICE, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.weighting.formula import Component, Formula, NeedCatalogue
from capitation.weighting.inputs import year_of, years_of


class PublishedOverall(Schema):
    """The overall weighted persons of a practice as its publisher printed them."""

    practice_code = PRACTICE
    published_persons = Column(pl.Float64, "weighted persons", "Overall weighted persons as published", ge=0)


def recoverable(catalogue: NeedCatalogue) -> dict[str, Formula]:
    """Formulas that take a cost index by area and whose overall is published, by id."""
    found = {name: Formula(document, catalogue) for name, document in catalogue.documents.items()}
    return {name: f for name, f in found.items() if f.takes_area_index and f.document.published_as is not None}


def formula_of_year(catalogue: NeedCatalogue, year: str) -> Formula:
    """The one formula of a year whose coefficients can be recovered.

    Raises:
        DataError: there is none, or several.
    """
    known = recoverable(catalogue)
    mine = sorted(name for name, formula in known.items() if year in formula.document.years)
    if len(mine) == 1:
        return catalogue.formula(mine[0])
    if mine:
        message = f"found the formulas {', '.join(mine)} for {year}; expected one. Choose it with --formula"
    else:
        years = sorted({y for formula in known.values() for y in formula.document.years})
        message = f"found the year {year}; expected one whose formula takes a cost index by area: {', '.join(years)}"
    raise DataError(message)


@dataclass(frozen=True)
class PublishedColumn:
    """A published overall that a table carries, and the formulas that have a use for it."""

    component: str
    column: str
    practices: int
    """Practices with a figure."""
    persons: float
    """Their published weighted persons."""
    taken_by: tuple[str, ...]
    """Formulas of the year that take the column as it stands."""
    recovers: tuple[str, ...]
    """Formulas of the year whose area coefficients can be recovered from it."""


def published_columns(rows: pl.DataFrame, catalogue: NeedCatalogue, year: FinancialYear) -> tuple[PublishedColumn, ...]:
    """The published overalls among the columns of `rows` that have any figure."""
    mine = {name: document for name, document in catalogue.documents.items() if year in document.years}
    known = recoverable(catalogue)
    found = []
    for component in catalogue.components.values():
        if component.kind != "published overall" or component.column not in rows.columns:
            continue
        values = rows.get_column(component.column).drop_nulls()
        if values.is_empty():
            continue
        reads = {name: [c.component for b in document.blocks for c in b.components] for name, document in mine.items()}
        found.append(
            PublishedColumn(
                component=component.id,
                column=component.column,
                practices=len(values),
                persons=float(values.sum()),
                taken_by=tuple(sorted(name for name, parts in reads.items() if parts == [component.id])),
                recovers=tuple(sorted(n for n in known if n in mine and mine[n].published_as == component.id)),
            )
        )
    return tuple(found)


def read_published(
    given: Given,
    catalogue: NeedCatalogue,
    *,
    formula: Formula | None = None,
    year: str | None = None,
    column: str | None = None,
    column_map: dict[str, str] | None = None,
) -> tuple[Formula, FinancialYear, Frame[PublishedOverall]]:
    """The published overall of one year of a file, with the formula and the year it belongs to.

    Args:
        given: a table with the practices and the published column; other columns are ignored.
        catalogue: the need documents.
        formula: the formula; that of the year where left out.
        year: the year to use, needed where the file has several or no column "year".
        column: heading of the published column, where it is not one of those known.
        column_map: the file's column name by ours, for files with other headings.

    Raises:
        SourceError: no published column, a year must be chosen, or cells cannot be read; every fault at once.
        DataError: no formula of that year has coefficients to recover.
    """
    table = raw_table(given)
    path, available = table.where, table.cells.columns
    names = {k: v for k, v in (column_map or {}).items() if k in {"practice_code", "year"}}
    candidates = (
        [formula] if formula is not None else sorted(recoverable(catalogue).values(), key=lambda known: known.id)
    )
    names["published_persons"] = column or _published_column(path, available, candidates, catalogue)
    loose: type[Schema] = type(
        "PublishedOverall",
        (Schema,),
        {
            "practice_code": PRACTICE,
            "year": YEAR.but(nullable=True),
            "published_persons": Column(pl.Float64, "weighted persons", "Overall as published", nullable=True),
        },
    )
    rows = rows_of(table, loose, column_map=names, keep_extra=True)
    found = years_of(path, rows)
    known_years = tuple(sorted({str(y) for f in candidates for y in f.document.years}))
    chosen = year_of(path, year, found, known_years)
    mine = rows.filter(pl.col("year") == str(chosen)) if found else rows
    used = formula or formula_of_year(catalogue, str(chosen))
    faults = Faults()
    used.check_year(chosen, faults)
    empty = mine.get_column("published_persons").null_count()
    if empty == mine.height:
        where = f"{path}: column {names['published_persons']!r}"
        faults.add(where, f"no value in any of the {mine.height} rows of {chosen}", "the published overall")
    faults.raise_if_any(SourceError, f"{path}: nothing can be recovered from it")
    kept = mine.drop_nulls("published_persons").select("practice_code", "published_persons")
    return used, chosen, PublishedOverall.validate(kept, where=path)


def _published_column(path: str, available: list[str], formulas: list[Formula], catalogue: NeedCatalogue) -> str:
    """The heading under which a file carries the published overall of one of these formulas."""
    overall: dict[str, Component] = {}
    for formula in formulas:
        if formula.document.published_as is not None:
            overall[formula.document.published_as] = catalogue.components[formula.document.published_as]
    headings = [h for c in overall.values() for h in (c.column, *c.other_columns, *c.place_tool_headings)]
    for heading in headings:
        if heading in available:
            return heading
    remedy = f"{suggest(headings[0], available)} " if headings else ""
    faults = Faults()
    faults.add(
        path,
        "no column of published overall weighted persons",
        f"one of {', '.join(headings)}" if headings else "a formula whose overall is published",
        f"{remedy}Give its heading with --column.",
    )
    faults.raise_if_any(SourceError, f"{path}: the column to recover from is missing")
    return ""
