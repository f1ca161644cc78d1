"""Activity before any solution, and the providers from which what is avoided goes away.

donated[h,p,t]  units of point of delivery p no longer done at provider h in year t
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl
from pydantic import Field

from capitation.records.columns import POINT_OF_DELIVERY, YEAR
from capitation.records.documents import Document
from capitation.records.frames import Column, Schema
from capitation.records.years import FinancialYear
from capitation.shift.solution import Name, Share
from optimiser.programme.core import ALL, rows
from optimiser.programme.meaning import Meaning, in_each_year
from optimiser.programme.programme import Programme, constraint, variables
from optimiser.programme.tables import NUMBER, TEXT, ProblemTables, long, table


class Activity(Schema):
    """Activity before any solution, of one locality at one point of delivery in one year."""

    locality = Column(pl.String, "locality id", "Where the patients live; ALL where localities count as one", key=True)
    point_of_delivery = POINT_OF_DELIVERY
    year = YEAR
    units = Column(pl.Float64, "contacts, spells or attendances", "Activity if nothing is bought", ge=0)


class PatientFlow(Schema):
    """Share of a locality's activity at a point of delivery that a provider sees."""

    locality = Column(pl.String, "locality id", "Where the patients live", key=True)
    provider = Column(pl.String, "provider id", "Who sees them", key=True)
    point_of_delivery = POINT_OF_DELIVERY
    share = Column(pl.Float64, "share", "Part of the locality's activity", ge=0, le=1)


class ActivityRow(Document):
    """One row of activity, for problems that carry it in the document."""

    locality: Name = ALL
    """Where the patients live; the whole system where it is not given."""
    point_of_delivery: Name
    """Kind of activity."""
    year: FinancialYear | None = None
    """Year; every year of the problem where it is not given."""
    units: Decimal = Field(ge=0)
    """Activity if nothing is bought."""


class FlowRow(Document):
    """One row of flows, for problems that carry them in the document."""

    locality: Name = ALL
    """Where the patients live; every locality where it is not given."""
    provider: Name
    """Who sees them."""
    point_of_delivery: Name
    """Kind of activity."""
    share: Share
    """Part of the locality's activity."""


ACTIVITY = rows(
    "activity", ActivityRow, "Activity if nothing is bought.",
    Meaning("{point_of_delivery} activity{in_locality}{in_year}", "units", ("locality", "point_of_delivery"), ("year",)),
)  # fmt: skip
FLOWS = rows(
    "flows", FlowRow, "Which providers see it.",
    Meaning(
        "the share of {point_of_delivery}{in_locality} that {provider} sees", "share",
        ("provider", "point_of_delivery"), ("locality",),
    ),
)  # fmt: skip


@table
def activity_before(t: ProblemTables) -> pl.DataFrame:
    """locality, point_of_delivery, t, units before any solution; a year's own row beats the row for every year."""
    stated = [
        (r.locality, r.point_of_delivery, None if r.year is None else str(r.year), float(r.units))
        for r in ACTIVITY.of(t.problem)
    ]
    given = long(stated, locality=TEXT, point_of_delivery=TEXT, year=TEXT, units=NUMBER)
    return (
        in_each_year(t.dates, given, ["locality", "point_of_delivery"])
        .select("locality", "point_of_delivery", "t", "units")
        .with_columns(pl.col("units") * float(t.future.activity_factor))
        .sort("locality", "point_of_delivery", "t")
    )


@table
def provider_flows(t: ProblemTables) -> pl.DataFrame:
    """locality, provider, point_of_delivery, flow (share); a locality's own row beats ALL; a sole provider sees everything."""
    places = t.localities["locality"].to_list()
    given: dict[tuple[str, str, str], float] = {}
    own = {(f.locality, f.provider, f.point_of_delivery) for f in FLOWS.of(t.problem)}
    for f in FLOWS.of(t.problem):
        for place in places if f.locality == ALL else [f.locality]:
            if f.locality == place or (place, f.provider, f.point_of_delivery) not in own:
                given[(place, f.provider, f.point_of_delivery)] = float(f.share)
    named = {(place, pod) for place, _, pod in given}
    pods = activity_before(t)["point_of_delivery"].unique(maintain_order=True).to_list()
    if len(t.providers) == 1:
        for place in places:
            for pod in pods:
                if (place, pod) not in named:
                    given[(place, t.providers[0], pod)] = 1.0
    shares = [(*key, share) for key, share in given.items()]
    return long(shares, locality=TEXT, provider=TEXT, point_of_delivery=TEXT, flow=NUMBER)


@variables(80)
def donated(p: Programme) -> None:
    """What each provider no longer does, for each point of delivery and year that activity is avoided from."""
    used = provider_flows(p.tables).filter(pl.col("flow") > 0)
    gone = (
        p["avoided"]
        .join(used, on=["locality", "point_of_delivery"])
        .select("provider", "point_of_delivery", "t", "year")
        .unique(maintain_order=True)
        .sort("provider", "point_of_delivery", "t")
    )
    p.columns(
        "donated", gone, ["provider", "point_of_delivery", "year"], unit="units",
        label="{point_of_delivery} no longer done at {provider} in {year}",
    )  # fmt: skip


@constraint(70, "flow")
def flows(p: Programme) -> None:
    """Avoided activity disappears at providers in the shares in which a locality's patients go there (physics).

    In words: a provider no longer does its share of what each locality avoids.

        donated[h,p,t] = sum over l of flow[l,h,p] avoided[l,p,t]
    """
    if not p.has("donated"):
        p.without_effect("flows", "no avoided activity flows to a provider")
        return
    rows = p.sums(
        "flow", "donated", ["provider", "point_of_delivery", "year"], unit="units",
        label="{point_of_delivery} no longer done at {provider} in {year} adds up",
    )  # fmt: skip
    shares = p["avoided"].join(provider_flows(p.tables), on=["locality", "point_of_delivery"])
    key = ["provider", "point_of_delivery", "t"]
    p.add(rows.select("row", *key), shares.select(*key, "flow", "col"), key, -pl.col("flow"))
