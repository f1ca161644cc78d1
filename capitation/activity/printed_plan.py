"""The published plan as used: each function turns one printed table of the plan into a typed frame.

The printed cells stay as they are in `sources/blmk-stp-2016`; here their text is read exactly, digit by digit, as
Decimal. Printed labels become the codes of the engine, pounds become whole pence, percentages become shares.
Printed totals and percentages are not used: they are what the tests compare these frames with.
"""

from __future__ import annotations

import polars as pl

from capitation.activity.printed_cells import Cells, frame_of
from capitation.pack.sources import DataPack
from capitation.records.columns import AREA_CODE, POINT_OF_DELIVERY, SOLUTION, STREAM, YEAR
from capitation.records.frames import Column, Frame, Schema

YEARS = ("2015/16", "2016/17", "2017/18", "2018/19", "2019/20", "2020/21")
"""Years of the plan's place-based allocation."""

STREAMS = {
    "CCG allocation": "ccg",
    "Primary medical allocation": "primary-medical",
    "Specialised allocation": "specialised",
}
"""Allocation stream by its printed label."""

SERVICES = {
    "Acute Services": "acute",
    "Mental Health": "mental-health",
    "Community Services": "community",
    "Continuing Health Care": "continuing-care",
    "Prescriptions": "prescribing",
    "Primary Care": "primary-care",
    "Specialised Comm.": "specialised",
    "Other Programme": "other-programme",
    "Social Care": "social-care",
}
"""Service by the printed label of its line of spend."""

POINTS_OF_DELIVERY = {
    "Acute - A&E": "ae",
    "Acute - EIP-Daycase": "elective",
    "Acute - Non Elective IP": "non-elective",
    "Acute - Outpatient": "outpatient",
    "Acute - Ambulance": "ambulance",
    "Mental Health": "mental-health",
    "Community Services": "community",
    "Continuing Health Care": "continuing-care",
    "Primary Care": "primary-care",
    "Social Care": "social-care",
}
"""Point of delivery by its printed label."""

GAP_PARTS = {
    ("Accumulated deficit of the three CCGs", "Brought forward into 2016/17"): ("ccg-accumulated", "2016/17", 1),
    ("Accumulated deficit of two hospital trusts", "Brought forward into 2016/17"): ("trust-accumulated", "2016/17", 1),
    ("Combined deficit of CCGs and trusts", "2015/16"): ("nhs", "2015/16", 1),
    ("Combined recurrent deficit before STF", "2016/17"): ("nhs", "2016/17", 1),
    ("Planned recurrent surplus of the three CCGs", "2016/17"): ("ccg-planned", "2016/17", -1),
    ("Recurrent NHS deficit", "2020/21"): ("nhs", "2020/21", 1),
    ("Recurrent council deficit", "2020/21"): ("council", "2020/21", 1),
    ("Consolidated deficit", "2020/21"): ("system", "2020/21", 1),
}
"""Part of the deficit, year and sign (a surplus is a negative deficit) by printed row and column."""

SUPPLY_AREAS = {"Bedfordshire": "06F", "Luton": "06P", "Milton Keynes": "04F", "BLMK": "BLMK", "England Average": "ENG"}
"""Area code by the printed heading of the general-practice table."""

SAVINGS_AREAS = {
    "Speciality Clinical Services": "clinical",
    "Clinical Support Services": "clinical-support",
    "Non-Clinical Support Services": "non-clinical-support",
}
"""Part of the hospitals' shared work by its printed label."""

SOLUTIONS = {
    "Enhanced Primary Care": "enhanced-primary-care",
    "Complex care management": "complex-care-management",
    "Acute-based care management": "acute-based-care-management",
    "Referral management": "referral-management",
    "Medicines optimisation": "medicines-optimisation",
    "Community-based outreach": "community-outreach",
    "Single clinical hub and single point of access": "clinical-hub",
    "Fracture Liaison Services": "fracture-liaison-service",
    "Social Prescribing Hub": "social-prescribing-hub",
}
"""Solution by its printed name."""

NHS_BODIES = {"BHT": "RC1", "LDUH": "RC9", "MKUH": "RD8", "BCCG": "06F", "LCCG": "06P", "MKCCG": "04F"}
"""Organisation code by the initials that the waiting-time table prints."""

WAITING_STANDARDS = {
    "A&E waits under 4 hours": "ae-4-hours",
    "Ambulance Category A responded to under 8 minutes": "ambulance-8-minutes",
    "18 weeks RTT": "rtt-18-weeks",
    "62-day cancer": "cancer-62-days",
    "Two-week cancer": "cancer-2-weeks",
    "31-day cancer": "cancer-31-days",
}
"""Waiting-time standard by its printed heading."""

STAFF_GROUPS = {
    "District Nursing": "district-nursing",
    "Health visiting": "health-visiting",
    "Occupational Therapists": "occupational-therapy",
    "Physiotherapists": "physiotherapy",
    "Dietetics": "dietetics",
    "SALT": "speech-and-language-therapy",
}
"""Staff group of community health services by its printed label."""

_CCG_AREAS = {"Bedfordshire": "06F", "Luton": "06P", "Milton Keynes": "04F"}
_COUNCIL_AREAS = {"Bedford Borough": "E06000055", "Central Bedfordshire": "E06000056", "Luton": "E06000032"}


class PlannedAllocation(Schema):
    """One stream of the place-based allocation in one year."""

    year = YEAR.but(one_of=YEARS)
    stream = STREAM.but(about="Stream that the money comes through", one_of=tuple(STREAMS.values()))
    total_pence = Column(pl.Int64, "pence", "Allocation of the stream to the whole system", ge=0)
    population_persons = Column(pl.Int64, "persons", "Population projection of the system for the year", ge=1)


class PlannedTotal(Schema):
    """The place-based allocation of one year as the plan totals it."""

    year = YEAR.but(one_of=YEARS)
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
    """Spend on one service in 2016/17."""

    service = Column(pl.String, "code", "Service bought", key=True, one_of=tuple(SERVICES.values()))
    spend_pence = Column(pl.Int64, "pence", "Spend in 2016/17 on the service, printed to £0.1m", ge=0)


class PlannedActivity(Schema):
    """Activity at one point of delivery: now, on current trends, and after channel shift."""

    point_of_delivery = POINT_OF_DELIVERY.but(
        about="Where and how care is given", one_of=tuple(POINTS_OF_DELIVERY.values())
    )
    baseline_activity = Column(pl.Int64, "units of activity", "Activity of 2016/17 as the plan counts it", ge=0)
    unmitigated_activity = Column(pl.Int64, "units of activity", "Activity of 2020/21 on current trends", ge=0)
    mitigated_activity = Column(pl.Int64, "units of activity", "Activity of 2020/21 after channel shift", ge=0)


class PlannedGap(Schema):
    """One part of the deficit in one year."""

    year = YEAR.but(about="Year of the deficit, or into which it was brought forward")
    part = Column(
        pl.String,
        "code",
        "Whose deficit it is, or what sort",
        key=True,
        one_of=tuple(dict.fromkeys(part for part, _, _ in GAP_PARTS.values())),
    )
    deficit_pence = Column(pl.Int64, "pence", "Deficit before sustainability funding; a surplus is negative")


class PracticeSupply(Schema):
    """General practices, GPs and practice nurses of one area."""

    area_code = AREA_CODE.but(about="CCG, the system, or England", one_of=tuple(SUPPLY_AREAS.values()))
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

    part = Column(
        pl.String, "code", "Part of the three hospitals' work", key=True, one_of=tuple(SAVINGS_AREAS.values())
    )
    saving_pence = Column(pl.Int64, "pence", "Savings challenge", ge=0)
    cost_base_share = Column(
        pl.Float64, "share", "Saving over the hospitals' aggregate cost base, where printed", ge=0, le=1, nullable=True
    )


class SolutionWorkforce(Schema):
    """Recurrent staff that one solution needs by 2020/21."""

    solution = SOLUTION.but(unit="code", about="Solution of the plan", one_of=tuple(SOLUTIONS.values()))
    name = Column(pl.String, "name", "Name of the solution as the plan prints it")
    workforce_wte = Column(
        pl.Float64, "whole-time equivalents", "Recurrent staff to 2020/21; empty where not printed", ge=0, nullable=True
    )


class WaitingTime(Schema):
    """One body's result against one waiting-time standard."""

    organisation = Column(
        pl.String, "code", "Trust or commissioner that the result is for", key=True, one_of=tuple(NHS_BODIES.values())
    )
    standard = Column(pl.String, "code", "Waiting-time standard", key=True, one_of=tuple(WAITING_STANDARDS.values()))
    achieved_share = Column(pl.Float64, "share", "Share of patients seen in time", ge=0, le=1)
    standard_share = Column(pl.Float64, "share", "Share of patients that the standard asks for", ge=0, le=1)


class VacancyRate(Schema):
    """Vacancies of one staff group in one place."""

    staff_group = Column(pl.String, "code", "Staff group, or social-care for the whole social care workforce", key=True)
    area_code = AREA_CODE.but(about="CCG, or council for social care")
    vacancy_share = Column(pl.Float64, "share", "Vacant posts over all posts", ge=0, le=1)


def place_based_allocation(pack: DataPack) -> Frame[PlannedAllocation]:
    """Three streams in six years, in pence, each with the population projected for the year.

    Raises:
        SourceError: the table is missing, was edited, or a cell is not the number it should be.
    """
    cells = Cells(pack, "place_based_allocation")
    return PlannedAllocation.validate(
        frame_of(
            PlannedAllocation,
            [
                (year, stream, cells.pence(label, year), cells.whole("Population projection", year))
                for label, stream in STREAMS.items()
                for year in YEARS
            ],
        )
    )


def place_based_totals(pack: DataPack) -> Frame[PlannedTotal]:
    """Total place-based allocation and population by year as printed: what the streams of a year add to."""
    cells = Cells(pack, "place_based_allocation")
    return PlannedTotal.validate(
        frame_of(
            PlannedTotal,
            [
                (year, cells.whole("Population projection", year), cells.pence("Total place-based allocation", year))
                for year in YEARS
            ],
        )
    )


def distance_from_target(pack: DataPack) -> Frame[PlannedDistance]:
    """Distance from the place-based target at the two ends of the plan, in pence, negative because it is under."""
    cells = Cells(pack, "distance_from_target")
    row = "Distance under target"
    return PlannedDistance.validate(
        frame_of(
            PlannedDistance,
            [("start", -cells.pence(row, "Start of the plan")), ("end", -cells.pence(row, "End of the plan"))],
        )
    )


def sustainability_fund(pack: DataPack) -> Frame[PlannedSustainabilityFund]:
    """Sustainability and transformation funding of 2016/17, and the recurrent share expected from 2020/21, in pence."""
    cells = Cells(pack, "stf")
    return PlannedSustainabilityFund.validate(
        frame_of(
            PlannedSustainabilityFund,
            [
                ("2016/17", cells.pence("Applied to the 2016/17 deficit", "2016/17"), False),
                ("2020/21", cells.pence("Earmarked fair share, recurrent from 2020/21", "2020/21"), True),
            ],
        )
    )


def spend_by_service(pack: DataPack) -> Frame[PlannedSpend]:
    """Nine lines of 2016/17 spend, in pence; they add to £1,342.1m where the plan prints £1,342m."""
    cells = Cells(pack, "spend_by_service_2016_17")
    return PlannedSpend.validate(
        frame_of(
            PlannedSpend, [(service, cells.pence(label, "2016/17 Spend £m")) for label, service in SERVICES.items()]
        )
    )


def activity_plan(pack: DataPack) -> Frame[PlannedActivity]:
    """Ten points of delivery: activity of 2016/17, of 2020/21 on current trends, and of 2020/21 after channel shift."""
    cells = Cells(pack, "activity")
    return PlannedActivity.validate(
        frame_of(
            PlannedActivity,
            [
                (
                    code,
                    cells.whole(label, "16/17 Activity Baseline"),
                    cells.whole(label, "Unmitigated 2020/21 Projected Activity"),
                    cells.whole(label, "Mitigated 2020/21 Projected activity"),
                )
                for label, code in POINTS_OF_DELIVERY.items()
            ],
        )
    )


def do_nothing_gap(pack: DataPack) -> Frame[PlannedGap]:
    """Deficits by year and part, in pence; in 2020/21 "nhs" and "council" add to "system"."""
    cells = Cells(pack, "do_nothing")
    return PlannedGap.validate(
        frame_of(
            PlannedGap,
            [(year, part, sign * cells.pence(row, column)) for (row, column), (part, year, sign) in GAP_PARTS.items()],
        )
    )


def general_practice_supply(pack: DataPack) -> Frame[PracticeSupply]:
    """Practices, GPs, nurses and their averages by CCG, for the system and, where printed, for England."""
    cells = Cells(pack, "general_practice_supply")
    return PracticeSupply.validate(
        frame_of(
            PracticeSupply,
            [
                (
                    code,
                    cells.whole_or_none("No. of GP practices", area),
                    cells.whole_or_none("No. of GPs", area),
                    cells.whole_or_none("No. of GP practice nurses", area),
                    cells.whole_or_none("Patients per GP", area),
                    cells.whole_or_none("Patients per GP practice nurse", area),
                    cells.whole("Patients per GP Practice", area),
                    float(cells.number("GPs per 1,000 patients", area)),
                    float(cells.number("GP practice nurses per 1,000 patients", area)),
                    cells.share("% of GPs age > 55", area),
                    cells.share_or_none("% of GP practice nurses age > 55", area),
                )
                for area, code in SUPPLY_AREAS.items()
            ],
        )
    )


def savings_challenges(pack: DataPack) -> Frame[SavingsChallenge]:
    """What the hospitals' three parts of shared work are asked to save, in pence."""
    cells = Cells(pack, "secondary_care_savings")
    return SavingsChallenge.validate(
        frame_of(
            SavingsChallenge,
            [
                (
                    part,
                    cells.pence(label, "Savings challenge"),
                    cells.share_or_none(label, "Share of aggregate hospital cost base"),
                )
                for label, part in SAVINGS_AREAS.items()
            ],
        )
    )


def solution_workforce(pack: DataPack) -> Frame[SolutionWorkforce]:
    """Nine solutions with the recurrent staff that the plan prints for three of them, in whole-time equivalents."""
    named, printed = Cells(pack, "solutions"), Cells(pack, "workforce_by_solution")
    column = "Recurrent workforce to 2020/21"
    rows = []
    for label, code in SOLUTIONS.items():
        wte = printed.number(label, column) if printed.has(label, column) else None
        rows.append((code, named.text(label, "Name in the plan"), None if wte is None else float(wte)))
    return SolutionWorkforce.validate(frame_of(SolutionWorkforce, rows))


def waiting_times(pack: DataPack) -> Frame[WaitingTime]:
    """Results of six NHS bodies against the standards that each reports, as shares of patients."""
    cells = Cells(pack, "waiting_times")
    return WaitingTime.validate(
        frame_of(
            WaitingTime,
            [
                (organisation, standard, cells.share(body, heading), cells.share("Standard", heading))
                for body, organisation in NHS_BODIES.items()
                for heading, standard in WAITING_STANDARDS.items()
                if cells.has(body, heading)
            ],
        )
    )


def vacancy_rates(pack: DataPack) -> Frame[VacancyRate]:
    """Vacancies of community staff groups by CCG and of social care by council, where the plan prints them."""
    community, social = Cells(pack, "vacancies"), Cells(pack, "social_care")
    rows = [
        (group, code, community.share(label, f"Vacancy, {place}"))
        for label, group in STAFF_GROUPS.items()
        for place, code in _CCG_AREAS.items()
        if community.has(label, f"Vacancy, {place}")
    ]
    rows += [("social-care", code, social.share("Vacancies", place)) for place, code in _COUNCIL_AREAS.items()]
    return VacancyRate.validate(frame_of(VacancyRate, rows))
