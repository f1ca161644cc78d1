"""What one option pays, earns and leaves in every activity case: worked out once for the same option, contracts and outturns.

paid         contracts on every case -> as activity answers them -> payments for quality, which look at positions before them
positions    who is left with what, the way there, and both sides of every payment
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import polars as pl

from capitation.errors import ContractError, Faults
from capitation.pack.stages import Stage, Stages
from capitation.records.frames import Frame
from capitation.records.identity import canonical, digest
from contracts.document.models import Contract
from contracts.options.document import PLAN, ContractOption, ContractOptions
from contracts.options.each_option.on_run import OnRun, joined, written
from contracts.options.each_option.payments import beyond, settle_all
from contracts.options.outturn import CaseActivity, OutturnLine, PlanLine
from contracts.options.position import (
    CommissionerMoney,
    FurtherCost,
    PartyTransfer,
    Payment,
    Position,
    PositionBridge,
    funding_payments,
    position_bridge,
    positions,
    transfers,
)
from contracts.options.quality import QualityPayments
from contracts.options.trials import before_quality
from contracts.options.who_pays import WhoPays, who_pays

MIX = "mix"
"""Activity case of a mix that is bought."""


@dataclass(frozen=True)
class Paid:
    """What one option pays in every activity case, and what it costs beside care."""

    payments: Frame[Payment]
    """Contracts, answers of activity, sustainability funding and payments for quality."""
    further: Frame[FurtherCost]
    """Cost of activity that answers the contract, of earning payments for quality, and of a mix."""
    notices: pl.DataFrame
    """What its contracts say of the rows that they settled."""
    by_case: Mapping[str, pl.DataFrame]
    """Payments of the contracts alone, by case."""
    quality: pl.DataFrame
    """What each payment for quality earns, moves and costs."""


@dataclass(frozen=True)
class Left:
    """What one option leaves everybody with."""

    position: Frame[Position]
    position_bridge: Frame[PositionBridge]
    transfer: Frame[PartyTransfer]
    who_pays: Frame[WhoPays]


OF_LEFT = tuple(field.name for field in fields(Left))
"""Frames of a run of options that are what each option leaves, one option after the other."""


def paid_by(
    option: ContractOption,
    on: OnRun,
    contracts: Mapping[str, Contract],
    activities: Mapping[str, Stage[Frame[CaseActivity]]],
    costs_of_mix: Stage[pl.DataFrame] | None,
) -> Stage[Paid]:
    """What an option pays in every case.

    Args:
        option: the option.
        on: the run that the options are tried on.
        contracts: contracts by the name that options use.
        activities: activity of every case.
        costs_of_mix: what a mix costs and releases, where one is bought.

    Raises:
        ContractError: rows that a contract cannot settle; all of this option at once.
    """
    mine = on.document.model_copy(update={"options": (option,), "base": option.id, "title": "", "about": ""})
    used = {each.contract: contracts[each.contract] for each in (*option.contracts, *option.quality)}
    ppm, at_plan = mine.variable_ppm(), mine.cost_at_plan.value
    cases = {case: on.outturn(activity, ppm, at_plan) for case, activity in activities.items()}
    change = option.response.value if option.response else None
    answers = {
        case: on.outturn(on.answered(activity, change), ppm, at_plan)
        for case, activity in activities.items()
        if change and case != PLAN
    }
    stages = on.stages

    def paid(*reads: object) -> Paid:
        return _paid(stages, *reads)  # type: ignore[arg-type]  # the values of the stages below, in their order

    return stages.keep(
        "option paid", paid,
        Stage(mine, digest(canonical(mine.model_dump_json()))),
        joined({name: written(contract) for name, contract in used.items()}),
        joined(cases), joined(answers), on.lines, on.money, on.margin, on.fund, costs_of_mix,
    )  # fmt: skip


def _paid(
    stages: Stages,
    document: ContractOptions,
    contracts: Mapping[str, Contract],
    cases: Mapping[str, Frame[OutturnLine]],
    answers: Mapping[str, Frame[OutturnLine]],
    lines: Frame[PlanLine],
    money: Frame[CommissionerMoney],
    margin: pl.DataFrame,
    fund: pl.DataFrame,
    costs_of_mix: pl.DataFrame | None,
) -> Paid:
    faults = Faults()
    settled = {case: settle_all(stages, document, contracts, rows, case, faults) for case, rows in cases.items()}
    more = [Payment.empty()]
    further = [FurtherCost.empty(), _of_mix(document, costs_of_mix)]
    for case, after in answers.items():
        paid, _ = settle_all(stages, document, contracts, after, case, faults)
        more.append(beyond(paid, settled[case][0]))
        further.append(_cost_of_answer(document, case, cases[case], after))
    faults.raise_if_any(ContractError, f"options {document.id}: some rows cannot be settled")
    funded = funding_payments(document.options, list(cases), fund)
    payments = Payment.validate(pl.concat([*(paid for paid, _ in settled.values()), *more, funded]))
    cost = FurtherCost.validate(pl.concat(further))
    asked = QualityPayments(contracts, lines)
    before = before_quality(positions(payments, in_cases(cases), money, cost), margin)
    quality = asked.settled(document, before)
    return Paid(
        Payment.validate(pl.concat([payments, asked.payments(quality)])),
        FurtherCost.validate(pl.concat([cost, asked.costs(quality)])),
        pl.concat([notices for _, notices in settled.values()]),
        {case: paid for case, (paid, _) in settled.items()},
        quality,
    )


def left_by(paid: Stage[Paid], on: OnRun, outturns: Stage[pl.DataFrame], outside: Stage[pl.DataFrame]) -> Stage[Left]:
    """What an option leaves everybody with.

    Args:
        paid: what it pays.
        on: the run that the options are tried on.
        outturns: outturns of every case.
        outside: payers outside the system of all options.
    """
    return on.stages.keep("option left", _left, paid, outturns, on.money, outside)


def _left(paid: Paid, outturns: pl.DataFrame, money: Frame[CommissionerMoney], outside: pl.DataFrame) -> Left:
    every = positions(paid.payments, outturns, money, paid.further, outside)
    bridge = position_bridge(paid.payments, outturns, money, paid.further, outside)
    return Left(every, bridge, transfers(paid.payments), who_pays(every))


def in_cases(cases: Mapping[str, Frame[OutturnLine]]) -> pl.DataFrame:
    """Outturns of several cases as one table, with the column `activity_case`."""
    return pl.concat([rows.with_columns(pl.lit(case).alias("activity_case")) for case, rows in cases.items()])


def _of_mix(document: ContractOptions, costs: pl.DataFrame | None) -> pl.DataFrame:
    """What a mix costs and releases, alike under every option."""
    if costs is None:
        return FurtherCost.empty()
    options = pl.DataFrame({"option": [each.id for each in document.options]}, schema={"option": pl.String})
    rows = options.join(costs, how="cross").with_columns(
        pl.lit(MIX).alias("activity_case"), pl.lit("mix").alias("kind")
    )
    return rows.select(*FurtherCost.columns())


def _cost_of_answer(
    document: ContractOptions, case: str, before: Frame[OutturnLine], after: Frame[OutturnLine]
) -> pl.DataFrame:
    """What care costs more or less as activity answers the contract of the document's one option."""
    (option,) = document.options
    sums = [
        rows.group_by("year", provider_code="provider").agg(pl.col("actual_cost_pence").sum().alias(name))
        for rows, name in ((after, "after"), (before, "before"))
    ]
    cost = sums[0].join(sums[1], on=["year", "provider_code"], validate="1:1")
    rows = cost.select(
        pl.lit(option.id).alias("option"), pl.lit(case).alias("activity_case"), "year", "provider_code",
        pl.lit("response").alias("kind"), pl.lit("cost of activity that answers the contract").alias("name"),
        (pl.col("after") - pl.col("before")).alias("cost_pence"),
    )  # fmt: skip
    return rows.filter(pl.col("cost_pence") != 0)


__all__ = ["MIX", "OF_LEFT", "Left", "Paid", "in_cases", "left_by", "paid_by"]
