"""Practice lists that move apart: each practice's list of a year, from dated lists and what became of its patients.

    times_i(dated year) = cluster's dated persons / cluster's base persons        practices joined by a merger move together
                        + persons of the place on no list / persons of the place  those of practices that closed or opened later
    times_i(year)       = in a straight line between two dated years; before the first and after the last as in it
    list_i(year)        = list of the base year x times_i(year)                   then scaled to the total of the year, exactly

A practice that merges is with its successor from the year of the event on, so that its own list of that year no longer counts. The patients
of one that closes are found again all over its place: it keeps its list of the base year, and what its dated lists hold beyond it (after it
closed: fall short of it) is spread over the other practices of the place by their base lists. So are persons of a practice that opened after
the base year and is on no map. A code for which neither the map nor the lineage has an answer is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from capitation.errors import DataError, Faults, suggest
from capitation.money.rounding import micro
from capitation.pack.rows import RawTable
from capitation.pack.sources import DataPack
from capitation.places.lineage import DatedPracticeList, LineageEvent
from capitation.records.columns import PRACTICE, YEAR
from capitation.records.documents import Judged
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear, between

_SHOWN = 20
"""Faults of one kind that are named one by one."""


class ListChoice(Judged):
    """Dated practice lists that move lists apart between the years."""

    file: str = "places/practice-lists.csv"
    """Lists by practice and year."""
    lineage: str = "places/lineage.csv"
    """What became of practices: mergers, closures, openings."""
    about: str
    """Why lists are moved so, and what that rests on."""


class ListMovement(Schema):
    """How far the list of a practice stands from its base list in a year, before the scaling to the total."""

    year = YEAR
    practice_code = PRACTICE
    times = Column(pl.Float64, "times the base list", "List of the year over the list of the base year", ge=0)


@dataclass(frozen=True)
class ListBooks:
    """What lists are moved by: the base lists, the places of the map, the dated lists and the lineage.

    Args:
        base: millionths of a person by practice in the base year.
        homes: place by practice of the map.
        dated: millionths of a person by year and practice.
        ends: the event that ends a practice, by its code.
        opened: the event with which a practice began, by its code.
        base_year: year of the base lists.
    """

    base: Mapping[str, int]
    homes: Mapping[str, str]
    dated: Mapping[str, Mapping[str, int]]
    ends: Mapping[str, Mapping[str, Any]]
    opened: Mapping[str, Mapping[str, Any]]
    base_year: str

    def anchors(self, years: Sequence[str]) -> list[str]:
        """Years with lists that the years wanted lie between, the base year among them."""
        known = sorted({*self.dated, self.base_year})
        first = max((y for y in known if y <= min(years)), default=known[0])
        last = min((y for y in known if y >= max(years)), default=known[-1])
        return [y for y in known if first <= y <= last]

    def cluster(self, code: str, last: str) -> str:
        """The practice at the end of a chain of mergers up to a year."""
        seen = {code}
        while True:
            event = self.ends.get(code)
            if event is None or event["change"] != "merged into" or event["year"] > last:
                return code
            code = event["successor_code"]
            if code in seen:
                return code
            seen.add(code)

    def closes(self, code: str, last: str) -> bool:
        """Whether a practice closes by a year."""
        event = self.ends.get(code)
        return event is not None and event["change"] == "closed" and event["year"] <= last

    def gone(self, code: str, year: str) -> bool:
        """Whether the patients of a practice are elsewhere in a year."""
        event = self.ends.get(code)
        return event is not None and event["year"] <= year


def list_movement(
    choice: ListChoice,
    base: pl.DataFrame,
    base_year: FinancialYear,
    years: Sequence[FinancialYear],
    pack: DataPack,
    faults: Faults,
) -> Frame[ListMovement]:
    """How far each list stands from its base in each year; no rows where something is at fault.

    Args:
        choice: the files of dated lists and of the lineage.
        base: practice_code, place_code, registered_persons of every practice of the map in the base year.
        base_year: year of the base lists.
        years: years wanted.
        pack: the data pack.
        faults: gathers what is wrong with the tables, each with its file and line.
    """
    lists = pack.rows(choice.file, DatedPracticeList)
    events = pack.rows(choice.lineage, LineageEvent)
    before = len(faults)
    _year_faults(pack.raw(choice.file), "year", faults)
    _year_faults(pack.raw(choice.lineage), "year", faults)
    if len(faults) > before:
        return ListMovement.empty()
    books = _books(lists, events, base, base_year)
    wanted = [str(year) for year in years]
    anchors = books.anchors(wanted)
    _lineage_faults(books, events, pack.raw(choice.lineage), faults)
    _list_faults(books, anchors, pack.raw(choice.file), faults)
    if len(faults) > before:
        return ListMovement.empty()
    codes = sorted(books.base)
    at = {year: _times(books, year, anchors[-1]) for year in anchors}
    rows: list[tuple[str, str, float]] = []
    for year in wanted:
        low, high, step, steps = between(year, anchors)
        rows += [(year, c, max(0.0, (at[low][c] * (steps - step) + at[high][c] * step) / steps)) for c in codes]
    return ListMovement.validate(pl.DataFrame(rows, schema=ListMovement.dtypes(), orient="row"))


def _books(
    lists: Frame[DatedPracticeList], events: Frame[LineageEvent], base: pl.DataFrame, base_year: FinancialYear
) -> ListBooks:
    dated: dict[str, dict[str, int]] = {}
    exact = lists.select("year", "practice_code", micro(pl.col("registered_persons")))
    for year, code, persons in exact.iter_rows():
        dated.setdefault(year, {})[code] = persons
    rows = events.to_dicts()
    return ListBooks(
        base=dict(base.select("practice_code", micro(pl.col("registered_persons"))).iter_rows()),
        homes=dict(base.select("practice_code", "place_code").iter_rows()),
        dated=dated,
        ends={r["practice_code"]: r for r in rows if r["change"] != "opened"},
        opened={r["practice_code"]: r for r in rows if r["change"] == "opened"},
        base_year=str(base_year),
    )


def _times(books: ListBooks, year: str, last: str) -> dict[str, float]:
    """Times the base list in a dated year; 1 in the base year."""
    base, homes = books.base, books.homes
    if year == books.base_year:
        return dict.fromkeys(base, 1.0)
    cluster = {code: books.cluster(code, last) for code in base}
    moving = [code for code in base if not books.closes(code, last)]
    start, places = _sums(cluster, moving, base), _sums(homes, moving, base)
    joined: dict[str, int] = {}
    loose: dict[str | None, int] = {}
    for code, persons in books.dated[year].items():
        if books.gone(code, year):
            continue
        found = books.cluster(code, last)
        if found in start:
            joined[found] = joined.get(found, 0) + persons
        else:
            home = _home(books, code)
            loose[home] = loose.get(home, 0) + persons
    for code in base:
        if books.closes(code, last):
            loose[homes[code]] = loose.get(homes[code], 0) - base[code]
    whole = sum(places.values())
    return {
        code: 1.0
        if books.closes(code, last)
        else (joined.get(cluster[code], 0) / start[cluster[code]] if start[cluster[code]] else 0.0)
        + (loose.get(homes[code], 0) / places[homes[code]] if places[homes[code]] else 0.0)
        + (loose.get(None, 0) / whole if whole else 0.0)
        for code in base
    }


def _sums(groups: Mapping[str, str], codes: Sequence[str], base: Mapping[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for code in codes:
        found[groups[code]] = found.get(groups[code], 0) + base[code]
    return found


def _home(books: ListBooks, code: str) -> str | None:
    """Place of a practice: of the map, else of its event in the lineage; none where neither says."""
    event = books.ends.get(code) or books.opened.get(code) or {}
    place: str | None = books.homes.get(code) or event.get("place_code")
    return place


def _list_faults(books: ListBooks, anchors: Sequence[str], table: RawTable, faults: Faults) -> None:
    """Practices of one table and not of the other, for the years that are read."""
    lines = _lines(table, "year", "practice_code")
    known = set(books.base)
    for year in anchors:
        if year not in books.dated:
            continue
        mine, found = books.dated[year], 0
        for code in mine:
            explained = code in books.ends or (code in books.opened and year != books.base_year)
            end = books.cluster(code, anchors[-1])
            lost = year == books.base_year or not explained or (code in books.ends and not _ends_somewhere(books, end))
            if code in known or not lost:
                continue
            found += 1
            faults.add(
                f"{table.where}: line {lines.get((year, code), '?')}, practice {code}",
                f"a list of {year} for a practice that is not on the map",
                "a practice of the map, or one whose merger, closing or opening the lineage has",
                suggest(code, known),
            )
            if found == _SHOWN:
                break
        lacking = [c for c in sorted(known - set(mine)) if not _may_lack(books, c, year)]
        for code in lacking[:_SHOWN]:
            faults.add(
                f"{table.where}: practice {code}",
                f"no list of {year}",
                "a list for every practice of the map, or the lineage's word on its merger, closing or opening",
                "Add the row, or its event to the lineage.",
            )


def _may_lack(books: ListBooks, code: str, year: str) -> bool:
    opened = books.opened.get(code)
    return year != books.base_year and (books.gone(code, year) or (opened is not None and opened["year"] > year))


def _ends_somewhere(books: ListBooks, end: str) -> bool:
    return end in books.base or end in books.ends or end in books.opened


def _lineage_faults(books: ListBooks, events: Frame[LineageEvent], table: RawTable, faults: Faults) -> None:
    """Two endings of one practice, successors that nobody knows, places that are not on the map."""
    known = {*books.base, *books.ends, *books.opened, *(c for mine in books.dated.values() for c in mine)}
    places, lines = set(books.homes.values()), _lines(table, "year", "practice_code")
    ended: dict[str, str] = {}
    for row in events.iter_rows(named=True):
        code = row["practice_code"]
        where = f"{table.where}: line {lines.get((row['year'], code), '?')}, practice {code}"
        if row["change"] != "opened":
            if code in ended:
                faults.add(where, f"endings in {ended[code]} and {row['year']}", "one ending")
            ended[code] = row["year"]
        if row["change"] == "merged into" and row["successor_code"] not in known:
            faults.add(
                where, f"successor {row['successor_code']!r}", "a practice with a list", suggest(row["successor_code"], known)
            )  # fmt: skip
        if row["place_code"] is not None and row["place_code"] not in places:
            faults.add(where, f"place {row['place_code']!r}", "a place of the map", suggest(row["place_code"], places))


def _year_faults(table: RawTable, column: str, faults: Faults) -> None:
    """Cells of a column that are no financial years, with their line."""
    for row, text in enumerate(table.cells.get_column(column)):
        try:
            FinancialYear(str(text))
        except DataError as error:
            faults.add(f"{table.where}: line {table.line(row)}, column {column!r}", error.message, "a financial year")


def _lines(table: RawTable, *columns: str) -> dict[tuple[str, ...], int]:
    """The line of each row by the cells that name it."""
    cells = table.cells.select(pl.col(c).cast(pl.String).str.strip_chars() for c in columns)
    return {row: table.line(number) for number, row in enumerate(cells.iter_rows())}
