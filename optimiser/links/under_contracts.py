"""A mix put through contract options against doing nothing: who gains and who loses, organisation by organisation.

    activity with the mix  = unmitigated - avoided + received, whole units, by the exact product of effects
    payments, cost         = each option settled on both activities, as `contracts` settles any outturn
    net of an organisation = payments moved its way + cost it no longer has + savings it keeps - spend on the mix

What commissioners no longer pay, providers no longer receive: over all organisations the payments moved add to nothing, to
the penny, and the system's net is cost saved plus savings less spend. Avoided activity is worth what the contract pays less
for it, which each option settles; at the price of the plan (tariff) it would look worth more, and both are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import polars as pl

from capitation.activity.spread import LocalityActivity
from capitation.errors import CapitationError, ContractError, DocumentError, Faults
from capitation.pack.sources import DataPack
from capitation.records.columns import OPTION, ORGANISATION, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.run.run import Run
from capitation.shift.channel_shift import ChannelShift, channel_shift
from capitation.shift.effects import EVERYWHERE, Launch, ShiftLocality, programme_name
from contracts.options.document import ContractOptions, option_faults, read_contracts, with_cost_behaviour
from contracts.options.outturn import CaseActivity, OutturnLine, case_activity, cost_bases, outturn, plan_lines
from contracts.options.position import Payment
from contracts.options.starts.settling import payments_of
from contracts.options.starts.starts import starts_of
from optimiser.answers.optimise import Outcome

NOTHING, MIX = "nothing", "mix"
"""The two activities that are compared."""

ROLES = ("commissioner", "provider", "purse", "system")
"""The purse pays for the mix and keeps the savings that no provider does; the system is the sum of all rows."""

PURSE, SYSTEM = "MIX", "SYSTEM"
_TRACE = 1e-9


class PartyChange(Schema):
    """What a mix changes for one organisation in one year under one contract option, against doing nothing."""

    option = OPTION
    year = YEAR
    role = Column(
        pl.String, "role", "Commissioner, provider, the purse of the mix, or the system", key=True, one_of=ROLES
    )
    organisation_code = ORGANISATION
    payments_pence = Column(pl.Int64, "pence", "Paid less (commissioner) or received more (provider; below 0 is less)")
    cost_saved_pence = Column(pl.Int64, "pence", "Cost of activity no longer done, less that of contacts received")
    savings_pence = Column(pl.Int64, "pence", "Savings that solutions release directly", ge=0)
    spend_pence = Column(pl.Int64, "pence", "Spend on the mix", ge=0)
    net_pence = Column(pl.Int64, "pence", "Payments, cost saved and savings less spend; below 0 it loses")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """The net is what it says it is, and payments cancel in the system."""
        net = pl.col("payments_pence") + pl.col("cost_saved_pence") + pl.col("savings_pence") - pl.col("spend_pence")
        return {
            "net = payments + cost saved + savings - spend": pl.col("net_pence") == net,
            "payments cancel in the system": (pl.col("role") != "system") | (pl.col("payments_pence") == 0),
        }


class ActivityWorth(Schema):
    """What the activity that a mix moves is worth in one year: at the price of the plan, and as each contract pays for it."""

    option = OPTION
    year = YEAR
    at_tariff_pence = Column(pl.Int64, "pence", "Value of activity with nothing less with the mix, at the plan's price")
    at_contract_pence = Column(pl.Int64, "pence", "What commissioners pay less for it")
    cost_saved_pence = Column(pl.Int64, "pence", "What providers spend less on it")


@dataclass(frozen=True)
class UnderContracts:
    """A mix under contract options."""

    parties: Frame[PartyChange]
    worth: Frame[ActivityWorth]
    shift: ChannelShift
    """What the mix moves, creates, costs and employs, without the optimiser."""


def mix_under_contracts(
    outcome: Outcome,
    run: Run,
    document: ContractOptions,
    pack: DataPack,
    *,
    options: Sequence[str] = (),
    folder: Path | None = None,
) -> UnderContracts:
    """Who gains and loses by the mix of `outcome` under contract options, against doing nothing under the same option.

    Args:
        outcome: a problem made from `run`, and its mix.
        run: the run of the options' scenario.
        document: the options.
        pack: data pack with the contracts that ship.
        options: ids of the options to try; all where none is named.
        folder: where the options document stands, for contracts beside it.

    Raises:
        ContractError: the options, their contracts and the run contradict each other; every fault at once.
        DocumentError: the problem's places are not those of the run.
        FrameError: the mix breaks a promise of its solutions.
        CapitationError: nothing is bought.
    """
    faults, document = Faults(), with_cost_behaviour(document, pack)
    contracts, _ = read_contracts(document, pack, folder, faults)
    asked = list(options) if len(options) > 1 else []
    faults.extend(
        option_faults(document.model_copy(update={"base": asked[0]}) if asked else document, run, contracts, asked)
    )
    chosen = [o for o in document.options if not options or o.id in options]
    if not chosen:
        faults.add("options asked for", ", ".join(options), f"ids among {', '.join(o.id for o in document.options)}")
    starts = starts_of(document, pack, run, faults)
    faults.raise_if_any(ContractError, f"options {document.id}: a mix cannot be put through them")
    shift = shift_of(outcome, run)
    lines = plan_lines(run)
    bases = cost_bases(run, lines)
    years = [str(y) for y in outcome.problem.years]
    rows = {}
    for case, counted in activity_cases(run, document.plan_activity, shift).items():
        made = outturn(lines, counted, document.variable_ppm(), document.cost_at_plan.value, bases)
        rows[case] = OutturnLine.validate(made.filter(pl.col("year").is_in(years)))
    parties, worth = [], []
    for option in chosen:
        paid = {case: payments_of(option, document, contracts, rows[case], case, starts) for case in (NOTHING, MIX)}
        parties.append(_parties(option.id, paid, rows, shift))
        worth.append(_worth(option.id, paid, rows))
    return UnderContracts(PartyChange.validate(pl.concat(parties)), ActivityWorth.validate(pl.concat(worth)), shift)


def launches(outcome: Outcome, codes: Sequence[str]) -> Frame[Launch]:
    """The mix of `outcome` as a table of launches, with the run's codes of localities.

    Raises:
        DocumentError: a locality of the mix is none of the run.
    """
    by_name = {programme_name(code): code for code in codes} | {EVERYWHERE: EVERYWHERE}
    launched = outcome.answer.column("launch").filter(pl.col("value") > _TRACE)
    faults = Faults()
    for place in launched["place"].unique(maintain_order=True):
        if place not in by_name:
            faults.add("mix", f"a launch in {place!r}", "a locality of the run")
    faults.raise_if_any(DocumentError, "the mix does not belong to this run")
    mix = launched.group_by("solution", "place", "year", maintain_order=True).agg(pl.col("value").sum().alias("scale"))
    code = pl.col("place").replace_strict(by_name, return_dtype=pl.String).alias("locality_code")
    return Launch.validate(mix.select("solution", code, "year", "scale"))


def shift_of(outcome: Outcome, run: Run) -> ChannelShift:
    """What the mix of `outcome` moves, creates, costs and employs on the run's unmitigated activity of its years.

    Raises:
        CapitationError: nothing is bought; or as `launches` and `channel_shift`.
    """
    years = [str(y) for y in outcome.problem.years]
    activity = cast("Frame[LocalityActivity]", run.locality_activity.filter(pl.col("year").is_in(years)))
    codes = activity["locality_code"].unique().sort().to_list()
    by_name = {programme_name(code): code for code in codes}
    persons = [(by_name[p.id], round(p.persons)) for p in outcome.problem.localities if p.id in by_name]
    places = ShiftLocality.validate(pl.DataFrame(persons, schema=ShiftLocality.dtypes(), orient="row"))
    mix = launches(outcome, codes)
    if not mix.height:
        raise CapitationError("nothing is bought in this mix, so there is nothing to put through contracts")
    return channel_shift(outcome.problem.solutions, mix, activity, places, level=outcome.problem.effects)


def activity_cases(run: Run, plan_activity: str, shift: ChannelShift) -> dict[str, Frame[CaseActivity]]:
    """Activity when nothing is bought and with a mix, each beside planned activity."""
    return {NOTHING: case_activity(run, plan_activity, "unmitigated"), MIX: _with_mix(run, plan_activity, shift)}


def _with_mix(run: Run, plan_activity: str, shift: ChannelShift) -> Frame[CaseActivity]:
    """Planned activity, and what is done with the mix; points of delivery that it does not touch stay unmitigated."""
    nothing = case_activity(run, plan_activity, "unmitigated")
    moved = shift.activity.select("year", "locality_code", "mitigated", line="point_of_delivery")
    both = nothing.join(moved, on=["year", "line", "locality_code"], how="left", validate="1:1")
    actual = pl.col("mitigated").fill_null(pl.col("actual_activity")).alias("actual_activity")
    return CaseActivity.validate(both.with_columns(actual).select(*CaseActivity.columns()))


def _parties(
    option: str, paid: dict[str, Frame[Payment]], rows: dict[str, Frame[OutturnLine]], shift: ChannelShift
) -> pl.DataFrame:
    moved = [_payments(paid, role).with_columns(pl.lit(role).alias("role")) for role in ("commissioner", "provider")]
    cost = (
        _difference({case: frame.rename({"provider": "organisation_code"}) for case, frame in rows.items()}, "actual_cost_pence")
        .rename({"less": "cost_saved_pence"})
        .with_columns(pl.lit("provider").alias("role"))
    )  # fmt: skip
    sellers = {programme_name(code): code for code in rows[NOTHING]["provider"].unique().to_list()}
    kept = pl.col("falls_to").replace_strict(sellers, default=PURSE, return_dtype=pl.String).alias("organisation_code")
    saved = shift.savings.select("year", kept, savings_pence="saving_pence").with_columns(_role())
    spent = shift.costs.select("year", pl.lit(PURSE).alias("organisation_code"), spend_pence="cost_pence").with_columns(
        _role()
    )
    amounts = ["payments_pence", "cost_saved_pence", "savings_pence", "spend_pence"]
    key = ["year", "role", "organisation_code"]
    table = (
        pl.concat([*moved, cost, saved, spent], how="diagonal")
        .with_columns(pl.col(amounts).fill_null(0))
        .group_by(key)
        .agg(pl.col(amounts).sum())
    )
    whole = table.group_by("year").agg(pl.col(amounts).sum()).with_columns(
        pl.lit("system").alias("role"), pl.lit(SYSTEM).alias("organisation_code")
    )  # fmt: skip
    both = pl.concat([table.select(*key, *amounts), whole.select(*key, *amounts)])
    net = pl.col("payments_pence") + pl.col("cost_saved_pence") + pl.col("savings_pence") - pl.col("spend_pence")
    return both.with_columns(pl.lit(option).alias("option"), net.alias("net_pence")).select(*PartyChange.columns())


def _role() -> pl.Expr:
    return (
        pl.when(pl.col("organisation_code") == PURSE).then(pl.lit("purse")).otherwise(pl.lit("provider")).alias("role")
    )


def _payments(paid: dict[str, Frame[Payment]], role: str) -> pl.DataFrame:
    """year, organisation_code, payments_pence: paid less with the mix than with nothing, less what is received less."""
    named = {}
    for case, frame in paid.items():
        key = ["year", "organisation_code", "amount_pence"]
        pays = frame.filter(pl.col("payer_role") == role).rename({"commissioner_code": "organisation_code"}).select(key)
        got = frame.rename({"provider_code": "organisation_code"}).select(key)
        received = got.with_columns(-pl.col("amount_pence"))
        named[case] = pl.concat([pays, received]) if role == "provider" else pays
    return _difference(named, "amount_pence").select("year", "organisation_code", payments_pence="less")


def _difference(frames: dict[str, pl.DataFrame], amount: str) -> pl.DataFrame:
    """year, organisation_code, less: the amount with nothing less the amount with the mix."""
    key = ["year", "organisation_code"]
    signed = [
        frame.select(*key, (pl.col(amount) * (1 if case == NOTHING else -1)).alias("less"))
        for case, frame in frames.items()
    ]
    return pl.concat(signed).group_by(key).agg(pl.col("less").sum())


def _worth(option: str, paid: dict[str, Frame[Payment]], rows: dict[str, Frame[OutturnLine]]) -> pl.DataFrame:
    system = pl.lit(SYSTEM).alias("organisation_code")
    outturns = {case: frame.with_columns(system) for case, frame in rows.items()}
    bought = {case: frame.filter(pl.col("payer_role") == "commissioner") for case, frame in paid.items()}
    sums = _difference(outturns, "actual_value_pence").rename({"less": "at_tariff_pence"})
    for name, found in (
        ("at_contract_pence", _difference({c: f.with_columns(system) for c, f in bought.items()}, "amount_pence")),
        ("cost_saved_pence", _difference(outturns, "actual_cost_pence")),
    ):
        sums = sums.join(found.rename({"less": name}), on=["year", "organisation_code"], how="left", validate="1:1")
    return sums.with_columns(pl.lit(option).alias("option")).select(*ActivityWorth.columns())


__all__ = [
    "MIX",
    "NOTHING",
    "ActivityWorth",
    "PartyChange",
    "UnderContracts",
    "launches",
    "mix_under_contracts",
    "shift_of",
]
