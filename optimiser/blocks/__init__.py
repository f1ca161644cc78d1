"""All blocks, found by scanning this folder and the entry points `capitation.blocks`: one thing of a problem, one file.

A block is a module that holds the rows of its thing in the document (`DocumentKey`), its table, and its parts: variables,
constraints, charges and measures. Adding one is adding its file; no list names it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from optimiser.programme.core import DocumentKey
from optimiser.programme.programme import Part

ENTRY_POINTS = "capitation.blocks"
"""Group under which an installed package offers blocks of its own, each a module."""


@cache
def all_blocks() -> dict[str, ModuleType]:
    """Blocks by name, in order of name; a module without a part is an error and never skipped."""
    names = [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]
    found = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    for offered in entry_points(group=ENTRY_POINTS):
        if offered.name in found:
            message = (
                f"entry point {offered.name!r} of {ENTRY_POINTS}: there is a block of that name already; rename it"
            )
            raise TypeError(message)
        found[offered.name] = offered.load()
    for name, module in found.items():
        if not isinstance(module, ModuleType) or not any(own(module, Part)):
            message = (
                f"block {name!r}: found no part; expected a module with variables, constraints, charges or measures"
            )
            raise TypeError(message)
    return dict(sorted(found.items()))


def own(module: ModuleType, kind: type[Any]) -> Iterator[Any]:
    """What a block declares of a kind (`Part` or `DocumentKey`), apart from what it imports."""
    for thing in vars(module).values():
        if isinstance(thing, kind) and (not isinstance(thing, Part) or thing.make.__module__ == module.__name__):
            yield thing


def all_parts() -> tuple[Part, ...]:
    """The parts of all blocks, in the order in which they stand in the programme."""
    found: list[Part] = [part for module in all_blocks().values() for part in own(module, Part)]
    return tuple(sorted(found, key=lambda part: (part.order, part.name)))


def constraints() -> dict[str, Part]:
    """The constraints of all blocks by name, in the order in which their rows stand in the matrix."""
    return {part.name: part for part in all_parts() if part.kind == "constraint"}


def entries() -> dict[str, DocumentKey[Any]]:
    """The keys of the problem document that blocks declare, by name."""
    return {entry.field: entry for module in all_blocks().values() for entry in own(module, DocumentKey)}
