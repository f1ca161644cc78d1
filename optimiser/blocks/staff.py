"""Staff: posts the mix fills, vacancies, and staff taken on.

hired[g,t]  staff of group g taken on and still there        taken_on[g,t]  taken on in the year
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl
from pydantic import Field

from capitation.records.documents import Document
from capitation.records.years import FinancialYear
from capitation.shift.solution import Name, Pounds, Share, Sourced
from optimiser.programme.core import rows
from optimiser.programme.meaning import Meaning, in_each_year
from optimiser.programme.programme import Programme, charge, constraint, measures, variables
from optimiser.programme.tables import NUMBER, TEXT, THOUSAND, ProblemTables, long, table

_KEY = ["staff_group", "t"]
_INDEX = ["staff_group", "year"]


class StaffSupply(Sourced):
    """Staff of one group that the mix may use."""

    staff_group: Name
    """Which staff."""
    year: FinancialYear | None = None
    """Year; every year where it is not given."""
    wte: Decimal = Field(ge=0)
    """Posts funded for the mix, whole-time equivalents."""
    vacancy_share: Share = Decimal(0)
    """Share of those posts that stands empty."""
    pipeline_wte: Decimal = Field(default=Decimal(0), ge=0)
    """Most further staff that can be taken on in the year."""
    leavers_share: Share = Decimal(0)
    """Share of staff taken on who leave each year."""
    hire_pounds_per_wte: Pounds = Decimal(0)
    """Non-recurrent cost of taking on one."""


class ReceivingStaff(Document):
    """Staff that received contacts need."""

    point_of_delivery: Name
    """Kind of activity."""
    staff_group: Name
    """Which staff."""
    contacts_per_wte: Decimal = Field(gt=0)
    """Contacts a year that one whole-time equivalent sees."""


STAFF = rows(
    "staff", StaffSupply, "Staff the mix may use.",
    Meaning("{staff_group} supply{in_year}", "wte", ("staff_group",), ("year",)),
)  # fmt: skip
RECEIVING_STAFF = rows(
    "receiving_staff", ReceivingStaff, "Staff that received contacts need.",
    Meaning(
        "contacts of {point_of_delivery} that one {staff_group} sees", "contacts_per_wte",
        ("point_of_delivery", "staff_group"),
    ),
)  # fmt: skip


@table
def supply(t: ProblemTables) -> pl.DataFrame:
    """staff_group, t, supply (posts less vacancies), pipeline, leavers, hire cost in thousand pounds, year; own years beat the general row."""
    factor = float(t.future.staff_factor)
    stated = [
        (
            r.staff_group,
            r.year,
            float(r.wte) * (1 - float(r.vacancy_share)) * factor,
            float(r.pipeline_wte) * factor,
            float(r.leavers_share),
            float(r.hire_pounds_per_wte) / THOUSAND,
        )
        for r in STAFF.of(t.problem)
    ]
    given = long(
        stated, staff_group=TEXT, year=TEXT, supply=NUMBER, pipeline=NUMBER, leavers=NUMBER, hire_cost=NUMBER
    )  # fmt: skip
    return in_each_year(t.dates, given, ["staff_group"]).join(t.dates, on="t", maintain_order="left")


@table
def posts(t: ProblemTables) -> pl.DataFrame:
    """solution, staff_group, wte at full scale."""
    needed = [(s.id, w.staff_group, float(w.wte)) for s in t.problem.solutions for w in s.workforce]
    return long(needed, solution=TEXT, staff_group=TEXT, wte=NUMBER)


@variables(110)
def hiring(p: Programme) -> None:
    """Staff on the books and staff taken on, for groups that have a pipeline in some year."""
    stated = supply(p.tables)
    grows = stated.filter(pl.col("pipeline") > 0).select("staff_group").unique()
    ever = stated.join(grows, on="staff_group", how="semi")
    still_there = "{staff_group} staff taken on and still there in {year}"
    p.columns("hired", ever, _INDEX, unit="WTE", label=still_there)
    p.columns(
        "taken_on", ever.filter(pl.col("pipeline") > 0), _INDEX, unit="WTE",
        label="{staff_group} staff taken on in {year}", upper="pipeline",
    )  # fmt: skip


@constraint(100, "workforce", "hired_stay")
def workforce(p: Programme) -> None:
    """Staff needed by the mix stay within staff available (policy); staff taken on follow the pipeline (physics).

    In words: posts filled by solutions, and by received contacts, are at most funded posts less vacancies, staff taken
    on, and staff freed by closed blocks. Staff taken on last year are still there this year but for leavers.

        sum over s, l of wte[s,g] in_place[s,l,t] + sum over r of received[r,t] / contacts_per_wte[r,g]
            <= supply[g,t] (1 - vacancy[g,t]) + hired[g,t] + sum over q of freed[q,g] block_released[h,q,t]
        hired[g,t] <= (1 - leavers[g,t]) hired[g,t-1] + taken_on[g,t]          taken_on[g,t] <= pipeline[g,t]
    """
    stated = supply(p.tables)
    receiving = RECEIVING_STAFF.of(p.problem)
    used = {*posts(p.tables)["staff_group"], *(r.staff_group for r in receiving)}
    unlimited = sorted(used - set(stated["staff_group"]))
    if unlimited:
        p.without_effect("workforce", f"no supply is stated for {', '.join(unlimited)}; nothing limits them")
    elif not stated.height:
        p.without_effect("workforce", "no staff is needed or limited")
    if not stated.height:
        return
    for (group,), years in stated.group_by("staff_group", maintain_order=True):
        p.years_without("workforce", f"{group} staff", years)
    limits = p.rows(
        "workforce", stated, _INDEX, kind="Q", unit="WTE",
        label="{staff_group} staff in {year}", group="workforce", upper="supply",
    ).select("row", *_KEY)  # fmt: skip
    needed = p["in_place"].join(posts(p.tables), on="solution")
    p.add(limits, needed.select(*_KEY, "wte", "weight", "col"), _KEY, pl.col("wte") * pl.col("weight"))
    each = [(r.point_of_delivery, r.staff_group, 1 / float(r.contacts_per_wte)) for r in receiving]
    seeing = long(each, point_of_delivery=TEXT, staff_group=TEXT, each=NUMBER)
    seen = p["received"].join(seeing, on="point_of_delivery")
    p.add(limits, seen.select(*_KEY, "each", "col"), _KEY, pl.col("each"))
    freed = p["block_released"].filter(pl.col("staff_wte") > 0)
    p.add(limits, freed.select(*_KEY, "staff_wte", "col"), _KEY, -pl.col("staff_wte"))
    if not p.has("hired"):
        return
    p.add(limits, "hired", _KEY, -1.0)
    stay = p.rows(
        "hired_stay", p["hired"].rename({"col": "own"}), _INDEX, kind="P", unit="WTE",
        label="{staff_group} staff taken on and still there in {year}", upper=0.0,
    )  # fmt: skip
    p.put(stay, col="own")
    p.add(stay.select("row", *_KEY), p["taken_on"].select(*_KEY, "col"), _KEY, -1.0)
    before = p["hired"].select("staff_group", (pl.col("t") + 1).cast(pl.Int32).alias("t"), "col")
    p.add(stay.select("row", *_KEY, "leavers"), before, _KEY, pl.col("leavers") - 1)


@charge(30)
def recruitment(p: Programme) -> pl.DataFrame:
    """Taking on staff is paid once, in its year."""
    return p["taken_on"].select(pl.lit("non_recurrent").alias("kind"), "t", "col", pl.col("hire_cost").alias("each"))


@measures(60)
def wte(p: Programme) -> None:
    """Staff of the mix in the last year."""
    running = p["in_place"].filter(pl.col("t") == p.tables.horizon - 1).join(posts(p.tables), on="solution")
    if running.height:
        terms = running.select("col", (pl.col("wte") * pl.col("weight")).alias("value"))
        p.count("wte", terms, "WTE", "min", "staff of the mix in the last year")
