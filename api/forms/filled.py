"""A filled template read back: every cell checked, every fault named by sheet and cell, and the file given back with each beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from api.forms.cells import said
from api.forms.kinds import TEMPLATES, Row, Template, written
from api.forms.sheet import WRONG, GivenBack, write_back
from capitation.errors import Faults, SourceError, suggest
from capitation.money.written_numbers import exact_number
from capitation.pack.sources import DataPack
from capitation.records.whole_files import write_all_whole

_SHOWN = 60
"""Characters of a cell that a message repeats."""
_HEADS_WITHIN = 20
"""Rows within which headings are looked for that do not stand in the first."""
_ROWS_NAMED = 8
"""Hidden rows that one message names."""


def read_template(
    path: Path, out: Path, pack: DataPack, *, is_own_pack: bool = True, notes: list[str] | None = None
) -> list[Path]:
    """Read a filled template and write what is made of it.

    Args:
        path: the workbook.
        out: a file, where one is made, or a folder.
        pack: the data pack it was written from.
        is_own_pack: whether the pack is that of the template's system beyond doubt; otherwise codes of which it knows none are taken as
            another system's and not looked up.
        notes: what a reader should know of what was not looked up is added here.

    Returns:
        What was written; nothing where the template says what the pack says.

    Raises:
        SourceError: there are faults, all named by sheet and cell; the template is then given back as FILE-faults.xlsx with each fault beside its
            cell, and nothing else is written.
    """
    form = _opened(path)
    _check_heads(form)
    _check_cells(form)
    if form.rows and not form.missing:
        _check_together(form, pack, is_own_pack=is_own_pack, notes=notes)
    if not form.rows:
        form.on_sheet("no rows", "at least one")
    if len(form.faults) and form.rows:
        back = write_back(path.with_name(f"{path.stem}-faults.xlsx"), form.template, form.returned())
        form.faults.raise_if_any(SourceError, f"{path}: cannot be read; each fault is shown beside its cell in {back}")
    form.faults.raise_if_any(SourceError, f"{path}: cannot be read")
    files = form.template.files(form.rows, pack)
    places = written(files, out)
    write_all_whole({place: partial(_write, text) for place, text in zip(places, files.values(), strict=True)})
    return places


@dataclass
class _Form:
    """A filled template with what is wrong in it."""

    path: Path
    template: Template
    sheet: Worksheet
    as_written: Worksheet
    heads: list[str]
    faults: Faults = field(default_factory=Faults)
    wrong: dict[tuple[int, int], str] = field(default_factory=dict)
    """What is expected, by row and column of the sheet; row 1 has what is wrong with a heading."""
    on_top: list[str] = field(default_factory=list)
    """What is wrong with the sheet as a whole."""
    rows: list[Row] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    """Row of the sheet that each of `rows` stands in."""

    @property
    def columns(self) -> dict[str, int]:
        """Column of the sheet by key, those that are missing left out."""
        return {
            each.key: self.heads.index(each.title) + 1 for each in self.template.headings if each.title in self.heads
        }

    @property
    def missing(self) -> list[str]:
        """Titles of columns that the sheet does not have."""
        return [each.title for each in self.template.headings if each.title not in self.heads]

    def on_sheet(self, found: str, expected: str, *, row: int | None = None, remedy: str = "") -> None:
        """Keep a fault of the sheet, or of one of its rows."""
        where = f"{self.path}: sheet {self.sheet.title}{'' if row is None else f', row {row}'}"
        self.faults.add(where, found, expected, remedy)
        self.on_top.append(f"found {found}; expected {expected}{'. ' + remedy if remedy else ''}")

    def at_cell(self, row: int, column: int, found: str, expected: str) -> None:
        """Keep a fault of a cell; the first of each cell."""
        if (row, column) in self.wrong:
            return
        self.wrong[row, column] = expected
        shown = found if len(found) <= _SHOWN else f"{found[:_SHOWN]}... ({len(found)} characters)"
        cell = f"{get_column_letter(column)}{row}"
        self.faults.add(
            f"{self.path}: sheet {self.sheet.title}, cell {cell}", repr(shown) if found else "an empty cell", expected
        )

    def returned(self) -> GivenBack:
        """The sheet as it is given back: every cell where it stood."""
        numbers = {
            self.columns[each.key] for each in self.template.headings if each.is_number and each.title in self.heads
        }
        cells = {}
        for row in self.at:
            for column in range(1, len(self.heads) + 1):
                text, _ = said(self.sheet.cell(row, column).value, self.as_written.cell(row, column).value)
                is_number = column in numbers and (row, column) not in self.wrong and bool(text)
                cells[row, column] = f"{exact_number(text):f}" if is_number else text
        return GivenBack(self.heads, cells, numbers, self.wrong, self.on_top)


def _write(text: str, place: Path) -> None:
    place.write_text(text, encoding="utf-8")


def _opened(path: Path) -> _Form:
    try:
        book = openpyxl.load_workbook(path, data_only=True)
        formulas = openpyxl.load_workbook(path, data_only=False)
    except (OSError, BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise SourceError(
            f"{path}: found no workbook that can be read ({error}); expected a filled template, .xlsx"
        ) from None
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    named = [each for each in TEMPLATES if each in sheets]
    shown = [each for each in named if sheets[each].sheet_state == "visible"]
    if len(shown) > 1 or (not shown and len(named) > 1):
        raise SourceError(
            f"{path}: found the sheets {', '.join(shown or named)}; expected one template a workbook. Save each as a file of its own"
        )
    if not named:
        raise SourceError(
            f"{path}: found the sheet(s) {', '.join(sheets)}; expected one of {', '.join(TEMPLATES)}{_renamed(book)}"
        )
    name = (shown or named)[0]
    sheet = sheets[name]
    heads = [" ".join(str(cell.value if cell.value is not None else "").split()) for cell in sheet[1]]
    while heads and not heads[-1]:
        heads.pop()
    form = _Form(path, TEMPLATES[name], sheet, formulas[name], heads)
    if not shown:
        form.on_sheet("a hidden sheet", "a sheet that is shown", remedy="Unhide it, so that what is read can be seen")
    return form


def _renamed(book: Workbook) -> str:
    """What to do where a sheet has the headings of a template under another name."""
    for sheet in book.worksheets:
        heads = {str(cell.value or "").strip() for cell in sheet[1]}
        for name, template in TEMPLATES.items():
            if {each.title for each in template.headings} <= heads:
                return f". Sheet {sheet.title} has the headings of {name}: rename it to {name}"
    return ""


def _check_heads(form: _Form) -> None:
    """Headings: each there, each once, none more, in the first row."""
    titles = [each.title for each in form.template.headings]
    more = [head for head in form.heads if head and head not in {*titles, WRONG}]
    for row in range(2, _HEADS_WITHIN + 1) if form.missing else ():
        if set(titles) <= {str(cell.value or "").strip() for cell in form.sheet[row]}:
            form.on_sheet(f"the headings in row {row}", "them in row 1", remedy="Remove the rows above them")
            form.faults.raise_if_any(SourceError, f"{form.path}: cannot be read")
    for head in form.missing:
        near = suggest(head, more) if more else ""
        form.on_sheet("no such column", f"a column {head!r}", row=1, remedy=near if near.startswith("Did") else "")
    for number, head in enumerate(form.heads, 1):
        if head in more:
            expected = f"only {', '.join(titles)}"
            form.faults.add(f"{form.path}: sheet {form.sheet.title}, row 1", f"a column {head!r}", expected)
            form.wrong[1, number] = expected
    for title in titles:
        if form.heads.count(title) > 1:
            form.on_sheet(f"the column {title!r} {form.heads.count(title)} times", "each column once", row=1)
    for area in form.sheet.merged_cells.ranges:
        if area.min_col <= len(form.heads):
            text, _ = said(form.sheet.cell(area.min_row, area.min_col).value, None)
            form.at_cell(
                area.min_row, area.min_col, text, f"each cell by itself; cells {area.coord} are merged. Unmerge them"
            )


def _check_cells(form: _Form) -> None:
    """Every cell by itself."""
    columns = form.columns
    merged = {
        (row, column)
        for area in form.sheet.merged_cells.ranges
        for row in range(area.min_row, area.max_row + 1)
        for column in range(area.min_col, area.max_col + 1)
    }
    for number in sorted(_rows_with_something(form.sheet) | _rows_with_something(form.as_written)):
        row: dict[str, str] = {}
        for each in form.template.headings:
            if each.key not in columns:
                continue
            column = columns[each.key]
            text, expected = said(form.sheet.cell(number, column).value, form.as_written.cell(number, column).value)
            is_empty_by_merging = (number, column) in merged and not text
            expected = expected or ("" if text or not each.is_needed or is_empty_by_merging else "something")
            expected = expected or (each.wrong(text) if text else "")
            row[each.key] = f"{exact_number(text):f}" if each.is_number and text and not expected else text
            if expected:
                form.at_cell(number, column, text, expected)
        form.rows.append(row)
        form.at.append(number)
    hidden = [number for number in form.at if form.sheet.row_dimensions[number].hidden]
    if hidden:
        named = ", ".join(map(str, hidden[:_ROWS_NAMED])) + (" ..." if len(hidden) > _ROWS_NAMED else "")
        form.on_sheet(
            f"{len(hidden)} hidden row(s) with content: {named}",
            "rows that are shown",
            remedy="Clear the filter, or remove them",
        )


def _check_together(form: _Form, pack: DataPack, *, is_own_pack: bool, notes: list[str] | None) -> None:
    """Rows beside each other and beside the data pack; a cell that is wrong by itself is named once."""
    template, columns = form.template, form.columns
    first: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(form.rows):
        key = tuple(row[name] for name in template.one_each)
        if key in first and all(key):
            once = f"each {' and '.join(template.one_each).replace('_', ' ')} once; row {form.at[first[key]]} has it"
            form.at_cell(form.at[number], columns[template.one_each[-1]], key[-1], once)
        first.setdefault(key, number)
    found = list(template.together(form.rows, pack))
    unknown = template.unknown(form.rows, pack)
    if unknown.is_other_system and not is_own_pack:
        if notes is not None:
            notes.append(unknown.note)
    else:
        found += unknown.faults
    for index, name, what in found:
        form.at_cell(form.at[index], columns[name], form.rows[index][name], what)


def _rows_with_something(sheet: Worksheet) -> set[int]:
    """Rows below the headings with a value; a sheet formatted down to its last row has a million that have none."""
    cells = sheet._cells.items()  # every public way makes each empty cell first
    return {row for (row, _), cell in cells if row > 1 and cell.value not in (None, "")}
