"""The shadow year of an option: worked out on the same outturn and not paid, beside what the contracts that hold give everyone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import cast

import polars as pl

from capitation.errors import ContractError, Faults
from capitation.pack.stages import Stages
from capitation.records.columns import ACTIVITY_CASE, OPTION, ORGANISATION, YEAR
from capitation.records.frames import Column, Frame, Schema
from contracts.options.document import ContractOption
from contracts.options.kept.earned import rests_on
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
from contracts.options.starts.starts import Starts
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
    rows = {case: frame for case, frame in outturns.items() if case in cases}
    parts = [_kept(trials, starts, option, rows, every.filter(pl.col("option") == option.id)) for option in options]
    return ShadowPosition.validate(pl.concat(parts)) if parts else ShadowPosition.empty()


def _kept(
    trials: Trials, starts: Starts, option: ContractOption, rows: Mapping[str, Frame[OutturnLine]], held: pl.DataFrame
) -> pl.DataFrame:
    """The shadow years of one option, worked out once for the same contracts, outturns and positions."""

    def worked_out(*_: object) -> pl.DataFrame:
        return _shadow(trials, starts, option, rows, held)

    known = [list(rows), *rests_on(trials, option, held, *rows.values()), trials.starts.shadow_years(option.id)]
    return Stages(None, None).keep("shadow years", worked_out, known).value


def _shadow(
    trials: Trials, starts: Starts, option: ContractOption, outturns: Mapping[str, Frame[OutturnLine]], held: pl.DataFrame
) -> pl.DataFrame:  # fmt: skip
    """Rows of `ShadowPosition` of one option."""
    years = pl.col("year").is_in(trials.starts.shadow_years(option.id))
    document = trials.document.model_copy(update={"options": (option,)})
    tried = replace(trials, document=document, starts=starts, settle_all=settling(starts))
    faults = Faults()
    rows = {case: cast("Frame[OutturnLine]", frame.filter(years)) for case, frame in outturns.items()}
    paid = [tried.settle_all(document, trials.contracts, mine, case, faults)[0] for case, mine in rows.items()]
    faults.raise_if_any(ContractError, f"options {document.id}: a shadow year cannot be settled")
    fund = funding_payments((option,), list(rows), trials.fund).filter(years)
    payments = cast("Frame[Payment]", pl.concat([*paid, fund]))
    outturn = pl.concat([mine.with_columns(pl.lit(case).alias("activity_case")) for case, mine in rows.items()])
    money = cast("Frame[CommissionerMoney]", trials.money.filter(years))
    earned = tried.quality.settled(document, before_quality(positions(payments, outturn, money), trials.margin))
    earned = earned.filter(years)
    both = Payment.validate(pl.concat([payments, tried.quality.payments(earned)]))
    found = positions(both, outturn, money, FurtherCost.validate(tried.quality.costs(earned)))
    key = ["option", "activity_case", "year", "role", "organisation_code"]
    # a fund outside the system may pay under one of the two alone
    here = held.select(*key, "position_pence").join(found, on=["option", "activity_case", "year"], how="semi")
    table = found.select(*key, shadow_pence="position_pence").join(
        here, on=key, how="full", coalesce=True, validate="1:1"
    )
    table = table.with_columns(pl.col("position_pence", "shadow_pence").fill_null(0))
    difference = (pl.col("shadow_pence") - pl.col("position_pence")).alias("difference_pence")
    return table.with_columns(difference).select(*ShadowPosition.columns())


__all__ = ["ShadowPosition", "shadow_positions"]
