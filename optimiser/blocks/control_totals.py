"""Control totals: the position that each organisation, or the system, must reach.

shortfall[o,t]  how far organisation o stays below its control total, where that is a goal
"""

from __future__ import annotations

import polars as pl

from capitation.records.years import FinancialYear
from capitation.shift.solution import Name, Pounds, Sourced
from optimiser.blocks.cash import cash
from optimiser.programme.core import rows
from optimiser.programme.meaning import Meaning
from optimiser.programme.programme import Programme, constraint, measures, variables
from optimiser.programme.tables import NUMBER, TEXT, THOUSAND, WHOLE, ProblemTables, long, table

_KEY = ["organisation", "t"]


class PositionToReach(Sourced):
    """The position an organisation, or the system, must reach in a year."""

    organisation: Name
    """ "system", "commissioner" or a provider's id."""
    year: FinancialYear
    """Year."""
    baseline_pounds: Pounds
    """Surplus (or deficit, below 0) if nothing is bought."""
    target_pounds: Pounds
    """Surplus (or deficit, below 0) to reach."""


CONTROL_TOTALS = rows(
    "control_totals", PositionToReach, "Positions to reach.",
    Meaning("the control total of {organisation}{in_year}", "target_pounds", ("organisation", "year")),
)  # fmt: skip


@table
def gaps(t: ProblemTables) -> pl.DataFrame:
    """organisation, t, gap (thousand pounds between the position without the mix and the total), year."""
    stated = [
        (c.organisation, t.each_year(c.year)[0], float(c.target_pounds - c.baseline_pounds) / THOUSAND)
        for c in CONTROL_TOTALS.of(t.problem)
    ]
    return long(stated, organisation=TEXT, t=WHOLE, gap=NUMBER).join(t.dates, on="t")


@variables(210)
def shortfall(p: Programme) -> None:
    """Shortfalls, where they are a goal."""
    if "shortfall" in p.problem.goal_names():
        p.columns(
            "shortfall", gaps(p.tables), ["organisation", "year"], unit="£ thousand",
            label="shortfall of {organisation} against its control total in {year}",
        )  # fmt: skip


@constraint(170, "control_total")
def control_totals(p: Programme) -> None:
    """Each organisation, and the system, reaches its control total (policy).

    In words: the position without the mix, plus what the mix does to it, plus any shortfall admitted, reaches the total.
    The commissioner's saving and the provider's lost income are one transfer, so the system's row holds neither. Capital
    is not part of the position.

        baseline[o,t] + cash[o,t] + shortfall[o,t] >= control_total[o,t]

    Shortfall exists only where it is a goal; otherwise the total must be met.
    """
    stated = gaps(p.tables)
    if not stated.height:
        p.without_effect("control_totals", "no control total is stated")
        return
    rows = p.rows(
        "control_total", stated, ["organisation", "year"], kind="Q", unit="£ thousand",
        label="control total of {organisation} in {year}", group="money", lower="gap",
    ).select("row", *_KEY)  # fmt: skip
    for organisation in stated["organisation"].unique(maintain_order=True).to_list():
        mine = rows.filter(pl.col("organisation") == organisation)
        p.add(mine, cash(p, organisation, with_capital=False), ["t"], pl.col("value"))
    if p.has("shortfall"):
        p.add(rows, p["shortfall"].select(*_KEY, "col"), _KEY)


@measures(30)
def shortfalls(p: Programme) -> None:
    """Shortfalls, all organisations and years."""
    if p.has("shortfall"):
        p.money("shortfall", p["shortfall"], "min", "shortfalls against control totals, all years")
