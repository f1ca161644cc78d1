"""A filled template read back: every cell checked, every fault named by sheet and cell, and the file given back with each beside it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from api.forms.kinds import TEMPLATES, Row, Template, written
from api.forms.sheet import WRONG, write_template
from capitation.errors import Faults, SourceError
from capitation.money.written_numbers import exact_number
from capitation.pack.sources import DataPack
from capitation.records.whole_files import write_all_whole


def read_template(path: Path, out: Path, pack: DataPack) -> list[Path]:
    """Read a filled template and write what is made of it.

    Args:
        path: the workbook.
        out: a file, where one is made, or a folder.
        pack: the data pack it was written from.

    Returns:
        What was written; nothing where the template says what the pack says.

    Raises:
        SourceError: there are faults, all named by sheet and cell; the template is then given back as FILE-faults.xlsx with each fault beside its
            cell, and nothing else is written.
    """
    template, rows, faults, wrong = _checked(path)
    if len(faults):
        back = path.with_name(f"{path.stem}-faults.xlsx")
        write_template(template, rows, back, wrong)
        faults.raise_if_any(SourceError, f"{path}: cannot be read; each fault stands beside its cell in {back}")
    files = template.files(rows, pack)
    places = written(files, out)
    write_all_whole({place: partial(_write, text) for place, text in zip(places, files.values(), strict=True)})
    return places


def _write(text: str, place: Path) -> None:
    place.write_text(text, encoding="utf-8")


def _checked(path: Path) -> tuple[Template, list[Row], Faults, dict[tuple[int, str], str]]:
    try:
        book = openpyxl.load_workbook(path, data_only=True)
        formulas = openpyxl.load_workbook(path, data_only=False)
    except (OSError, BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise SourceError(
            f"{path}: found no workbook that can be read ({error}); expected a filled template, .xlsx"
        ) from None
    name = next((each for each in TEMPLATES if each in book.sheetnames), None)
    if name is None:
        raise SourceError(
            f"{path}: found the sheet(s) {', '.join(book.sheetnames)}; expected one of {', '.join(TEMPLATES)}"
        )
    template, sheet, written_as = TEMPLATES[name], book[name], formulas[name]
    heads = [str(cell.value or "").strip() for cell in sheet[1]]
    missing = [each.title for each in template.headings if each.title not in heads]
    more = [head for head in heads if head and head not in {each.title for each in template.headings} | {WRONG}]
    faults = Faults()
    for head in missing:
        faults.add(f"{path}: sheet {name}, row 1", "no such column", f"a column {head!r}")
    for head in more:
        faults.add(
            f"{path}: sheet {name}, row 1",
            f"a column {head!r}",
            f"only {', '.join(each.title for each in template.headings)}",
        )
    for each in template.headings:
        if heads.count(each.title) > 1:
            faults.add(
                f"{path}: sheet {name}, row 1",
                f"the column {each.title!r} {heads.count(each.title)} times",
                "each column once",
            )
    faults.raise_if_any(SourceError, f"{path}: cannot be read")
    columns = {each.key: heads.index(each.title) for each in template.headings}
    rows: list[Row] = []
    at: list[int] = []
    wrong: dict[tuple[int, str], str] = {}
    for number in sorted(_rows_with_something(sheet) | _rows_with_something(written_as)):
        row: dict[str, str] = {}
        for each in template.headings:
            column = columns[each.key] + 1
            text, expected = _said(sheet.cell(number, column).value, written_as.cell(number, column).value)
            expected = expected or ("" if text or not each.is_needed else "something")
            expected = expected or (each.wrong(text) if text else "")
            row[each.key] = f"{exact_number(text):f}" if each.is_number and text and not expected else text
            if expected:
                wrong[len(rows), each.key] = expected
        rows.append(row)
        at.append(number)
    if not rows:
        faults.add(f"{path}: sheet {name}", "no rows", "at least one")
        faults.raise_if_any(SourceError, f"{path}: cannot be read")
    _twice(template, rows, at, wrong)
    if not wrong:
        wrong |= {(index, key): what for index, key, what in template.together(rows)}
    for (index, key), what in wrong.items():
        cell, found = f"{get_column_letter(columns[key] + 1)}{at[index]}", rows[index][key]
        faults.add(f"{path}: sheet {name}, cell {cell}", repr(found) if found else "an empty cell", what)
    return template, rows, faults, wrong


def _rows_with_something(sheet: Worksheet) -> set[int]:
    """Rows below the headings with a value; a sheet formatted down to its last row has a million that have none."""
    cells = sheet._cells.items()  # every public way makes each empty cell first
    return {row for (row, _), cell in cells if row > 1 and cell.value not in (None, "")}


def _twice(template: Template, rows: list[Row], at: list[int], wrong: dict[tuple[int, str], str]) -> None:
    """Rows whose key stands in an earlier row already."""
    first: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(rows):
        key = tuple(row[name] for name in template.one_each)
        if key in first and all(key):
            wrong.setdefault(
                (number, template.one_each[-1]),
                f"each {' and '.join(template.one_each).replace('_', ' ')} once; row {at[first[key]]} has it",
            )
        first.setdefault(key, number)


def _said(value: object, formula: object) -> tuple[str, str]:
    """A cell as text, and what is expected instead where it is no word and no number."""
    if value is None and isinstance(formula, str) and formula.startswith("="):
        return formula, "a value; open the file in Excel and save it, so that its formulas have values"
    if value is None:
        return "", ""
    if isinstance(value, bool):
        return str(value), "a word or a number"
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return str(value), "a word or a number; found a date (format the cell as text)"
    if isinstance(value, float):
        return (f"{Decimal(repr(value)):f}".rstrip("0").rstrip(".") if value != int(value) else str(int(value))), ""
    text = str(value).strip()
    return text, "a value; the cell holds a spreadsheet error" if text.startswith("#") else ""
