"""A design for a board: what was found in a sentence or two, and the picture of its trade-off."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from api.charts.deals.trade_off import trade_off_figure
from api.charts.render import svg
from contracts.risk.design.answers import words
from contracts.risk.design.family import TermFamily
from contracts.risk.design.search import Designed, words_of


def design_sentences(family: TermFamily, found: Designed, frames: Mapping[str, pl.DataFrame]) -> list[str]:
    """What terms were found, what they leave of the incentive, which limit binds, and the pool behind them."""
    limits = frames["limit_met"]
    bound = [f"the {party}'s {measure}" for party, measure in limits.filter("binds").select("party", "measure").rows()]
    pool = frames["designed_pool"].row(by_predicate=pl.col("basis") == "net", named=True)
    payers = frames["pool_payer"].sort("difference_pence")
    most = payers.row(-1, named=True)
    out = [
        f"{family.title}, {family.year}: {words(found.figures)}; of the next pound saved a locality keeps "
        f"{found.incentive.value:.0%}.",
        f"What binds: {' and '.join(bound)}."
        if bound
        else "No limit binds: the figures stand at the end of their range.",
        f"A pool of £{pool['pool_pence'] / 1e8:.1f}m covers {pool['cover']:.0%} of years"
        + (
            f"; were it divided by plan and not by what each draws, others would pay £{most['difference_pence'] / 100:,.0f} for {most['locality_code']}."
            if most["difference_pence"] > 0
            else "."
        ),
    ]
    return out


def trade_off_picture(family: TermFamily, frames: Mapping[str, pl.DataFrame]) -> str:
    """The strongest incentive at each level of the first limit, as SVG."""
    points = frames["trade_off"].sort("level").select("level", "incentive").rows()
    first = family.limits[0]
    risk = f"limit of the {first.party}: {words_of(first)}, share of plan"
    return svg(trade_off_figure(points, family.title, risk, "kept of the next pound saved"))


__all__ = ["design_sentences", "trade_off_picture"]
