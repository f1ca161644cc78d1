"""A run as one accessible workbook, with a manifest and a data dictionary before the figures.

The workbook follows the public sector's checklist for accessible spreadsheets: a cover and a notes sheet, one marked-up table a
sheet with unique names and headings, no merged cells, no hidden rows, no empty rows or columns inside a table. The
same run gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from api.exports.pounds import headings, money_columns
from capitation.errors import SourceError
from capitation.records.frames import Schema
from capitation.records.identity import canonical
from capitation.records.whole_files import write_whole
from capitation.run.run import Run

if TYPE_CHECKING:
    import xlsxwriter

_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
_LARGEST_SHEET = 1_048_575


def export_xlsx(run: Run, path: Path, schemas: Mapping[str, type[Schema]]) -> Path:
    """Write a run as one workbook: cover, manifest, data dictionary, then one table a sheet.

    Args:
        run: the run.
        path: the workbook's file; it appears only once it is whole.
        schemas: schema by frame name, for the dictionary.

    Raises:
        SourceError: a frame is too long for a sheet, or the file cannot be written.
    """
    import xlsxwriter

    too_long = [name for name, frame in run.frames.items() if frame.height > _LARGEST_SHEET]
    if too_long:
        message = f"{path}: frame(s) {', '.join(too_long)} have more rows than a sheet holds ({_LARGEST_SHEET}); export CSV instead"
        raise SourceError(message)

    def write(partial: Path) -> None:
        with xlsxwriter.Workbook(str(partial), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
            book.set_properties({"title": f"Capitation run {run.id}", "created": _EPOCH})
            _cover(book, run)
            _manifest(book, run)
            _dictionary(book, run, schemas)
            names: set[str] = {"cover", "manifest", "data dictionary"}
            for name, frame in run.frames.items():
                _table(book, _sheet_name(name, names), name, frame)

    try:
        return write_whole(path, write)
    except xlsxwriter.exceptions.XlsxWriterException as error:
        message = f"{path}: cannot be written: {error}"
        raise SourceError(message) from error


def _sheet_name(name: str, taken: set[str]) -> str:
    short = re.sub(r"[\[\]:*?/\\]", " ", name.replace("_", " "))[:31]
    number = 2
    while short in taken:
        short = f"{short[:28]} {number}"
        number += 1
    taken.add(short)
    return short


def _cover(book: xlsxwriter.Workbook, run: Run) -> None:
    sheet = book.add_worksheet("cover")
    sheet.set_column(0, 0, 100, book.add_format({"text_wrap": True, "valign": "top"}))
    title = str(run.manifest.scenario.get("title", run.manifest.scenario.get("id", "scenario")))
    lines = [
        (f"Allocations: {title}", book.add_format({"bold": True, "font_size": 16, "text_wrap": True})),
        (f"Run {run.id}, made by {run.made_by}.", None),
        ("Money is in pounds; every level adds up to the penny. Shares and rates are fractions of 1.", None),
        ("The sheet 'manifest' lists the inputs with their checksums; 'data dictionary' explains each column.", None),
        ("Each of the other sheets contains one table, which starts in cell A1.", None),
    ]
    for row, (text, style) in enumerate(lines):
        sheet.write_string(row, 0, text, style)


def _manifest(book: xlsxwriter.Workbook, run: Run) -> None:
    rows = [("run id", run.id), ("engine version", run.manifest.engine_version), ("code", run.manifest.code)]
    rows += [(f"scenario: {key}", _said(value)[:500]) for key, value in run.manifest.scenario.items()]
    rows += [(f"input: {name}", checksum) for name, checksum in run.manifest.inputs.items()]
    rows += [(f"frame: {name}", f"{r.rows} rows, checksum {r.sha256}") for name, r in run.manifest.frames.items()]
    frame = pl.DataFrame(rows, schema={"item": pl.String, "content": pl.String}, orient="row")
    _table(book, "manifest", "manifest", frame)


def _said(value: object) -> str:
    """A value of the scenario as text: the same however its keys were ordered when it was read."""
    return value if isinstance(value, str) else canonical(value)


def _dictionary(book: xlsxwriter.Workbook, run: Run, schemas: Mapping[str, type[Schema]]) -> None:
    rows = []
    for name, frame in run.frames.items():
        titles = headings(frame)
        columns = schemas[name].columns() if name in schemas else {}
        for column in frame.columns:
            about = columns[column].about if column in columns else ""
            unit = columns[column].unit if column in columns else ""
            rows.append((name, titles.get(column, column), "pounds" if column in titles else unit, about))
    schema = {"table": pl.String, "column": pl.String, "unit": pl.String, "meaning": pl.String}
    _table(book, "data dictionary", "data_dictionary", pl.DataFrame(rows, schema=schema, orient="row"))


def _table(book: xlsxwriter.Workbook, sheet_name: str, table_name: str, frame: pl.DataFrame) -> None:
    sheet = book.add_worksheet(sheet_name)
    money, titles = set(money_columns(frame)), headings(frame)
    pounds = book.add_format({"num_format": "#,##0.00"})
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    values = frame.with_columns(
        pl.col(name) / 100 for name in money
    )  # a cell is a double: exact to the penny below 2^53
    columns = [{"header": titles.get(c, c), **({"format": pounds} if c in money else {})} for c in frame.columns]
    sheet.add_table(
        0,
        0,
        max(frame.height, 1),
        max(len(frame.columns) - 1, 0),
        {
            "name": re.sub(r"\W", "_", f"t_{table_name}"),
            "columns": columns,
            "data": [list(row) for row in values.iter_rows()],
            "autofilter": False,
            "style": "Table Style Light 1",
        },
    )
    for index, name in enumerate(frame.columns):
        width = 48 if name in {"meaning", "content", "reason", "about", "where"} else min(max(len(name) + 4, 14), 40)
        sheet.set_column(index, index, width, None if name in money else wrap)
