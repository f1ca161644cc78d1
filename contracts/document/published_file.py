"""Published files of settlements read for a contract: their headings by name, whatever the year called them.

A table of headings says which published heading holds which input, and how its cells are written:

    text, date, number     as they stand; currency signs, thousands and brackets of a number are taken off
    flag                   yes or no
    rate                   a small rate: 2.3, 2.3%, 0.023 and a mislabelled 0.023% are one rate of 2.3%
    score                  a share: 0.91, 91% and 91 are one; words such as P4R stay for the contract to read
    reported               1 or 0 for complete reporting: a score of 1 and a standard that is met, or not
    label X                a column of flags: the input is X where it says yes (`label X else Y`: otherwise Y)
    less NAME              NAME less the cells, for a gain that is printed in the place of a spend
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl

from capitation.errors import ContractError, Faults, SourceError, suggest
from capitation.pack.tables import FileTable, read_table
from contracts.document.models import Contract

_RATE_TOP, _SHARE_TOP = Decimal("0.13"), Decimal(1)
"""The highest minimum rate and the highest share; a column above it is in percent."""

_YES, _NO = {"1", "1.0", "y", "yes", "true", "t"}, {"0", "0.0", "n", "no", "false", "f", ""}


@dataclass(frozen=True)
class PublishedRows:
    """A published file as rows of a contract.

    Args:
        rows: one row each, by the contract's headings; published results beside them as `pub_...`.
        used: which published heading gave which input.
        notes: what was read otherwise than as printed.
    """

    rows: pl.DataFrame
    used: dict[str, str]
    notes: tuple[str, ...]


def read_published(
    path: Path, headings: Path, contract: Contract, fixed: dict[str, str], key: str = "aco_id"
) -> PublishedRows:
    """The rows of a published file, by the contract's own headings.

    Args:
        path: the file as published.
        headings: CSV of input, heading and kind; the first heading that the file has gives the input.
        contract: the contract whose inputs are read.
        fixed: inputs that the file need not state, such as its performance year, with the value of every row.
        key: input without which a line is a footnote and no row.

    Raises:
        SourceError: the file cannot be read.
        ContractError: no heading for an input that every row needs, or a cell that cannot be read; all together.
    """
    table = read_table(path)
    given = table.frame.select(pl.all().cast(pl.String).str.strip_chars())
    by_fold = {_fold(name): name for name in given.columns}
    marks = {"", *contract.empty_marks}
    columns: dict[str, list[str | None]] = {}
    used: dict[str, str] = {}
    faults, notes = Faults(), list(table.notes)
    for each in read_table(headings).frame.to_dicts():
        heading = by_fold.get(_fold(each["heading"]))
        if heading is None:
            continue
        kind, name = each["kind"], each["input"]
        if name in columns and not (kind.startswith("label") and used[name].startswith("flags")):
            continue
        cells = [None if c is None or c in marks else c for c in given.get_column(heading).to_list()]
        done = _column(kind, cells, columns, name, _Place(table, heading, faults, notes))
        columns.update(done)
        used[name] = f"flags {heading}" if kind.startswith("label") else heading
    height = given.height
    for name, value in fixed.items():
        if name not in columns:
            columns[name] = [value] * height
            used[name] = "as stated"
    for each_input in contract.inputs:
        if each_input.required and each_input.default is None and each_input.name not in columns:
            faults.add(str(path), f"no heading for {each_input.name}", each_input.about, _near(each_input.name, given))
    faults.raise_if_any(ContractError, f"{path}: cannot be read for contract {contract.id}")
    order = [i.name for i in contract.inputs if i.name in columns]
    rows = pl.DataFrame({n: columns[n] for n in [*order, *(c for c in columns if c not in order)]}, strict=False)
    figures = [i.name for i in contract.inputs if i.type == "number" and i.name in used and i.name not in fixed]
    some = pl.any_horizontal(pl.col(n).is_not_null() for n in figures) if figures else pl.lit(value=True)
    kept = rows.filter(pl.col(key).is_not_null() & some)
    if kept.height < rows.height:
        notes.append(f"{rows.height - kept.height} line(s) without {key} or figures left out as footnotes")
    if kept.is_empty():
        raise SourceError(f"{path}: found no row with {key} and figures; expected at least one")
    return PublishedRows(kept, used, tuple(dict.fromkeys(notes)))


@dataclass(frozen=True)
class _Place:
    table: FileTable
    heading: str
    faults: Faults
    notes: list[str]

    def refuse(self, row: int, found: str, expected: str) -> None:
        self.faults.add(f"{self.table.where}: line {row + 2}, column {self.heading!r}", repr(found), expected)


def _column(
    kind: str, cells: Sequence[str | None], columns: dict[str, list[str | None]], name: str, place: _Place
) -> dict[str, list[str | None]]:
    """The columns that one published column gives."""
    if kind == "number":
        return {name: _numbers(cells, place)}
    if kind == "flag":
        return {name: [None if c is None else c for c in cells]}
    if kind == "rate":
        return {name: _shares(cells, _RATE_TOP, place)}
    if kind == "score":
        return {name: _shares(cells, _SHARE_TOP, place)}
    if kind == "reported":
        said = [None if c is None else "1" if c.lower() in _YES else "0" if c.lower() in _NO else c for c in cells]
        if set(said) <= {None, "0", "1"}:
            place.notes.append(f"{place.heading}: complete reporting, read as the standard met with a score of 1")
            return {name: [None if c is None else "1" for c in said], "met_qps": said}
        return {name: _shares(cells, _SHARE_TOP, place)}
    if kind.startswith("label "):
        label, _, otherwise = kind.removeprefix("label ").partition(" else ")
        before = columns.get(name, [None] * len(cells))
        yes = [c is not None and c.lower() in _YES for c in cells]
        return {name: [label if y else (b or otherwise or None) for y, b in zip(yes, before, strict=True)]}
    if kind.startswith("less "):
        base = columns.get(kind.removeprefix("less "))
        if base is None:
            return {}
        gains = _numbers(cells, place)
        return {
            name: [
                None if a is None or g is None else str(Decimal(a) - Decimal(g))
                for a, g in zip(base, gains, strict=True)
            ]
        }
    return {name: list(cells)}


def _numbers(cells: Sequence[str | None], place: _Place) -> list[str | None]:
    """Cells as plain numbers."""
    return [None if c is None else _number(i, c, place) for i, c in enumerate(cells)]


def _number(row: int, cell: str, place: _Place) -> str:
    bare = cell.replace("$", "").replace(",", "").replace(" ", "")
    if bare.startswith("(") and bare.endswith(")"):
        bare = f"-{bare[1:-1]}"
    try:
        return f"{Decimal(bare):f}"
    except InvalidOperation:
        place.refuse(row, cell, "a number")
        return cell


def _shares(cells: Sequence[str | None], top: Decimal, place: _Place) -> list[str | None]:
    """Cells as shares: in percent where the column's largest value is above what a share can be, signs or no signs."""
    found: list[Decimal | str | None] = []
    for cell in cells:
        try:
            found.append(None if cell is None else Decimal(cell.replace("%", "").strip()))
        except InvalidOperation:
            found.append(cell)
    numbers = [abs(x) for x in found if isinstance(x, Decimal)]
    percent = bool(numbers) and max(numbers) > top
    signed = any(c is not None and c.endswith("%") for c in cells)
    if percent != signed and numbers:
        place.notes.append(f"{place.heading}: read as {'percent' if percent else 'shares'}, by the size of its values")
    return [
        None if x is None else str(abs(x) / 100 if percent else abs(x)) if isinstance(x, Decimal) else x for x in found
    ]


def _fold(heading: str) -> str:
    return re.sub(r"[^a-z0-9]", "", heading.lower().replace("+", "plus"))


def _near(name: str, given: pl.DataFrame) -> str:
    return suggest(name, given.columns)


__all__ = ["PublishedRows", "read_published"]
