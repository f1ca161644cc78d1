"""Income that a provider loses follows its contract, not the tariff (physics).

In words: each unit no longer done costs the provider the contract's marginal price; where payment terms are stated, the
tariff value not done runs through their pieces in order, and each piece takes its own share of it.

    income_lost[h,t] = sum over p outside terms of marginal[h,p,t] donated[h,p,t] + sum over i of slope[h,i] tariff_lost[h,i,t]
    sum over i of tariff_lost[h,i,t] = sum over p under terms of tariff[h,p,t] donated[h,p,t]
    tariff_lost[h,i,t] <= width[h,i] reached[h,i,t]        tariff_lost[h,i,t] >= width[h,i] reached[h,i+1,t]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 140
FAMILIES = ("income_lost_sum", "tariff_lost_sum", "piece_after_reached", "piece_full_before_next")


def apply(p: Programme) -> None:
    """One row for each provider and year with priced activity; more where payment terms have several pieces."""
    if not p.has("income_lost"):
        p.nothing("income_lost", "no avoided activity has a price")
        return
    donated = p.columns["donated"].join(p.tables.prices, on=["provider", "point_of_delivery", "t"])
    under = {term.provider: set(term.points_of_delivery) for term in p.problem.payment_terms}
    flags = [
        h in under and (not under[h] or pod in under[h])
        for h, pod in donated.select("provider", "point_of_delivery").iter_rows()
    ]
    donated = donated.with_columns(pl.Series("under_terms", flags, dtype=pl.Boolean))
    own = p.columns["income_lost"].rename({"col": "own"})
    key = ["provider", "t"]
    rows = p.rows(
        "income_lost_sum", own, ["provider", "year"], kind="P", unit="£ thousand",
        label="income {provider} loses in {year} adds up", lower=0.0, upper=0.0,
    )  # fmt: skip
    p.builder.terms(rows.select("row", pl.col("own").alias("col"), pl.lit(1.0).alias("value")))
    outside = donated.filter(~pl.col("under_terms")).select(*key, "marginal", "col")
    p.add(rows.select("row", *key), outside, key, -pl.col("marginal"))
    if not p.has("tariff_lost"):
        return
    stretches = p.columns["tariff_lost"]
    p.add(rows.select("row", *key), stretches.select(*key, "slope", "col"), key, -pl.col("slope"))
    held = own.join(stretches.select(key).unique(), on=key, how="semi", maintain_order="left")
    sums = p.rows(
        "tariff_lost_sum", held, ["provider", "year"], kind="P", unit="£ thousand",
        label="tariff value {provider} does not do in {year} adds up", lower=0.0, upper=0.0,
    )  # fmt: skip
    p.add(sums.select("row", *key), stretches.select(*key, "col"), key)
    inside = donated.filter(pl.col("under_terms")).select(*key, "tariff", "col")
    p.add(sums.select("row", *key), inside, key, -pl.col("tariff"))
    _in_order(p, stretches)


def _in_order(p: Programme, stretches: pl.DataFrame) -> None:
    """Pieces are used from the first on, whichever way their slopes go."""
    if not p.has("piece_reached"):
        return
    most = (
        p.columns["donated"]
        .join(p.tables.prices, on=["provider", "point_of_delivery", "t"])
        .join(_ceiling(p), on=["provider", "point_of_delivery", "t"])
        .group_by("provider", "t")
        .agg((pl.col("tariff") * pl.col("units")).sum().alias("all"))
    )
    reached = p.columns["piece_reached"].join(most, on=["provider", "t"], how="left")
    reached = reached.with_columns(pl.min_horizontal("width", pl.col("all").fill_null(0.0)).alias("room"))
    key = ["provider", "piece", "t"]
    after = p.rows(
        "piece_after_reached", reached.rename({"col": "own"}), ["provider", "piece", "year"], kind="P",
        unit="£ thousand", label="piece {piece} of {provider}'s terms in {year} only once reached", upper=0.0,
    )  # fmt: skip
    p.builder.terms(after.select("row", pl.col("own").alias("col"), (-pl.col("room")).alias("value")))
    p.add(after.select("row", *key), stretches.select(*key, "col"), key)
    full = p.rows(
        "piece_full_before_next", reached.rename({"col": "own"}), ["provider", "piece", "year"], kind="P",
        unit="£ thousand", label="the piece before {piece} of {provider}'s terms in {year} is full", lower=0.0,
    )  # fmt: skip
    before = stretches.select("provider", (pl.col("piece") + 1).cast(pl.Int32).alias("piece"), "t", "width", "col")
    joined = full.select("row", *key, "own").join(before, on=key)
    p.builder.terms(joined.select("row", "col", pl.lit(1.0).alias("value")))
    p.builder.terms(joined.select("row", pl.col("own").alias("col"), (-pl.col("width")).alias("value")))


def _ceiling(p: Programme) -> pl.DataFrame:
    """The activity of each provider, point of delivery and year, the most that can go."""
    return (
        p.tables.need.join(p.tables.flows, on=["locality", "point_of_delivery"])
        .group_by("provider", "point_of_delivery", "t")
        .agg((pl.col("units") * pl.col("flow")).sum().alias("units"))
    )
