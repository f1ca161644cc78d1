"""The published plan as used: each function turns one printed table of the plan into a typed frame.

The printed cells stay as they are in the plan's source; here their text is read exactly, digit by digit, as Decimal, by
the `reading.toml` beside them (`capitation.activity.reading`). Printed labels become codes, pounds become whole pence,
percentages become shares. Each function takes the source to read; by default the only one of the pack that has a reading.
Printed totals and percentages are not used: they are what the tests compare these frames with.
"""

from __future__ import annotations

from typing import TypeVar

import polars as pl

from capitation.activity.printed_cells import Cells, frame_of
from capitation.activity.reading import READING, Reading, reading, required_plan
from capitation.errors import SourceError
from capitation.pack.sources import DataPack
from capitation.records.columns import AREA_CODE, POINT_OF_DELIVERY, SOLUTION, STREAM, YEAR
from capitation.records.frames import Column, Frame, Schema

P = TypeVar("P")


class PlannedAllocation(Schema):
    """One stream of the place-based allocation in one year."""

    year = YEAR
    stream = STREAM.but(about="Stream that the money comes through")
    total_pence = Column(pl.Int64, "pence", "Allocation of the stream to the whole system", ge=0)
    population_persons = Column(pl.Int64, "persons", "Population projection of the system for the year", ge=1)


class PlannedTotal(Schema):
    """The place-based allocation of one year as the plan totals it."""

    year = YEAR
    population_persons = Column(pl.Int64, "persons", "Population projection of the system for the year", ge=1)
    total_pence = Column(pl.Int64, "pence", "Total place-based allocation as printed", ge=0)


class PlannedDistance(Schema):
    """How far the system stands from its place-based target at one end of the plan."""

    moment = Column(pl.String, "label", "End of the plan that the figure is for", key=True, one_of=("start", "end"))
    distance_from_target_pence = Column(pl.Int64, "pence", "Allocation less target; negative is under target")


class PlannedSustainabilityFund(Schema):
    """Sustainability and transformation funding of the system in one year."""

    year = YEAR.but(about="Year from which the money is expected")
    stf_pence = Column(pl.Int64, "pence", "Funding of the system", ge=0)
    is_recurrent = Column(pl.Boolean, "true or false", "Whether the plan counts on it every year from then on")


class PlannedSpend(Schema):
    """Spend on one service in the year that the plan prints."""

    service = Column(pl.String, "code", "Service bought", key=True)
    spend_pence = Column(pl.Int64, "pence", "Spend on the service in the year that the plan prints", ge=0)


class PlannedActivity(Schema):
    """Activity at one point of delivery: now, on current trends, and after channel shift."""

    point_of_delivery = POINT_OF_DELIVERY.but(about="Where and how care is given")
    baseline_activity = Column(
        pl.Int64, "units of activity", "Activity of the baseline year as the plan counts it", ge=0
    )
    unmitigated_activity = Column(pl.Int64, "units of activity", "Activity of the last year on current trends", ge=0)
    mitigated_activity = Column(pl.Int64, "units of activity", "Activity of the last year after channel shift", ge=0)


class PlannedGap(Schema):
    """One part of the deficit in one year."""

    year = YEAR.but(about="Year of the deficit, or into which it was brought forward")
    part = Column(pl.String, "code", "Whose deficit it is, or what sort", key=True)
    deficit_pence = Column(pl.Int64, "pence", "Deficit before sustainability funding; a surplus is negative")


class PracticeSupply(Schema):
    """General practices, GPs and practice nurses of one area."""

    area_code = AREA_CODE.but(about="CCG, the system, or England")
    practices = Column(pl.Int64, "practices", "General practices", ge=0, nullable=True)
    gps = Column(pl.Int64, "GPs", "General practitioners", ge=0, nullable=True)
    nurses = Column(pl.Int64, "nurses", "General practice nurses", ge=0, nullable=True)
    patients_per_gp = Column(pl.Int64, "patients", "Average list of a GP as printed", ge=0, nullable=True)
    patients_per_nurse = Column(
        pl.Int64, "patients", "Average list of a practice nurse as printed", ge=0, nullable=True
    )
    patients_per_practice = Column(pl.Int64, "patients", "Average list of a practice as printed", ge=0)
    gps_per_thousand = Column(pl.Float64, "GPs per 1,000 patients", "GPs each 1,000 patients as printed", ge=0)
    nurses_per_thousand = Column(
        pl.Float64, "nurses per 1,000 patients", "Practice nurses each 1,000 patients as printed", ge=0
    )
    gps_over_55_share = Column(pl.Float64, "share", "Share of GPs older than 55", ge=0, le=1)
    nurses_over_55_share = Column(
        pl.Float64, "share", "Share of practice nurses older than 55", ge=0, le=1, nullable=True
    )


class SavingsChallenge(Schema):
    """What one part of the hospitals' shared work is asked to save."""

    part = Column(pl.String, "code", "Part of the hospitals' work", key=True)
    saving_pence = Column(pl.Int64, "pence", "Savings challenge", ge=0)
    cost_base_share = Column(
        pl.Float64, "share", "Saving over the hospitals' aggregate cost base, where printed", ge=0, le=1, nullable=True
    )


class SolutionWorkforce(Schema):
    """Recurrent staff that one solution needs by the last year."""

    solution = SOLUTION.but(unit="code", about="Solution of the plan")
    name = Column(pl.String, "name", "Name of the solution as the plan prints it")
    workforce_wte = Column(
        pl.Float64,
        "whole-time equivalents",
        "Recurrent staff to the last year; empty where not printed",
        ge=0,
        nullable=True,
    )


class WaitingTime(Schema):
    """One body's result against one waiting-time standard."""

    organisation = Column(pl.String, "code", "Trust or commissioner that the result is for", key=True)
    standard = Column(pl.String, "code", "Waiting-time standard", key=True)
    achieved_share = Column(pl.Float64, "share", "Share of patients seen in time", ge=0, le=1)
    standard_share = Column(pl.Float64, "share", "Share of patients that the standard asks for", ge=0, le=1)


class VacancyRate(Schema):
    """Vacancies of one staff group in one place."""

    staff_group = Column(pl.String, "code", "Staff group, or social-care for the whole social care workforce", key=True)
    area_code = AREA_CODE.but(about="CCG, or council for social care")
    vacancy_share = Column(pl.Float64, "share", "Vacant posts over all posts", ge=0, le=1)


def place_based_allocation(pack: DataPack, source: str | None = None) -> Frame[PlannedAllocation]:
    """Streams by year, in pence, each with the population projected for the year.

    Raises:
        SourceError: the table is missing, was edited, or a cell is not the number it should be.
    """
    plan, of = _plan(pack, source)
    part = _printed(plan.allocation, "allocation", of)
    cells = Cells(pack, of, part.table)
    return PlannedAllocation.validate(
        frame_of(
            PlannedAllocation,
            [
                (year, stream, cells.pence(label, year), cells.whole(part.persons, year))
                for label, stream in part.rows.items()
                for year in part.years
            ],
        )
    )


def place_based_totals(pack: DataPack, source: str | None = None) -> Frame[PlannedTotal]:
    """Total place-based allocation and population by year as printed: what the streams of a year add to."""
    plan, of = _plan(pack, source)
    part = _printed(plan.allocation, "allocation", of)
    cells = Cells(pack, of, part.table)
    return PlannedTotal.validate(
        frame_of(
            PlannedTotal,
            [(year, cells.whole(part.persons, year), cells.pence(part.total, year)) for year in part.years],
        )
    )


def distance_from_target(pack: DataPack, source: str | None = None) -> Frame[PlannedDistance] | None:
    """Distance from the place-based target at the two ends of the plan, in pence, negative where it is under; none where not printed."""
    plan, of = _plan(pack, source)
    part = plan.distance
    if part is None:
        return None
    cells = Cells(pack, of, part.table)
    rows = [(end, part.sign * cells.pence(part.row, label)) for label, end in part.columns.items()]
    return PlannedDistance.validate(frame_of(PlannedDistance, rows))


def sustainability_fund(pack: DataPack, source: str | None = None) -> Frame[PlannedSustainabilityFund]:
    """Sustainability and transformation funding by year, in pence, and whether the plan counts on it every year."""
    plan, of = _plan(pack, source)
    rows = [
        (part.year, Cells(pack, of, part.table).pence(part.row, part.column), part.is_recurrent)
        for part in plan.sustainability_fund
    ]
    return PlannedSustainabilityFund.validate(frame_of(PlannedSustainabilityFund, rows))


def spend_by_service(pack: DataPack, source: str | None = None) -> Frame[PlannedSpend]:
    """Lines of spend by service in one year, in pence."""
    plan, of = _plan(pack, source)
    part = _printed(plan.spend, "spend", of)
    cells = Cells(pack, of, part.table)
    rows = [(service, cells.pence(label, part.column)) for label, service in part.rows.items()]
    return PlannedSpend.validate(frame_of(PlannedSpend, rows))


def activity_plan(pack: DataPack, source: str | None = None) -> Frame[PlannedActivity]:
    """Activity by point of delivery: the baseline, the projection on current trends, and that after channel shift."""
    plan, of = _plan(pack, source)
    part = _printed(plan.activity, "activity", of)
    cells = Cells(pack, of, part.table)
    rows = [
        (
            code,
            cells.whole(label, part.baseline),
            cells.whole(label, part.unmitigated),
            cells.whole(label, part.mitigated),
        )
        for label, code in part.rows.items()
    ]
    return PlannedActivity.validate(frame_of(PlannedActivity, rows))


def do_nothing_gap(pack: DataPack, source: str | None = None) -> Frame[PlannedGap]:
    """Deficits by year and part, in pence."""
    plan, of = _plan(pack, source)
    rows = [
        (part.year, part.part, part.sign * Cells(pack, of, part.table).pence(part.row, part.column))
        for part in plan.gap
    ]
    return PlannedGap.validate(frame_of(PlannedGap, rows))


def general_practice_supply(pack: DataPack, source: str | None = None) -> Frame[PracticeSupply]:
    """Practices, GPs, nurses and their averages by area, and, where printed, for England."""
    plan, of = _plan(pack, source)
    part = _printed(plan.supply, "supply", of)
    cells = Cells(pack, of, part.table)
    return PracticeSupply.validate(
        frame_of(
            PracticeSupply,
            [
                (
                    code,
                    cells.whole_or_none(part.practices, area),
                    cells.whole_or_none(part.gps, area),
                    cells.whole_or_none(part.nurses, area),
                    cells.whole_or_none(part.patients_per_gp, area),
                    cells.whole_or_none(part.patients_per_nurse, area),
                    cells.whole(part.patients_per_practice, area),
                    float(cells.number(part.gps_per_thousand, area)),
                    float(cells.number(part.nurses_per_thousand, area)),
                    cells.share(part.gps_over_55_share, area),
                    cells.share_or_none(part.nurses_over_55_share, area),
                )
                for area, code in part.columns.items()
            ],
        )
    )


def savings_challenges(pack: DataPack, source: str | None = None) -> Frame[SavingsChallenge]:
    """What the parts of hospitals' shared work are asked to save, in pence."""
    plan, of = _plan(pack, source)
    part = _printed(plan.savings, "savings", of)
    cells = Cells(pack, of, part.table)
    rows = [
        (code, cells.pence(label, part.saving), cells.share_or_none(label, part.share))
        for label, code in part.rows.items()
    ]
    return SavingsChallenge.validate(frame_of(SavingsChallenge, rows))


def solution_workforce(pack: DataPack, source: str | None = None) -> Frame[SolutionWorkforce]:
    """Solutions with the recurrent staff that the plan prints, in whole-time equivalents; empty where it prints none."""
    plan, of = _plan(pack, source)
    part = _printed(plan.solutions, "solutions", of)
    named, printed = Cells(pack, of, part.table), Cells(pack, of, part.workforce_table)
    rows = []
    for label, code in part.rows.items():
        wte = printed.number(label, part.workforce) if printed.has(label, part.workforce) else None
        rows.append((code, named.text(label, part.name), None if wte is None else float(wte)))
    return SolutionWorkforce.validate(frame_of(SolutionWorkforce, rows))


def waiting_times(pack: DataPack, source: str | None = None) -> Frame[WaitingTime]:
    """Results of NHS bodies against the standards that each reports, as shares of patients."""
    plan, of = _plan(pack, source)
    part = _printed(plan.waiting, "waiting", of)
    cells = Cells(pack, of, part.table)
    return WaitingTime.validate(
        frame_of(
            WaitingTime,
            [
                (organisation, standard, cells.share(body, heading), cells.share(part.standard, heading))
                for body, organisation in part.rows.items()
                for heading, standard in part.columns.items()
                if cells.has(body, heading)
            ],
        )
    )


def vacancy_rates(pack: DataPack, source: str | None = None) -> Frame[VacancyRate]:
    """Vacancies by staff group and area, where the plan prints them."""
    plan, of = _plan(pack, source)
    rows = []
    for part in plan.vacancies:
        cells = Cells(pack, of, part.table)
        for label, group in part.rows.items():
            for name, code in part.areas.items():
                column = part.column.format(area=name)
                if cells.has(label, column):
                    rows.append((group, code, cells.share(label, column)))
    return VacancyRate.validate(frame_of(VacancyRate, rows))


def _plan(pack: DataPack, source: str | None) -> tuple[Reading, str]:
    of = required_plan(pack, source)
    return reading(pack, of), of


def _printed(part: P | None, name: str, source: str) -> P:
    if part is None:
        raise SourceError(f"source {source}, {READING}: found no [{name}]; expected how the plan prints it")
    return part
