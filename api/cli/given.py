"""Tables that a command is given: which sheet, which line of headings, which names of columns, and whether a row may be a total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from api.boards.tables import notices
from capitation.errors import Faults, SourceError, suggest
from capitation.pack.rows import RawTable, raw_table
from capitation.pack.tables import Sheet
from capitation.weighting.inputs import parse_column_map


class GivenTables:
    """The tables of one command, each read once by the same options.

    Args:
        sheets: texts of --sheet: a sheet for every workbook, or FILE=SHEET.
        headings: texts of --heading: a line for every table, or FILE=LINE.
        column_map: texts of --map: our column = the file's column, for every table that has it.
        may_total: whether the user says that no row is the sum of the others.

    Raises:
        SourceError: an option that cannot be read.
    """

    def __init__(
        self,
        sheets: Sequence[str] | None = None,
        headings: Sequence[str] | None = None,
        column_map: Sequence[str] | None = None,
        *,
        may_total: bool = False,
    ) -> None:
        self._sheets, self._headings = _by_file(sheets), _by_file(headings)
        self._names, self._used = parse_column_map(list(column_map or [])), set[str]()
        self._files: set[str] = set()
        self._seen: set[str] = set()
        self._may_total = may_total
        faults = Faults()
        for line in self._headings.values():
            if not line.isdecimal() or int(line) < 1:
                faults.add("--heading", repr(line), "a line of the file, counted from 1", "Such as --heading 3.")
        faults.raise_if_any(SourceError, "the line of the headings cannot be used")

    def read(self, path: Path) -> RawTable:
        """The table of a file; what the reader left out or chose is printed as notes.

        Raises:
            SourceError: the file cannot be read as a table.
        """
        table = raw_table(path, self.place(path))
        for note in table.notes:
            notices.print(f"note: {note}", markup=False)
        self._seen |= set(table.cells.columns)
        return replace(self._renamed(table), may_total=self._may_total)

    def place(self, path: Path) -> Sheet | None:
        """Where the table of a file stands in it, where the user says so."""
        name, line = self._of(self._sheets, path), self._of(self._headings, path)
        self._files.add(path.name)
        return Sheet(name, None if line is None else int(line)) if name or line else None

    def done(self) -> None:
        """Say which options named a file that was not given, or a column that no table has.

        Raises:
            SourceError: there is one.
        """
        faults = Faults()
        for option, named in (("--sheet", self._sheets), ("--heading", self._headings)):
            for file in named:
                if file and file not in self._files:
                    faults.add(option, f"a file {file!r}", "a file of this command", suggest(file, self._files))
        for ours, theirs in self._names.items():
            if ours not in self._used:
                faults.add(
                    "--map",
                    f"{ours}={theirs}, and no column {theirs!r}",
                    "a column of the file",
                    suggest(theirs, self._seen),
                )
        faults.raise_if_any(SourceError, "some options name what is not there")

    def _of(self, named: dict[str, str], path: Path) -> str | None:
        return named.get(path.name, named.get(""))

    def _renamed(self, table: RawTable) -> RawTable:
        columns = table.cells.columns
        mine = {theirs: ours for ours, theirs in self._names.items() if theirs in columns}
        self._used |= set(mine.values())
        taken = [ours for theirs, ours in mine.items() if ours in columns and ours != theirs]
        return table.with_cells(table.cells.drop(taken).rename(mine)) if mine else table


def _by_file(texts: Sequence[str] | None) -> dict[str, str]:
    """Texts by the name of the file they are for; "" is every file."""
    found: dict[str, str] = {}
    for text in texts or ():
        file, sign, value = text.rpartition("=")
        found[Path(file).name if sign else ""] = value
    return found
