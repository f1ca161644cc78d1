"""Cash of the commissioner, the system and each provider: savings, net present value, and the largest deficit of any year.

    commissioner cash = income providers lose (at the contract's marginal price) + savings - spend - support to providers
    system cash       = variable cost saved + blocks released + savings - spend
    npv               = sum over years of cash / (1 + r)^t, the first year not discounted; `perspective` says whose cash;
                        and what the mix is worth and still owes after the last year, discounted

Income lost is a transfer: it is in the commissioner's cash and, with the other sign, in the provider's, so the system's
cash holds neither. Non-cash benefits carry their own unit and are never added to money.

    peak_deficit  the largest deficit of any year, where it is a goal or a limit
"""

from __future__ import annotations

import polars as pl

from optimiser.blocks.after import value_after
from optimiser.blocks.income import prices
from optimiser.blocks.limits import LIMITS
from optimiser.programme.core import ALL, COMMISSIONER, SYSTEM
from optimiser.programme.programme import Programme, constraint, measures, variables
from optimiser.programme.tables import NUMBER, TEXT, THOUSAND, ProblemTables, long, table


@table
def solution_savings(t: ProblemTables) -> pl.DataFrame:
    """solution, saving, falls_to, thousand (pounds a year), evidence."""
    found = [
        (s.id, v.id, v.falls_to or COMMISSIONER, float(v.at(t.level)) * t.factor(s.id) / THOUSAND, v.evidence)
        for s in t.problem.solutions
        for v in s.savings
    ]
    return long(found, solution=TEXT, saving=TEXT, falls_to=TEXT, thousand=NUMBER, evidence=TEXT)


def cash(p: Programme, scope: str, *, with_capital: bool = True) -> pl.DataFrame:
    """Terms (col, t, value in thousand pounds) of the yearly cash of the commissioner, the system or a provider."""
    savings = solution_savings(p.tables)
    if scope != SYSTEM:
        savings = savings.filter(pl.col("falls_to") == scope)
    saved = p["effective"].join(
        savings.group_by("solution", maintain_order=True).agg(pl.col("thousand").sum()), on="solution"
    )
    parts = [_terms(saved, pl.col("thousand") * pl.col("weight"))]
    if scope in (SYSTEM, COMMISSIONER):
        spend = p["spend"] if with_capital else p["spend"].filter(pl.col("kind") != "capital")
        parts.append(_terms(spend, pl.lit(-1.0)))
    if scope == SYSTEM:
        donated = p["donated"].join(prices(p.tables), on=["provider", "point_of_delivery", "t"])
        parts += [_terms(donated, pl.col("variable")), _terms(p["block_released"], pl.col("saving"))]
    elif scope == COMMISSIONER:
        parts += [_terms(p["income_lost"], pl.lit(1.0)), _terms(p["support"], pl.lit(-1.0))]
    else:
        own = pl.col("provider") == scope
        parts += [_terms(p["stranded"].filter(own), pl.lit(-1.0)), _terms(p["support"].filter(own), pl.lit(1.0))]
    return pl.concat(parts)


def _terms(frame: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    return frame.select("col", "t", value.alias("value"))


@measures(10)
def net_present_value(p: Programme) -> None:
    """Net present value to each, and net cash of each year."""
    years, whose = p.tables.years, p.problem.perspective
    for name, scope, label in (
        (f"{COMMISSIONER}_npv", COMMISSIONER, "net present value to the commissioner"),
        (f"{SYSTEM}_npv", SYSTEM, "net present value to the system"),
        ("npv", whose, f"net present value ({whose})"),
    ):
        dated = cash(p, scope).join(years.select("t", "discount"), on="t")
        dated = dated.select("col", (pl.col("value") * pl.col("discount")).alias("value"))
        p.money(name, pl.concat([dated, value_after(p)]), "max", label)
    yearly = cash(p, whose)
    for t, year in p.tables.dates.iter_rows():
        name = f"net_cash_{year.replace('/', '_')}"
        p.money(name, yearly.filter(pl.col("t") == t), "max", f"net cash of the {whose} in {year}")


@variables(220)
def largest_deficit(p: Programme) -> None:
    """The largest in-year deficit, where somebody asks for it."""
    if "peak_deficit" in {*p.problem.goal_names(), *(limit.measure for limit in LIMITS.of(p.problem))}:
        p.columns(
            "peak_deficit", pl.DataFrame({"scope": [ALL]}), [], unit="£ thousand",
            label="largest deficit of any year",
        )  # fmt: skip


@constraint(240, "peak_deficit")
def peak_deficit(p: Programme) -> None:
    """The largest in-year deficit, where it is a goal or a limit (physics: it is measured, not chosen).

    In words: in no year is the cash of the mix further below nothing than the largest deficit.

        peak_deficit + cash[t] >= 0   for every year
    """
    if not p.has("peak_deficit"):
        p.without_effect("peak_deficit", "the largest in-year deficit is neither a goal nor a limit")
        return
    rows = p.rows(
        "peak_deficit", p.tables.years, ["year"], kind="P", unit="£ thousand",
        label="deficit of {year} within the largest", lower=0.0,
    )  # fmt: skip
    p.add(rows.select("row", "t"), cash(p, p.problem.perspective), ["t"], pl.col("value"))
    p.add(rows.select("row"), p["peak_deficit"].select("col"), [])


@measures(31)
def deficit(p: Programme) -> None:
    """The largest in-year deficit."""
    if p.has("peak_deficit"):
        p.money("peak_deficit", p["peak_deficit"], "min", "largest in-year deficit")
