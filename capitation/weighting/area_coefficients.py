"""Tables of area coefficients: what a block of a formula counts in each district, for formulas that know many districts.

A formula's document can name the coefficient of an area beside its figures. For all England that is a table of
`need/area_coefficients`, one row a year and area, each with its mark: recovered from the overall column published for
that year, or carried from figures of another year because none was published.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import polars as pl

from capitation.errors import DataError, UnknownNameError
from capitation.pack.sources import DataPack
from capitation.records.columns import SOURCE, YEAR
from capitation.records.frames import Column, Frame, Schema

FOLDER = "need/area_coefficients"
"""Where the tables stand in a data pack."""

RECOVERED, CARRIED = "recovered", "carried from another year"
"""How an area's coefficient is known."""


class TabledCoefficient(Schema):
    """The coefficient of a block in one area and year: the national one times the area's cost index."""

    year = YEAR
    level = Column(pl.String, "name", "Area column that the coefficient follows")
    area = Column(pl.String, "code", "Code of the area", key=True)
    name = Column(pl.String, "name", "Name of the area", nullable=True)
    coefficient = Column(pl.Float64, "share", "National coefficient times the cost index of the area", ge=0)
    mark = Column(pl.String, "word", "How it is known", one_of=(RECOVERED, CARRIED))
    practices = Column(pl.Int64, "practices", "Practices it was recovered from", ge=0)
    within_0_1_percent = Column(
        pl.Int64, "practices", "Of these, practices it puts within 0.1% of the published overall", nullable=True, ge=0
    )
    source = SOURCE.but(unit="id", about="Source of the figures it was recovered from")
    where = Column(pl.String, "locator", "Files and columns, and the arithmetic")
    trust = Column(pl.String, "mark", "How far it can be trusted", one_of=("P", "R", "D", "U"))


def no_tables(name: str) -> Frame[TabledCoefficient]:
    """The tables of a catalogue that has none.

    Raises:
        UnknownNameError: always.
    """
    raise UnknownNameError("table of area coefficients", name, ())


def coefficient_tables(pack: DataPack) -> Callable[[str], Frame[TabledCoefficient]]:
    """The tables of a pack by name, each read when it is first asked for.

    Raises:
        UnknownNameError: when asked for a name that no table has.
        DataError: when asked for a table that mixes area columns.
    """

    @cache
    def table(name: str) -> Frame[TabledCoefficient]:
        known = {path.stem for path in pack.files(f"{FOLDER}/*.csv").values()}
        if name not in known:
            raise UnknownNameError("table of area coefficients", name, known)
        rows = pack.rows(f"{FOLDER}/{name}.csv", TabledCoefficient)
        levels = rows.get_column("level").unique().sort().to_list()
        if len(levels) > 1:
            message = f"{FOLDER}/{name}.csv: found levels {' and '.join(levels)}; expected areas of one level"
            raise DataError(message)
        return rows

    return table
