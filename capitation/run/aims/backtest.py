"""The plan against what happened: growth of activity and money since the first year, as planned and as counted or published since.

    happened    sum of the printed cells that `aims/outturn.csv` names, year by year
    trend       the plan's activity if nothing is done          plan    its activity after channel shift, or its allocation
    growth      a year over the first year that both have, less one

Counts of trusts and the plan's counts of residents are not the same patients, so growth is compared and never the counts themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import polars as pl

from capitation.errors import DataError, Faults, SourceError
from capitation.money.written_numbers import exact_number
from capitation.pack.sources import DataPack
from capitation.records.columns import SOURCE, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear
from capitation.run.run import Run
from capitation.sentences import capital

FILE = "aims/outturn.csv"
TREND, PLAN = "unmitigated", "mitigated"


class OutturnCell(Schema):
    """A row of a source's table whose cells say what happened, by year."""

    measure = Column(pl.String, "id", "What is compared; rows of one measure are added", key=True)
    kind = Column(
        pl.String, "label", "Activity of a point of delivery, or money of a stream", one_of=("activity", "money")
    )
    follows = Column(pl.String, "code", "Point of delivery, or stream, of the plan")
    title = Column(pl.String, "words", "What it is")
    source = SOURCE
    table = Column(pl.String, "name", "Table of the source")
    row = Column(pl.String, "label", "Row of the table, its columns the years", key=True)


class BackTest(Schema):
    """One measure in one year: what happened and what the plan said, as growth since the first year that both have."""

    measure = Column(pl.String, "id", "What is compared", key=True)
    year = YEAR
    title = Column(pl.String, "words", "What it is")
    first_year = Column(pl.String, "financial year", "Year that growth is counted from")
    happened = Column(pl.Float64, "as printed", "What was counted or published")
    planned = Column(pl.Float64, "units or pounds", "What the plan has after channel shift, or allocates")
    happened_growth = Column(pl.Float64, "share", "Growth that happened")
    trend_growth = Column(pl.Float64, "share", "Growth of the plan on current trends; empty for money", nullable=True)
    plan_growth = Column(pl.Float64, "share", "Growth of the plan")
    straight_trend_growth = Column(
        pl.Float64,
        "share",
        "Growth on current trends by a straight line from the first year to the last",
        nullable=True,
    )
    source = Column(pl.String, "id", "Source of what happened")


def backtest(pack: DataPack, run: Run) -> Frame[BackTest]:
    """Every measure and year that both the plan and the sources have; none where the pack names no outturn.

    Raises:
        SourceError: a row that its table does not print, a cell that is no number, or a line or stream that the run does not have.
    """
    if FILE not in pack.files(FILE):
        return BackTest.validate(pl.DataFrame(schema=BackTest.dtypes()))
    named = pack.rows(FILE, OutturnCell)
    faults = Faults()
    rows: list[tuple[object, ...]] = []
    for (measure,), mine in named.group_by("measure", maintain_order=True):
        first = mine.row(0, named=True)
        happened = _happened(pack, mine, faults)
        trend, plan = _planned(run, first["kind"], first["follows"])
        years = sorted(set(happened) & set(plan))
        if not years:
            faults.add(
                f"{FILE}: {measure}",
                f"no year that {first['follows']!r} of the run and {first['source']} both have",
                "one at least",
            )
            continue
        base = years[0]
        for year in years:
            on_trend = None if trend is None else trend[year] / trend[base] - 1
            straight = None if trend is None else _straight(trend, base, year)
            rows.append(
                (
                    measure, year, first["title"], base, float(happened[year]), plan[year],
                    float(happened[year] / happened[base]) - 1, on_trend, plan[year] / plan[base] - 1, straight,
                    first["source"],
                )
            )  # fmt: skip
    faults.raise_if_any(SourceError, "what happened cannot be compared")
    return BackTest.validate(pl.DataFrame(rows, schema=BackTest.dtypes(), orient="row"))


def _happened(pack: DataPack, rows: pl.DataFrame, faults: Faults) -> dict[str, Decimal]:
    """Sums over the rows of a measure, for years that all of them print."""
    found: list[dict[str, Decimal]] = []
    for row in rows.iter_rows(named=True):
        where = f"{row['source']}, {row['table']}: {row['row']}"
        cells = pack.printed(row["source"], row["table"]).filter(pl.col("row") == row["row"])
        values: dict[str, Decimal] = {}
        for column, value, unit in cells.select("column", "value", "unit").iter_rows():
            try:
                values[column] = exact_number(value) * (1000 if unit == "£'000" else 1)
            except DataError:
                faults.add(f"{where}, {column}", repr(value), "a number")
        if cells.is_empty():
            faults.add(where, "no such row", "a row of the table")
        found.append(values)
    common = set.intersection(*(set(each) for each in found)) if found else set()
    return {year: sum((each[year] for each in found), Decimal(0)) for year in common}


def _planned(run: Run, kind: str, follows: str) -> tuple[Mapping[str, float] | None, Mapping[str, float]]:
    """The plan on current trends (none for money) and the plan itself, by year."""
    if kind == "money":
        totals = run.stream_total.filter(pl.col("stream") == follows).group_by("year").agg(pl.col("total_pence").sum())
        return None, {year: pence / 100 for year, pence in totals.iter_rows()}
    lines = run.locality_activity.filter(pl.col("point_of_delivery") == follows)
    sums = lines.group_by("case", "year").agg(pl.col("activity").sum())
    by_case: dict[str, dict[str, float]] = {TREND: {}, PLAN: {}}
    for case, year, activity in sums.iter_rows():
        if case in by_case:
            by_case[case][year] = float(activity)
    return by_case[TREND], by_case[PLAN]


def _straight(amounts: Mapping[str, float], base: str, year: str) -> float:
    """Growth by a straight line from the base year to the last one, which is what a plan that prints two years says of those between."""
    last = max(amounts)
    part = FinancialYear(year).years_after(FinancialYear(base)) / FinancialYear(last).years_after(FinancialYear(base))
    return part * (amounts[last] / amounts[base] - 1)


def paragraph(found: Frame[BackTest]) -> list[str]:
    """What happened beside the plan, a sentence for each measure, at the last year that both have."""
    said = []
    for (measure,), rows in found.group_by("measure", maintain_order=True):
        last = rows.sort("year").row(-1, named=True)
        if last["year"] == last["first_year"]:
            continue
        on_trend = last["straight_trend_growth"]
        trend = "" if on_trend is None else f"{_percent(on_trend)} on current trends and "
        after = "after channel shift" if trend else "over the same years"
        said.append(
            f"{capital(last['title'])} grew by {_percent(last['happened_growth'])} from {last['first_year']} to "
            f"{last['year']}; the plan has {trend}{_percent(last['plan_growth'])} {after} ({measure}: {last['source']})."
        )
    return said


def _percent(share: float) -> str:
    return f"{100 * share:+.1f}%"


__all__ = ["BackTest", "OutturnCell", "backtest", "paragraph"]
