"""Stranded cost of providers: income lost beyond the cost they release, what it may be, and support against it.

stranded[h,t]  stranded cost of provider h        support[h,t]  paid to it from the transition fund
"""

from __future__ import annotations

import math

import polars as pl

from capitation.records.documents import Document
from capitation.records.years import FinancialYear
from capitation.shift.solution import Name, Pounds
from optimiser.blocks.income import prices
from optimiser.programme.core import rows
from optimiser.programme.meaning import Meaning, in_each_year
from optimiser.programme.programme import Programme, constraint, measures, variables
from optimiser.programme.tables import NUMBER, TEXT, THOUSAND, WHOLE, long

_KEY = ["provider", "t"]


class StrandedLimit(Document):
    """The most stranded cost a provider may be left with."""

    provider: Name
    """Whose."""
    year: FinancialYear | None = None
    """Year; every year where it is not given."""
    pounds: Pounds
    """Most income lost beyond cost released, after transition support."""


class TransitionFund(Document):
    """Money to tide providers over."""

    year: FinancialYear
    """Year."""
    pounds: Pounds
    """Most support to all providers together."""


STRANDED_LIMITS = rows(
    "stranded_limits", StrandedLimit, "Protection of providers.",
    Meaning("the most stranded cost of {provider}{in_year}", "pounds", ("provider",), ("year",)),
)  # fmt: skip
TRANSITION_FUNDS = rows(
    "transition_funds", TransitionFund, "Support to providers.",
    Meaning("the transition fund{in_year}", "pounds", ("year",)),
)  # fmt: skip


@variables(190)
def stranded_and_support(p: Programme) -> None:
    """Stranded cost wherever income can be lost; support where there is a fund."""
    t, paid = p.tables, p["income_lost"].select("provider", "t", "year")
    p.columns(
        "stranded", paid, ["provider", "year"], unit="£ thousand", label="stranded cost of {provider} in {year}",
        lower=-math.inf,
    )  # fmt: skip
    funds = [(t.each_year(f.year)[0], float(f.pounds) / THOUSAND) for f in TRANSITION_FUNDS.of(p.problem)]
    p.columns(
        "support", paid.join(long(funds, t=WHOLE, fund=NUMBER), on="t"), ["provider", "year"], unit="£ thousand",
        label="transition support to {provider} in {year}",
    )  # fmt: skip


@constraint(150, "stranded_sum")
def stranded_cost(p: Programme) -> None:
    """Stranded cost is income lost beyond the cost a provider can release (physics).

    In words: what a provider loses in income, less variable cost it saves at once, less fixed cost of blocks it has closed.

        stranded[h,t] = income_lost[h,t] - sum over p of variable[h,p,t] donated[h,p,t] - sum over q of saving[q] block_released[h,q,t]
    """
    if not p.has("stranded"):
        p.without_effect("stranded_cost", "no avoided activity has a price")
        return
    label = "stranded cost of {provider} in {year} adds up"
    sums = p.sums("stranded_sum", "stranded", ["provider", "year"], unit="£ thousand", label=label)
    sums = sums.select("row", *_KEY)
    p.add(sums, p["income_lost"].select(*_KEY, "col"), _KEY, -1.0)
    saved = p["donated"].join(prices(p.tables), on=["provider", "point_of_delivery", "t"])
    p.add(sums, saved.select(*_KEY, "variable", "col"), _KEY, pl.col("variable"))
    p.add(sums, p["block_released"].select(*_KEY, "saving", "col"), _KEY, pl.col("saving"))


@constraint(160, "provider_protection", "transition_fund")
def provider_protection(p: Programme) -> None:
    """No provider is left with more stranded cost than agreed, after support from the transition fund (policy).

    In words: stranded cost less support is at most the limit; support to all providers is at most the fund.

        stranded[h,t] - support[h,t] <= limit[h,t]        sum over h of support[h,t] <= fund[t]
    """
    t = p.tables
    given = [(r.provider, r.year, float(r.pounds) / THOUSAND) for r in STRANDED_LIMITS.of(p.problem)]
    stated = in_each_year(t.dates, long(given, provider=TEXT, year=TEXT, limit=NUMBER), ["provider"])
    for (provider,), years in stated.group_by("provider", maintain_order=True):
        p.years_without("provider_protection", f"stranded cost of {provider}", years)
    bound = stated.join(t.dates, on="t").join(p["stranded"].select(_KEY), on=_KEY, how="semi")
    if not bound.height:
        reason = "no provider is protected" if not stated.height else "no protected provider has priced activity"
        p.without_effect("provider_protection", reason)
    else:
        rows = p.rows(
            "provider_protection", bound, ["provider", "year"], kind="Q", unit="£ thousand",
            label="most stranded cost of {provider} in {year}", group="providers", upper="limit",
        ).select("row", *_KEY)  # fmt: skip
        p.add(rows, p["stranded"].select(*_KEY, "col"), _KEY)
        p.add(rows, p["support"].select(*_KEY, "col"), _KEY, -1.0)
    if p.has("support"):
        fund = p.rows(
            "transition_fund", p["support"].select("t", "year", "fund").unique(maintain_order=True), ["year"],
            kind="Q", unit="£ thousand", label="transition fund of {year}", group="money", upper="fund",
        )  # fmt: skip
        p.add(fund.select("row", "t"), p["support"].select("t", "col"), ["t"])


@measures(33)
def stranded_and_supported(p: Programme) -> None:
    """Stranded cost and support, all providers and years."""
    if p.has("stranded"):
        p.money("stranded_cost", p["stranded"], "min", "stranded cost of providers, all years")
    if p.has("support"):
        p.money("support", p["support"], "min", "transition support, all years")
