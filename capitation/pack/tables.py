"""Tables as people keep them, read one way everywhere: CSV, Excel and parquet, in the forms that ordinary programs write.

    ending          .csv, .txt or .tsv in any case (text), .xlsx (Excel), .parquet
    text            UTF-8 with or without a byte-order mark, or UTF-16 with one; commas, semicolons or tabs by the heading line
    heading         the first line that is not blank, or the one the user names; in a workbook the first row that is as wide as
                    the table
    cells           stripped of spaces at both ends; an empty cell is empty
    blank lines     are left out; so are notes below the table (lines after a blank one that fill the first cell only), and the
                    table says so
    spreadsheet     errors (#N/A, #REF!) and formulas written as text (=VLOOKUP(A1)) are refused with their line and column

Every row remembers the line it stands on, so that a message can name it. Nothing else is mended: what cannot be read is refused, all
faults together.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from capitation.errors import Faults, SourceError, suggest

TEXT_ENDINGS = (".csv", ".txt", ".tsv")
"""Endings of text tables, in any case."""

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_SHOWN = 10
_SOME, _LONG, _STRIDE = 1_000, 2**20, 2**18
"""How much of a text shows that it has something in it; from what length a text is looked through whole, and in what parts."""
_SPREADSHEET = re.compile(
    r"^(#(N/A|REF!|DIV/0!|VALUE!|NAME\?|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA)|=.*)$", re.IGNORECASE
)
_PLAIN = "Save it as CSV with UTF-8 text."


@dataclass(frozen=True)
class FileTable:
    """The cells of a file, and where they stand in it."""

    where: str
    """The file, with its sheet where it has several."""
    frame: pl.DataFrame
    """Columns by heading: text from text files and workbooks, typed from parquet."""
    notes: tuple[str, ...] = ()
    """What was left out or chosen, one sentence each."""
    _lines: Callable[[], Sequence[int]] = field(default=lambda: (), repr=False)

    @cached_property
    def lines(self) -> Sequence[int]:
        """The line of the file that each row stands on; the heading of a plain file is line 1."""
        return self._lines()

    def line(self, row: int) -> int:
        """The line that a row of the frame stands on."""
        return self.lines[row]


@dataclass(frozen=True)
class Sheet:
    """Where a table stands in its file, where the user says so."""

    name: str | None = None
    """Name of a workbook's sheet; its only sheet, or the first with a table, by default."""
    heading: int | None = None
    """The line of the headings, counted from 1; found by default."""


def read_table(path: Path, sheet: Sheet | None = None) -> FileTable:
    """The table of a file.

    Raises:
        SourceError: the file is missing, of another kind, in another encoding, without headings, with repeated headings, ragged, or
            holds spreadsheet errors; every fault at once.
    """
    if not path.is_file():
        near = suggest(path.name, (p.name for p in path.parent.glob("*"))) if path.parent.is_dir() else ""
        found = "a folder" if path.is_dir() else "no such file"
        raise SourceError(f"{path}: {found}; expected a table. {near}".rstrip())
    return table_of(path.read_bytes(), path, sheet)


def table_of(content: bytes, path: Path, sheet: Sheet | None = None) -> FileTable:
    """The table in a file's bytes; `path` gives their form by its ending, and their name in messages.

    Raises:
        SourceError: as `read_table`.
    """
    ending = path.suffix.lower()
    if ending == ".parquet":
        return _parquet(content, path)
    if ending == ".xlsx":
        return _workbook(content, path, sheet or Sheet())
    if ending in TEXT_ENDINGS:
        return text_table(content, str(path), sheet)
    old = " Save an old Excel file as .xlsx." if ending in {".xls", ".xlsm", ".ods"} else ""
    raise SourceError(f"{path}: found the ending {path.suffix!r}; expected .csv, .xlsx or .parquet.{old}")


def text_table(content: bytes, where: str, sheet: Sheet | None = None) -> FileTable:
    """The table of a text file's bytes, with `where` as its name in messages.

    Raises:
        SourceError: as `read_table`.
    """
    text = _plain(content, where)
    at = sheet.heading if sheet else None
    first, begins, ends = _heading_line(text, at)
    if first is None:
        raise SourceError(
            f"{where}: found no heading line; expected column names in {f'line {at}' if at else 'the first line'}"
        )
    head = text[begins:ends].decode()
    delimiter = max(_DELIMITERS, key=lambda sign: (head.count(sign), sign == ","))
    headings = _headings(next(csv.reader([head], delimiter=delimiter)), where, first)
    notes = (
        [f"{where}: read with {_DELIMITERS[delimiter]} between cells"]
        if delimiter != "," and head.count(delimiter)
        else []
    )
    frame = _cells(text, ends + 1, headings, delimiter, where, first)
    numbers = _line_numbers(text, ends + 1, frame.height, first, delimiter)
    return _tidy(frame, where, notes, numbers, bare=_is_bare(text, delimiter))


def _is_bare(text: bytes, delimiter: str) -> bool:
    """Whether a text shows at a glance that no cell has spaces at its ends, quotation marks, or a spreadsheet's error."""
    if not text.isascii() or any(sign in text for sign in (b'"', b"#", b"=")):
        return False
    if len(text) < _LONG:
        between = re.escape(delimiter.encode())
        return re.search(rb"[\x00-\x09\x0b-\x1f]|(?:^|[\n%b]) | (?:[\n%b]|$)" % (between, between), text) is None
    import numpy as np  # only a long text waits for it

    signs = np.frombuffer(text, dtype=np.uint8)
    mark, end, space = ord(delimiter), ord("\n"), ord(" ")
    for at in range(0, len(signs), _STRIDE):
        part = signs[at : at + _STRIDE + 1]
        edge = (part == mark) | (part == end)
        blank = part == space
        if bool(((part < space) & ~edge).any() or (blank[1:] & edge[:-1]).any() or (edge[1:] & blank[:-1]).any()):
            return False
    return bool(signs[0] != space and signs[-1] != space)


def _plain(content: bytes, where: str) -> bytes:
    """A text file's bytes as UTF-8 without a mark, with line ends as one sign; looked at, and copied only where they must be."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = _decoded(content, "utf-16", where).encode()
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.isascii():
        _decoded(content, "utf-8", where)
    if b"\x00" in content:
        line = content[: content.index(b"\x00")].count(b"\n") + 1
        raise SourceError(f"{where}: line {line}: found a NUL character; expected text. {_PLAIN}")
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in content else content


def _decoded(content: bytes, encoding: str, where: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SourceError(
            f"{where}: line {line}: found byte 0x{content[error.start]:02x}, which is not UTF-8 text. {_PLAIN}"
        ) from error


def _heading_line(text: bytes, at: int | None) -> tuple[int | None, int, int]:
    """The heading's line, counted from 1, and where it begins and ends; none where there is no such line."""
    line, begins = 1, 0
    while begins < len(text):
        ends = text.find(b"\n", begins)
        ends = len(text) if ends < 0 else ends
        filled = bool(text[begins:ends].strip(b' \t,;"'))
        if (at is None and filled) or line == at:
            return (line if filled else None), begins, ends
        line, begins = line + 1, ends + 1
    return None, 0, 0


def _headings(cells: Sequence[str], where: str, line: int) -> list[str]:
    """Column names, each once; a nameless column at the end is nobody's and left out by its empty name."""
    names = [" ".join(cell.split()) for cell in cells]
    while names and not names[-1]:
        names.pop()
    faults = Faults()
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        faults.add(f"{where}: line {line}", f"the heading {name!r} more than once", "each heading once")
    for number, name in enumerate(names, start=1):
        if not name:
            faults.add(f"{where}: line {line}", f"no heading over column {number}", "a name over every column")
    faults.raise_if_any(SourceError, f"{where}: the headings cannot be used")
    return names


def _cells(text: bytes, begins: int, headings: list[str], delimiter: str, where: str, heading: int) -> pl.DataFrame:
    """The cells below the heading as text, one row a line, blank lines as empty rows; ragged lines are refused by number."""
    width = len(headings)
    schema = dict.fromkeys(headings, pl.String)
    if not text[begins : begins + _SOME].strip(b"\n") and not text[begins:].strip(b"\n"):
        return pl.DataFrame(schema=schema)
    with contextlib.suppress(pl.exceptions.PolarsError):  # ragged lines and open quotation marks are named below
        return pl.read_csv(text, separator=delimiter, has_header=False, schema=schema, skip_lines=heading)
    rows = _rows(text[begins:], delimiter, where, heading)
    faults = Faults()
    for line, cells in rows:
        if len([c for c in cells[width:] if c.strip()]) > 0:
            faults.add(f"{where}: line {line}", f"{len(cells)} cells", f"{width}, one under each heading")
    faults.raise_if_any(SourceError, f"{where}: some lines have more cells than headings")
    padded = [[*(cell or None for cell in cells), *[None] * width][:width] for _, cells in rows]
    return pl.DataFrame(padded, schema=schema, orient="row")


def _rows(body: bytes, delimiter: str, where: str, heading: int) -> list[tuple[int, list[str]]]:
    """Each row with the line it begins on, read cell by cell: the slow way, for files that need it."""
    reader = csv.reader(io.StringIO(body.decode(), newline=""), delimiter=delimiter, strict=True)
    rows, before = [], 0
    try:
        for cells in reader:
            rows.append((heading + before + 1, cells))
            before = reader.line_num
    except csv.Error as error:
        raise SourceError(
            f"{where}: line {heading + before + 1}: found a quotation mark that is not closed or not alone ({error}); "
            "expected marks around whole cells"
        ) from error
    return rows


def _line_numbers(text: bytes, begins: int, height: int, heading: int, delimiter: str) -> Callable[[], Sequence[int]]:
    """Lines of the rows: one after the other, unless a cell in quotation marks runs over several."""
    plain = range(heading + 1, heading + 1 + height)
    foot = text[-_SOME:]
    feet = len(foot) - len(foot.rstrip(b"\n"))
    if text.find(b'"', begins) < 0 or text.count(b"\n", begins) - feet + 1 == height:
        return lambda: plain  # nothing of the file's text is kept

    def numbers() -> Sequence[int]:
        return [line for line, _ in _rows(text[begins:], delimiter, "", heading)]

    return numbers


def _workbook(content: bytes, path: Path, sheet: Sheet) -> FileTable:
    """The table of one sheet of a workbook."""
    import openpyxl  # only who reads a workbook waits for it

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except Exception as error:  # any of a dozen kinds, by what is broken in the archive
        raise SourceError(f"{path}: cannot be read as an Excel workbook ({type(error).__name__})") from error
    try:
        names = list(book.sheetnames)
        if sheet.name is not None and sheet.name not in names:
            raise SourceError(
                f"{path}: found no sheet {sheet.name!r}; expected one of {', '.join(names)}. {suggest(sheet.name, names)}"
            )
        for name in [sheet.name] if sheet.name is not None else names:
            rows = [[_cell_text(c) for c in row] for row in book[name].iter_rows(values_only=True)]
            if any(any(row) for row in rows):
                break
        else:
            raise SourceError(f"{path}: found no sheet with cells; expected a table")
    finally:
        book.close()
    where = f"{path}, sheet {name!r}" if len(names) > 1 else str(path)
    notes = [f"{where}: read, of the sheets {', '.join(names)}"] if len(names) > 1 and sheet.name is None else []
    at = sheet.heading or _heading_row(rows)
    if at > len(rows) or not any(rows[at - 1]):
        raise SourceError(
            f"{where}: line {at}: found no headings; expected column names. Name the line of the headings"
        )
    if at > 1 and sheet.heading is None:
        notes.append(f"{where}: headings taken from line {at}; what stands above is left out")
    headings = _headings([c or "" for c in rows[at - 1]], where, at)
    width, faults = len(headings), Faults()
    for line, row in enumerate(rows[at:], start=at + 1):
        if any(row[width:]):
            faults.add(f"{where}: line {line}", "a cell beyond the headings", "cells below headings only")
    faults.raise_if_any(SourceError, f"{where}: some lines have more cells than headings")
    frame = pl.DataFrame(
        [[*row, *[None] * width][:width] for row in rows[at:]], schema=dict.fromkeys(headings, pl.String), orient="row"
    )
    return _tidy(frame, where, notes, lambda: range(at + 1, at + 1 + frame.height))


def _heading_row(rows: Sequence[Sequence[str | None]]) -> int:
    """The first row that fills as many cells as the widest of those that follow it, counted from 1."""
    filled = [sum(cell is not None for cell in row) for row in rows]
    return 1 + next(n for n, count in enumerate(filled) if count and count >= max(filled[n:]))


def _cell_text(value: object) -> str | None:
    """A workbook's cell as the text that a CSV file would hold."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    text = str(value)
    return text.removesuffix(" 00:00:00") if hasattr(value, "hour") else text


def _parquet(content: bytes, path: Path) -> FileTable:
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(f"{path}: cannot be read as parquet: {error}") from error
    texts = [pl.col(name).str.strip_chars() for name, dtype in frame.schema.items() if dtype == pl.String]
    frame = frame.with_columns(texts)
    _refuse_spreadsheet_errors(frame, str(path), range(1, frame.height + 1))
    return FileTable(str(path), frame, (), lambda: range(1, frame.height + 1))


def _tidy(
    frame: pl.DataFrame, where: str, notes: list[str], numbers: Callable[[], Sequence[int]], *, bare: bool = False
) -> FileTable:
    """Cells stripped and empty where nothing is in them; blank lines and notes below the table left out and said.

    Args:
        frame: cells as text.
        where: name of the table.
        notes: what was chosen in reading it.
        numbers: the line that each row stands on.
        bare: whether it is known that no cell needs stripping or holds a spreadsheet's error.
    """
    texts = frame
    for name in () if bare else _untidy(texts):  # one column after the other, so that no second table is in memory
        given = texts.get_column(name)
        stripped = given.str.strip_chars()
        empty = (stripped == "").fill_null(value=False)
        if empty.any():
            stripped = stripped.set(empty, None)
        elif stripped.str.len_bytes().sum() == given.str.len_bytes().sum():
            continue
        texts = texts.with_columns(stripped)
    blank = (
        texts.select(pl.all_horizontal(pl.all().is_null())).to_series()
        if texts.width
        else pl.Series([], dtype=pl.Boolean)
    )
    keep = ~blank
    if blank.any() and texts.width > 1:
        keep &= ~_below(texts, blank)
    below = keep.ne(~blank).sum()
    if below:
        notes.append(f"{where}: {below} line(s) of notes below the table left out")
    if bool(keep.all()):
        table = FileTable(where, texts, tuple(notes), numbers)
    else:
        kept = keep.arg_true().to_list()
        table = FileTable(where, texts.filter(keep), tuple(notes), lambda: _picked(numbers(), kept))
    if not bare:
        _refuse_spreadsheet_errors(table.frame, where, table)
    return table


def _untidy(texts: pl.DataFrame) -> list[str]:
    """Columns that may have cells to strip or to empty: of a short table those that have, of a long one all."""
    if texts.height > _STRIDE or not texts.width:
        return texts.columns
    given = pl.all()
    has = texts.select(((given == "") | (given.str.strip_chars() != given)).any()).row(0)
    return [name for name, found in zip(texts.columns, has, strict=True) if found]


def _below(texts: pl.DataFrame, blank: pl.Series) -> pl.Series:
    """Rows that are notes below a table: all that follow a blank line, if each fills its first cell only."""
    single = texts.select(pl.all_horizontal(pl.all().exclude(texts.columns[0]).is_null())).to_series()
    full = (~single).arg_true()
    gap = blank.arg_true()
    if len(full):  # from the last row with more than its first cell on
        gap = gap.filter(gap > int(full[-1]))
    begin = int(gap[0]) if len(gap) else texts.height
    return pl.Series(pl.int_range(texts.height, eager=True) > begin) & ~blank


def _picked(numbers: Sequence[int], kept: Iterable[int]) -> list[int]:
    return [numbers[row] for row in kept]


def _refuse_spreadsheet_errors(frame: pl.DataFrame, where: str, lines: FileTable | Sequence[int]) -> None:
    """Refuse cells in which a spreadsheet says that it has no value, and formulas that were saved as text."""
    faults = Faults()
    signs = frame.select(pl.col(pl.String).str.contains("^[#=]").any())
    for name in (name for name in signs.columns if signs.get_column(name).any()):
        cells = frame.get_column(name)
        bad = (cells.str.starts_with("#") | cells.str.starts_with("=")).fill_null(value=False)
        rows = [r for r in bad.arg_true() if _SPREADSHEET.match(frame.get_column(name)[r])]
        for row in rows[:_SHOWN]:
            line = lines.line(row) if isinstance(lines, FileTable) else lines[row]
            faults.add(
                f"{where}: line {line}, column {name!r}",
                repr(frame.get_column(name)[row]),
                "a value",
                "Mend it in the spreadsheet and save again.",
            )
        if len(rows) > _SHOWN:
            faults.add(f"{where}: column {name!r}", f"{len(rows) - _SHOWN} more such cells", "values")
    faults.raise_if_any(SourceError, f"{where}: some cells hold spreadsheet errors or formulas")
