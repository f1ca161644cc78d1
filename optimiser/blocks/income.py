"""Prices of activity and the income that providers lose by contract when it is no longer done.

income_lost[h,t]  income lost by provider h        tariff_lost[h,i,t]  tariff value not done on piece i of its terms
"""

from __future__ import annotations

import math
from decimal import Decimal

import polars as pl
from pydantic import Field, model_validator

from capitation.records.columns import POINT_OF_DELIVERY, YEAR
from capitation.records.documents import Document
from capitation.records.frames import Column, Schema
from capitation.records.years import FinancialYear
from capitation.shift.solution import Name, Pounds, Sourced
from optimiser.blocks.flows import activity_before, provider_flows
from optimiser.programme.core import ALL, rows
from optimiser.programme.meaning import Meaning
from optimiser.programme.programme import Programme, constraint, measures, variables
from optimiser.programme.tables import NUMBER, TEXT, THOUSAND, WHOLE, ProblemTables, long, table

_KEY = ["provider", "t"]
_BY_TERMS = ["provider", "terms", "t"]
_PRICED = ["provider", "point_of_delivery", "t"]


class Price(Schema):
    """What one unit of activity is worth under the tariff, under the contract, and in the provider's own cost."""

    provider = Column(pl.String, "provider id", "Who is paid; ALL for every provider", key=True)
    point_of_delivery = POINT_OF_DELIVERY
    year = YEAR.but(about="Year; ALL for every year")
    tariff_pounds = Column(pl.Float64, "pounds a unit", "Full tariff price", ge=0)
    marginal_pounds = Column(
        pl.Float64, "pounds a unit", "What the contract pays less for one unit less; the tariff where it is empty", ge=0, nullable=True
    )  # fmt: skip
    variable_cost_pounds = Column(pl.Float64, "pounds a unit", "What the provider spends less for one unit less", ge=0)


class PriceRow(Sourced):
    """One row of prices, for problems that carry them in the document."""

    provider: Name = ALL
    """Who is paid; every provider where it is not given."""
    point_of_delivery: Name
    """Kind of activity."""
    year: FinancialYear | None = None
    """Year; every year where it is not given."""
    tariff_pounds: Decimal = Field(ge=0)
    """Full tariff price of a unit."""
    marginal_pounds: Decimal | None = Field(default=None, ge=0)
    """What the contract pays less for one unit less; the tariff where it is not given."""
    variable_cost_pounds: Decimal = Field(default=Decimal(0), ge=0)
    """What the provider spends less for one unit less, at once."""

    @model_validator(mode="after")
    def _pounds_and_no_share(self) -> PriceRow:
        marginal = self.marginal_pounds
        if marginal is not None and 0 < marginal <= 1 and self.tariff_pounds >= _DEAR:
            amount = (marginal * self.tariff_pounds).normalize()
            raise ValueError(
                f"marginal_pounds in pounds a unit, such as {amount:f} for {marginal:.0%} of a tariff of {self.tariff_pounds}, "
                f"not {marginal}"
            )
        return self


_DEAR = 50
"""At this tariff and above, a marginal price of at most a pound is a share that was meant as one."""


class PaymentPiece(Document):
    """One stretch of what a contract takes from a provider's income as tariff value falls away."""

    from_pounds: Pounds
    """Tariff value not done at which the stretch begins; the first begins at 0."""
    slope: Decimal = Field(ge=0, le=10)
    """Pounds of income lost for each pound of tariff value not done, such as 0.5 for half the tariff."""


class PaymentTerms(Document):
    """How a provider's income falls with the tariff value it does not do: the exact pieces of its contract."""

    provider: Name
    """Who is paid."""
    points_of_delivery: tuple[Name, ...] = ()
    """Kinds of activity under these terms; all where none is named."""
    pieces: tuple[PaymentPiece, ...] = Field(min_length=1)
    """Stretches from 0 on, in order."""


PRICES = rows(
    "prices", PriceRow, "What a unit is worth.",
    Meaning(
        "the price of {point_of_delivery}{at_provider}{in_year}", "tariff_pounds", ("point_of_delivery",),
        ("provider", "year"),
    ),
)  # fmt: skip
PAYMENT_TERMS = rows("payment_terms", PaymentTerms, "Contracts that are more than a price for each unit.")


@table
def prices(t: ProblemTables) -> pl.DataFrame:
    """provider, point_of_delivery, t, tariff, marginal, variable: thousand pounds a unit; the more special row holds."""
    best: dict[tuple[str, str, int], tuple[int, float, float, float]] = {}
    for row in PRICES.of(t.problem):
        tariff = float(row.tariff_pounds) / THOUSAND
        marginal = tariff if row.marginal_pounds is None else float(row.marginal_pounds) / THOUSAND
        variable = float(row.variable_cost_pounds) / THOUSAND
        rank = (row.provider != ALL) + (row.year is not None)  # two of one rank that meet say the same, or are refused
        for provider in t.providers if row.provider == ALL else [row.provider]:
            for year in t.each_year(row.year):
                key = (provider, row.point_of_delivery, year)
                if key not in best or best[key][0] < rank:
                    best[key] = (rank, tariff, marginal, variable)
    found = [(*key, *value[1:]) for key, value in best.items()]
    return long(
        found, provider=TEXT, point_of_delivery=TEXT, t=WHOLE, tariff=NUMBER, marginal=NUMBER, variable=NUMBER
    )  # fmt: skip


@table
def unit_value(t: ProblemTables) -> pl.DataFrame:
    """locality, point_of_delivery, t, value: marginal price met by the locality's flows, thousand pounds a unit."""
    return (
        provider_flows(t)
        .join(prices(t), on=["provider", "point_of_delivery"], how="inner")
        .group_by("locality", "point_of_delivery", "t", maintain_order=True)
        .agg((pl.col("flow") * pl.col("marginal")).sum().alias("value"))
    )


def terms_of(t: ProblemTables, priced: pl.DataFrame) -> pl.Series:
    """The number of the payment terms that the provider and point of delivery of each row stand under; null for none.

    Terms that name the point of delivery beat terms of the provider for all of them.
    """
    found = {
        (term.provider, pod): number
        for number, term in enumerate(PAYMENT_TERMS.of(t.problem))
        for pod in term.points_of_delivery or (ALL,)
    }
    numbers = [
        found.get((h, pod), found.get((h, ALL)))
        for h, pod in priced.select("provider", "point_of_delivery").iter_rows()
    ]
    return pl.Series("terms", numbers, dtype=pl.Int32)


@table
def pieces(t: ProblemTables) -> pl.DataFrame:
    """provider, terms, piece, begins, ends, slope, width of payment terms, in thousand pounds of tariff value.

    Pieces of a provider's second terms are numbered on from those of its first.
    """
    found = []
    count: dict[str, int] = {}
    for number, term in enumerate(PAYMENT_TERMS.of(t.problem)):
        first = count.get(term.provider, 0)
        count[term.provider] = first + len(term.pieces)
        begins = [float(piece.from_pounds) / THOUSAND for piece in term.pieces]
        for i, (begin, end) in enumerate(zip(begins, [*begins[1:], math.inf], strict=True)):
            found.append((term.provider, number, first + i, begin, end, float(term.pieces[i].slope)))
    stretches = long(found, provider=TEXT, terms=WHOLE, piece=WHOLE, begins=NUMBER, ends=NUMBER, slope=NUMBER)
    return stretches.with_columns((pl.col("ends") - pl.col("begins")).alias("width"))


@variables(150)
def losses(p: Programme) -> None:
    """Income lost wherever priced activity can go; tariff value by piece where payment terms are stated."""
    t = p.tables
    paid = (
        p["donated"]
        .join(prices(t), on=_PRICED, how="semi")
        .select("provider", "t", "year")
        .unique(maintain_order=True)
        .sort(_KEY)
    )
    p.columns(
        "income_lost", paid, ["provider", "year"], unit="£ thousand", label="income {provider} loses in {year}"
    )  # fmt: skip
    stretches = paid.join(pieces(t), on="provider").sort("provider", "t", "piece")
    p.columns(
        "tariff_lost", stretches, ["provider", "piece", "year"], unit="£ thousand", upper="width",
        label="tariff value {provider} does not do in {year} (piece {piece} of its terms)",
    )  # fmt: skip
    p.columns(
        "piece_reached", stretches.filter(pl.col("begins") > 0), ["provider", "piece", "year"], unit="yes or no",
        label="whether {provider} reaches piece {piece} of its terms in {year}", upper=1.0, integer=True,
    )  # fmt: skip


@constraint(140, "income_lost_sum", "tariff_lost_sum", "piece_after_reached", "piece_full_before_next")
def income_lost(p: Programme) -> None:
    """Income that a provider loses follows its contract, not the tariff (physics).

    In words: each unit no longer done costs the provider the contract's marginal price; where payment terms are stated,
    the tariff value not done runs through their pieces in order, and each piece takes its own share of it. Each terms of a
    provider with several, n, runs through its own pieces.

        income_lost[h,t] = sum over p outside terms of marginal[h,p,t] donated[h,p,t] + sum over i of slope[h,i] tariff_lost[h,i,t]
        sum over i of n of tariff_lost[h,i,t] = sum over p under n of tariff[h,p,t] donated[h,p,t]
        tariff_lost[h,i,t] <= width[h,i] reached[h,i,t]        tariff_lost[h,i,t] >= width[h,i] reached[h,i+1,t]
    """
    if not p.has("income_lost"):
        p.without_effect("income_lost", "no avoided activity has a price")
        return
    priced = p["donated"].join(prices(p.tables), on=_PRICED)
    priced = priced.with_columns(terms_of(p.tables, priced))
    label = "income {provider} loses in {year} adds up"
    sums = p.sums("income_lost_sum", "income_lost", ["provider", "year"], unit="£ thousand", label=label)
    outside = priced.filter(pl.col("terms").is_null()).select(*_KEY, "marginal", "col")
    p.add(sums.select("row", *_KEY), outside, _KEY, -pl.col("marginal"))
    if not p.has("tariff_lost"):
        return
    stretches = p["tariff_lost"]
    p.add(sums.select("row", *_KEY), stretches.select(*_KEY, "slope", "col"), _KEY, -pl.col("slope"))
    several = stretches.select("provider", "terms").unique().height > stretches["provider"].n_unique()
    index = ["provider", "terms", "year"] if several else ["provider", "year"]
    values = p.rows(
        "tariff_lost_sum", stretches.filter(pl.col("begins") == 0), index, kind="P", unit="£ thousand",
        label="tariff value {provider} does not do in {year} adds up", lower=0.0, upper=0.0,
    ).select("row", *_BY_TERMS)  # fmt: skip
    p.add(values, stretches.select(*_BY_TERMS, "col"), _BY_TERMS)
    p.add(values, priced.select(*_BY_TERMS, "tariff", "col"), _BY_TERMS, -pl.col("tariff"))
    _in_order(p, stretches)


def _in_order(p: Programme, stretches: pl.DataFrame) -> None:
    """Pieces are used from the first on, whichever way their slopes go."""
    if not p.has("piece_reached"):
        return
    before = (
        activity_before(p.tables)
        .join(provider_flows(p.tables), on=["locality", "point_of_delivery"])
        .group_by(_PRICED)
        .agg((pl.col("units") * pl.col("flow")).sum().alias("units"))
    )
    priced = p["donated"].join(prices(p.tables), on=_PRICED).join(before, on=_PRICED)
    most = (
        priced.with_columns(terms_of(p.tables, priced))
        .group_by(_BY_TERMS)
        .agg((pl.col("tariff") * pl.col("units")).sum().alias("all"))
    )
    reached = p["piece_reached"].rename({"col": "own"}).join(most, on=_BY_TERMS, how="left", maintain_order="left")
    reached = reached.with_columns(pl.min_horizontal("width", pl.col("all").fill_null(0.0)).alias("room"))
    key, index = ["provider", "piece", "t"], ["provider", "piece", "year"]
    after = p.rows(
        "piece_after_reached", reached, index, kind="P", unit="£ thousand",
        label="piece {piece} of {provider}'s terms in {year} only once reached", upper=0.0,
    )  # fmt: skip
    p.put(after, -pl.col("room"), col="own")
    p.add(after.select("row", *key), stretches.select(*key, "col"), key)
    full = p.rows(
        "piece_full_before_next", reached, index, kind="P", unit="£ thousand",
        label="the piece before {piece} of {provider}'s terms in {year} is full", lower=0.0,
    )  # fmt: skip
    shorter = stretches.select("provider", (pl.col("piece") + 1).cast(pl.Int32).alias("piece"), "t", "width", "col")
    joined = full.select("row", *key, "own").join(shorter, on=key)
    p.put(joined)
    p.put(joined, -pl.col("width"), col="own")


@measures(32)
def income(p: Programme) -> None:
    """Income that providers lose."""
    if p.has("income_lost"):
        p.money("income_lost", p["income_lost"], "min", "income providers lose, all years")


@measures(52)
def worth_of_avoided_activity(p: Programme) -> None:
    """Avoided activity at the full tariff and at what contracts pay for it."""
    priced = p["donated"].join(prices(p.tables), on=_PRICED)
    at_tariff = priced.select("col", pl.col("tariff").alias("value"))
    p.money("avoided_at_tariff", at_tariff, "max", "avoided activity at full tariff")
    if p.has("income_lost"):
        label = "avoided activity at the contract's marginal price"
        p.money("avoided_at_contract", p["income_lost"], "max", label)
