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
from capitation.records.columns import ACTIVITY_CASE
from capitation.records.frames import Frame, Schema
from capitation.run.evaluate import evaluate
from capitation.run.run import MADE_ON, Run, make_run
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
from contracts.options.document import (
    PLAN,
    ContractOptions,
    Expectation,
    option_faults,
    read_contracts,
    with_cost_behaviour,
)
from contracts.options.kept.earned import quality_of_options
from contracts.options.kept.left import left_by_options
from contracts.options.kept.on_run import OnRun
from contracts.options.kept.on_run import given as given_frame
from contracts.options.outturn import CaseActivity, OutturnLine, answered
from contracts.options.position import (
    CommissionerMoney,
    FurtherCost,
    PartyTransfer,
    Payment,
    Position,
    PositionBridge,
    funding_payments,
)
from contracts.options.quality import quality_earned, quality_faults
from contracts.options.starts.settling import ContractNotice, settling
from contracts.options.starts.shadow import ShadowPosition, shadow_positions
from contracts.options.starts.starts import early_contracts, starts_of
from contracts.options.study import study
from contracts.options.trials import Trials, by_response
from contracts.options.who_pays import WhoPays
from contracts.options.whole_population.under_options import OptionBodyAccount, OptionLocality, bodies_under_options


class CaseOutturn(OutturnLine):
    """An outturn line of one activity case."""

    activity_case = ACTIVITY_CASE


MIX = "mix"
"""Activity case of a mix that is bought."""


@dataclass(frozen=True)
class MixCase:
    """A mix that was bought, as contract options see it."""

    activity: Frame[CaseActivity]
    """Planned activity, and what is done with the mix."""
    costs: pl.DataFrame
    """year, provider_code (who bears it), name, cost_pence beside the cost of that activity; below 0 it takes cost away."""


SCHEMAS: dict[str, type[Schema]] = {
    "body_account": OptionBodyAccount,
    "body_locality": OptionLocality,
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
    "shadow_position": ShadowPosition,
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
        pack: the data pack.
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
    pack, faults = pack.afresh(), Faults()
    document = with_cost_behaviour(document, pack)
    contracts, beside = read_contracts(document, pack, folder, faults, given)
    made = _run_of(document, pack, run, faults)
    faults.extend(option_faults(document, made, contracts, only))
    starts = starts_of(document, pack, made, faults)
    faults.extend(early_contracts(document, contracts, starts))
    quality_faults(document, contracts, _commissioners(made), faults)
    faults.raise_if_any(ContractError, f"options {document.id}: cannot be compared")
    run = cast("Run", made)  # where there is none, that is a fault
    if only:
        document = document.model_copy(update={"options": tuple(o for o in document.options if o.id in only)})
    on = OnRun(document, run, pack)
    money = on.money.value
    trials = Trials(document, contracts, run, on.lines.value, money, settling(starts), on, starts)
    activities = {case: trials.by_case(case) for case in (PLAN, *(case.id for case in document.cases))}
    activities |= {} if mix is None else {MIX: mix.activity}
    tried = {case: trials.outturn(activity) for case, activity in activities.items()}
    outturns = on.stages.keep("outturns", _by_case, list(tried), *(given_frame(f) for f in tried.values())).value
    settled = {case: trials.settle_all(document, contracts, f, case, faults) for case, f in tried.items()}
    faults.raise_if_any(ContractError, f"options {document.id}: some rows cannot be settled")
    answers, moved = _answers(trials, activities, tried, settled, faults)
    faults.raise_if_any(ContractError, f"options {document.id}: some rows cannot be settled")
    funded = funding_payments(document.options, list(activities), trials.fund)
    payments = cast("Frame[Payment]", pl.concat([*(paid for paid, _ in settled.values()), answers, funded]))
    further = cast("Frame[FurtherCost]", pl.concat([moved, _of_mix(document, mix)]))
    quality, keys = quality_of_options(trials, payments, outturns, further)
    payments = Payment.validate(pl.concat([payments, trials.quality.payments(quality)]))
    further = FurtherCost.validate(pl.concat([further, trials.quality.costs(quality)]))
    left, digests = left_by_options(on, payments, further, outturns, keys)
    every = cast("Frame[Position]", left["position"])
    frames: dict[str, pl.DataFrame] = {
        **bodies_under_options(starts.bodies, payments, keys, on.lines, activities),
        "commissioner_money": money,
        "contract_notice": ContractNotice.validate(pl.concat([notices for _, notices in settled.values()])),
        "further_cost": further,
        "option_difference": option_differences(every, document.base),
        "option_terms": option_terms(document.options, document.groups, contracts),
        "outturn": outturns,
        "payment": payments,
        "set_aside": _set_aside(tried[PLAN]),
        "shadow_position": shadow_positions(trials, tried, every, (PLAN, document.shown_case, MIX)),
        **left,
    }
    if document.expectations:
        frames["expected_gap"] = _expected_gap(trials, tried, settled)
    if studied:
        earned = quality_earned(quality, every, document)
        frames |= study(trials, every, earned)
    inputs = {**run.manifest.inputs, **pack.opened, **beside, MADE_ON: run.id}
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
    faults, document = Faults(), with_cost_behaviour(document, pack)
    contracts, _ = read_contracts(document, pack, folder, faults, given)
    faults.extend(option_faults(document, run, contracts, ()))
    starts = starts_of(document, pack, run, faults)
    faults.raise_if_any(ContractError, f"options {document.id}: cannot be compared")
    on = OnRun(document, run, pack)
    return Trials(document, contracts, run, on.lines.value, on.money.value, settling(starts), on, starts)


def _by_case(cases: list[str], *outturns: Frame[OutturnLine]) -> Frame[CaseOutturn]:
    """The outturns of all cases in one table."""
    named = (rows.with_columns(pl.lit(case).alias("activity_case")) for case, rows in zip(cases, outturns, strict=True))
    return CaseOutturn.validate(pl.concat(named))


_ANSWERS = 100
"""Added to the number of a term for what it pays as activity answers the contract."""


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


def _of_mix(document: ContractOptions, mix: MixCase | None) -> pl.DataFrame:
    """What a mix costs and releases, alike under every option."""
    if mix is None:
        return FurtherCost.empty()
    options = pl.DataFrame({"option": [each.id for each in document.options]}, schema={"option": pl.String})
    rows = options.join(mix.costs, how="cross").with_columns(
        pl.lit(MIX).alias("activity_case"), pl.lit("mix").alias("kind")
    )
    return rows.select(*FurtherCost.columns())


def _answers(
    trials: Trials,
    activities: Mapping[str, Frame[CaseActivity]],
    cases: Mapping[str, Frame[OutturnLine]],
    settled: Mapping[str, tuple[pl.DataFrame, pl.DataFrame]],
    faults: Faults,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What contracts pay more or less, and what care costs more or less, as activity answers them: payments, further cost.

    Args:
        trials: the options.
        activities: activity of every case.
        cases: outturns of every case; at plan activity answers nothing.
        settled: payments and notices of those cases without an answer.
        faults: takes rows that cannot be settled.
    """
    document = trials.document
    paid_more, cost_more = [Payment.empty().clear()], [FurtherCost.empty().clear()]
    for (change, since), options in by_response(document, trials.starts).items():
        if not change:
            continue
        mine = document.model_copy(update={"options": options})
        for case, before in cases.items():
            if case == PLAN:
                continue
            activity = answered(activities[case], change, since)
            after = trials.outturn(activity)
            paid, _ = trials.settle_all(mine, trials.contracts, after, case, faults)
            paid_more.append(_beyond(paid, settled[case][0].filter(pl.col("option").is_in([o.id for o in options]))))
            sums = [
                rows.group_by("year", provider_code="provider").agg(pl.col("actual_cost_pence").sum().alias(name))
                for rows, name in ((after, "after"), (before, "before"))
            ]
            cost = sums[0].join(sums[1], on=["year", "provider_code"], validate="1:1")
            cost_more += [
                cost.select(
                    pl.lit(option.id).alias("option"), pl.lit(case).alias("activity_case"), "year", "provider_code",
                    pl.lit("response").alias("kind"), pl.lit("cost of activity that answers the contract").alias("name"),
                    (pl.col("after") - pl.col("before")).alias("cost_pence"),
                )
                for option in options
            ]  # fmt: skip
    return pl.concat(paid_more), pl.concat(cost_more).filter(pl.col("cost_pence") != 0)


def _beyond(after: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Payments less those of the same terms without an answer, as terms of their own."""
    was = before.select(*Payment.key(), was="amount_pence")
    return (
        after.join(was, on=Payment.key(), how="left", validate="1:1")
        .with_columns(
            pl.col("amount_pence") - pl.col("was").fill_null(0),
            pl.col("term_number") + _ANSWERS,
            pl.lit("response").alias("kind"),
            (pl.col("term") + ", as activity answers the contract").alias("term"),
        )
        .filter(pl.col("amount_pence") != 0)
        .select(*Payment.columns())
    )


def _expected(rows: Frame[OutturnLine], paid: pl.DataFrame) -> pl.DataFrame:
    """What every provider is paid under its contracts and spends by an outturn: option, year, provider_code, price and cost."""
    price = (
        paid.filter(pl.col("kind") == "contract")
        .group_by("option", "year", "provider_code")
        .agg(pl.col("amount_pence").sum().alias("price_pence"))
    )
    cost = rows.group_by("year", provider_code="provider").agg(pl.col("actual_cost_pence").sum().alias("cost_pence"))
    return price.join(
        cost, on=["year", "provider_code"], how="inner", validate="m:1"
    )  # a body that stands between gives no care


def _expected_gap(
    trials: Trials,
    tried: Mapping[str, Frame[OutturnLine]],
    settled: Mapping[str, tuple[pl.DataFrame, pl.DataFrame]],
) -> pl.DataFrame:
    """What each side expects in every year, by its own case and its own cost of care."""
    document = trials.document
    expected = {
        each.party: _expected(tried[each.case], settled[each.case][0])
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
