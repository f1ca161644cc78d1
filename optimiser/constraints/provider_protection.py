"""No provider is left with more stranded cost than agreed, after support from the transition fund (policy).

In words: stranded cost less support is at most the limit; support to all providers is at most the fund.

    stranded[h,t] - support[h,t] <= limit[h,t]        sum over h of support[h,t] <= fund[t]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 160
FAMILIES = ("provider_protection", "transition_fund")


def apply(p: Programme) -> None:
    """One row for each provider and year with a limit; one for each fund."""
    t = p.tables
    stated = pl.DataFrame(
        [(r.provider, year, float(r.pounds) / 1000) for r in p.problem.stranded_limits for year in t.each_year(r.year)],
        schema={"provider": pl.String, "t": pl.Int32, "limit": pl.Float64},
        orient="row",
    ).unique(["provider", "t"], keep="last", maintain_order=True)
    stated = stated.join(t.years.select("t", "year"), on="t")
    bound = stated.join(p.columns["stranded"].select("provider", "t"), on=["provider", "t"], how="semi")
    if not bound.height:
        reason = "no provider is protected" if not stated.height else "no protected provider has priced activity"
        p.nothing("provider_protection", reason)
    else:
        rows = p.rows(
            "provider_protection", bound, ["provider", "year"], kind="Q", unit="£ thousand",
            label="most stranded cost of {provider} in {year}", group="providers", upper="limit",
        )  # fmt: skip
        key = ["provider", "t"]
        p.add(rows.select("row", *key), p.columns["stranded"].select(*key, "col"), key)
        p.add(rows.select("row", *key), p.columns["support"].select(*key, "col"), key, -1.0)
    if p.has("support"):
        funds = p.columns["support"].select("t", "year", "fund").unique(maintain_order=True)
        fund = p.rows(
            "transition_fund", funds, ["year"], kind="Q", unit="£ thousand",
            label="transition fund of {year}", group="money", upper="fund",
        )  # fmt: skip
        p.add(fund.select("row", "t"), p.columns["support"].select("t", "col"), ["t"])
