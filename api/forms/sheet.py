"""A template as a workbook: a page that says how to fill it, and the sheet; a filled one with faults, each beside its cell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from api.forms.kinds import Row, Template
from capitation.money.written_numbers import exact_number
from capitation.records.whole_files import write_whole

_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
WRONG = "What is wrong"
"""Heading of the column that a returned template has more."""
_LAST_ROW = 20_000


def write_template(
    template: Template, rows: Sequence[Row], path: Path, wrong: Mapping[tuple[int, str], str] | None = None
) -> Path:
    """Write a template.

    Args:
        template: which.
        rows: what it begins with.
        path: the workbook.
        wrong: what is wrong, by number of the row from 0 and key of the column; the sheet then has a column that says it, and a note at the cell.
    """

    def write(partial: Path) -> None:
        with xlsxwriter.Workbook(str(partial), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
            book.set_properties({"title": f"Template: {template.name}", "created": _EPOCH})
            _how_to(book, template)
            _table(book, template, rows, wrong or {})

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


def _table(
    book: xlsxwriter.Workbook, template: Template, rows: Sequence[Row], wrong: Mapping[tuple[int, str], str]
) -> None:
    page = book.add_worksheet(template.name)
    marked = book.add_format({"bg_color": "#ffeb9c", "bold": True})
    said = [[_cell(template, row, column) for column in range(len(template.headings))] for row in rows]
    heads = [each.title for each in template.headings]
    if wrong:
        heads.append(WRONG)
        titles = {each.key: each.title for each in template.headings}
        for number, cells in enumerate(said):
            mine = [f"{titles[key]}: expected {what}" for (row, key), what in wrong.items() if row == number]
            cells.append("; ".join(mine))
    page.add_table(
        0, 0, max(len(said), 1), len(heads) - 1,
        {"name": f"t_{template.name}", "columns": [{"header": head} for head in heads], "data": said, "autofilter": False, "style": "Table Style Light 1"},
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
    if wrong:
        page.set_column(len(heads) - 1, len(heads) - 1, 80)
        keys = [each.key for each in template.headings]
        for (number, key), what in wrong.items():
            value = _cell(template, rows[number], keys.index(key))
            _write(page, number + 1, keys.index(key), value, marked)
            page.write_comment(number + 1, keys.index(key), f"expected {what}")
    page.freeze_panes(1, 1)


def _write(page: Any, row: int, column: int, value: str | float, look: object) -> None:  # noqa: ANN401  # the library has no types
    (page.write_number if isinstance(value, float) else page.write_string)(row, column, value, look)


def _cell(template: Template, row: Row, column: int) -> str | float:
    """A cell as it is written: a number where the column holds numbers and a double holds all its digits, else the text."""
    heading = template.headings[column]
    text = row.get(heading.key, "")
    if heading.is_number and text and not heading.wrong(text):
        exact = exact_number(text)
        if len(exact.as_tuple().digits) <= 15:
            return float(exact)
    return text
