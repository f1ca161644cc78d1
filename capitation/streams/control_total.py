"""The control total: what the system may spend each year, stream by stream, from gross allocation to deployable money, and the gap.

    deployable = gross allocation - top-slices in their declared order + what is released of them

A `StreamPlan` is part of a scenario document: amounts in exact pounds by stream, year and recurrence, each with its place in a
source, and top-slices (earmarks, reserves, contingency) of a fixed amount or a rate on a named base. Every movement is a step of
whole pence, so that gross, steps and deployable add up exactly. A `DoNothingGap` holds a printed deficit and its printed parts;
what the parts leave over is a line of its own, never dropped.

Rule: order of application, allocation rule, section 7.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from capitation.errors import Faults, ScenarioError
from capitation.money.pence import pence_of, pounds_text
from capitation.money.rounding import rounded
from capitation.records.columns import STREAM, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.years import FinancialYear, financial_years
from capitation.streams.document import DoNothingGap, StreamPlan, StreamSeries, TopSlice

NOT_EXPLAINED = "not explained in the source"


class StreamTotal(Schema):
    """Gross allocation of a stream in a year."""

    year = YEAR
    stream = STREAM
    recurrence = Column(
        pl.String, "word", "Whether the money comes again", key=True, one_of=("recurrent", "non-recurrent")
    )
    total_pence = Column(pl.Int64, "pence", "Gross allocation before any top-slice", ge=0)


class ControlTotalStep(Schema):
    """One movement from gross allocation to deployable money."""

    year = YEAR
    stream = STREAM
    step = Column(pl.Int64, "count", "Order of the movement, from 1", key=True, ge=1)
    name = Column(pl.String, "words", "What moves, such as the gross allocation or a top-slice")
    kind = Column(
        pl.String,
        "word",
        "What sort of movement it is",
        one_of=("gross", "earmark", "non-recurrent reserve", "contingency", "release"),
    )
    recurrence = Column(pl.String, "word", "Which money moves", one_of=("recurrent", "non-recurrent"))
    amount_pence = Column(pl.Int64, "pence", "The movement: positive adds to the balance, negative takes from it")
    balance_pence = Column(pl.Int64, "pence", "Balance of the stream after the movement", ge=0)


class Deployable(Schema):
    """What a stream has left to deploy in a year."""

    year = YEAR
    stream = STREAM
    recurrent_pence = Column(
        pl.Int64, "pence", "Recurrent money to deploy; opening baselines roll forward from it", ge=0
    )
    non_recurrent_pence = Column(pl.Int64, "pence", "Non-recurrent money to deploy, released reserves included", ge=0)
    deployable_pence = Column(pl.Int64, "pence", "Both together", ge=0)

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """Both kinds of money add to what is deployable."""
        both = pl.col("recurrent_pence") + pl.col("non_recurrent_pence")
        return {"recurrent and non-recurrent money add to what is deployable": both == pl.col("deployable_pence")}


class StreamMoney(Schema):
    """What a stream has to share in a year."""

    year = YEAR
    stream = STREAM
    recurrent_pence = Column(pl.Int64, "pence", "Recurrent money; opening baselines roll forward from it", ge=0)
    non_recurrent_pence = Column(pl.Int64, "pence", "Non-recurrent money, shared by the year's targets", ge=0)


class TotalCheck(Schema):
    """A printed total against the sum of its streams."""

    year = YEAR
    streams = Column(pl.String, "codes", "Streams added together", key=True)
    printed_pence = Column(pl.Int64, "pence", "Total as printed")
    summed_pence = Column(pl.Int64, "pence", "Sum of the streams as given")
    difference_pence = Column(pl.Int64, "pence", "Sum less printed total; nil where they agree")


class GapBridge(Schema):
    """One line of the bridge to a year's do-nothing deficit."""

    year = YEAR
    step = Column(pl.Int64, "count", "Order of the line, from 1", key=True, ge=1)
    name = Column(pl.String, "words", "What the line is")
    kind = Column(pl.String, "word", "A printed part, or what the parts leave over", one_of=("part", "not explained"))
    amount_pence = Column(pl.Int64, "pence", "The line: positive widens the deficit, negative closes it")
    balance_pence = Column(pl.Int64, "pence", "Deficit after the line; the last line of a year is the printed deficit")


@dataclass(frozen=True)
class ControlTotal:
    """The control total of a plan.

    Attributes:
        totals: gross allocations.
        steps: every movement from gross to deployable.
        deployable: what is left by stream and year.
        checks: printed totals against sums of streams.
    """

    totals: Frame[StreamTotal]
    steps: Frame[ControlTotalStep]
    deployable: Frame[Deployable]
    checks: Frame[TotalCheck]


def control_total(plan: StreamPlan) -> ControlTotal:
    """Gross allocations, every step from them to deployable money, and printed totals against sums.

    Raises:
        ScenarioError: a year without an amount, an amount twice, an amount or slice outside the plan, or a slice that takes more
            than is left (the message has the shortfall); all of them at once.

    Rule: top-slices in the order the plan declares (allocation rule, section 7.2).

    Example:
        1,000.00 recurrent, an earmark of 100.00, 1% of the stream total set aside and given back: 890.00 recurrent and 10.00
        non-recurrent are deployable.
    """
    faults = Faults()
    _check_series(plan, faults)
    faults.raise_if_any(ScenarioError, "the money of the plan is not complete")
    steps: list[dict[str, object]] = []
    left: list[dict[str, object]] = []
    for year in financial_years(plan.first_year, plan.last_year):
        for series in plan.streams:
            if (series.since or plan.first_year) <= year:
                moved, balance = _steps(series, year, plan.top_slices, faults)
                steps += moved
                left.append(
                    {
                        "year": str(year),
                        "stream": series.stream,
                        "recurrent_pence": balance["recurrent"],
                        "non_recurrent_pence": balance["non-recurrent"],
                        "deployable_pence": sum(balance.values()),
                    }
                )
    faults.raise_if_any(ScenarioError, "top-slices take more than the streams hold")
    return ControlTotal(
        stream_totals(plan),
        ControlTotalStep.validate(pl.DataFrame(steps, schema=ControlTotalStep.dtypes())),
        Deployable.validate(pl.DataFrame(left, schema=Deployable.dtypes())),
        total_checks(plan),
    )


def stream_totals(plan: StreamPlan) -> Frame[StreamTotal]:
    """Gross allocation by year, stream and recurrence, in whole pence.

    Raises:
        ScenarioError: as `control_total`, for what concerns amounts.
    """
    faults = Faults()
    _check_series(plan, faults)
    faults.raise_if_any(ScenarioError, "the money of the plan is not complete")
    rows = [
        {"year": str(a.year), "stream": s.stream, "recurrence": a.recurrence, "total_pence": a.pence}
        for s in plan.streams
        for a in s.amounts
    ]
    return StreamTotal.validate(pl.DataFrame(rows, schema=StreamTotal.dtypes()))


def total_checks(plan: StreamPlan) -> Frame[TotalCheck]:
    """Each printed total beside the sum of its streams; a difference is reported, never spread.

    Example:
        1,088,109 + 112,939 + 230,702 is the printed 1,431,750 (thousand pounds, 2016/17): difference 0.
    """
    rows = []
    for total in plan.totals:
        amounts = [a for s in plan.streams if s.stream in total.streams for a in s.amounts if a.year == total.year]
        summed = sum(a.pence for a in amounts)
        rows.append(
            {
                "year": str(total.year),
                "streams": " + ".join(total.streams),
                "printed_pence": total.pence,
                "summed_pence": summed,
                "difference_pence": summed - total.pence,
            }
        )
    return TotalCheck.validate(pl.DataFrame(rows, schema=TotalCheck.dtypes()))


def gap_bridge(gaps: Iterable[DoNothingGap]) -> Frame[GapBridge]:
    """The printed deficit of each year as a bridge of its printed parts; what they leave over is a line named as such.

    Raises:
        ScenarioError: a year twice, or a year with neither parts nor total.

    Example:
        2020/21: NHS 203m and councils 108m make 311m. 2016/17: a CCG surplus of 21.9m inside a deficit of 24.4m leaves 46.3m
        "not explained in the source".
    """
    faults, rows = Faults(), []
    given = list(gaps)
    years = [g.year for g in given]
    for year in sorted({y for y in years if years.count(y) > 1}):
        faults.add(f"gap {year}", f"{years.count(year)} entries", "one for each year")
    for gap in given:
        if not gap.parts and gap.total is None:
            faults.add(f"gap {gap.year}", "neither parts nor a total", "at least one of them")
        lines = [(p.name, "part", p.pence) for p in gap.parts]
        left = gap.total.pence - sum(p.pence for p in gap.parts) if gap.total is not None else 0
        if left:
            lines.append((NOT_EXPLAINED, "not explained", left))
        balance = 0
        for step, (name, kind, pence) in enumerate(lines, start=1):
            balance += pence
            rows.append(
                {
                    "year": str(gap.year),
                    "step": step,
                    "name": name,
                    "kind": kind,
                    "amount_pence": pence,
                    "balance_pence": balance,
                }
            )
    faults.raise_if_any(ScenarioError, "the do-nothing gap cannot be bridged")
    return GapBridge.validate(pl.DataFrame(rows, schema=GapBridge.dtypes()))


def _check_series(plan: StreamPlan, faults: Faults) -> None:
    if plan.last_year < plan.first_year:
        faults.add("plan", f"last_year {plan.last_year} before first_year {plan.first_year}", "years in order")
        return
    years = financial_years(plan.first_year, plan.last_year)
    names = [s.stream for s in plan.streams]
    if not names:
        faults.add("plan", "no streams", "at least one stream of money")
    for name in sorted({n for n in names if names.count(n) > 1}):
        faults.add(f"stream {name}", f"{names.count(name)} series", "one series for each stream")
    for series in plan.streams:
        where = f"stream {series.stream}"
        keys = [(a.year, a.recurrence) for a in series.amounts]
        for year, recurrence in sorted({k for k in keys if keys.count(k) > 1}):
            faults.add(f"{where}, {year}", f"{keys.count((year, recurrence))} {recurrence} amounts", "one")
        present = {a.year for a in series.amounts}
        first = series.since or plan.first_year
        for year in years:
            if year >= first and year not in present:
                faults.add(
                    f"{where}, {year}", "no amount", "an amount for every year", "Say 0 where there is no money."
                )
        for year in sorted(present):
            if not first <= year <= plan.last_year:
                faults.add(f"{where}, {year}", "an amount", f"years from {first} to {plan.last_year}")
        for amount in series.amounts:
            if amount.pence < 0:
                faults.add(f"{where}, {amount.year}", f"{pounds_text(amount.pence)} pounds", "an amount of 0 or more")
    labels = [s.name for s in plan.top_slices]
    for label in sorted({n for n in labels if labels.count(n) > 1}):
        faults.add(f"top-slice {label!r}", f"{labels.count(label)} slices of this name", "names that differ")
    for piece in plan.top_slices:
        where = f"top-slice {piece.name!r}"
        if piece.stream not in names:
            faults.add(where, f"stream {piece.stream!r}", f"one of the plan's streams: {', '.join(names)}")
        for release in piece.releases:
            if not piece.applies(release.year) or not plan.first_year <= release.year <= plan.last_year:
                faults.add(
                    f"{where}, release {release.year}", "a release in a year without the slice", "a year it is taken"
                )
        if not any(piece.applies(year) for year in years):
            faults.add(
                where, f"no year of the plan from {piece.since}", f"years within {plan.first_year} to {plan.last_year}"
            )
        at = [release.year for release in piece.releases]
        for year in sorted({y for y in at if at.count(y) > 1}):
            given = sum((r.rate for r in piece.releases if r.year == year), Decimal(0))
            if given > 1:
                faults.add(f"{where}, release {year}", f"{given} of the slice", "at most all of it")
    for total in plan.totals:
        if not plan.first_year <= total.year <= plan.last_year:
            faults.add(
                f"printed total {total.year}", "a year outside the plan", f"{plan.first_year} to {plan.last_year}"
            )
        for name in total.streams:
            if name not in names:
                faults.add(f"printed total {total.year}", f"stream {name!r}", f"one of {', '.join(names)}")


def _steps(
    series: StreamSeries, year: FinancialYear, slices: Iterable[TopSlice], faults: Faults
) -> tuple[list[dict[str, object]], dict[str, int]]:
    """The movements of one stream in one year, and the balance by recurrence they end with."""
    balance = {"recurrent": 0, "non-recurrent": 0}
    rows: list[dict[str, object]] = []

    def move(name: str, kind: str, recurrence: str, amount: int) -> None:
        balance[recurrence] += amount
        rows.append(
            {
                "year": str(year),
                "stream": series.stream,
                "step": len(rows) + 1,
                "name": name,
                "kind": kind,
                "recurrence": recurrence,
                "amount_pence": amount,
                "balance_pence": sum(balance.values()),
            }
        )

    for amount in series.amounts:
        if amount.year == year:
            move(f"gross {amount.recurrence} allocation", "gross", amount.recurrence, amount.pence)
    gross = sum(balance.values())
    for piece in slices:
        if piece.stream != series.stream or not piece.applies(year):
            continue
        taken = _slice_pence(piece, gross, sum(balance.values()))
        short = taken - balance[piece.takes]
        if short > 0:
            faults.add(
                f"top-slice {piece.name!r}, {series.stream} {year}",
                f"{pounds_text(taken)} pounds of {piece.takes} money against {pounds_text(balance[piece.takes])} left",
                f"{pounds_text(short)} pounds less",
                "Lower the slice, or move it up the order.",
            )
            continue
        move(piece.name, piece.kind, piece.takes, -taken)
        back = 0
        for release in (r for r in piece.releases if r.year == year):
            returned = min(rounded(release.rate * taken, "nearest"), taken - back)
            back += returned
            move(f"{piece.name}: released", "release", release.recurrence, returned)
    return rows, balance


def _slice_pence(piece: TopSlice, gross: int, balance: int) -> int:
    if piece.pounds is not None:
        return pence_of(piece.pounds)
    base = gross if piece.base == "stream total" else balance
    return rounded((piece.rate or Decimal(0)) * base, piece.rounding)
