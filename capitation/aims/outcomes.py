"""Results that a plan starts from: public health of each area beside England and the best, and waiting times against their standard.

gap to England    own value less England's, counted so that above nothing is better
reach             what an area would move by to stand at the 95th centile
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from decimal import Decimal
from typing import TypeVar

import polars as pl

from capitation.errors import DataError, Faults, SourceError
from capitation.money.written_numbers import exact_number
from capitation.pack.sources import DataPack
from capitation.records.columns import SOURCE
from capitation.records.frames import Column, Frame, Schema

FILE, AREAS_FILE = "aims/outcomes.csv", "aims/areas.csv"
TABLE, WAITING_TABLE = "public_health", "waiting_times"
ENGLAND, BEST, STANDARD = "England average", "95th centile", "Standard"

K = TypeVar("K", bound=Hashable)

_TREND = {"↑": "rising", "↓": "falling", "↔": "level"}


class NamedResult(Schema):
    """A measure of health and which way is better; its values are cells of its source."""

    outcome = Column(pl.String, "id", "Short name, by which a payment or a mix may refer to it", key=True)
    row = Column(pl.String, "label", "Row of the source's table")
    topic = Column(pl.String, "words", "What it belongs to")
    better = Column(pl.String, "label", "Which way is better", one_of=("higher", "lower", "neither"))
    source = SOURCE
    where = Column(pl.String, "locator", "Table and row of the source")


class PrintedArea(Schema):
    """What a printed column stands for."""

    column = Column(pl.String, "label", "Heading as printed", key=True)
    code = Column(pl.String, "code", "Code of the organisation or area")


class AreaResult(Schema):
    """A measure of health in one area, beside England and the best."""

    outcome = Column(pl.String, "id", "Measure", key=True)
    area_code = Column(pl.String, "code", "Area", key=True)
    topic = Column(pl.String, "words", "What it belongs to")
    value = Column(pl.Float64, "as printed", "Value of the area")
    unit = Column(pl.String, "unit", "What one of it is")
    trend = Column(pl.String, "label", "Direction as printed", nullable=True, one_of=("rising", "falling", "level"))
    england = Column(pl.Float64, "as printed", "England's average", nullable=True)
    best = Column(pl.Float64, "as printed", "The 95th centile", nullable=True)
    better = Column(pl.String, "label", "Which way is better", one_of=("higher", "lower", "neither"))
    gap_to_england = Column(
        pl.Float64, "as printed", "How much better than England; below nothing is worse", nullable=True
    )
    reach = Column(pl.Float64, "as printed", "How much better the 95th centile is than the area", nullable=True)


class WaitingResult(Schema):
    """A waiting-time result of an organisation against its national standard."""

    measure = Column(pl.String, "label", "Standard", key=True)
    organisation_code = Column(pl.String, "code", "Organisation", key=True)
    value = Column(pl.Float64, "percent", "Result as printed")
    standard = Column(pl.Float64, "percent", "What the standard asks for")
    met = Column(pl.Boolean, "flag", "Whether it is met")


def outcomes(pack: DataPack) -> Frame[AreaResult]:
    """Outcomes of each area of a pack; none where it has no such table.

    Raises:
        SourceError: a measure that its source does not print, a column that no area stands for, or a cell that is no number.
    """
    if FILE not in pack.files(FILE):
        return AreaResult.validate(pl.DataFrame(schema=AreaResult.dtypes()))
    codes = dict(pack.rows(AREAS_FILE, PrintedArea).iter_rows())
    rows, faults = [], Faults()
    for named in pack.rows(FILE, NamedResult).iter_rows(named=True):
        cells = pack.printed(named["source"], TABLE).filter(pl.col("row") == named["row"])
        if cells.is_empty():
            faults.add(f"{FILE}: {named['outcome']}", f"no row {named['row']!r} in {named['source']}", "a printed row")
        printed = {column: (value, unit) for column, value, unit in cells.select("column", "value", "unit").iter_rows()}
        values = _numbers(printed, f"{named['source']}, {TABLE}, {named['row']}", faults)
        for column, value in values.items():
            if column in (ENGLAND, BEST):
                continue
            if column not in codes:
                faults.add(f"{AREAS_FILE}", f"no code for column {column!r}", "one row for each printed column")
                continue
            rows.append(_row(named, codes[column], column, value, values, printed))
    faults.raise_if_any(SourceError, "outcomes cannot be used")
    return AreaResult.validate(pl.DataFrame(rows, schema=AreaResult.dtypes(), orient="row"))


def waiting_results(pack: DataPack, source: str) -> Frame[WaitingResult]:
    """Waiting-time results of a source against the standards that it prints.

    Raises:
        SourceError: a column without a standard, a row that no organisation stands for, or a cell that is no number.
    """
    codes = dict(pack.rows(AREAS_FILE, PrintedArea).iter_rows())
    rows, faults = [], Faults()
    cells = pack.printed(source, WAITING_TABLE)
    printed = {(row, column): (value, "%") for row, column, value in cells.select("row", "column", "value").iter_rows()}
    values = _numbers(printed, f"{source}, {WAITING_TABLE}", faults)
    for (row, column), value in values.items():
        if row == STANDARD:
            continue
        if (STANDARD, column) not in values or row not in codes:
            faults.add(f"{source}, {WAITING_TABLE}: {row}, {column}", "no standard or no code", "both")
            continue
        standard = values[STANDARD, column]
        rows.append((column, codes[row], float(value), float(standard), value >= standard))
    faults.raise_if_any(SourceError, "waiting times cannot be used")
    return WaitingResult.validate(pl.DataFrame(rows, schema=WaitingResult.dtypes(), orient="row"))


def _numbers(printed: Mapping[K, tuple[str, str]], where: str, faults: Faults) -> dict[K, Decimal]:
    found = {}
    for key, (value, unit) in printed.items():
        if unit == "arrow":
            continue
        try:
            found[key] = Decimal(exact_number(value.removesuffix("%")))
        except DataError:
            faults.add(f"{where}: {key}", repr(value), "a number")
    return found


def _row(
    named: Mapping[str, str],
    code: str,
    column: str,
    value: Decimal,
    values: Mapping[str, Decimal],
    printed: Mapping[str, tuple[str, str]],
) -> tuple[object, ...]:
    england, best = values.get(ENGLAND), values.get(BEST)
    way = {"higher": 1, "lower": -1}.get(named["better"])
    gap = None if england is None or way is None else way * (value - england)
    reach = None if best is None or way is None else way * (best - value)
    arrow = printed.get(f"{column} trend")
    return (
        named["outcome"], code, named["topic"], float(value), printed[column][1], None if arrow is None else _TREND[arrow[0]],
        _float(england), _float(best), named["better"], _float(gap), _float(reach),
    )  # fmt: skip


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


__all__ = ["AreaResult", "NamedResult", "PrintedArea", "WaitingResult", "outcomes", "waiting_results"]
