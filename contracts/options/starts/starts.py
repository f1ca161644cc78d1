"""When options begin: the contracts of another hold before the first paid year, and whoever is paid must exist by then.

An option without a start holds in every year. One whose budget goes through an accountable care body begins in the body's first paid year.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from capitation.aims.milestones import earliest_starts, milestones
from capitation.errors import CapitationError, Fault, Faults, suggest
from capitation.pack.sources import DataPack
from capitation.pack.stages import Stages
from capitation.records.years import FinancialYear
from capitation.run.run import Run
from contracts.document.models import Contract
from contracts.options.document import ContractOption, ContractOptions
from contracts.options.whole_population.between import BodyBetween, body_between
from contracts.options.whole_population.document import read_body


@dataclass(frozen=True)
class Span:
    """Years in which the contracts of one option hold."""

    option: ContractOption
    """Whose contracts and payments for quality hold."""
    first: str = ""
    """First year; the first of all where none is given."""
    until: str = "9999"
    """The year after the last."""
    body: BodyBetween | None = None
    """Who stands between, if anybody."""

    def years(self) -> pl.Expr:
        """Which rows of a frame with years are of the span."""
        return (pl.col("year") >= self.first) & (pl.col("year") < self.until)

    def has(self, year: str) -> bool:
        """Whether a year is of the span."""
        return self.first <= year < self.until


@dataclass(frozen=True)
class Starts:
    """What holds before each option that begins later than the run, and the bodies of those that have one."""

    since: Mapping[str, FinancialYear] = field(default_factory=dict)
    """First paid year by option."""
    before: Mapping[str, ContractOption] = field(default_factory=dict)
    """The option that holds until then, by option."""
    bodies: Mapping[str, BodyBetween] = field(default_factory=dict)
    """Bodies by option."""

    def spans(self, option: ContractOption) -> list[Span]:
        """The years of an option, each with whose contracts hold."""
        since = self.since.get(option.id)
        if since is None:
            return [Span(option)]
        return [
            Span(self.before[option.id], until=str(since)),
            Span(option, first=str(since), body=self.bodies.get(option.id)),
        ]

    def shadow_years(self, option: str) -> list[str]:
        """Years in which an option is worked out beside the one that holds: its body's, or the one before it begins."""
        if option not in self.since:
            return []
        if option in self.bodies:
            return [str(y) for y in self.bodies[option].body.shadow_years]
        return [str(self.since[option].previous)]

    def shadow(self) -> Starts:
        """The same, with every option beginning in its first shadow year."""
        first = {o: FinancialYear(min(years)) for o in self.since if (years := self.shadow_years(o))}
        bodies = {o: replace(b, first=first[o]) for o, b in self.bodies.items() if o in first}
        return Starts(first, {o: self.before[o] for o in first}, bodies)


def starts_of(document: ContractOptions, pack: DataPack, run: Run | None, faults: Faults) -> Starts:
    """When the options of a document begin; what contradicts the plan, a body or the document is added to the faults.

    Args:
        document: the options.
        pack: data pack with milestones and bodies.
        run: the run of their scenario; without one bodies are not looked at.
        faults: takes everything that is wrong.
    """
    options = {option.id: option for option in document.options}
    since: dict[str, FinancialYear] = {}
    before: dict[str, ContractOption] = {}
    bodies: dict[str, BodyBetween] = {}
    for option in document.options:
        where = f"options ({option.id})"
        first = option.since
        if option.body is not None:
            between = _body(option, pack, run, faults)
            if between is None:
                continue  # said above, or the run could not be made
            bodies[option.id] = between
            first = first or between.first
            if first != between.first:
                faults.add(f"{where}.since", str(first), f"{between.first}, the first paid year of its body")
        if first is None:
            if option.milestone is not None or option.before is not None:
                faults.add(where, "a milestone or an option before it, and no start", "its first paid year as `since`")
            continue
        since[option.id] = first
        _check(option, first, document, options, faults)
        _check_milestone(option, first, pack, faults)
        before[option.id] = options.get(option.before or document.base, option)
    return Starts(since, before, bodies)


def early_contracts(document: ContractOptions, contracts: Mapping[str, Contract], starts: Starts) -> Iterator[Fault]:
    """Contracts of an option with a milestone that begin before its first year, shadow years among them; those of others are theirs.

    Args:
        document: the options.
        contracts: contracts by the name that the options use.
        starts: when the options begin.
    """
    always = {
        each.contract for option in document.options if option.id not in starts.since for each in option.contracts
    }
    for option in document.options:
        if option.id not in starts.since or (option.milestone is None and option.body is None):
            continue
        first = FinancialYear(min([str(starts.since[option.id]), *starts.shadow_years(option.id)]))
        for name in dict.fromkeys(each.contract for each in option.contracts):
            period = contracts[name].period if name in contracts and name not in always else None
            if period is not None and period.start < first.start:
                yield Fault(
                    f"contract {name}: period.start", f"{period.start}, before option {option.id} begins",
                    f"{first.start} or later, {first} being its first year, shadow years among them",
                )  # fmt: skip


def _body(option: ContractOption, pack: DataPack, run: Run | None, faults: Faults) -> BodyBetween | None:
    name, known = str(option.body), pack.names("bodies")
    if name not in known:
        faults.add(
            f"options ({option.id}).body", f"no body {name!r}", "a body of the pack (bodies/)", suggest(name, known)
        )
        return None
    if run is None:
        return None
    try:
        return body_between(read_body(pack, name), pack, run)
    except CapitationError as error:
        faults.extend(error.faults)
        if not error.faults:
            faults.add(f"options ({option.id}).body", error.message, "a body that can be settled on the run")
        return None


def _check(
    option: ContractOption, first: FinancialYear, document: ContractOptions, options: Mapping[str, ContractOption], faults: Faults
) -> None:  # fmt: skip
    where = f"options ({option.id})"
    name = option.before or document.base
    if option.id == document.base:
        faults.add(f"{where}.since", f"{first} for the base", "a base that holds in every year")
    elif name not in options:
        faults.add(f"{where}.before", f"unknown option {name!r}", "an option of the document", suggest(name, options))
    elif name == option.id or options[name].since is not None or options[name].body is not None:
        faults.add(f"{where}.before", f"{name!r}, which begins later itself", "an option that holds in every year")
    if first > document.first_year:
        faults.add(f"{where}.since", str(first), f"{document.first_year}, the first year of the document, or earlier")


def _check_milestone(option: ContractOption, first: FinancialYear, pack: DataPack, faults: Faults) -> None:
    """Whoever is paid is there before the first paid year begins."""
    if option.milestone is None:
        return
    known = Stages(None, pack).keep("milestones", milestones, pack).value
    starts = earliest_starts(known)
    where = f"options ({option.id})"
    if option.milestone not in starts:
        faults.add(
            f"{where}.milestone", repr(option.milestone), "what a milestone of aims/milestones.csv starts",
            suggest(option.milestone, starts),
        )  # fmt: skip
    elif first <= starts[option.milestone]:
        rows = known.filter((pl.col("role") == "starts") & (pl.col("drives") == option.milestone))
        due = rows.get_column("due")[0]
        faults.add(
            f"{where}.since", f"{first}, which begins before its party is established ({due})",
            f"{starts[option.milestone].next} or later; until then the contracts of {option.before or 'the base'} hold",
        )  # fmt: skip


__all__ = ["Span", "Starts", "early_contracts", "starts_of"]
