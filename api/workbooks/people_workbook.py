"""A run as a workbook for people: contents with links, the summary first, names beside codes, ready to print and to be read aloud.

It keeps the public sector's checklist for accessible spreadsheets: one marked-up table a sheet under a title in A1, unique names, no
merged cells, no hidden rows, no empty rows or columns in a table, nothing said by colour alone. The same run gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import xlsxwriter

from api.workbooks.assumption_sheets import AssumptionTable
from api.workbooks.beside import assumed, called
from api.workbooks.people_sheet import PeopleSheet
from api.workbooks.people_sheets import people_sheets
from capitation.errors import SourceError
from capitation.pack.sources import DataPack
from capitation.records.whole_files import write_whole
from capitation.run.run import Run

_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
_A4 = 9
_HEADING_ROW = 3
_LINE = 15
"""Height of a line of words in points."""
_NARROWEST, _WIDEST = 9, 68
_PAGE, _EASY = 170, 32
"""Characters across a page that is still read with ease, and the least that a column of words gives way to."""


def workbook_of(run: Run, path: Path, pack: DataPack, folder: Path | None = None) -> Path:
    """Write a run as a workbook for people, with the names and the log of assumptions that its data pack has.

    Args:
        run: a run of a scenario, a plan or contract options.
        path: the workbook's file; it appears only once it is whole.
        pack: the data that the run was made from.
        folder: folder of the written run, where its own log of assumptions may be kept.

    Raises:
        SourceError: the file cannot be written.
    """
    return people_workbook(run, path, called(run, pack), assumed(run, pack, folder))


def people_workbook(
    run: Run, path: Path, names: Mapping[str, str] | None = None, log: AssumptionTable | None = None
) -> Path:
    """Write a run as a workbook for people.

    Args:
        run: a run of a scenario, a plan or contract options.
        path: the workbook's file; it appears only once it is whole.
        names: names of streams of money, contract options and other codes that the run itself does not name.
        log: its assumptions by their effect, where a log is kept.

    Raises:
        SourceError: the file cannot be written.
    """
    sheets, lacks = people_sheets(run, names, log)

    def write(partial: Path) -> None:
        with xlsxwriter.Workbook(str(partial), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
            book.set_properties(
                {
                    "title": f"{_title(run)}: run {run.id}",
                    "subject": "Allocations, contracts and investments",
                    "created": _EPOCH,
                }
            )
            formats = _Formats(book)
            _contents(book, run, sheets, lacks, formats)
            for sheet in sheets:
                _sheet(book, run, sheet, formats)

    try:
        return write_whole(path, write)
    except xlsxwriter.exceptions.XlsxWriterException as error:
        raise SourceError(f"{path}: cannot be written: {error}") from error


class _Formats:
    """How cells look, made once."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self.title = book.add_format({"bold": True, "font_size": 16})
        self.line = book.add_format({"valign": "top"})
        self.words = book.add_format({"text_wrap": True, "valign": "top"})
        self.head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        self.number_head = book.add_format(
            {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "align": "right"}
        )
        self.words_after = book.add_format({"text_wrap": True, "valign": "top", "align": "left", "indent": 1})
        self.head_after = book.add_format(
            {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "align": "left", "indent": 1}
        )
        self.money = book.add_format({"num_format": "#,##0;-#,##0", "valign": "top"})
        self.whole = book.add_format({"num_format": "#,##0", "valign": "top"})
        self.number = book.add_format({"num_format": "#,##0.0###", "valign": "top"})
        self.share = book.add_format({"num_format": "+0.0%;-0.0%;0.0%", "valign": "top"})
        self.link = book.get_default_url_format()


def _title(run: Run) -> str:
    return str(run.manifest.scenario.get("title") or run.manifest.scenario.get("id") or "no title")


def _contents(
    book: xlsxwriter.Workbook, run: Run, sheets: Sequence[PeopleSheet], lacks: Sequence[str], formats: _Formats
) -> None:
    page = book.add_worksheet("Contents")
    _paper(page, run)
    page.set_column(0, 0, 26)
    page.set_column(1, 1, 84)
    page.write_string(0, 0, _title(run), formats.title)
    facts = [
        f"Run {run.id}, made by {run.made_by}.",
        "Money is in pounds: cells are exact to the penny and show whole pounds. Parts add up to the whole at every level.",
        "Each sheet contains one table, which starts in row 4 under its title and a sentence on what it shows.",
        *([f"Not in this run: {'; '.join(lacks)}."] if lacks else []),
        "A sheet for every table of the run: capitation workbook RUN --all, or sheets = all of an export by the service.",
    ]
    for row, text in enumerate(facts, 1):
        page.write_string(row, 0, text, formats.line)
    start = len(facts) + 1
    page.add_table(start, 0, start + len(sheets), 1, {"name": "t_contents", "autofilter": False, "style": "Table Style Light 1", "columns": [{"header": "Sheet"}, {"header": "What it says"}]})  # fmt: skip
    for row, sheet in enumerate(sheets, start + 1):
        page.write_url(row, 0, f"internal:'{sheet.name}'!A1", formats.link, sheet.name)
        page.write_string(row, 1, sheet.title, formats.words)


def _sheet(book: xlsxwriter.Workbook, run: Run, sheet: PeopleSheet, formats: _Formats) -> None:
    page = book.add_worksheet(sheet.name)
    _paper(page, run)
    page.write_string(0, 0, sheet.title, formats.title)
    page.write_string(1, 0, sheet.about, formats.line)
    page.write_url(2, 0, "internal:'Contents'!A1", formats.link, "Back to the contents")
    rows = sheet.rows.with_columns(
        pl.col(name) / 100 for name in sheet.money
    )  # a cell is a double: exact to the penny below 2^53
    looks = [_look(sheet, name, formats) for name in rows.columns]
    heads = [formats.head if look is formats.words else formats.number_head for look in looks]
    for number in range(1, len(looks)):  # words right of a figure keep away from it
        if looks[number] is formats.words and heads[number - 1] is formats.number_head:
            looks[number], heads[number] = formats.words_after, formats.head_after
    page.add_table(
        _HEADING_ROW, 0, _HEADING_ROW + max(rows.height, 1), max(len(rows.columns) - 1, 0),
        {
            "name": f"t_{sheet.name.lower().replace(' ', '_')}", "autofilter": False, "style": "Table Style Light 1",
            "columns": [{"header": name, "header_format": head, "format": look} for name, head, look in zip(rows.columns, heads, looks, strict=True)],
            "data": [list(row) for row in rows.iter_rows()],
        },
    )  # fmt: skip
    widths = _widths(sheet)
    for number, (width, look) in enumerate(zip(widths, looks, strict=True)):
        page.set_column(number, number, width, look)
    page.set_row(
        _HEADING_ROW, _LINE * max(_lines(name, width) for name, width in zip(rows.columns, widths, strict=True))
    )
    words = [number for number, dtype in enumerate(rows.dtypes) if dtype == pl.String]
    for at, row in enumerate(rows.iter_rows(), _HEADING_ROW + 1):
        tall = max((_lines(row[number] or "", widths[number]) for number in words), default=1)
        if tall > 1:
            page.set_row(at, _LINE * tall)
    page.freeze_panes(_HEADING_ROW + 1, 1)
    page.repeat_rows(_HEADING_ROW)


def _look(sheet: PeopleSheet, name: str, formats: _Formats) -> object:
    dtype = sheet.rows.schema[name]
    if name in sheet.money:
        return formats.money
    if name in sheet.shares:
        return formats.share
    if dtype.is_integer():
        return formats.whole
    return formats.number if dtype.is_numeric() else formats.words


def _lines(text: str, width: int) -> int:
    """Lines that a text takes in a column, broken between words where they fit."""
    lines, used = 1, 0
    for word in text.split():
        if used and used + 1 + len(word) > width - 1:
            lines, used = lines + 1, 0
        used += len(word) + (1 if used else 0)
        while used > width - 1:
            lines, used = lines + 1, used - (width - 1)
    return lines


def _widths(sheet: PeopleSheet) -> list[int]:
    """Characters that the columns are wide; the widest columns of words give way where a printed page would be too small to read."""
    wide = {name: _width(sheet, name) for name in sheet.rows.columns}
    while sum(wide.values()) > _PAGE:
        words = [name for name in wide if sheet.rows.schema[name] == pl.String and wide[name] > _EASY]
        if not words:
            break
        wide[max(words, key=lambda name: wide[name])] -= 1
    return list(wide.values())


def _width(sheet: PeopleSheet, name: str) -> int:
    """Characters that a column is wide: the longest cell, within bounds, and room for the longest word of its heading."""
    values = sheet.rows[name]
    if name in sheet.money:
        longest = max((len(f"{int(value) // 100:,}") for value in values.drop_nulls()), default=0)
    else:
        longest = (
            max((len(str(value)) for value in values.drop_nulls()), default=0) if values.dtype == pl.String else 10
        )
    head = max(len(word) for word in name.split()) + 2
    return min(max(longest + 2, head, len(name) // 2 + 2, _NARROWEST), _WIDEST)


def _paper(page: xlsxwriter.worksheet.Worksheet, run: Run) -> None:
    """How a sheet is printed: A4 across, one page wide, the run and the page at its foot."""
    page.set_landscape()
    page.set_paper(_A4)
    page.fit_to_pages(1, 0)
    page.set_margins(0.4, 0.4, 0.5, 0.6)
    page.set_footer(f"&L&A&Crun {run.id}&RPage &P of &N")
