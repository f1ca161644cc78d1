"""All terms: one clause, one file. Those that ship are found by scanning the rooms of this folder; a system adds its own.

A system's own clause needs no change to this package. It is found

    by an entry point of the group `capitation.terms`   in an installed package: `loyalty = "our_terms.loyalty:Loyalty"`
    in the folder that CAPITATION_TERMS names           one file a clause, named as the clause

Whatever is named there and cannot be loaded is an error and never skipped; no clause can take the name of another.
`contracts.testing.check_term` says whether a clause keeps all that is promised of one.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import stat
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from capitation.errors import ContractError, Faults
from contracts.terms._base import Term

GROUP = "capitation.terms"
"""Entry points of installed packages that bring clauses of their own."""

FOLDER = "CAPITATION_TERMS"
"""Environment variable that names a folder of clauses."""

_Found = tuple[str, str, Callable[[], Any]]
"""A name, where it was found, and how to load it."""


@cache
def all_terms() -> dict[str, type[Term]]:
    """Term classes by their name in contracts, in order of name.

    Raises:
        ContractError: a clause that cannot be loaded, is not one term, or takes a name that is taken; all together.
    """
    found: dict[str, type[Term]] = {}
    homes: dict[str, str] = {}
    faults = Faults()
    sources: list[_Found] = [*_shipped(), *_of_packages(), *_of_folder(faults)]
    for name, home, load in sources:
        try:
            term = load()
        except Exception as error:  # whatever its author's code raises is said, with its home
            faults.add(home, f"{type(error).__name__}: {error}", "one term that can be imported")
            continue
        if not (isinstance(term, type) and issubclass(term, Term) and term is not Term):
            faults.add(home, f"{term!r}"[:80], "a class derived from contracts.Term")
        elif term.model_fields["term"].default != name:
            faults.add(home, f"the term {term.model_fields['term'].default!r}", f"{name!r}, the name it is found by")
        elif name in found:
            faults.add(home, f"the term {name!r} again ({homes[name]})", "a name not used elsewhere")
        else:
            found[name], homes[name] = term, home
    faults.raise_if_any(ContractError, "some clauses cannot be used")
    return dict(sorted(found.items()))


class _Source:
    """A term that is loaded when it is asked for."""

    def __init__(self, module: str, path: Path | None = None) -> None:
        self.module, self.path = module, path

    def __call__(self) -> type[Term]:
        """The one term of the module."""
        module = importlib.import_module(self.module) if self.path is None else _module_of(self.module, self.path)
        own = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, Term) and c is not Term]
        own = [c for c in own if c.__module__ == module.__name__]
        if len(own) != 1:
            raise TypeError(f"found {len(own)} terms in one file; expected one")
        return own[0]


def _shipped() -> Iterator[_Found]:
    for listed in pkgutil.walk_packages(__path__, prefix=f"{__name__}."):
        name = listed.name.rpartition(".")[2]
        if not listed.ispkg and not name.startswith("_"):
            yield name, listed.name, _Source(listed.name)


def _of_packages() -> Iterator[_Found]:
    for point in sorted(entry_points(group=GROUP)):
        yield point.name, f"entry point {point.name} = {point.value} ({GROUP})", point.load


def _of_folder(faults: Faults) -> Iterator[_Found]:
    named = os.environ.get(FOLDER)
    if not named:
        return
    folder = Path(named)
    if not folder.is_dir():
        faults.add(FOLDER, repr(named), "a folder of Python files, one clause each", "Correct or unset the variable.")
        return
    if os.name == "posix" and folder.stat().st_mode & stat.S_IWOTH:
        faults.add(
            FOLDER,
            f"{named!r}, which anyone can write to",
            "a folder that only those who run this program can write to",
        )
        return
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("_"):
            yield path.stem, str(path), _Source(f"capitation_terms.{path.stem}", path)


def _module_of(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its fields are typed by names of its own, which pydantic looks up here
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


__all__ = ["FOLDER", "GROUP", "Term", "all_terms"]
