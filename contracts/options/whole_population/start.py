"""Whether the contract of an accountable care body can begin when it says: after the body is there, and with a rate for every year."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

import polars as pl

from capitation.aims.milestones import earliest_starts, milestones
from capitation.errors import CapitationError, Fault, suggest
from capitation.pack.sources import DataPack
from capitation.pack.stages import Stages
from capitation.records.years import FinancialYear
from contracts.document.contract import read_contract
from contracts.options.whole_population.document import CareBody


def start_faults(body: CareBody, pack: DataPack, years: Sequence[FinancialYear]) -> Iterator[Fault]:
    """What stands against the start of a body's contract, before anything is settled.

    Args:
        body: the body.
        pack: its pack, with the milestones of the plan and the contract.
        years: years of the scenario that it is tried on.
    """
    yield from _established(body, pack)
    where = f"body {body.id}: first_year"
    if body.first_year not in years:
        yield Fault(where, f"{body.first_year}, a year that the run does not reach", "a year of the run")
    grown = {each.year for each in body.growth}
    for year in years:
        if year > body.base_year and year >= body.first_year and year not in grown:
            yield Fault(
                f"body {body.id}: growth", f"none of {year}", f"the growth of the rate in every year after {body.base_year}"
            )  # fmt: skip
    yield from _signed(body, pack)


def scope_faults(body: CareBody, services: Set[str], where: str, every: str, one: str) -> Iterator[Fault]:
    """Services whose money the scope leaves nowhere, and those that are none.

    Args:
        body: the body.
        services: codes of all services.
        where: how the scope is named.
        every: what is expected of the whole scope.
        one: what is expected of one service.
    """
    named = {row.service for row in body.scope}
    for service in sorted(services - named):
        yield Fault(where, f"no row for {service!r}, whose money then goes nowhere", every)
    for service in sorted(named - services):
        yield Fault(where, f"unknown service {service!r}", one, suggest(service, services))


def _established(body: CareBody, pack: DataPack) -> Iterator[Fault]:
    """The body is there before its first paid year begins."""
    known = Stages(None, pack).keep("milestones", milestones, pack).value
    starts = earliest_starts(known)
    if body.milestone not in starts:
        yield Fault(
            f"body {body.id}: milestone", repr(body.milestone), "what a milestone of aims/milestones.csv starts", suggest(body.milestone, starts)
        )  # fmt: skip
    elif body.first_year <= starts[body.milestone]:
        due = known.filter((pl.col("role") == "starts") & (pl.col("drives") == body.milestone)).get_column("due")[0]
        yield Fault(
            f"body {body.id}: first_year", f"{body.first_year}, which begins before the body is established ({due})",
            f"{starts[body.milestone].next} or later; until then the old contracts hold",
        )  # fmt: skip


def _signed(body: CareBody, pack: DataPack) -> Iterator[Fault]:
    """Its contract begins no earlier than its first year, shadow years among them."""
    if body.contract not in pack.names("contracts"):
        return
    try:
        period = read_contract(pack.path(f"contracts/{body.contract}.toml")).period
    except CapitationError:
        return  # said where contracts are read
    first = FinancialYear(min((*body.shadow_years, body.first_year)))
    if period is not None and period.start < first.start:
        yield Fault(
            f"contract {body.contract}: period.start", f"{period.start}, before the first year of body {body.id}",
            f"{first.start} or later, {first} being its first year, shadow years among them",
        )  # fmt: skip


__all__ = ["scope_faults", "start_faults"]
