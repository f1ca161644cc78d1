"""Whether what a plan prints follows from what it prints: growth from amounts, impact from activity, ratios from counts.

    growth     last year over first, less one              impact    after channel shift less on trends, over trends
    ratio      patients each GP x GPs = patients each practice x practices, area by area

A printed share that does not follow within its own rounding is a fault of the copy, or of the plan, and is said either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

import polars as pl

from capitation.errors import DataError, Fault
from capitation.money.written_numbers import exact_number
from capitation.pack.sources import DataPack

GROWTH_TABLE, ACTIVITY_TABLE, SUPPLY_TABLE = "place_based_allocation", "activity", "general_practice_supply"
_CUMULATIVE = "Total Growth Cum %"
_BASE, _TREND, _AFTER = (
    "16/17 Activity Baseline",
    "Unmitigated 2020/21 Projected Activity",
    "Mitigated 2020/21 Projected activity",
)
_GROWTH, _IMPACT = "Activity Growth by 2020/21 - Current Trends", "Impact of Consolidated Channel Shift Solutions"
_NEAR = Decimal("0.005")
"""How far two printed ratios may differ, each rounded: half a percent of the patients of an area."""

Cells = Mapping[tuple[str, str], str]


def disagreements(pack: DataPack) -> Iterator[Fault]:
    """Printed shares and ratios that do not follow from the printed amounts, over all sources that print such tables."""
    for source in pack.sources.values():
        tables = {table.name for table in source.tables if table.layout == "cells"}
        for name, check in ((GROWTH_TABLE, _growth), (ACTIVITY_TABLE, _activity), (SUPPLY_TABLE, _supply)):
            if name in tables:
                frame = pack.printed(source.id, name).select("row", "column", "value")
                yield from check(
                    {(row, column): value for row, column, value in frame.iter_rows()}, f"{source.id}, {name}"
                )


def counted(pack: DataPack, source: str) -> int:
    """How many printed shares and ratios of a source were looked at."""
    tables = {table.name for table in pack.source(source).tables}
    count = 0
    for name, columns in ((GROWTH_TABLE, {_CUMULATIVE}), (ACTIVITY_TABLE, {_GROWTH, _IMPACT})):
        if name in tables:
            count += pack.printed(source, name).filter(pl.col("column").is_in(list(columns))).height
    if SUPPLY_TABLE in tables:
        count += pack.printed(source, SUPPLY_TABLE).filter(pl.col("row").str.starts_with("Patients per")).height
    return count


def _growth(cells: Cells, where: str) -> Iterator[Fault]:
    for row in dict.fromkeys(row for row, column in cells if column == _CUMULATIVE):
        years = sorted(column for r, column in cells if r == row and column != _CUMULATIVE)
        yield from _share(cells, where, (row, _CUMULATIVE), (row, years[0]), (row, years[-1]))


def _activity(cells: Cells, where: str) -> Iterator[Fault]:
    for row in dict.fromkeys(row for row, _ in cells):
        yield from _share(cells, where, (row, _GROWTH), (row, _BASE), (row, _TREND))
        yield from _share(cells, where, (row, _IMPACT), (row, _TREND), (row, _AFTER))


def _share(
    cells: Cells, where: str, said: tuple[str, str], over: tuple[str, str], of: tuple[str, str]
) -> Iterator[Fault]:
    """A fault where a printed growth is not that of two printed amounts, at the digits that it is printed with, impact over the later base."""
    numbers = [_number(cells.get(key)) for key in (said, over, of)]
    if any(number is None for number in numbers):
        return
    share, first, last = (n for n in numbers if n is not None)
    if not first:
        return
    found = 100 * (last / first - 1)
    digits = -share.as_tuple().exponent if isinstance(share.as_tuple().exponent, int) else 0  # type: ignore[operator]  # a finite number
    step = Decimal(1).scaleb(-digits)
    if abs(found - share) > step * Decimal("1.01"):
        yield Fault(
            f"{where}: {said[0]}, {said[1]}", cells[said], f"{found:.{digits}f}%, as {over[1]} and {of[1]} give"
        )


def _supply(cells: Cells, where: str) -> Iterator[Fault]:
    per = {
        "Patients per GP": "No. of GPs",
        "Patients per GP Practice": "No. of GP practices",
        "Patients per GP practice nurse": "No. of GP practice nurses",
    }
    areas = dict.fromkeys(column for row, column in cells if row in per.values())
    for area in areas:
        patients = {}
        for ratio, count in per.items():
            each, number = _number(cells.get((ratio, area))), _number(cells.get((count, area)))
            if each is not None and number is not None:
                patients[ratio] = each * number
        if patients and max(patients.values()) > min(patients.values()) * (1 + _NEAR):
            said = ", ".join(f"{ratio} gives {number:,.0f}" for ratio, number in patients.items())
            yield Fault(f"{where}: {area}", said, "one number of patients")


def _number(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        return exact_number(text.removesuffix("%").removeprefix("+"))
    except DataError:
        return None


__all__ = ["counted", "disagreements"]
