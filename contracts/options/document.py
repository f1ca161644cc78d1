"""Contract options: two to six ways of contracting one allocation, and the activity and cost on which they are compared.

An option names the contract of every group of providers. Activity cases say what may happen instead of the plan; cost behaviour says what
part of a unit's cost moves with activity; expectations what each party believes. What contradicts the run or itself is said together.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from capitation.errors import CapitationError, Faults, suggest
from capitation.pack.sources import DataPack, sha256_of
from capitation.pack.stages import Stages
from capitation.records.documents import Document, Figure, read_document
from capitation.records.identity import canonical, digest
from capitation.records.years import FinancialYear
from capitation.run.run import Run
from capitation.shift.avoided_value import COSTS_FILE, service_costs
from contracts.document.contract import read_contract
from contracts.document.models import Contract
from contracts.options.outturn import OutturnLine

FEWEST, MOST = 2, 6
"""How many options can be compared side by side."""

PLAN = "plan"
"""The activity case that is always there: activity as planned."""

ID = r"^[a-z0-9][a-z0-9-]*$"
_MICRO = 1_000_000


class ActivityCase(Document):
    """Activity that may happen instead of the plan."""

    id: str = Field(pattern=ID)
    """Short name."""
    title: str
    """Display name."""
    of: str
    """What it starts from: "plan", or a case of the run's activity such as "unmitigated"."""
    change: Decimal = Field(default=Decimal(0), ge=-1)
    """Change against that, as a share: 0.05 is 5% more."""
    lines: tuple[str, ...] = ()
    """Points of delivery that change; all that are counted where none are named. The others stay at plan."""


class CostBehaviour(Figure):
    """What part of the cost of a unit at a point of delivery moves when activity leaves plan; the rest is fixed."""

    line: str
    """Point of delivery."""


class ProviderGroup(Document):
    """Providers that are contracted alike."""

    id: str = Field(pattern=ID)
    """Short name."""
    title: str
    """Display name."""
    providers: tuple[str, ...] = Field(min_length=1)
    """Codes of the providers."""


class GroupContract(Document):
    """The contract of one or more groups; a clause that pools runs over all of them."""

    contract: str
    """Id of a contract of contracts/, or the name of a contract file beside this document."""
    groups: tuple[str, ...] = Field(min_length=1)
    """Ids of the groups that it pays."""


class GoalResult(Figure):
    """A provider's printed result on a goal, such as A&E waits under 4 hours; the goal is met at its standard or above."""

    provider: str
    """Code of the provider."""
    goal: str = Field(pattern=ID)
    """Short name of the goal, such as "ae"."""
    standard: Decimal
    """What the goal asks for, in the unit of the result."""


def _number_or_name(given: object) -> object:
    """A number also where it is written as text, as JSON of a document has it."""
    if isinstance(given, str):
        with contextlib.suppress(InvalidOperation):
            return Decimal(given)
    return given


class QualityPayment(Document):
    """A payment for quality or improvement beside the contracts of some groups, settled under a contract of its own.

    Its payer's contract says whether commissioners or a body outside the system pay it; it is income without cost unless `cost` says otherwise.
    """

    contract: str
    """Id of a contract of contracts/, such as "cquin"."""
    line: str = ""
    """Name of its line in positions and bridges; the contract's title where none is given."""
    groups: tuple[str, ...] = Field(min_length=1)
    """Ids of the groups whose providers can earn it; those without a printed result do not."""
    inputs: dict[str, Annotated[Decimal | str, BeforeValidator(_number_or_name)]]
    """What each input of the contract is: a number, or "plan_value", "fund", "goals_met", "position", "met GOAL"."""
    fund: Figure | None = None
    """For "fund": the sum offered, as a part of the provider's plan income."""
    earned: str
    """Output of the contract that says what is earned, and between whom it is paid."""
    lost: str | None = None
    """Output that says what is not."""
    inside_plan: bool = False
    """True: what is at stake is part of plan income, so that what is not earned stays with the commissioners."""
    paid_by: str | None = None
    """Code of the body outside the system that pays; by default the contract's own payer, where it is no commissioner."""
    cost: Figure | None = None
    """What earning it costs the provider, as a part of what is earned; nothing where none is given: income without cost."""


class ContractOption(Document):
    """One way of contracting: a contract for each group."""

    id: str = Field(pattern=ID)
    """Short name."""
    title: str
    """Display name."""
    about: str = ""
    """What it is, in a sentence."""
    contracts: tuple[GroupContract, ...] = Field(min_length=1)
    """Contracts by groups; every group once."""
    since: FinancialYear | None = None
    """First year in which its contracts are paid; every year where none is given, or the first paid year of its body."""
    before: str | None = None
    """Id of the option whose contracts and payments for quality hold until then; the base where none is given."""
    milestone: str | None = None
    """What a milestone of the plan starts that must be there before the first paid year, such as who is paid."""
    body: str | None = None
    """Id of an accountable care body (bodies/) that stands between: commissioners pay it, and it pays for care in its scope."""
    quality: tuple[QualityPayment, ...] = ()
    """Payments for quality and improvement beside them, part of every position; `quality_earned` shows what is earned."""
    response: Figure | None = None
    """How activity answers the contract's incentive, as a share of actual activity, with its range. Positions of every
    case but the plan count it: its cost and what the contracts pay for it are lines of their own."""


class Expectation(Document):
    """What one side believes when it signs."""

    party: Literal["commissioner", "provider"]
    """Which side."""
    case: str
    """Activity case it expects, or "plan"."""
    cost_at_plan: Figure | None = None
    """What it expects planned activity to cost, as a part of plan income; the document's own where none is given."""
    about: str = ""
    """Why."""


class Tolerance(Figure):
    """The largest deficit that a party of a role can bear, as a part of its allocation or income at plan."""

    role: Literal["commissioner", "provider"]
    """Whose."""


class ContractOptions(Document):
    """Two to six contract options for one allocation, with the activity and cost on which they are compared."""

    id: str = Field(pattern=ID)
    """Short name."""
    title: str
    """Display name."""
    about: str = ""
    """What is compared."""
    scenario: str
    """Id of the scenario (a file of scenarios/) whose allocation is the plan income of providers."""
    plan_activity: str
    """Case of the run's activity that the plan income pays for."""
    first_year: FinancialYear
    """First year of the new contracts, whose affordability is shown first."""
    base: str
    """Option that the others are compared with."""
    shown_case: str
    """Activity case that reports show."""
    cost_at_plan: Figure
    """What planned activity costs a provider, as a part of its plan income."""
    cost_behaviour: tuple[CostBehaviour, ...] = ()
    """Variable part of the unit cost of every point of delivery that is counted; those of the pack's evidence where none are given."""
    cases: tuple[ActivityCase, ...] = Field(min_length=1)
    """Activity that may happen instead of the plan."""
    groups: tuple[ProviderGroup, ...] = Field(min_length=1)
    """Groups of providers; every provider of the run in one."""
    options: tuple[ContractOption, ...]
    """The options: two to six."""
    expectations: tuple[Expectation, ...] = ()
    """What the two sides believe when they sign: one entry each, or none."""
    goals: tuple[GoalResult, ...] = ()
    """Printed results of providers on goals, for payments by quality; of one year, taken for all years of a payment."""
    tolerances: tuple[Tolerance, ...] = ()
    """What each role can bear: one entry each, or none."""

    def providers_of(self, groups: Iterable[str]) -> list[str]:
        """Codes of the providers of some groups, in order."""
        wanted = set(groups)
        return sorted(code for group in self.groups if group.id in wanted for code in group.providers)

    def case_of(self, case_id: str) -> ActivityCase:
        """An activity case by its id; "plan" is one without a change."""
        if case_id == PLAN:
            return ActivityCase(id=PLAN, title="Activity as planned", of=PLAN)
        return next(case for case in self.cases if case.id == case_id)

    def variable_ppm(self) -> dict[str, int]:
        """Variable part of unit cost by point of delivery, in parts per million."""
        return {each.line: int(each.value * _MICRO) for each in self.cost_behaviour}


def read_options(path: Path) -> ContractOptions:
    """The options in a TOML, JSON or YAML file, or a DocumentError with every fault of form; what they name `option_faults` checks."""
    return read_document(path, ContractOptions)


def with_cost_behaviour(document: ContractOptions, pack: DataPack) -> ContractOptions:
    """The options with the short-run shares of the pack's evidence, which solutions are valued by too, where they state none."""
    if document.cost_behaviour or not pack.files(COSTS_FILE):
        return document
    names = {"value": "variable_share", "low": "low_share", "high": "high_share"}
    rows = [
        CostBehaviour(
            line=row["point_of_delivery"], unit="share of unit cost", source="assumption",
            **{name: Decimal(repr(row[column])) for name, column in names.items()},
            **{name: row[name] for name in ("where", "owner", "quality", "impact")},
        )
        for row in Stages(None, pack).keep("service costs", service_costs, pack).value.iter_rows(named=True)
    ]  # fmt: skip
    return document.model_copy(update={"cost_behaviour": tuple(rows)})


def read_contracts(
    document: ContractOptions,
    pack: DataPack,
    folder: Path | None,
    faults: Faults,
    given: Mapping[str, Contract] | None = None,
) -> tuple[dict[str, Contract], dict[str, str]]:
    """The contracts that the options name, by the name used, and checksums of those that the pack does not hold.

    Args:
        document: the options.
        pack: data pack with the contracts that ship.
        folder: where the document stands, for contracts beside it.
        faults: takes what is wrong with any of them.
        given: contracts at hand, which go before those beside the document and those of the pack.
    """
    at_hand = given or {}
    found: dict[str, Contract] = {}
    beside: dict[str, str] = {}
    shipped, stages = pack.names("contracts"), Stages(document, pack)
    settled = [each.contract for option in document.options for each in option.contracts]
    beside_them = [each.contract for option in document.options for each in option.quality]
    for name in dict.fromkeys([*settled, *beside_them]):
        own = None if folder is None else folder / name
        try:
            if name in at_hand:
                found[name] = at_hand[name]
                beside[f"contracts given/{name}"] = _checksum(at_hand[name])
            elif own is not None and own.is_file():
                found[name] = read_contract(own)
                beside[f"contracts beside the options/{name}"] = sha256_of(own)
            elif name in shipped:
                found[name] = stages.keep("contract", _shipped, stages.pack, name).value
            else:
                expected = "a contract of the pack"
                faults.add(f"options: contract {name!r}", "no such contract", expected, suggest(name, shipped))
        except CapitationError as error:
            faults.extend(error.faults)
            if not error.faults:
                faults.add(f"contract {name!r}", error.message, "a contract that can be read")
    return found, beside


def _shipped(pack: DataPack, name: str) -> Contract:
    """A contract of the pack; the files of its tables are read with it."""
    contract = read_contract(pack.path(f"contracts/{name}.toml"))
    for file in (table.file for table in contract.tables if table.file):
        pack.path(f"contracts/{file}")
    return contract


def _checksum(contract: Contract) -> str:
    """Checksum of what a contract says, however its keys are ordered."""
    return digest(canonical(json.loads(contract.model_dump_json(by_alias=True))))


def option_faults(
    document: ContractOptions, run: Run | None, contracts: Mapping[str, Contract], only: Sequence[str] = ()
) -> Faults:
    """Everything in which the options contradict themselves, their contracts or the run; none where they can be tried.

    Args:
        document: the options.
        run: the run of their scenario; None where it could not be made, and what needs it is left out.
        contracts: contracts by the name the options use; those missing are reported elsewhere.
        only: ids of the options asked for; none means all.
    """
    faults = Faults()
    known = [option.id for option in document.options]
    for name in only:
        if name not in known:
            faults.add(
                "options asked for", f"unknown option {name!r}", "an option of the document", suggest(name, known)
            )
    count = len(set(only) & set(known)) if only else len(known)
    if not FEWEST <= count <= MOST:
        faults.add("options", f"{count} option{'' if count == 1 else 's'}", f"{FEWEST} to {MOST} to compare")
    if document.base not in known:
        faults.add("base", f"unknown option {document.base!r}", "an option", suggest(document.base, known))
    elif only and document.base not in only:
        faults.add("options asked for", f"no {document.base!r}", "the base that the others are compared with")
    _check_once(document, faults)
    _check_cases(document, run, faults)
    _check_costs(document, run, faults)
    _check_groups(document, run, faults)
    settled = {each.contract for option in document.options for each in option.contracts}
    for name, contract in contracts.items():
        if name in settled:
            _check_contract(name, contract, faults)
    return faults


def _check_once(document: ContractOptions, faults: Faults) -> None:
    """Every id stands once."""
    for kind, ids in (
        ("options", [o.id for o in document.options]),
        ("cases", [c.id for c in document.cases]),
        ("groups", [g.id for g in document.groups]),
        ("cost_behaviour", [c.line for c in document.cost_behaviour]),
        ("expectations", [e.party for e in document.expectations]),
        ("tolerances", [t.role for t in document.tolerances]),
    ):
        for each, times in Counter(ids).items():
            if times > 1:
                faults.add(kind, f"{each!r} {times} times", "each once")
    if any(case.id == PLAN for case in document.cases):
        faults.add("cases", f"a case named {PLAN!r}", "another id: the plan itself is always a case")
    if len({e.party for e in document.expectations}) == 1:
        faults.add("expectations", f"only the {document.expectations[0].party}'s", "both parties' or neither's")


def _check_cases(document: ContractOptions, run: Run | None, faults: Faults) -> None:
    ids = [PLAN, *(case.id for case in document.cases)]
    named = [
        ("shown_case", document.shown_case),
        *((f"expectations ({e.party})", e.case) for e in document.expectations),
    ]
    for place, name in named:
        if name not in ids:
            faults.add(place, f"unknown activity case {name!r}", "a case of the document", suggest(name, ids))
    if run is None:
        return
    activity = run.locality_activity
    known, lines = set(activity["case"]), set(activity["point_of_delivery"])
    if document.plan_activity not in known:
        faults.add(
            "plan_activity", f"unknown activity case {document.plan_activity!r}", "a case of the run's activity",
            suggest(document.plan_activity, known),
        )  # fmt: skip
    for case in document.cases:
        if case.of not in {PLAN, *known}:
            faults.add(
                f"cases ({case.id}).of", f"unknown activity case {case.of!r}", "plan, or a case of the run's activity",
                suggest(case.of, {PLAN, *known}),
            )  # fmt: skip
        for line in case.lines:
            if line not in lines:
                faults.add(
                    f"cases ({case.id}).lines", f"unknown point of delivery {line!r}", "one that the run counts",
                    suggest(line, lines),
                )  # fmt: skip
    years = run.provider_allocation["year"].unique().sort()
    if document.first_year not in years:
        faults.add("first_year", str(document.first_year), f"a year of the run: {', '.join(years)}")


def _check_costs(document: ContractOptions, run: Run | None, faults: Faults) -> None:
    for each in document.cost_behaviour:
        place = f"cost_behaviour ({each.line})"
        if not 0 <= each.value <= 1:
            faults.add(place, f"a variable part of {each.value}", "0 to 1")
        elif each.value * _MICRO % 1:
            faults.add(place, f"{each.value}", "at most six decimals")
    for tolerance in document.tolerances:
        if not 0 <= tolerance.value <= 1:
            faults.add(f"tolerances ({tolerance.role})", f"{tolerance.value}", "a share from 0 to 1")
    for option in document.options:
        if option.response is not None and not all(
            -1 < x < 1 for x in (option.response.value, option.response.low, option.response.high) if x is not None
        ):
            faults.add(f"options ({option.id}).response", f"{option.response.value}", "shares above -1 and below 1")
    own = [(f"expectations ({e.party}).cost_at_plan", e.cost_at_plan) for e in document.expectations if e.cost_at_plan]
    for place, figure in [("cost_at_plan", document.cost_at_plan), *own]:
        if figure.value <= 0 or figure.value * _MICRO % 1:
            faults.add(place, f"{figure.value}", "above 0, at most six decimals")
    if run is None:
        return
    counted = set(run.locality_activity["point_of_delivery"])
    given = {each.line for each in document.cost_behaviour}
    for line in sorted(given - counted):
        faults.add(f"cost_behaviour ({line})", "a line without activity", "a point of delivery", suggest(line, counted))
    for line in sorted(counted - given):
        faults.add("cost_behaviour", f"no variable part for {line!r}", "one for every point of delivery")


def _check_groups(document: ContractOptions, run: Run | None, faults: Faults) -> None:
    groups = [group.id for group in document.groups]
    members = Counter(code for group in document.groups for code in group.providers)
    for code, times in members.items():
        if times > 1:
            faults.add("groups", f"provider {code!r} {times} times", "each provider in one group")
    if run is not None:
        known = set(run.provider_allocation["provider_code"])
        for group in document.groups:
            for code in group.providers:
                if code not in known:
                    faults.add(
                        f"groups ({group.id})", f"provider {code!r}, which is not in the run", "a provider of the run",
                        suggest(code, known),
                    )  # fmt: skip
        for code in sorted(known - set(members)):
            faults.add("groups", f"provider {code!r} in no group", "every provider of the run in one group")
    for option in document.options:
        named = Counter(group for each in option.contracts for group in each.groups)
        for name, times in named.items():
            if name not in groups:
                faults.add(f"options ({option.id})", f"unknown group {name!r}", "a group", suggest(name, groups))
            elif times > 1:
                faults.add(f"options ({option.id})", f"group {name!r} {times} times", "one contract for each group")
        for name in groups:
            if name not in named:
                faults.add(f"options ({option.id})", f"no contract for group {name!r}", "one for each group")


def _check_contract(name: str, contract: Contract, faults: Faults) -> None:
    """A contract can be paid from the rows that an outturn brings, between a commissioner and a provider."""
    place = f"contract {name!r}"
    brought = list(OutturnLine.columns())
    for each in contract.inputs:
        if each.heading not in brought and each.required and each.default is None:
            faults.add(
                f"{place}: input {each.name!r}", f"a column {each.heading!r} that an outturn does not have",
                f"one of {', '.join(brought)}", suggest(each.heading, brought),
            )  # fmt: skip
    if contract.amounts != "pence":
        faults.add(f"{place}: amounts", repr(contract.amounts), "'pence', the unit of an outturn")
    roles = {party.code: party.role for party in contract.parties}
    paid = [o for o in contract.outputs if o.payer is not None and o.payee is not None]
    if not paid:
        faults.add(f"{place}: outputs", "none with a payer and a payee", "at least one payment")
    for output in paid:
        between = {roles[str(output.payer)], roles[str(output.payee)]}
        if between != {"commissioner", "provider"}:
            faults.add(
                f"{place}: output {output.name!r}", f"a payment between {' and '.join(sorted(between))}",
                "one between a commissioner and a provider",
            )  # fmt: skip
        if output.rounded_to != "pence":
            faults.add(f"{place}: output {output.name!r}", f"rounded to {output.rounded_to}", "rounded to pence")


__all__ = [
    "FEWEST",
    "MOST",
    "PLAN",
    "ActivityCase",
    "ContractOption",
    "ContractOptions",
    "CostBehaviour",
    "Expectation",
    "GroupContract",
    "ProviderGroup",
    "option_faults",
    "read_contracts",
    "read_options",
    "with_cost_behaviour",
]
