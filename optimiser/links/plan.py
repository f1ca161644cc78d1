"""One plan as one run: scenario, mix and contract options, and the chain that leads from the opening deficit to each position.

    do nothing - mix = what is left, by organisation                       (the chain, with the mix in it)
    position   = do nothing + mix + what the contract moves                (by option; the last adds to nothing over all)

What the mix releases, saves and spends is the optimiser's figure for each organisation; contract options settle the activity that the
mix leaves, and carry the same sums. Nothing in a later stage states an earlier one again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import polars as pl

from capitation.chain.bridge import BridgeLine, with_mix
from capitation.errors import CapitationError
from capitation.money.apportion import split
from capitation.money.rounding import nearest
from capitation.pack.sources import DataPack, sha256_of
from capitation.records.columns import OPTION, ORGANISATION, SOLUTION, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.records.identity import canonical, digest
from capitation.run.run import MADE_ON, SOLVED, Run, make_run
from capitation.run.scenario import Scenario
from capitation.run.tables import SCHEMAS as OF_SCENARIO
from capitation.shift.channel_shift import ChannelShift
from capitation.shift.effects import programme_name
from contracts.document.contract import Contract
from contracts.options.document import ContractOptions, with_cost_behaviour
from contracts.options.evaluate import MIX, MixCase, evaluate_options
from contracts.options.evaluate import SCHEMAS as OF_OPTIONS
from contracts.options.outturn import CaseActivity, cost_bases, outturn, plan_lines
from contracts.options.position import ROLES
from optimiser.answers.mix_run import mix_frames
from optimiser.answers.optimise import Outcome
from optimiser.links.under_contracts import NOTHING, activity_cases, shift_of
from optimiser.programme.core import COMMISSIONER, SYSTEM

BESIDE = "contacts, capacity and recruitment"
"""What the programme spends beside the costs of solutions; a line of its own."""
_GAINS = ("cost_saved", "savings", "spend")
COST_NAMES = {
    "cost_saved": "cost that the mix releases",
    "savings": "savings of the mix",
    "spend": "spend on the mix",
}
"""Names of what a mix costs and releases, as contract options carry it, by kind."""


class MixLine(Schema):
    """What one solution of the mix avoids, releases, saves and spends in one year; over all lines the mix of the chain."""

    year = YEAR
    solution = SOLUTION.but(about="Solution, or what the programme spends beside solutions")
    title = Column(pl.String, "words", "Its title")
    avoided_units = Column(pl.Int64, "units of activity", "Activity that it avoids, all points of delivery", ge=0)
    cost_released_pence = Column(
        pl.Int64, "pence", "Cost that providers no longer have, by the value of what it avoids"
    )
    savings_pence = Column(pl.Int64, "pence", "Savings that it promises itself")
    spend_pence = Column(pl.Int64, "pence", "Its own spend")
    gain_pence = Column(pl.Int64, "pence", "Cost released and savings less spend")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """The gain is what it says it is."""
        gain = pl.col("cost_released_pence") + pl.col("savings_pence") - pl.col("spend_pence")
        return {"gain = cost released + savings - spend": pl.col("gain_pence") == gain}


class PlanPosition(Schema):
    """Where an organisation ends under a contract option: from doing nothing through the mix to its position and control total."""

    option = OPTION
    year = YEAR
    role = Column(pl.String, "role", "Commissioner, provider or payer outside the system", key=True, one_of=ROLES)
    organisation_code = ORGANISATION
    do_nothing_pence = Column(pl.Int64, "pence", "Surplus when nothing is done, after sustainability funding")
    mix_pence = Column(pl.Int64, "pence", "Cost released and savings of the mix less its spend")
    contract_pence = Column(pl.Int64, "pence", "What the contracts of the option move towards it")
    position_pence = Column(pl.Int64, "pence", "The three added up")
    control_total_pence = Column(pl.Int64, "pence", "What it must reach; empty where it has none", nullable=True)
    margin_pence = Column(pl.Int64, "pence", "Position less control total", nullable=True)
    is_met = Column(pl.Boolean, "true or false", "Whether the control total is reached", nullable=True)

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """The position is what it says it is."""
        whole = pl.col("do_nothing_pence") + pl.col("mix_pence") + pl.col("contract_pence")
        return {"position = do nothing + mix + contract": pl.col("position_pence") == whole}


SCHEMAS: dict[str, type[Schema]] = {
    **OF_SCENARIO,
    **{("options_" if name in OF_SCENARIO else "") + name: schema for name, schema in OF_OPTIONS.items()},
    "mix_line": MixLine,
    "plan_position": PlanPosition,
}
"""Schemas of a plan's frames by name; those of the mix itself are `mix_...` and have none."""


@dataclass(frozen=True)
class MixMoney:
    """What a mix does to money, to the penny."""

    by_party: Mapping[tuple[str, str], int]
    """Gain by year and organisation."""
    costs: pl.DataFrame
    """Further cost of each organisation, as contract options carry it."""
    lines: Frame[MixLine]
    """By solution."""


@dataclass(frozen=True)
class OnePlan:
    """A plan."""

    run: Run
    """Every frame of its scenario, its mix and its options, and the chain through all of them."""
    options: Run
    """Its options alone, as a comparison of options is read."""


def whole_plan(
    scenario: Scenario,
    run: Run,
    outcome: Outcome,
    document: ContractOptions,
    pack: DataPack,
    inputs: Mapping[str, str],
    given: Mapping[str, Contract] | None = None,
) -> OnePlan:
    """The plan of a scenario, its mix and its options.

    Args:
        scenario: the scenario.
        run: its run.
        outcome: a problem made from that run, and its mix.
        document: the contract options.
        pack: data pack with the contracts that ship.
        inputs: checksums of the documents of options and problem by name.
        given: contracts at hand by the name the options use, in place of those of the pack.

    Raises:
        CapitationError: the run has no chain by organisation, or nothing is bought; or as its parts.
    """
    if run.frames.get("organisation_position", pl.DataFrame()).is_empty():
        raise CapitationError(
            f"{run}: found no chain by organisation; expected a scenario whose chain names a book of organisations (key organisations)"
        )
    document = with_cost_behaviour(document, pack)
    _, activity, found, money = bought(outcome, run, document)
    options = evaluate_options(document, pack, run=run, given=given, mix=MixCase(activity[MIX], money.costs))
    problem = outcome.problem
    prices = "the year" if problem.price_terms == "nominal" else problem.price_base_year or problem.years[0]
    said = f"problem {problem.id}: its mix, cost released, savings and spend, at prices of {prices}"
    bridge = with_mix(run.bridge, money.by_party, said)
    frames: dict[str, pl.DataFrame] = {**run.frames, "bridge": bridge, "mix_line": money.lines}
    frames |= {("options_" if name in run.frames else "") + name: frame for name, frame in options.frames.items()}
    frames |= {f"mix_{name}": frame for name, frame in found.items() if frame.width}
    frames["plan_position"] = _positions(bridge, options, run)
    used = {name: digest for name, digest in options.manifest.inputs.items() if name != MADE_ON}
    solved = {SOLVED: digest(canonical(problem.model_dump_json()))}
    done = make_run(scenario, {**run.manifest.inputs, **used, **inputs, **solved}, frames)
    noted = done.manifest.model_copy(update={"notes": run.manifest.notes})
    return OnePlan(replace(done, manifest=noted), options)


def bought(
    outcome: Outcome, run: Run, document: ContractOptions
) -> tuple[ChannelShift, dict[str, Frame[CaseActivity]], dict[str, pl.DataFrame], MixMoney]:
    """What a mix shifts, the activity without and with it, its frames, and its money."""
    shift = shift_of(outcome, run)
    activity = activity_cases(run, document.plan_activity, shift)
    lines = plan_lines(run)
    bases = cost_bases(run, lines)
    rows = {
        case: outturn(lines, each, document.variable_ppm(), document.cost_at_plan.value, bases)
        for case, each in activity.items()
    }
    found = mix_frames(outcome)
    return shift, activity, found, _money(outcome, run, shift, rows, found["positions"])


def document_inputs(pack: DataPack, documents: Mapping[str, Path]) -> dict[str, str]:
    """Checksums of documents by the name that the pack has for them, or by the name given where they stand outside of it."""
    found = {}
    for name, path in documents.items():
        inside = f"{name}/{path.name}"
        known = pack.files(inside).get(inside)
        found[inside if known is not None and known.resolve() == path.resolve() else f"{name}: {path.name}"] = (
            sha256_of(path)
        )
    return found


def _money(
    outcome: Outcome, run: Run, shift: ChannelShift, rows: Mapping[str, pl.DataFrame], cash: pl.DataFrame
) -> MixMoney:
    """The mix to the penny: each organisation's gain, its cost beside that of activity, and each solution's part."""
    years = sorted(set(run.bridge.get_column("year").to_list()))
    parties = cash.filter(pl.col("year").is_in(years))
    codes = {programme_name(code): code for code in run.provider_allocation.get_column("provider_code").unique()}
    pence: dict[tuple[str, str, str], int] = {}
    for row in parties.iter_rows(named=True):
        for kind in _GAINS:
            pence[row["year"], row["party"], kind] = nearest(Decimal(repr(row[kind])) * 100)
    share = _commissioners(run)
    gain: dict[tuple[str, str], int] = {}
    names = COST_NAMES
    costs: list[tuple[str, str, str, int]] = []
    totals: dict[tuple[str, str], int] = {}
    for (year, party, kind), amount in pence.items():
        if party == SYSTEM or not amount:
            continue
        totals[year, kind] = totals.get((year, kind), 0) + amount
        for who, part in _parts(party, amount, codes, share):
            gain[year, who] = gain.get((year, who), 0) + part
            costs.append((year, who, names[kind], -part))
    costs += _within_activity(rows, years)
    frame = pl.DataFrame(
        costs,
        schema={"year": pl.String, "provider_code": pl.String, "name": pl.String, "cost_pence": pl.Int64},
        orient="row",
    )
    summed = frame.group_by("year", "provider_code", "name").agg(pl.col("cost_pence").sum())
    return MixMoney(gain, summed.filter(pl.col("cost_pence") != 0), _lines(outcome, run, shift, totals, years))


def _parts(
    party: str, amount: int, codes: Mapping[str, str], share: tuple[list[str], list[int]]
) -> Sequence[tuple[str, int]]:
    """Whose an amount of a party of the programme is: a provider's, or the commissioning groups' by their allocations."""
    if party != COMMISSIONER:
        return [(codes[party], amount)]
    return list(zip(share[0], split(amount, share[1]), strict=True))


def _commissioners(run: Run) -> tuple[list[str], list[int]]:
    """Commissioning groups of the system and their allocations of the base year, by which they share what the mix costs them."""
    first = run.bridge.get_column("year").min()
    groups = run.membership.get_column("commissioner_code").unique().sort().to_list()
    mine = run.organisation_account.filter(
        (pl.col("line") == "allocation") & (pl.col("year") == first) & pl.col("organisation_code").is_in(groups)
    ).sort("organisation_code")
    return mine.get_column("organisation_code").to_list(), mine.get_column("amount_pence").to_list()


def _within_activity(rows: Mapping[str, pl.DataFrame], years: Sequence[str]) -> list[tuple[str, str, str, int]]:
    """What the cost of the mix's activity already falls by: added back, so that what is released counts once, blocks and all."""
    sums = [
        rows[case].filter(pl.col("year").is_in(list(years))).group_by("year", "provider").agg(pl.col("actual_cost_pence").sum().alias(case))
        for case in (NOTHING, MIX)
    ]  # fmt: skip
    both = sums[0].join(sums[1], on=["year", "provider"], validate="1:1").sort("year", "provider")
    return [
        (year, who, "cost of activity, counted in what the mix releases", nothing - mix)
        for year, who, nothing, mix in both.iter_rows()
    ]


def _lines(
    outcome: Outcome, run: Run, shift: ChannelShift, totals: Mapping[tuple[str, str], int], years: Sequence[str]
) -> Frame[MixLine]:
    """Each solution's part of what the mix releases, saves and spends; the parts add to the whole in every year."""
    titles = {s.id: s.name for s in outcome.problem.solutions}
    unit = dict(run.unit_cost.select("line", "unit_cost_pence").iter_rows())
    price = pl.col("point_of_delivery").replace_strict(unit, default=0, return_dtype=pl.Float64)
    avoided = shift.avoided.group_by("year", "solution").agg(
        pl.col("avoided").sum(), (pl.col("avoided") * price).sum().round().cast(pl.Int64).alias("value")
    )
    spent = shift.costs.group_by("year", "solution").agg(pl.col("cost_pence").sum())
    saved = shift.savings.group_by("year", "solution").agg(pl.col("saving_pence").sum())
    units = {(y, s): (n, v) for y, s, n, v in avoided.iter_rows()}
    spend, saving = ({(y, s): v for y, s, v in f.iter_rows()} for f in (spent, saved))
    bought = sorted({s for _, s in (*units, *spend, *saving)})
    rows: list[tuple[object, ...]] = []
    for year in years:
        released = _shared(totals.get((year, "cost_saved"), 0), [units.get((year, s), (0, 0))[1] for s in bought])
        savings = _shared(totals.get((year, "savings"), 0), [saving.get((year, s), 0) for s in bought])
        whole = -totals.get((year, "spend"), 0)
        own = [spend.get((year, s), 0) for s in bought]
        for s, a, b, c in zip(bought, released[0], savings[0], own, strict=True):
            n = units.get((year, s), (0, 0))[0]
            if n or a or b or c:
                rows.append((year, s, titles.get(s, s), n, a, b, c, a + b - c))
        rest = released[1], savings[1], whole - sum(own)
        if any(rest):
            rows.append((year, "beside", BESIDE.capitalize(), 0, *rest, rest[0] + rest[1] - rest[2]))
    return MixLine.validate(pl.DataFrame(rows, schema=MixLine.dtypes(), orient="row"))


def _shared(amount: int, weights: list[int]) -> tuple[list[int], int]:
    """An amount divided by weights, and what is left where there is none."""
    return (split(amount, weights), 0) if sum(weights) else ([0] * len(weights), amount)


def _positions(bridge: Frame[BridgeLine], options: Run, run: Run) -> Frame[PlanPosition]:
    """Positions of every option on the mix's activity, by the stages that lead to them."""
    own = bridge.filter(pl.col("level") == "organisation")
    amounts = {(y, o, line): pence for y, o, line, pence in own.select("year", "organisation", "line", "amount_pence").iter_rows()}  # fmt: skip
    targets = {
        (y, o): t for y, o, t in run.organisation_position.select("year", "organisation_code", "control_total_pence").iter_rows()
    }  # fmt: skip
    rows: list[tuple[object, ...]] = []
    mine = options.frame("position").filter(pl.col("activity_case") == MIX)
    for option, year, role, who, position in mine.select(
        "option", "year", "role", "organisation_code", "position_pence"
    ).iter_rows():
        bought = -amounts.get((year, who, "own_mix"), 0)
        nothing = -amounts.get((year, who, "own_left"), 0) - bought
        total = targets.get((year, who))
        margin = None if total is None else position - total
        rows.append(
            (option, year, role, who, nothing, bought, position - nothing - bought, position, total, margin,
             None if margin is None else margin >= 0)
        )  # fmt: skip
    return PlanPosition.validate(pl.DataFrame(rows, schema=PlanPosition.dtypes(), orient="row"))


__all__ = ["SCHEMAS", "MixLine", "OnePlan", "PlanPosition", "bought", "document_inputs", "whole_plan"]
