"""Guards: savings that rest on weak evidence, and beds no fuller than is safe."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
from pydantic import Field

from capitation.records.documents import Document
from capitation.records.years import FinancialYear
from capitation.shift.solution import Grade, Name, Share, Sourced
from optimiser.blocks.cash import solution_savings
from optimiser.blocks.flows import activity_before, provider_flows
from optimiser.blocks.income import unit_value
from optimiser.programme.core import ALL, one, rows
from optimiser.programme.meaning import Meaning, in_each_year
from optimiser.programme.programme import Programme, constraint, measures
from optimiser.programme.tables import NUMBER, TEXT, long


class EvidenceGuard(Document):
    """Ceiling on savings that rest on weak evidence."""

    most: Share
    """Largest share of counted savings."""
    grades: tuple[Grade, ...] = Field(default=("red",), min_length=1)
    """Which grades count as weak."""


class Beds(Sourced):
    """Beds of a provider and how full they may be."""

    provider: Name
    """Whose."""
    year: FinancialYear | None = None
    """Year; every year where it is not given."""
    beds: Decimal = Field(ge=0)
    """Beds open."""
    occupancy_most: Share
    """Fullest they may be, such as 0.92."""


EVIDENCE_GUARD = one("evidence_guard", EvidenceGuard, "Ceiling on weakly evidenced savings.")
BEDS = rows(
    "beds", Beds, "Occupancy to keep.", Meaning("beds of {provider}{in_year}", "beds", ("provider",), ("year",))
)


@constraint(220, "evidence_guard")
def evidence_guard(p: Programme) -> None:
    """Counted savings rest on weak evidence for at most a share (policy).

    In words: of all savings counted (avoided activity at the contract's marginal price, and direct savings), those from
    effects whose evidence is of the named grades are at most the share stated.

        weak savings - most x all savings <= 0
    """
    guard = EVIDENCE_GUARD.of(p.problem)
    if guard is None:
        p.without_effect("evidence_guard", "no ceiling on weakly evidenced savings is stated")
        return
    avoided = (
        p["credit"]
        .join(unit_value(p.tables), on=["locality", "point_of_delivery", "t"], maintain_order="left")
        .select("col", "evidence", "value")
    )
    direct = (
        p["effective"]
        .join(solution_savings(p.tables), on="solution")
        .select("col", "evidence", (pl.col("thousand") * pl.col("weight")).alias("value"))
    )
    counted = pl.concat([avoided, direct])
    if not counted.height:
        p.without_effect("evidence_guard", "no savings are counted")
        return
    row = p.rows(
        "evidence_guard", pl.DataFrame({"scope": [ALL]}), [], kind="Q", unit="£ thousand",
        label="savings resting on weak evidence", group="evidence", upper=0.0,
    )  # fmt: skip
    weak = pl.col("evidence").is_in(list(guard.grades)).cast(pl.Float64)
    p.add(row.select("row"), counted, [], pl.col("value") * (weak - float(guard.most)))


@constraint(230, "bed_occupancy")
def quality_guard(p: Programme) -> None:
    """Beds are no fuller than is safe (policy).

    In words: bed-days of the activity that remains at a provider, per day, are at most the share of open beds that may be
    occupied. Activity without a length of stay, or that nobody avoids, counts as given.

        sum over l, p of flow[l,h,p] stay[p] (activity_before[l,p,t] - avoided[l,p,t]) / days[t] <= occupancy x beds[h,t]
    """
    t = p.tables
    given = [(r.provider, r.year, float(r.beds) * float(r.occupancy_most)) for r in BEDS.of(p.problem)]
    if not given:
        p.without_effect("quality_guard", "no beds are stated")
        return
    key = ["provider", "t"]
    stated = in_each_year(t.dates, long(given, provider=TEXT, year=TEXT, safe=NUMBER), ["provider"])
    for (provider,), years in stated.group_by("provider", maintain_order=True):
        p.years_without("quality_guard", f"bed occupancy of {provider}", years)
    stays = t.stays.rename({"days": "stay"})
    before = (
        activity_before(t)
        .join(stays, on="point_of_delivery")
        .join(provider_flows(t), on=["locality", "point_of_delivery"])
        .group_by(key)
        .agg((pl.col("units") * pl.col("flow") * pl.col("stay")).sum().alias("bed_days"))
    )
    occupied = pl.col("bed_days").fill_null(0.0) / pl.col("days")
    room = stated.join(before, on=key, how="left").join(t.years, on="t")
    rows = p.rows(
        "bed_occupancy", room.with_columns((pl.col("safe") - occupied).alias("room")), ["provider", "year"], kind="Q",
        unit="beds", label="safe bed occupancy of {provider} in {year}", group="quality", upper="room",
    )  # fmt: skip
    fewer = p["donated"].join(stays, on="point_of_delivery").select(*key, "stay", "col")
    p.add(rows.select("row", *key, "days"), fewer, key, -pl.col("stay") / pl.col("days"))


@measures(53)
def bed_days(p: Programme) -> None:
    """Bed-days avoided."""
    beds = p["avoided"].join(p.tables.stays, on="point_of_delivery")
    if beds.height:
        terms = beds.select("col", pl.col("days").alias("value"))
        p.count("bed_days", terms, "bed-days", "max", "bed-days avoided, all years")
