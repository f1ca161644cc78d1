"""Contract options tried on an allocation: allocation x activity x contract, to the position of everyone in every year.

    run of a scenario -> plan lines -> outturn of each activity case -> each option's contracts -> payments
        -> as activity answers the contract -> payments for quality -> positions and their bridge
        -> who pays, differences, expected gaps

Every payment is a whole number of pence that one party pays and another receives. The result is a run of its own, named
by the options, the scenario's inputs and the contracts it used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import polars as pl

from capitation.errors import ContractError, Faults, suggest
from capitation.pack.sources import DataPack
from capitation.pack.stages import Stage
from capitation.records.columns import ACTIVITY_CASE
from capitation.records.frames import Frame, Schema, content_digest, joined_digest, rows_text
from capitation.run.evaluate import evaluate
from capitation.run.run import Run, make_run
from capitation.run.scenario import read_scenario
from capitation.run.tables import SetAside
from contracts.document.models import Contract
from contracts.options.compare import (
    ExpectedGap,
    OptionDifference,
    OptionTerms,
    expected_gaps,
    option_differences,
    option_terms,
)
from contracts.options.document import PLAN, ContractOptions, Expectation, option_faults, read_contracts
from contracts.options.each_option.frames import MIX, OF_LEFT, Paid, in_cases, left_by, paid_by
from contracts.options.each_option.on_run import OnRun, joined
from contracts.options.each_option.on_run import given as given_rows
from contracts.options.each_option.payments import ContractNotice
from contracts.options.outturn import CaseActivity, OutturnLine
from contracts.options.position import (
    CommissionerMoney,
    FurtherCost,
    PartyTransfer,
    Payment,
    Position,
    PositionBridge,
    outside_payers,
)
from contracts.options.quality import quality_earned, quality_faults
from contracts.options.study import study
from contracts.options.trials import Trials
from contracts.options.who_pays import WhoPays


class CaseOutturn(OutturnLine):
    """An outturn line of one activity case."""

    activity_case = ACTIVITY_CASE


@dataclass(frozen=True)
class MixCase:
    """A mix that was bought, as contract options see it."""

    activity: Frame[CaseActivity]
    """Planned activity, and what is done with the mix."""
    costs: pl.DataFrame
    """year, provider_code (who bears it), name, cost_pence beside the cost of that activity; below 0 it takes cost away."""


SCHEMAS: dict[str, type[Schema]] = {
    "commissioner_money": CommissionerMoney,
    "contract_notice": ContractNotice,
    "expected_gap": ExpectedGap,
    "further_cost": FurtherCost,
    "option_difference": OptionDifference,
    "option_terms": OptionTerms,
    "outturn": CaseOutturn,
    "payment": Payment,
    "position": Position,
    "position_bridge": PositionBridge,
    "set_aside": SetAside,
    "transfer": PartyTransfer,
    "who_pays": WhoPays,
}
"""Schemas of the frames of a run of contract options by name."""


def evaluate_options(
    document: ContractOptions,
    pack: DataPack,
    *,
    run: Run | None = None,
    folder: Path | None = None,
    only: Sequence[str] = (),
    given: Mapping[str, Contract] | None = None,
    studied: bool = False,
    mix: MixCase | None = None,
) -> Run:
    """The run of two to six contract options on the allocation of their scenario.

    Args:
        document: the options.
        pack: data pack with the scenario and the contracts that ship.
        run: the scenario's run, where it has been made.
        folder: where the document stands, for contracts beside it.
        only: ids of the options to try, the base among them; none means all.
        given: contracts at hand by the name the options use, in place of those beside the document or of the pack.
        mix: a mix that was bought, as an activity case of its own beside those of the document.
        studied: also what the study of the options finds: switching values, ranges, worst cases, leaps (`study.py`).

    Raises:
        ContractError: everything in which the options, their contracts and the run contradict each other, at once.
        CapitationError: the scenario cannot be evaluated.
    """
    pack = pack.afresh()
    faults = Faults()
    contracts, beside = read_contracts(document, pack, folder, faults, given)
    made = _run_of(document, pack, run, faults)
    faults.extend(option_faults(document, made, contracts, only))
    quality_faults(document, contracts, _commissioners(made), faults)
    faults.raise_if_any(ContractError, f"options {document.id}: cannot be compared")
    run = cast("Run", made)  # where there is none, that is a fault
    if only:
        document = document.model_copy(update={"options": tuple(o for o in document.options if o.id in only)})
    on = OnRun(document, run, pack)
    trials = Trials(contracts, run, on)
    activities = {case: on.of_case(case) for case in (PLAN, *(case.id for case in document.cases))}
    activities |= {} if mix is None else {MIX: given_rows(mix.activity)}
    ppm, at_plan = document.variable_ppm(), document.cost_at_plan.value
    tried = {case: on.outturn(activity, ppm, at_plan) for case, activity in activities.items()}
    paid = _paid(trials, activities, tried, mix)
    outturns = on.stages.keep("outturns", in_cases, joined(tried))
    payments = cast("Frame[Payment]", _joined([each.part("payments") for each in paid]))
    outside = given_rows(outside_payers(payments, on.money.value))
    left = [left_by(each, on, outturns, outside) for each in paid]
    parts = {name: [each.part(name) for each in left] for name in OF_LEFT}
    every = cast("Frame[Position]", _joined(parts["position"]))
    checked = on.stages.keep("outturn of cases", _of_cases, outturns)
    frames: dict[str, pl.DataFrame] = {
        "commissioner_money": on.money.value,
        "contract_notice": ContractNotice.validate(pl.concat([each.value.notices for each in paid])),
        "further_cost": _joined([each.part("further") for each in paid]),
        "option_difference": option_differences(every, document.base),
        "option_terms": option_terms(document.options, document.groups, contracts),
        "outturn": checked.value,
        "payment": payments,
        "set_aside": _set_aside(tried[PLAN].value),
        **{name: _joined(each) for name, each in parts.items()},
    }
    if document.expectations:
        frames["expected_gap"] = _expected_gap(trials, tried, paid)
    if studied:
        earned = quality_earned(pl.concat([each.value.quality for each in paid]), every, document)
        frames |= study(trials, every, earned)
    inputs = {**run.manifest.inputs, **pack.opened, **beside, "run of the scenario": run.id}
    kept = {"commissioner_money": on.money, "outturn": checked}
    digests = {name: on.stages.keep("digest", content_digest, stage).value for name, stage in kept.items()}
    parts["payment"] = [each.part("payments") for each in paid]
    for name, each in parts.items():
        digests[name] = joined_digest(frames[name], (on.stages.keep("text", rows_text, p).value for p in each))
    return make_run(document, inputs, frames, digests)


def trials_of(
    document: ContractOptions,
    pack: DataPack,
    run: Run,
    folder: Path | None = None,
    given: Mapping[str, Contract] | None = None,
) -> Trials:
    """The options on a run, ready to be tried on any activity and cost.

    Args:
        document: the options.
        pack: data pack with the contracts that ship.
        run: the scenario's run.
        folder: where the document stands, for contracts beside it.
        given: contracts at hand by the name the options use.

    Raises:
        ContractError: everything in which the options, their contracts and the run contradict each other, at once.
    """
    faults = Faults()
    contracts, _ = read_contracts(document, pack, folder, faults, given)
    faults.extend(option_faults(document, run, contracts, ()))
    faults.raise_if_any(ContractError, f"options {document.id}: cannot be compared")
    return Trials(contracts, run, OnRun(document, run, pack))


def _run_of(document: ContractOptions, pack: DataPack, run: Run | None, faults: Faults) -> Run | None:
    """The run of the scenario, made where it was not given; None, with a fault, where there can be none."""
    if run is not None:
        made = run.manifest.scenario.get("id")
        if made == document.scenario:
            return run
        faults.add("scenario", f"a run of {made!r}", f"a run of {document.scenario!r}")
        return None
    known = pack.names("scenarios")
    if document.scenario not in known:
        faults.add(
            "scenario", f"unknown scenario {document.scenario!r}", "a scenario of the pack",
            suggest(document.scenario, known),
        )  # fmt: skip
        return None
    name = f"scenarios/{document.scenario}.toml"
    return evaluate(read_scenario(pack.files(name)[name]), pack)  # the run names its scenario by content, not by file


def _commissioners(run: Run | None) -> set[str]:
    return set() if run is None else set(run.provider_allocation["commissioner_code"])


def _paid(
    trials: Trials,
    activities: Mapping[str, Stage[Frame[CaseActivity]]],
    tried: Mapping[str, Stage[Frame[OutturnLine]]],
    mix: MixCase | None,
) -> list[Stage[Paid]]:
    """What each option pays in every case.

    Raises:
        ContractError: rows that contracts cannot settle; those of all options and cases at once.
    """
    on, document = trials.on, trials.document
    costs = None if mix is None else given_rows(mix.costs)
    try:
        by_id = sorted(document.options, key=lambda option: option.id)  # the order of the rows of every frame
        return [paid_by(option, on, trials.contracts, activities, costs) for option in by_id]
    except ContractError:
        faults = Faults()
        for case, rows in tried.items():
            trials.settle_all(document, trials.contracts, rows.value, case, faults)
        faults.raise_if_any(ContractError, f"options {document.id}: some rows cannot be settled")
        raise


def _joined(parts: Sequence[Stage[pl.DataFrame]]) -> pl.DataFrame:
    """Rows of every option, each option's checked and in key order, of which the option is the first part."""
    return pl.concat([part.value for part in parts])


def _of_cases(outturns: pl.DataFrame) -> Frame[CaseOutturn]:
    return CaseOutturn.validate(outturns)


def _expected(rows: Frame[OutturnLine], paid: pl.DataFrame) -> pl.DataFrame:
    """What every provider is paid under its contracts and spends by an outturn: option, year, provider_code, price and cost."""
    price = (
        paid.filter(pl.col("kind") == "contract")
        .group_by("option", "year", "provider_code")
        .agg(pl.col("amount_pence").sum().alias("price_pence"))
    )
    cost = rows.group_by("year", provider_code="provider").agg(pl.col("actual_cost_pence").sum().alias("cost_pence"))
    return price.join(cost, on=["year", "provider_code"], how="left", validate="m:1")


def _expected_gap(
    trials: Trials,
    tried: Mapping[str, Stage[Frame[OutturnLine]]],
    paid: Sequence[Stage[Paid]],
) -> pl.DataFrame:
    """What each side expects in every year, by its own case and its own cost of care."""
    document = trials.document
    expected = {
        each.party: _expected(tried[each.case].value, pl.concat([p.value.by_case[each.case] for p in paid]))
        if each.cost_at_plan is None
        else _expected_at(each, trials)
        for each in document.expectations
    }
    return expected_gaps(expected["commissioner"], expected["provider"], document.first_year)


def _expected_at(belief: Expectation, trials: Trials) -> pl.DataFrame:
    """The same for a party that expects care to cost something of its own."""
    faults, document = Faults(), trials.document
    own = document.model_copy(update={"cost_at_plan": belief.cost_at_plan})
    rows = trials.outturn(trials.by_case(belief.case), own)
    paid, _ = trials.settle_all(document, trials.contracts, rows, belief.case, faults)
    faults.raise_if_any(ContractError, f"options {document.id}: what the {belief.party} expects cannot be settled")
    return _expected(rows, paid)


def _set_aside(rows: Frame[OutturnLine]) -> Frame[SetAside]:
    """Lines that no activity counts, and so stay at plan in every case."""
    found = (
        rows.filter(pl.col("plan_activity").is_null())
        .group_by("line")
        .agg(pl.col("plan_value_pence").sum())
        .sort("line")
        .select(
            ("planned spend on " + pl.col("line")).alias("subject"),
            (pl.col("plan_value_pence") / 100).alias("amount"),
            pl.lit("pounds over all years").alias("unit"),
            pl.lit("No activity is counted for it, so it stays at plan in every activity case.").alias("reason"),
        )
    )
    return SetAside.validate(found)
