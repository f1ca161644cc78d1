"""A template as a workbook: a page that says how to fill it, and the sheet; a filled one with faults, each beside its cell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter

from api.forms.kinds import Row, Template
from capitation.money.written_numbers import exact_number
from capitation.records.whole_files import write_whole

_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
WRONG = "What is wrong"
"""Heading of the column that a returned template has more."""
_LAST_ROW = 20_000


@dataclass(frozen=True)
class GivenBack:
    """A filled sheet that goes back with its faults; rows and columns are those of the sheet, from 1."""

    heads: Sequence[str]
    """Headings as they stood."""
    cells: Mapping[tuple[int, int], str]
    """Cells as text, where they stood."""
    numbers: Collection[int]
    """Columns of numbers."""
    wrong: Mapping[tuple[int, int], str]
    """What is expected instead of a cell."""
    on_top: Sequence[str] = ()
    """What is wrong with the sheet as a whole."""


def write_template(template: Template, rows: Sequence[Row], path: Path) -> Path:
    """Write a template.

    Args:
        template: which.
        rows: what it begins with.
        path: the workbook.
    """
    return _write(path, "Template", template, lambda book: _table(book, template, rows))


def _write(path: Path, title: str, template: Template, fill: Callable[[xlsxwriter.Workbook], None]) -> Path:
    """A workbook with the page on how to fill it, and the sheet that `fill` adds."""

    def write(partial: Path) -> None:
        with xlsxwriter.Workbook(str(partial), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
            book.set_properties({"title": f"{title}: {template.name}", "created": _EPOCH})
            _how_to(book, template)
            fill(book)

    return write_whole(path, write)


def _how_to(book: xlsxwriter.Workbook, template: Template) -> None:
    page = book.add_worksheet("How to fill it")
    page.set_column(0, 0, 24)
    page.set_column(1, 2, 60)
    page.write_string(0, 0, template.about, book.add_format({"bold": True, "font_size": 14}))
    page.write_string(
        1, 0, f"Fill the sheet {template.name}, save, and read it back: capitation template read FILE --out OUT"
    )
    data = [[each.title, each.about, "needed" if each.is_needed else "may be empty"] for each in template.headings]
    columns = [{"header": name} for name in ("Column", "What to write", "Needed")]
    page.add_table(
        2,
        0,
        2 + len(data),
        2,
        {"name": "t_columns", "columns": columns, "data": data, "autofilter": False, "style": "Table Style Light 1"},
    )


def _table(book: xlsxwriter.Workbook, template: Template, rows: Sequence[Row]) -> None:
    page = book.add_worksheet(template.name)
    data = [[_cell(template, row, column) for column in range(len(template.headings))] for row in rows]
    page.add_table(
        0, 0, max(len(data), 1), len(template.headings) - 1,
        {"name": f"t_{template.name}", "columns": [{"header": each.title} for each in template.headings], "data": data, "autofilter": False,
         "style": "Table Style Light 1"},
    )  # fmt: skip
    for column, each in enumerate(template.headings):
        longest = max((len(row.get(each.key, "")) for row in rows[:500]), default=0)
        page.set_column(column, column, min(max(len(each.title) + 2, longest + 2, 10), 60))
        page.write_comment(0, column, each.about)
        if each.is_number:
            page.data_validation(
                1,
                column,
                _LAST_ROW,
                column,
                {"validate": "any", "input_title": each.title, "input_message": each.about},
            )
    page.freeze_panes(1, 1)


def write_back(path: Path, template: Template, filled: GivenBack) -> Path:
    """Write a filled sheet with a note at each cell that is wrong, and a column that says what is wrong in each row.

    Every cell stands where it stood, so that the addresses of the message are those of this file.
    """
    return _write(path, "Template with faults", template, lambda book: _with_faults(book, template, filled))


def _with_faults(book: xlsxwriter.Workbook, template: Template, filled: GivenBack) -> None:
    page = book.add_worksheet(template.name)
    marked = book.add_format({"bg_color": "#ffeb9c", "bold": True})
    heading = book.add_format({"bold": True, "bottom": 1})
    heads = list(filled.heads)
    beside = heads.index(WRONG) if WRONG in heads else len(heads)
    for column, head in enumerate(heads):
        page.write_string(0, column, head, marked if (1, column + 1) in filled.wrong else heading)
        page.set_column(column, column, min(max(len(head) + 2, 14), 60))
    page.write_string(0, beside, WRONG, heading)
    page.set_column(beside, beside, 80)
    if filled.on_top:
        page.write_comment(0, beside, "\n".join(filled.on_top))
    for (row, column), text in filled.cells.items():
        if text and column - 1 != beside:
            look = marked if (row, column) in filled.wrong else None
            is_number = column in filled.numbers and (row, column) not in filled.wrong
            value = _number(text) if is_number else text
            (page.write_number if isinstance(value, float) else page.write_string)(row - 1, column - 1, value, look)
    said: dict[int, list[str]] = {}
    for (row, column), what in filled.wrong.items():
        page.write_comment(row - 1, column - 1, f"expected {what}")
        if row == 1:
            continue
        said.setdefault(row, []).append(f"{heads[column - 1]}: expected {what}")
        if not filled.cells.get((row, column)):
            page.write_blank(row - 1, column - 1, None, marked)
    for row, each in said.items():
        page.write_string(row - 1, beside, "; ".join(each))
    page.freeze_panes(1, 1)


def _cell(template: Template, row: Row, column: int) -> str | float:
    """A cell as it is written: a number where the column holds numbers, else the text."""
    heading = template.headings[column]
    text = row.get(heading.key, "")
    return _number(text) if heading.is_number and text and not heading.wrong(text) else text


def _number(text: str) -> str | float:
    """A number as a double, where that has all its digits."""
    exact = exact_number(text)
    return float(exact) if len(exact.as_tuple().digits) <= 15 else text
