"""The shadow year of an option: worked out on the same outturn and not paid, beside what the contracts that hold give everyone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import polars as pl

from capitation.errors import ContractError, Faults
from capitation.records.columns import ACTIVITY_CASE, OPTION, ORGANISATION, YEAR
from capitation.records.frames import Column, Frame, Schema
from contracts.options.outturn import OutturnLine
from contracts.options.position import (
    ROLES,
    CommissionerMoney,
    FurtherCost,
    Payment,
    Position,
    funding_payments,
    positions,
)
from contracts.options.starts.settling import settling
from contracts.options.trials import Trials, before_quality


class ShadowPosition(Schema):
    """Where an organisation stands in a shadow year, and where it would stand were the option paid already."""

    option = OPTION
    activity_case = ACTIVITY_CASE
    year = YEAR
    role = Column(pl.String, "role", "Commissioner or provider", key=True, one_of=ROLES)
    organisation_code = ORGANISATION
    position_pence = Column(pl.Int64, "pence", "Position under the contracts that hold in the year")
    shadow_pence = Column(pl.Int64, "pence", "Position were the option paid in the year")
    difference_pence = Column(pl.Int64, "pence", "What the option would bring it; over all nothing")


def shadow_positions(
    trials: Trials, outturns: Mapping[str, Frame[OutturnLine]], every: Frame[Position], cases: Collection[str]
) -> Frame[ShadowPosition]:
    """The shadow years of every option that has some, without an answer of activity to its contract.

    Args:
        trials: the options.
        outturns: outturns of all cases.
        every: positions as the contracts that hold give them.
        cases: cases to work out, the plan among them; those without an outturn are left out.

    Raises:
        ContractError: a contract that cannot settle its shadow year.
    """
    starts = trials.starts.shadow()
    options = tuple(option for option in trials.document.options if option.id in starts.since)
    if not options:
        return ShadowPosition.empty()
    years = pl.col("year").is_in(sorted({y for option in options for y in trials.starts.shadow_years(option.id)}))
    document = trials.document.model_copy(update={"options": options})
    tried = replace(trials, document=document, starts=starts, settle_all=settling(starts))
    faults = Faults()
    rows = {case: OutturnLine.validate(frame.filter(years)) for case, frame in outturns.items() if case in cases}
    paid = [tried.settle_all(document, trials.contracts, mine, case, faults)[0] for case, mine in rows.items()]
    faults.raise_if_any(ContractError, f"options {document.id}: a shadow year cannot be settled")
    fund = funding_payments(options, list(rows), trials.fund).filter(years)
    payments = Payment.validate(pl.concat([*paid, fund]))
    outturn = pl.concat([mine.with_columns(pl.lit(case).alias("activity_case")) for case, mine in rows.items()])
    money = CommissionerMoney.validate(trials.money.filter(years))
    earned = tried.quality.settled(document, before_quality(positions(payments, outturn, money), trials.margin))
    earned = earned.filter(years)
    both = Payment.validate(pl.concat([payments, tried.quality.payments(earned)]))
    found = positions(both, outturn, money, FurtherCost.validate(tried.quality.costs(earned)))
    key = ["option", "activity_case", "year", "role", "organisation_code"]
    given = every.select(*key, "position_pence")
    own = pl.concat([found.filter(pl.col("option") == o.id, pl.col("year").is_in(trials.starts.shadow_years(o.id))) for o in options])  # fmt: skip
    # a fund outside the system may pay under one of the two alone
    here = given.join(own, on=["option", "activity_case", "year"], how="semi")
    table = own.select(*key, shadow_pence="position_pence").join(
        here, on=key, how="full", coalesce=True, validate="1:1"
    )
    table = table.with_columns(pl.col("position_pence", "shadow_pence").fill_null(0))
    difference = (pl.col("shadow_pence") - pl.col("position_pence")).alias("difference_pence")
    return ShadowPosition.validate(table.with_columns(difference).select(*ShadowPosition.columns()))


__all__ = ["ShadowPosition", "shadow_positions"]
