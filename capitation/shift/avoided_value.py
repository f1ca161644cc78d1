"""What avoided activity is worth: at tariff, at what the contract really pays less, and in the cost a provider really saves.

    tariff value        = avoided x unit cost                       what a plan at tariff would promise
    contract value      = avoided x unit cost x marginal share      the commissioner's saving, and the provider's lost income
    variable cost saved = avoided x unit cost x variable share      all that the system as a whole saves at once
    stranded cost       = contract value - variable cost saved      what the provider is left with until it closes capacity

The commissioner's saving and the providers' lost income are one transfer: in the system's row they cancel to the penny.
Marginal shares follow from the form of contract and are dated; variable shares are marked assumptions. Both stand in
`evidence/`.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from capitation.activity.unit_costs import UnitCost
from capitation.allocation.providers import LocalityFlow
from capitation.errors import Faults, FrameError, UnknownNameError
from capitation.money.apportion import apportion
from capitation.money.rounding import MICRO, micro
from capitation.pack.sources import DataPack
from capitation.records.columns import CONTRACT, IMPACT, PARTY, POINT_OF_DELIVERY, PROVIDER, QUALITY, SOURCE, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.shift.effects import ShiftedActivity

COSTS_FILE = "evidence/service-costs.csv"
"""How cost follows activity, once for solutions and contracts."""

COMMISSIONER, SYSTEM = "commissioner", "system"
"""Parties beside the providers."""


class MarginalShare(Schema):
    """The part of the price by which a form of contract changes a provider's income for one unit less."""

    contract = CONTRACT.but(about="Form of contract")
    point_of_delivery = POINT_OF_DELIVERY
    since = Column(pl.String, "financial year", "First year for which the share holds", key=True)
    marginal_share = Column(pl.Float64, "share of price", "Income lost for one unit less, over its price", ge=0, le=1)
    source = SOURCE
    owner = Column(pl.String, "role", "Who answers for the share")
    quality = QUALITY
    impact = IMPACT
    where = Column(pl.String, "text", "Table, row and column, or what it rests on")


class ServiceCost(Schema):
    """How the cost of one unit of activity behaves: what is saved with one less, and what one more costs."""

    point_of_delivery = POINT_OF_DELIVERY
    variable_share = Column(pl.Float64, "share of unit cost", "Cost a provider saves at once with one less", ge=0, le=1)
    low_share = Column(pl.Float64, "share of unit cost", "Lowest share to test within", ge=0, le=1)
    high_share = Column(pl.Float64, "share of unit cost", "Highest share to test within", ge=0, le=1)
    contact_share = Column(
        pl.Float64,
        "share of unit cost",
        "Cost of one more contact received, beside staff that solutions pay",
        ge=0,
        le=1,
    )
    stay_days = Column(pl.Float64, "days", "Mean length of stay, where beds are used", ge=0, nullable=True)
    owner = Column(pl.String, "role", "Who answers for the shares")
    quality = QUALITY
    impact = IMPACT
    where = Column(pl.String, "text", "What they rest on")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """The share lies inside its range."""
        return {"the share lies inside its range": pl.col("variable_share").is_between("low_share", "high_share")}


class UnitValue(Schema):
    """What one unit of activity is worth in one year under one contract."""

    year = YEAR
    point_of_delivery = POINT_OF_DELIVERY
    tariff_pence = Column(pl.Int64, "pence a unit", "Unit cost at 2016/17 prices", ge=0)
    marginal_pence = Column(pl.Int64, "pence a unit", "What the contract pays less for one unit less", ge=0)
    variable_pence = Column(pl.Int64, "pence a unit", "What the provider spends less for one unit less, at once", ge=0)


class AvoidedValue(Schema):
    """The value of what one provider no longer does at one point of delivery in one year."""

    year = YEAR
    provider_code = PROVIDER
    point_of_delivery = POINT_OF_DELIVERY
    avoided = Column(pl.Int64, "units of activity", "No longer done", ge=0)
    tariff_pence = Column(pl.Int64, "pence", "Its value at tariff", ge=0)
    contract_pence = Column(pl.Int64, "pence", "What the contract pays less for it", ge=0)
    variable_pence = Column(pl.Int64, "pence", "Cost that the provider saves at once", ge=0)
    stranded_pence = Column(pl.Int64, "pence", "Income lost beyond cost saved; below 0 where more is saved than lost")


class PartyEffect(Schema):
    """What avoided activity does to one party in one year, before the cost of the solutions."""

    year = YEAR
    party = PARTY.but(about="Commissioner, a provider, or the system as a whole")
    transfer_pence = Column(pl.Int64, "pence", "Paid less (commissioner) or received less (provider, below 0)")
    cost_saved_pence = Column(pl.Int64, "pence", "Cost no longer spent", ge=0)
    effect_pence = Column(pl.Int64, "pence", "Transfer plus cost saved")


@dataclass(frozen=True)
class AvoidedWorth:
    """The value of avoided activity by provider, and what it does to each party."""

    values: Frame[AvoidedValue]
    parties: Frame[PartyEffect]


def marginal_shares(pack: DataPack) -> Frame[MarginalShare]:
    """The dated marginal shares of every form of contract."""
    return pack.rows("evidence/marginal-shares.csv", MarginalShare)


def service_costs(pack: DataPack) -> Frame[ServiceCost]:
    """How the cost of each point of delivery behaves: marked assumptions."""
    return pack.rows(COSTS_FILE, ServiceCost)


def unit_values(
    costs: Frame[UnitCost], shares: Frame[MarginalShare], behaviour: Frame[ServiceCost], contract: str, years: list[str]
) -> Frame[UnitValue]:
    """What one unit of each point of delivery is worth in each year under a form of contract.

    Raises:
        UnknownNameError: no share is given for the contract.
        FrameError: a point of delivery without a marginal share in a year, or without cost behaviour; all at once.
    """
    known = shares.get_column("contract").unique().sort().to_list()
    if contract not in known:
        raise UnknownNameError("form of contract", contract, known, where="evidence/marginal-shares.csv")
    counted = costs.filter(pl.col("baseline_activity") > 0).select(
        pl.col("line").alias("point_of_delivery"), pl.col("unit_cost_pence").alias("tariff_pence")
    )
    mine = shares.filter(pl.col("contract") == contract).select("point_of_delivery", "since", "marginal_share")
    rows = _dated(counted.join(pl.DataFrame({"year": years}), how="cross"), mine).join(
        behaviour.select("point_of_delivery", "variable_share"), on="point_of_delivery", how="left"
    )
    faults = Faults()
    for column, words in (("marginal_share", f"marginal share under {contract}"), ("variable_share", "variable share")):
        for pod, year in (
            rows.filter(pl.col(column).is_null())
            .select("point_of_delivery", "year")
            .sort("point_of_delivery", "year")
            .iter_rows()
        ):
            faults.add(f"{pod} in {year}", "nothing", f"a {words}")
    faults.raise_if_any(FrameError, "avoided activity cannot be valued")
    pence = [
        (micro(pl.col("tariff_pence") * pl.col(share)) + MICRO // 2) // MICRO
        for share in ("marginal_share", "variable_share")
    ]
    return UnitValue.validate(
        rows.select(
            "year",
            "point_of_delivery",
            "tariff_pence",
            pence[0].alias("marginal_pence"),
            pence[1].alias("variable_pence"),
        )
    )


def _dated(rows: pl.DataFrame, dated: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the share that holds in their year: the one with the latest first year not after it."""
    known = (
        rows.select("point_of_delivery", "year")
        .join(dated, on="point_of_delivery")
        .filter(pl.col("since") <= pl.col("year"))
        .sort("point_of_delivery", "year", "since")
        .unique(["point_of_delivery", "year"], keep="last", maintain_order=True)
        .drop("since")
    )
    return rows.join(known, on=["point_of_delivery", "year"], how="left", validate="1:1")


def avoided_worth(shifted: Frame[ShiftedActivity], flow: Frame[LocalityFlow], values: Frame[UnitValue]) -> AvoidedWorth:
    """The value of avoided activity by provider and what it does to commissioner, providers and system.

    Args:
        shifted: what a mix avoids by locality.
        flow: where each locality's patients go; its shares divide whole units by largest remainder.
        values: what one unit is worth.

    Raises:
        FrameError: avoided activity of a locality that flows nowhere, or without a value; all at once.

    Example:
        300 attendances less at a tariff of £150, a marginal price of £60 and variable cost of £20: at tariff £45,000; the
        commissioner saves £18,000, the provider loses £18,000 and saves £6,000, the system saves £6,000.
    """
    moved = shifted.filter(pl.col("avoided") > 0).select("year", "point_of_delivery", "locality_code", "avoided")
    key = ["year", "point_of_delivery", "locality_code"]
    lines = flow.rename({"line": "point_of_delivery"})
    faults = Faults()
    for code, pod in (
        moved.join(lines, on=key[1:], how="anti")
        .select("locality_code", "point_of_delivery")
        .unique()
        .sort("locality_code", "point_of_delivery")
        .iter_rows()
    ):
        faults.add(f"{pod} of {code}", "no provider", "flows that add to the whole")
    for pod, year in (
        moved.join(values, on=key[:2], how="anti")
        .select(key[1::-1])
        .unique()
        .sort("point_of_delivery", "year")
        .iter_rows()
    ):
        faults.add(f"{pod} in {year}", "no value", "a unit value")
    faults.raise_if_any(FrameError, "avoided activity cannot be valued")
    shared = apportion(
        moved.join(lines, on=key[1:]),
        total="avoided",
        weight="share_ppm",
        within=key,
        order_by=["provider_code"],
        into="gone",
    )
    units = pl.col("avoided")
    by_provider = (
        shared.group_by("year", "provider_code", "point_of_delivery")
        .agg(pl.col("gone").sum().alias("avoided"))
        .filter(units > 0)
        .join(values, on=["year", "point_of_delivery"], validate="m:1")
        .with_columns(
            (units * pl.col("tariff_pence")).alias("tariff_pence"),
            (units * pl.col("marginal_pence")).alias("contract_pence"),
            (units * pl.col("variable_pence")).alias("variable_pence"),
        )
        .with_columns((pl.col("contract_pence") - pl.col("variable_pence")).alias("stranded_pence"))
    )
    checked = AvoidedValue.validate(by_provider.select(*AvoidedValue.columns()))
    return AvoidedWorth(values=checked, parties=_parties(checked))


def _parties(values: Frame[AvoidedValue]) -> Frame[PartyEffect]:
    sums = values.group_by("year", "provider_code").agg(pl.col("contract_pence", "variable_pence").sum())
    none = pl.lit(0, dtype=pl.Int64)
    providers = sums.select(
        "year",
        pl.col("provider_code").alias("party"),
        (-pl.col("contract_pence")).alias("transfer_pence"),
        pl.col("variable_pence").alias("cost_saved_pence"),
    )
    commissioner = (
        sums.group_by("year")
        .agg(pl.col("contract_pence").sum().alias("transfer_pence"))
        .select("year", pl.lit(COMMISSIONER).alias("party"), "transfer_pence", none.alias("cost_saved_pence"))
    )
    parties = pl.concat([commissioner, providers])
    system = (
        parties.group_by("year")
        .agg(pl.col("transfer_pence", "cost_saved_pence").sum())
        .select("year", pl.lit(SYSTEM).alias("party"), "transfer_pence", "cost_saved_pence")
    )
    rows = pl.concat([parties, system])
    effect = (pl.col("transfer_pence") + pl.col("cost_saved_pence")).alias("effect_pence")
    return PartyEffect.validate(rows.with_columns(effect).select(*PartyEffect.columns()))
