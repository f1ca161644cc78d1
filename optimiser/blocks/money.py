"""Money of the mix: what each purse spends in each year, and the budgets it keeps.

spend[kind,t]  recurrent, non-recurrent and capital spend        carried[kind,t]  money carried out of year t
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Literal

import polars as pl

from capitation.records.documents import Document
from capitation.records.years import FinancialYear
from capitation.shift.solution import Pounds
from optimiser.programme.core import rows
from optimiser.programme.meaning import Meaning
from optimiser.programme.programme import Programme, charge, constraint, measures, variables
from optimiser.programme.tables import NUMBER, TEXT, THOUSAND, WHOLE, ProblemTables, long, table

PURSES = ("recurrent", "non_recurrent", "capital")


class Budget(Document):
    """Money for the mix in one year."""

    kind: Literal["recurrent", "non_recurrent", "capital"]
    """Which purse."""
    year: FinancialYear
    """Year in which it may be spent."""
    pounds: Pounds
    """How much."""
    carry_forward_pounds: Pounds = Decimal(0)
    """Most that may be carried into the next year."""


BUDGETS = rows(
    "budgets", Budget, "Money by purse and year.", Meaning("the {kind} budget{in_year}", "pounds", ("kind", "year"))
)


@table
def solution_costs(t: ProblemTables) -> pl.DataFrame:
    """solution, kind, basis, spread (years), thousand (pounds a year)."""
    factor = {
        s.id: float(t.future.cost_factor * t.future.cost_factors.get(s.id, Decimal(1))) for s in t.problem.solutions
    }
    stated = [
        (s.id, c.kind, c.basis, float(c.pounds) * factor[s.id] / THOUSAND, c.years)
        for s in t.problem.solutions
        for c in s.costs
    ]
    given = long(stated, solution=TEXT, kind=TEXT, basis=TEXT, thousand=NUMBER, spread=WHOLE)
    return given.group_by("solution", "kind", "basis", "spread", maintain_order=True).agg(pl.col("thousand").sum())


def may_be_paid_back(p: Programme) -> bool:
    """Whether some cost may be below nothing: a solution paid for, contacts taken away, or a charge of another package."""
    solutions = p.problem.solutions
    costs = [c.pounds for s in solutions for c in s.costs]
    costs += [c.contacts for s in solutions for c in s.creates]
    costs += [kind.contact_cost_pounds for kind in p.problem.points_of_delivery]
    foreign = any(part.kind == "charge" and not part.make.__module__.startswith("optimiser.") for part in p.parts)
    room = p["capacity_added"].select(pl.min_horizontal("capital", "recurrent")).to_series().to_list()
    return foreign or min([*map(float, costs), *room, *p["taken_on"]["hire_cost"]], default=0.0) < 0


@variables(130)
def purses(p: Programme) -> None:
    """Spend of each purse in each year, and what is carried forward where that is allowed."""
    t = p.tables
    spent = pl.DataFrame({"kind": PURSES}).join(t.dates, how="cross")
    p.columns(
        "spend", spent, ["kind", "year"], unit="£ thousand", label="{kind} spend in {year}",
        lower=-math.inf if may_be_paid_back(p) else 0.0,
    )  # fmt: skip
    carrying = [
        (b.kind, t.each_year(b.year)[0], float(b.carry_forward_pounds) / THOUSAND)
        for b in BUDGETS.of(p.problem)
        if b.carry_forward_pounds > 0
    ]
    p.columns(
        "carried", long(carrying, kind=TEXT, t=WHOLE, most=NUMBER).join(t.dates, on="t"), ["kind", "year"],
        unit="£ thousand", label="{kind} money carried forward out of {year}", upper="most",
    )  # fmt: skip


@constraint(110, "spend_sum")
def spend(p: Programme) -> None:
    """Spend of each purse in each year is what the mix costs then (physics).

    In words: recurrent cost follows the scale in place; non-recurrent and capital cost fall in the year scale is added (or
    evenly over the years stated); costs of starting fall at the start, whatever the scale. Received contacts, added
    capacity and recruitment are paid from the same purses.

        spend[kind,t] = sum over s, l of cost[s,kind] in_place[s,l,t]                      recurrent
                      + sum over tau of cost[s,kind] / n launch[s,l,tau], t - n < tau <= t     non-recurrent, capital
                      + costs of starting + contacts received + capacity added + staff taken on
    """
    rows = p.sums(
        "spend_sum", "spend", ["kind", "year"], unit="£ thousand", label="{kind} spend in {year} adds up"
    ).select("row", "kind", "t")
    for charged in p.make("charge"):
        p.add(rows, charged, ["kind", "t"], -pl.col("each"))


@charge(10)
def running_and_starting(p: Programme) -> pl.DataFrame:
    """What solutions themselves cost: running, adding scale, and starting."""
    t, costs = p.tables, solution_costs(p.tables)
    years = t.years.select("t")
    started, launched = p["start"].rename({"t": "tau"}), p["launch"].rename({"t": "tau"})
    recurrent = pl.col("kind") == "recurrent"
    by_scale, by_start = pl.col("basis") == "scale", pl.col("basis") == "start"
    running = p["in_place"].join(costs.filter(recurrent & by_scale), on="solution")
    always = started.join(costs.filter(recurrent & by_start), on="solution").join(years, how="cross")
    charged = [running, always.filter(pl.col("tau") <= pl.col("t"))]
    within = pl.col("t").is_between(pl.col("tau"), pl.col("tau") + pl.col("spread") - 1)
    for family, basis in ((launched, by_scale), (started, by_start)):
        spent = family.join(costs.filter(~recurrent & basis), on="solution").join(years, how="cross").filter(within)
        charged.append(spent.with_columns(pl.col("thousand") / pl.col("spread")))
    each = (pl.col("thousand") * pl.col("weight")).alias("each")
    return pl.concat([frame.select("kind", "t", "col", each) for frame in charged])


@constraint(120, "budget")
def budgets(p: Programme) -> None:
    """Each purse is spent within its budget of the year and what was carried into it (policy).

    In words: spend, plus what is carried into next year, is at most this year's budget plus what came from last year.

        spend[kind,t] + carried[kind,t] - carried[kind,t-1] <= budget[kind,t]
    """
    t = p.tables
    stated = [(b.kind, t.each_year(b.year)[0], float(b.pounds) / THOUSAND) for b in BUDGETS.of(p.problem)]
    if not stated:
        p.without_effect("budgets", "no budget is stated; nothing limits spend")
        return
    table = long(stated, kind=TEXT, t=WHOLE, budget=NUMBER)
    for (kind,), years in table.group_by("kind", maintain_order=True):
        p.years_without("budgets", f"{kind} spend", years)
    rows = p.rows(
        "budget", table.join(t.dates, on="t"), ["kind", "year"], kind="Q",
        unit="£ thousand", label="{kind} budget of {year}", group="money", upper="budget",
    ).select("row", "kind", "t")  # fmt: skip
    p.add(rows, p["spend"].select("kind", "t", "col"), ["kind", "t"])
    carried = p["carried"].select("kind", "t", "col")
    p.add(rows, carried, ["kind", "t"])
    p.add(rows, carried.with_columns((pl.col("t") + 1).cast(pl.Int32)), ["kind", "t"], -1.0)


@measures(20)
def spending(p: Programme) -> None:
    """Spend on the mix, in all and by purse."""
    p.money("investment", p["spend"], "min", "spend on the mix, all purses and years")
    for kind in PURSES:
        mine = p["spend"].filter(pl.col("kind") == kind)
        p.money(f"{kind}_spend", mine, "min", f"{kind.replace('_', '-')} spend, all years")
