"""Population by year: practice lists scaled to a projected total, and need components carried to another population.

    P_i(year) = L_i(year) x total(year) / sum of L(year)           the total is a projection, dated and sourced
    L_i(year) = P_i(base) x times_i(year)                          times from dated lists, 1 where there are none (`places/moved_lists.py`)
    total(year) = total(base) x (1 + growth rate) ^ years          where growth is given instead of a total
    W_ic(year) = W_ic x P_i(year) / P_i                            a practice keeps its need per head

The lists are a named and dated input (`ListBase`): general practice lists run above resident estimates, so which lists,
of which date, is never left unsaid.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import cast

import polars as pl

from capitation.errors import DataError, Fault, FrameError
from capitation.money.apportion import apportion
from capitation.money.rounding import MICRO, micro, nearest_whole
from capitation.records.columns import PRACTICE, REGISTERED_PERSONS, YEAR
from capitation.records.documents import Document
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.weighting.inputs import NeedComponents

MOVED = "; moved apart by dated lists"
"""What is added to the name of base lists that do not keep their proportions."""


class ListBase(Document):
    """Which lists a projection starts from."""

    title: str
    """Such as "Registered lists, 12-month average"."""
    counted_on: dt.date
    """Date of the count, or the last day of an average."""
    year: FinancialYear
    """Financial year the lists stand for."""
    source: str
    """Id of the source (a folder of sources/), or "assumption"."""
    where: str
    """File, table and column."""


class PracticeList(Schema):
    """A practice's registered persons at the base date."""

    practice_code = PRACTICE
    registered_persons = REGISTERED_PERSONS.but(about="Registered persons at the base date")


class ProjectedTotal(Schema):
    """The projected registered persons of all practices together in a year."""

    year = YEAR
    registered_persons = REGISTERED_PERSONS.but(about="Registered persons of all practices")


class ProjectedList(Schema):
    """A practice's registered persons in a year; the millionths of a year add exactly to its projected total."""

    year = YEAR
    practice_code = PRACTICE
    listed_micro = Column(
        pl.Int64,
        "millionths of a person",
        "Base list moved as the dated lists moved, before the scaling to the total",
        ge=0,
    )
    registered_micro = Column(pl.Int64, "millionths of a person", "Registered persons, exact", ge=0)
    registered_persons = REGISTERED_PERSONS
    base = Column(pl.String, "text", "Title and date of the lists projected from")


def grown_totals(
    lists: Frame[PracticeList], base: ListBase, growth_rate: float, years: list[FinancialYear]
) -> Frame[ProjectedTotal]:
    """Totals that grow from the base by a yearly rate: total x (1 + rate) ^ years since the base year.

    Raises:
        DataError: a year lies before the base year, or the rate is -1 or less.

    Example:
        1,000 persons in 2016/17 at 0.01 a year are 1,020.1 in 2018/19.
    """
    if growth_rate <= -1:
        raise DataError(
            f"found a growth rate of {growth_rate}; expected one above -1, such as 0.01 for one per cent a year"
        )
    before = [year for year in years if year < base.year]
    if before:
        raise DataError(
            f"found the years {', '.join(before)}; expected none before {base.year}, the year of {base.title!r}"
        )
    start = math.fsum(PracticeList.validate(lists).get_column("registered_persons"))
    totals = [start * (1.0 + growth_rate) ** year.years_after(base.year) for year in years]
    return ProjectedTotal.validate(
        pl.DataFrame({"year": [str(y) for y in years], "registered_persons": totals}, schema=ProjectedTotal.dtypes())
    )


def project_lists(
    lists: Frame[PracticeList], base: ListBase, totals: Frame[ProjectedTotal], movement: pl.DataFrame | None = None
) -> Frame[ProjectedList]:
    """Each practice's registered persons in each year of `totals`, in proportion to the base lists.

    Args:
        lists: the base lists.
        base: which lists they are.
        totals: persons of all practices by year.
        movement: year, practice_code, times: the list of the year over that of the base year, for every practice and year of `totals`;
            none leaves lists in the proportions of the base year.

    Raises:
        FrameError: repeated practices, missing or negative persons.
        NothingToShareError: a total above 0 with base lists that add to 0.

    Example:
        Lists of 600 and 400 with a total of 1,100 become 660 and 440.
    """
    start, wanted = PracticeList.validate(lists), ProjectedTotal.validate(totals)
    crossed = wanted.select("year", micro(pl.col("registered_persons")).alias("total_micro")).join(
        start.select("practice_code", micro(pl.col("registered_persons")).alias("listed_micro")), how="cross"
    )
    if movement is not None:
        crossed = crossed.join(movement, on=["year", "practice_code"], how="left", validate="1:1").with_columns(
            nearest_whole(pl.col("listed_micro") * pl.col("times")).alias("listed_micro")
        )
    shared = apportion(
        crossed,
        total="total_micro",
        weight="listed_micro",
        order_by=["practice_code"],
        within=["year"],
        into="registered_micro",
    )
    return ProjectedList.validate(
        shared.select(
            "year",
            "practice_code",
            "listed_micro",
            "registered_micro",
            (pl.col("registered_micro") / MICRO).alias("registered_persons"),
            pl.lit(f"{base.title}, {base.counted_on.isoformat()}{MOVED if movement is not None else ''}").alias("base"),
        )
    )


def carry_components(
    components: Frame[NeedComponents], columns: list[str], lists: Frame[ProjectedList], year: FinancialYear
) -> Frame[NeedComponents]:
    """`components` with the registered persons of `year` and its weighted `columns` moved in proportion.

    Args:
        components: need components of the base year, with any component and index columns.
        columns: the component columns to move; index columns stay as they are.
        lists: projected lists that hold every practice of `components` in `year`.
        year: the year wanted.

    Raises:
        FrameError: a practice has no projected list, or has need but no registered persons to carry it by.
    """
    mine = lists.filter(pl.col("year") == str(year)).select(
        "practice_code", pl.col("registered_persons").alias("new_persons")
    )
    joined = components.join(mine, on="practice_code", how="left", validate="1:1", maintain_order="left")
    faults = [
        Fault(f"practice {code}", f"no projected list for {year}", "one for every practice")
        for code in joined.filter(pl.col("new_persons").is_null()).get_column("practice_code").head(20)
    ]
    faults += [
        Fault(
            f"practice {code}",
            "0 registered persons in the base year and some in the projection",
            "a base to move from",
        )
        for code in joined.filter((pl.col("registered_persons") == 0) & (pl.col("new_persons") > 0))
        .get_column("practice_code")
        .head(20)
    ]
    if faults:
        raise FrameError(f"need components cannot be carried to {year}", faults)
    ratio = pl.when(pl.col("registered_persons") > 0).then(pl.col("new_persons") / pl.col("registered_persons"))
    moved = joined.with_columns(
        *((pl.col(name) * ratio.otherwise(0.0)).alias(name) for name in columns),
        pl.col("new_persons").alias("registered_persons"),
        pl.lit(str(year)).alias("year"),
    ).drop("new_persons")
    return cast("Frame[NeedComponents]", moved)


__all__ = [
    "ListBase",
    "PracticeList",
    "ProjectedList",
    "ProjectedTotal",
    "carry_components",
    "grown_totals",
    "project_lists",
]
