"""Contracts, care bodies, options and problems of a data pack, each read as the command that uses it reads it, for `capitation check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from capitation.allocation.services import ServiceStream
from capitation.errors import CapitationError, Fault, Faults, suggest
from capitation.pack.sources import DataPack
from capitation.records.documents import read_document
from capitation.run.scenario import read_scenario
from contracts.document.contract import read_contract
from contracts.options.document import ContractOptions, read_contracts, read_options
from contracts.options.starts.starts import early_contracts, starts_of
from contracts.options.whole_population.document import CareBody
from contracts.options.whole_population.start import scope_faults, start_faults
from optimiser.problem.document import read_problem


def document_faults(pack: DataPack) -> Iterator[Fault]:
    """Everything wrong with the contracts, care bodies, options and problems of the pack."""
    readers: tuple[tuple[str, Callable[[Path], object]], ...] = (
        ("bodies/*.toml", lambda path: read_document(path, CareBody)),
        ("contracts/*.toml", read_contract),
        ("problems/*.toml", read_problem),
    )
    for pattern, read in readers:
        for path in pack.files(pattern).values():
            yield from _caught(read, path)
    for path in pack.files("bodies/*.toml").values():
        yield from _body(path, pack)
    for path in pack.files("options/*.toml").values():
        yield from _caught(read_options, path)
        try:
            options = read_options(path)
        except CapitationError:
            continue
        yield from _names(path, options, pack)
        yield from _starts(path, options, pack)


def _body(path: Path, pack: DataPack) -> Iterator[Fault]:
    """A body whose contract begins before it is there, or whose scope leaves the money of a service nowhere."""
    try:
        body = read_document(path, CareBody)
        scenario = read_scenario(pack.path(f"scenarios/{body.scenario}.toml"))
        yield from start_faults(body, pack, list(scenario.years))
        table = scenario.files.service_streams
        services = set() if table is None else set(pack.rows(table, ServiceStream).get_column("service_code"))
    except CapitationError as error:
        yield from _said_nowhere_else(error, path, "a body of a scenario of the pack")
        return
    if services:
        yield from scope_faults(body, services, f"{path}: scope", "every service, once", "a service of the scenario")


def _said_nowhere_else(error: CapitationError, path: Path, expected: str) -> Iterator[Fault]:
    """What ended a check of a document; faults of documents and tables are said where they are read."""
    if not error.faults:
        yield Fault(str(path), error.message, expected)


def _starts(path: Path, options: ContractOptions, pack: DataPack) -> Iterator[Fault]:
    """Options that begin before who is paid is there, and contracts that begin before their option."""
    starting, unread = Faults(), Faults()
    try:
        starts = starts_of(options, pack, None, starting)
    except CapitationError as error:
        yield from _said_nowhere_else(error, path, "options of a pack whose milestones can be read")
        return
    contracts, _ = read_contracts(
        options, pack, path.parent, unread
    )  # what cannot be read is said by the readers of contracts
    for fault in (*starting, *early_contracts(options, contracts, starts)):
        yield Fault(f"{path}: {fault.where}", fault.found, fault.expected, fault.remedy)


def _names(path: Path, options: ContractOptions, pack: DataPack) -> Iterator[Fault]:
    scenarios = pack.names("scenarios")
    if options.scenario not in scenarios:
        yield Fault(
            f"{path}: scenario", repr(options.scenario), "a file of scenarios/", suggest(options.scenario, scenarios)
        )
    contracts = pack.names("contracts")
    for option in options.options:
        for each in option.contracts:
            if each.contract not in contracts and not (path.parent / each.contract).is_file():
                yield Fault(
                    f"{path}: options ({option.id}).contract",
                    repr(each.contract),
                    "a contract of contracts/, or a file beside the options",
                    suggest(each.contract, contracts),
                )


def _caught(read: Callable[[Path], object], path: Path) -> Iterator[Fault]:
    try:
        read(path)
    except CapitationError as error:
        yield from error.faults or [Fault(str(path), error.message, "a document that can be read")]
