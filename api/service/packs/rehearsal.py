"""What a data pack is used for, tried once before it is kept: a table that does not fit its schema is refused at upload, not in a run.

Scenarios are evaluated, and refused where their numbers are far from anything plausible; contracts, options, problems and solutions are
read with all that they name. Each thing is tried by itself, so that the faults of all come back together; one that several meet is
reported once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from api.service.packs.account_codes import MAPPING_FILE, Account
from api.service.records.pack import Pack
from capitation.errors import CapitationError, Fault
from capitation.pack.sources import DataPack, read_raw
from capitation.profiles.calendar import HOLIDAYS_FILE, bank_holidays
from capitation.profiles.profile import Profile
from capitation.records.documents import read_document
from capitation.run.plausible_run import evaluate_plausibly
from capitation.run.scenario import Scenario
from capitation.shift.solution import read_solutions
from contracts.document.contract import read_contract
from contracts.options.document import read_options
from optimiser.problem.document import read_problem

Reading = Callable[[str], object]
"""Called with the path of each file, inside the pack, before it is tried."""


def use_faults(pack: Pack, reading: Reading) -> Iterator[Fault]:
    """Every fault that using the pack meets.

    Args:
        pack: a pack whose documents can be read and name files inside it only.
        reading: called with the path of each document or table before it is tried.
    """
    opened, seen = pack.opened(), set[Fault]()
    for name, act in _trials(pack, opened):
        reading(name)
        for fault in _faults_of(name, act):
            if fault not in seen:
                seen.add(fault)
                yield fault


def _trials(pack: Pack, opened: DataPack) -> Iterator[tuple[str, Callable[[], object]]]:
    for name, path in pack.paths.items():
        if path.suffix == ".csv":
            yield name, partial(read_raw, path)
    readers: dict[str, Callable[[Path], object]] = {
        "scenarios": lambda path: evaluate_plausibly(read_document(path, Scenario), opened),
        "contracts": read_contract,
        "options": read_options,
        "problems": read_problem,
        "profiles": lambda path: read_document(path, Profile),
    }
    for room, read in readers.items():
        for path in pack.documents(room):
            yield f"{room}/{path.name}", partial(read, path)
    if (pack.folder / "solutions").is_dir():
        yield "solutions", lambda: read_solutions(pack.folder / "solutions")
    if MAPPING_FILE in pack.paths:
        yield MAPPING_FILE, lambda: opened.rows(MAPPING_FILE, Account)
    if HOLIDAYS_FILE in pack.paths:
        yield HOLIDAYS_FILE, lambda: bank_holidays(opened)


def _here(fault: Fault) -> Fault:
    """A fault with what can be done where a pack is sent: reasons belong to runs."""
    if "--accept" not in fault.remedy:
        return fault
    remedy = (
        "Mend it; or leave the scenario out of the pack, send it by itself, and give the reason in `accept` of its run."
    )
    return replace(fault, remedy=remedy)


def _faults_of(name: str, act: Callable[[], object]) -> list[Fault]:
    try:
        act()
    except CapitationError as error:
        return [_here(fault) for fault in error.faults] or [Fault(name, error.message, "what can be used")]
    except (
        ArithmeticError,
        ValueError,
        TypeError,
        LookupError,
    ) as error:  # what no check foresaw is a fault of the file all the same
        return [
            Fault(name, f"content that cannot be used ({type(error).__name__}: {str(error)[:200]})", "what can be used")
        ]
    return []
