"""Named measures: each a linear expression over the variables, usable as a goal, as a limit, on a frontier, or in a report.

    commissioner cash = income providers lose (at the contract's marginal price) + savings - spend - support to providers
    system cash       = variable cost saved + blocks released + savings - spend
    npv               = sum over years of cash / (1 + r)^t, the first year not discounted; `perspective` says whose cash

Income lost is a transfer: it is in the commissioner's cash and, with the other sign, in the provider's, so the system's
cash holds neither. Non-cash benefits carry their own unit and are never added to money.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import polars as pl

from optimiser.problem.tables import COMMISSIONER, SYSTEM, THOUSAND

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

Sense = Literal["max", "min"]


def define(p: Programme) -> None:
    """Name every measure that this problem has."""
    years = p.tables.years.select("t", "year", "discount")
    for scope in (COMMISSIONER, SYSTEM):
        _money(p, f"{scope}_npv", _discounted(p, cash(p, scope)), "max", f"net present value to the {scope}")
    _money(
        p, "npv", _discounted(p, cash(p, p.problem.perspective)), "max", f"net present value ({p.problem.perspective})"
    )
    yearly = cash(p, p.problem.perspective)
    for row in years.iter_rows(named=True):
        name = f"net_cash_{row['year'].replace('/', '_')}"
        _money(
            p,
            name,
            yearly.filter(pl.col("t") == row["t"]),
            "max",
            f"net cash of the {p.problem.perspective} in {row['year']}",
        )
    spend = p.columns["spend"]
    _money(
        p,
        "investment",
        spend.select("col", pl.lit(1.0).alias("value")),
        "min",
        "spend on the mix, all purses and years",
    )
    last = p.tables.horizon - 1
    for kind in ("recurrent", "non_recurrent", "capital"):
        terms = spend.filter(pl.col("kind") == kind).select("col", pl.lit(1.0).alias("value"))
        _money(p, f"{kind}_spend", terms, "min", f"{kind.replace('_', '-')} spend, all years")
    for family, sense, label in (
        ("shortfall", "min", "shortfalls against control totals, all years"),
        ("peak_deficit", "min", "largest in-year deficit"),
        ("income_lost", "min", "income providers lose, all years"),
        ("stranded", "min", "stranded cost of providers, all years"),
        ("support", "min", "transition support, all years"),
    ):
        if p.has(family):
            name = "stranded_cost" if family == "stranded" else family
            _money(p, name, p.columns[family].select("col", pl.lit(1.0).alias("value")), sense, label)  # type: ignore[arg-type]  # two literals
    _count(p, "starts", p.columns["start"].select("col", pl.lit(1.0).alias("value")), "starts", "min", "starts")
    _activity(p)
    _people(p, last)
    _benefits(p)


def _money(p: Programme, name: str, terms: pl.DataFrame, sense: Sense, label: str) -> None:
    p.builder.measure(name, [terms.select("col", "value")], unit="£", sense=sense, label=label, scale=THOUSAND)


def _count(p: Programme, name: str, terms: pl.DataFrame, unit: str, sense: Sense, label: str) -> None:
    p.builder.measure(name, [terms.select("col", "value")], unit=unit, sense=sense, label=label)


def _discounted(p: Programme, terms: pl.DataFrame) -> pl.DataFrame:
    years = p.tables.years.select("t", "discount")
    return terms.join(years, on="t").select("col", (pl.col("value") * pl.col("discount")).alias("value"))


def cash(p: Programme, scope: str, *, with_capital: bool = True) -> pl.DataFrame:
    """Terms (col, t, value in thousand pounds) of the yearly cash of the commissioner, the system or a provider."""
    parts = [savings_terms(p, None if scope == SYSTEM else scope)]
    if scope in (SYSTEM, COMMISSIONER):
        kinds = ["recurrent", "non_recurrent", "capital"] if with_capital else ["recurrent", "non_recurrent"]
        spend = p.columns["spend"].filter(pl.col("kind").is_in(kinds))
        parts.append(spend.select("col", "t", pl.lit(-1.0).alias("value")))
    if scope == SYSTEM:
        parts += [variable_cost_terms(p), block_terms(p)]
    elif scope == COMMISSIONER:
        parts.append(p.columns["income_lost"].select("col", "t", pl.lit(1.0).alias("value")))
        parts.append(p.columns["support"].select("col", "t", pl.lit(-1.0).alias("value")))
    else:
        own = pl.col("provider") == scope
        parts.append(p.columns["stranded"].filter(own).select("col", "t", pl.lit(-1.0).alias("value")))
        parts.append(p.columns["support"].filter(own).select("col", "t", pl.lit(1.0).alias("value")))
    return pl.concat(parts)


def savings_terms(p: Programme, falls_to: str | None) -> pl.DataFrame:
    """Terms (col, t, value) of direct savings, of one organisation or (None) of all."""
    savings = p.tables.savings
    if falls_to is not None:
        savings = savings.filter(pl.col("falls_to") == falls_to)
    per = savings.group_by("solution", maintain_order=True).agg(pl.col("thousand").sum())
    return (
        p.columns["effective"]
        .join(per, on="solution")
        .select("col", "t", (pl.col("thousand") * pl.col("weight")).alias("value"))
    )


def variable_cost_terms(p: Programme, provider: str | None = None) -> pl.DataFrame:
    """Terms (col, t, value) of the variable cost that providers save on activity no longer done."""
    donated = p.columns["donated"] if provider is None else p.columns["donated"].filter(pl.col("provider") == provider)
    return donated.join(p.tables.prices, on=["provider", "point_of_delivery", "t"]).select(
        "col", "t", pl.col("variable").alias("value")
    )


def block_terms(p: Programme) -> pl.DataFrame:
    """Terms (col, t, value) of the fixed cost released by closed blocks."""
    return p.columns["block_released"].select("col", "t", pl.col("saving").alias("value"))


def _activity(p: Programme) -> None:
    avoided = p.columns["avoided"]
    _count(
        p,
        "avoided",
        avoided.select("col", pl.lit(1.0).alias("value")),
        "units",
        "max",
        "activity avoided, all kinds and years",
    )
    for pod in avoided["point_of_delivery"].unique(maintain_order=True).to_list():
        terms = avoided.filter(pl.col("point_of_delivery") == pod).select("col", pl.lit(1.0).alias("value"))
        _count(p, f"avoided_{pod}", terms, "units", "max", f"{pod} avoided, all years")
    received = p.columns["received"]
    for pod in received["point_of_delivery"].unique(maintain_order=True).to_list():
        terms = received.filter(pl.col("point_of_delivery") == pod).select("col", pl.lit(1.0).alias("value"))
        _count(p, f"received_{pod}", terms, "contacts", "min", f"{pod} received, all years")
    donated = p.columns["donated"].join(p.tables.prices, on=["provider", "point_of_delivery", "t"])
    _money(
        p,
        "avoided_at_tariff",
        donated.select("col", pl.col("tariff").alias("value")),
        "max",
        "avoided activity at full tariff",
    )
    if p.has("income_lost"):
        terms = p.columns["income_lost"].select("col", pl.lit(1.0).alias("value"))
        _money(p, "avoided_at_contract", terms, "max", "avoided activity at the contract's marginal price")
    stays = pl.DataFrame(
        [(pod, days) for pod, (days, _) in p.tables.points_of_delivery.items() if days],
        schema={"point_of_delivery": pl.String, "days": pl.Float64},
        orient="row",
    )
    beds = avoided.join(stays, on="point_of_delivery")
    if beds.height:
        _count(
            p,
            "bed_days",
            beds.select("col", pl.col("days").alias("value")),
            "bed-days",
            "max",
            "bed-days avoided, all years",
        )


def _people(p: Programme, last: int) -> None:
    staff = (
        p.columns["in_place"]
        .filter(pl.col("t") == last)
        .join(p.tables.workforce, on="solution")
        .select("col", (pl.col("wte") * pl.col("weight")).alias("value"))
    )
    if staff.height:
        _count(p, "wte", staff, "WTE", "min", "staff of the mix in the last year")


def _benefits(p: Programme) -> None:
    rows = [(s.id, b.id, b.unit, float(b.amount)) for s in p.problem.solutions for b in s.benefits]
    table = pl.DataFrame(
        rows,
        schema={"solution": pl.String, "benefit": pl.String, "benefit_unit": pl.String, "amount": pl.Float64},
        orient="row",
    )
    for name, unit in table.select("benefit", "benefit_unit").unique(maintain_order=True).iter_rows():
        mine = table.filter(pl.col("benefit") == name)
        terms = (
            p.columns["effective"]
            .join(mine, on="solution")
            .select("col", (pl.col("amount") * pl.col("weight")).alias("value"))
        )
        _count(p, name, terms, unit, "max", f"{name}, all years")
