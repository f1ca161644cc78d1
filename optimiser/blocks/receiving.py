"""Where activity goes: contacts received elsewhere, the room for them, and what they cost.

received[l,p,t]  contacts that appear at point of delivery p        capacity_added[l,p,t]  room added for them
"""

from __future__ import annotations

import math
from decimal import Decimal

import polars as pl
from pydantic import Field

from capitation.records.documents import Document
from capitation.records.years import FinancialYear
from capitation.shift.solution import Name, Pounds
from optimiser.blocks.flows import activity_before
from optimiser.blocks.start import reach
from optimiser.programme.core import ALL, rows
from optimiser.programme.meaning import Meaning, in_each_year
from optimiser.programme.programme import Programme, charge, constraint, measures, variables
from optimiser.programme.tables import NUMBER, TEXT, THOUSAND, ProblemTables, long, table

_KEY = ["locality", "point_of_delivery", "t"]
_ROOM = ["place", "point_of_delivery", "t"]


class ReceivingCapacity(Document):
    """How much a point of delivery can take."""

    locality: Name = ALL
    """Where; the system as a whole where it is not given."""
    point_of_delivery: Name
    """Kind of activity."""
    year: FinancialYear | None = None
    """Year; every year where it is not given."""
    units: Decimal = Field(ge=0)
    """Activity that can be seen in all, including what is seen already."""
    expansion_most: Decimal = Field(default=Decimal(0), ge=0)
    """Most capacity that can be added in the year."""
    expansion_capital_pounds: Pounds = Decimal(0)
    """Capital for one unit of added capacity."""
    expansion_recurrent_pounds: Pounds = Decimal(0)
    """Recurrent cost a year of one unit of added capacity."""


CAPACITY = rows(
    "receiving_capacity", ReceivingCapacity, "How much receiving points of delivery can take.",
    Meaning("{point_of_delivery} capacity{in_locality}{in_year}", "units", ("locality", "point_of_delivery"), ("year",)),
)  # fmt: skip


@table
def rooms(t: ProblemTables) -> pl.DataFrame:
    """place, point_of_delivery, t, capacity, most, capital, recurrent: room by year; a year's own row beats the general one."""
    stated = [
        (
            r.locality,
            r.point_of_delivery,
            r.year,
            float(r.units),
            float(r.expansion_most),
            float(r.expansion_capital_pounds) / THOUSAND,
            float(r.expansion_recurrent_pounds) / THOUSAND,
        )
        for r in CAPACITY.of(t.problem)
    ]
    given = long(
        stated, place=TEXT, point_of_delivery=TEXT, year=TEXT, capacity=NUMBER, most=NUMBER, capital=NUMBER,
        recurrent=NUMBER,
    )  # fmt: skip
    return in_each_year(t.dates, given, ["place", "point_of_delivery"])


def _received_from(p: Programme) -> pl.DataFrame:
    """locality, point_of_delivery, t, rate, col: what each credit and each effective scale brings there."""
    solutions = p.problem.solutions
    moved = long(
        [(s.id, r.avoided_at, r.received_at, float(r.contacts_per_unit)) for s in solutions for r in s.receiving],
        solution=TEXT, point_of_delivery=TEXT, received_at=TEXT, rate=NUMBER,
    )  # fmt: skip
    made = long(
        [(s.id, c.point_of_delivery, float(c.contacts)) for s in solutions for c in s.creates],
        solution=TEXT, received_at=TEXT, contacts=NUMBER,
    )  # fmt: skip
    by_credit = p["credit"].join(moved, on=["solution", "point_of_delivery"])
    by_scale = (
        p["effective"]
        .join(made, on="solution")
        .join(reach(p.tables), on=["solution", "place"])
        .with_columns((pl.col("contacts") * pl.col("weight") * pl.col("part")).alias("rate"))
    )
    columns = ["locality", pl.col("received_at").alias("point_of_delivery"), "t", "rate", "col"]
    return pl.concat([by_credit.select(columns), by_scale.select(columns)])


@variables(90)
def contacts(p: Programme) -> None:
    """Contacts received in each locality, point of delivery and year; room added where it may be."""
    t = p.tables
    places = _received_from(p).select(_KEY).unique().sort(_KEY).join(t.dates, on="t")
    p.columns(
        "received", places, ["locality", "point_of_delivery", "year"], unit="contacts",
        label="{point_of_delivery} received in {locality} in {year}", lower=-math.inf,
    )  # fmt: skip
    growing = rooms(t).filter(pl.col("most") > 0)
    p.columns(
        "capacity_added", growing.join(t.dates, on="t", maintain_order="left"), ["place", "point_of_delivery", "year"], unit="contacts a year",
        label="capacity for {point_of_delivery} added in {place} in {year}", upper="most",
    )  # fmt: skip


@constraint(80, "received_sum", "contacts_left")
def received(p: Programme) -> None:
    """Activity avoided in one place appears in another (physics).

    In words: contacts received are those that follow each avoided unit, and those that solutions create by themselves. Where
    solutions take contacts away, they take no more than there are.

        received[l,r,t] = sum over s, p, c of contacts[s,p,r] credit[s,l,p,c,t] + sum over s of created[s,r] effective[s,l,t]
        activity_before[l,r,t] - avoided[l,r,t] + received[l,r,t] >= 0        where some created[s,r] < 0 and activity is stated
    """
    if not p.has("received"):
        p.without_effect("received", "no solution moves contacts elsewhere")
        return
    rows = p.sums(
        "received_sum", "received", ["locality", "point_of_delivery", "year"], unit="contacts",
        label="{point_of_delivery} received in {locality} in {year} adds up",
    )  # fmt: skip
    p.add(rows.select("row", *_KEY), _received_from(p), _KEY, -pl.col("rate"))
    taken = sorted({c.point_of_delivery for s in p.problem.solutions for c in s.creates if c.contacts < 0})
    there = activity_before(p.tables).select(*_KEY, (-pl.col("units")).alias("least"))
    fewer = p["received"].filter(pl.col("point_of_delivery").is_in(taken)).join(there, on=_KEY, maintain_order="left")
    if not fewer.height:
        return
    left = p.rows(
        "contacts_left", fewer, ["locality", "point_of_delivery", "year"], kind="P", unit="contacts", lower="least",
        label="{point_of_delivery} left in {locality} in {year}",
    )  # fmt: skip
    p.put(left)
    p.add(left.select("row", *_KEY), p["avoided"].select(*_KEY, "col"), _KEY, -1.0)


@constraint(90, "receiving_capacity")
def receiving_capacity(p: Programme) -> None:
    """A point of delivery receives no more than it can take (policy).

    In words: activity that is there already, less what is avoided there, plus what is received, stays within capacity and
    what is added to it.

        activity_before[l,r,t] - avoided[l,r,t] + received[l,r,t] <= capacity[l,r,t] + sum over tau <= t of capacity_added[l,r,tau]
    """
    t = p.tables
    stated = rooms(t).select(*_ROOM, "capacity")
    if not stated.height:
        p.without_effect("receiving_capacity", "no capacity is stated; nothing limits what is received")
        return
    for (place, pod), years in stated.group_by("place", "point_of_delivery", maintain_order=True):
        where = "" if place == ALL else f" in {place}"
        p.years_without("receiving_capacity", f"capacity of {pod}{where}", years)
    system = pl.col("place") == ALL
    everywhere = stated.filter(system).select("place").unique().join(t.localities.select("locality"), how="cross")
    own = stated.filter(~system).select("place", pl.col("place").alias("locality")).unique(maintain_order=True)
    places = pl.concat([everywhere, own])
    already = places.join(activity_before(t), on="locality").group_by(_ROOM).agg(pl.col("units").sum().alias("already"))
    room = (
        stated.join(already, on=_ROOM, how="left")
        .with_columns((pl.col("capacity") - pl.col("already").fill_null(0.0)).alias("room"))
        .join(t.dates, on="t")
    )
    rows = p.rows(
        "receiving_capacity", room, ["place", "point_of_delivery", "year"], kind="Q", unit="contacts",
        label="capacity of {point_of_delivery} in {place} in {year}", group="capacity", upper="room",
    )  # fmt: skip
    p.add(rows.select("row", *_ROOM), places.join(p["received"], on="locality").select(*_ROOM, "col"), _ROOM)
    p.add(rows.select("row", *_ROOM), places.join(p["avoided"], on="locality").select(*_ROOM, "col"), _ROOM, -1.0)
    if p.has("capacity_added"):
        added = p["capacity_added"].select("place", "point_of_delivery", pl.col("t").alias("tau"), "col")
        p.put(rows.join(added, on=["place", "point_of_delivery"]).filter(pl.col("tau") <= pl.col("t")), -1.0)


@charge(20)
def contacts_and_room(p: Programme) -> pl.DataFrame:
    """Received contacts and added room run on; building the room is capital of its year."""
    columns = ["kind", "t", "col", "each"]
    recurrent, capital = pl.lit("recurrent").alias("kind"), pl.lit("capital").alias("kind")
    seen = p["received"].join(p.tables.contact_costs, on="point_of_delivery").with_columns(recurrent)
    added = p["capacity_added"]
    built = added.with_columns(capital, pl.col("capital").alias("each"))
    kept = added.rename({"t": "tau"}).join(p.tables.years.select("t"), how="cross").filter(pl.col("tau") <= pl.col("t"))
    running = kept.with_columns(recurrent, pl.col("recurrent").alias("each"))
    return pl.concat([seen.select(columns), built.select(columns), running.select(columns)])


@measures(51)
def received_contacts(p: Programme) -> None:
    """Contacts received, each kind by itself."""
    units = p["received"]
    for pod in units["point_of_delivery"].unique(maintain_order=True).to_list():
        mine = units.filter(pl.col("point_of_delivery") == pod)
        p.count(f"received_{pod}", mine, "contacts", "min", f"{pod} received, all years")
