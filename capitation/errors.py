"""Every error the product raises on purpose, and how faults are gathered so that they are reported together.

CapitationError
├── DataError               something read from a file or a table is wrong
│   ├── SourceError         a file of the data pack, or one a user gave, cannot be used
│   ├── ParameterError      a parameter is missing or has no value for the date asked
│   └── FrameError          rows break a promise their schema makes
├── DocumentError           a scenario, contract, formula or problem document is wrong
├── ScenarioError           a scenario contradicts itself or its data
├── ContractError           a contract contradicts itself or the rows it is to settle
├── InfeasibleError         the limits set cannot all be met; the message says by how much
├── NothingToShareError     money is to be shared out but no row has any weight
├── SolverError             a solver refused what it was asked, or returned something that cannot be trusted
├── StoppedError            long work was stopped on request before it was whole
└── UnknownNameError        a code, column or document name that is not known; near ones are listed

The web service adds its own below the same root, beside what raises them in api/service: who may not, what changed meanwhile,
what the store, the audit log or a journal cannot do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing wrong: where it stands, what was found, what was expected, what to do."""

    where: str
    found: str
    expected: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: found {self.found}; expected {self.expected}"
        return f"{text}. {self.remedy}" if self.remedy else text


class CapitationError(Exception):
    """The root: every error meant for a user, with the faults it gathers."""

    def __init__(self, message: str, faults: Iterable[Fault] = ()) -> None:
        self.message = message
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__(str(self))

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  - {fault}" for fault in self.faults)])


class DataError(CapitationError):
    """Something read from a file or a table is wrong."""


class SourceError(DataError):
    """A file of the data pack, or one a user gave, cannot be used as it is."""


class ParameterError(DataError):
    """A parameter is missing, or has no value for the date asked."""


class FrameError(DataError):
    """Rows break a promise that their schema makes."""


class DocumentError(CapitationError):
    """A scenario, contract, formula or problem document does not fit its model."""


class ScenarioError(CapitationError):
    """A scenario contradicts itself or the data it names."""


class ContractError(CapitationError):
    """A contract contradicts itself or the rows it is to settle."""


class InfeasibleError(CapitationError):
    """The limits set cannot all be met; the message says which, and by how much they would have to give."""


class SolverError(CapitationError):
    """A solver refused what it was asked, or returned something that cannot be trusted."""


class StoppedError(CapitationError):
    """Long work was stopped on request before it was whole; the message says what was kept of it."""


class NothingToShareError(CapitationError):
    """Money is to be shared out, but no row of the group has any weight."""


class UnknownNameError(CapitationError):
    """A code, column or document name that is not known; near ones are listed."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        self.kind, self.name = kind, name
        self.known = tuple(sorted(known))
        place = f"{where}: " if where else ""
        super().__init__(f"{place}unknown {kind} {name!r}. {suggest(name, self.known)}")


def suggest(name: str, known: Iterable[str]) -> str:
    """A sentence naming the known names nearest to `name`, or the first few where none is near."""
    names = sorted(known)
    folded = name.strip().casefold()
    same = [n for n in names if n.casefold() == folded]  # capitals and blanks apart, it is this one
    near = same or difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(repr(n) for n in near)}?"
    if not names:
        return "None is known here."
    rest = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"Known: {', '.join(names[:12])}{rest}."


class Faults:
    """A gatherer: faults are added as they are met and raised once, together."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, where: str, found: str, expected: str, remedy: str = "") -> None:
        """Keep one fault."""
        self._faults.append(Fault(where, found, expected, remedy))

    def extend(self, faults: Iterable[Fault]) -> None:
        """Keep the faults another check gathered."""
        self._faults.extend(faults)

    def __len__(self) -> int:
        return len(self._faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def raise_if_any(self, error: type[CapitationError], message: str) -> None:
        """Raise `error` with all faults kept so far; do nothing where there is none."""
        if self._faults:
            count = len(self._faults)
            raise error(f"{message} ({count} fault{'s' if count > 1 else ''})", self._faults)
