"""Kinds of jobs, found by scanning this folder and the entry points `capitation.kinds`: adding one is adding its file.

A file has the kind as `KIND`; one that is about other kinds, such as exports of their results, has a function `kind` that
makes it of those instead. An entry point names a file of either form.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from api.service.records.job_kind import JobKind

ENTRY_POINTS = "capitation.kinds"
"""The group of entry points under which an installed package names kinds of its own."""


def found_kinds() -> dict[str, JobKind[Any]]:
    """Every kind of job by name, in order.

    Raises:
        TypeError: a file has no kind, or a name or address is taken.
    """
    names = sorted(f"{__name__}.{each.name}" for each in pkgutil.iter_modules(__path__))
    names += sorted({each.value for each in entry_points(group=ENTRY_POINTS)})
    modules = [importlib.import_module(name) for name in names]
    first = _ordered([module.KIND for module in modules if hasattr(module, "KIND")])
    return {
        kind.name: kind for kind in _ordered([*first, *(_made(m, first) for m in modules if not hasattr(m, "KIND"))])
    }


def _made(module: ModuleType, others: list[JobKind[Any]]) -> JobKind[Any]:
    made = module.kind(others) if hasattr(module, "kind") else None
    if not isinstance(made, JobKind):
        raise TypeError(f"{module.__name__}: found no kind of job; expected KIND, or a function kind that makes it")
    return made


def _ordered(kinds: list[JobKind[Any]]) -> list[JobKind[Any]]:
    for name in ("name", "address"):
        words = [getattr(kind, name) for kind in kinds]
        twice = sorted({word for word in words if words.count(word) > 1})
        if twice:
            raise TypeError(f"kinds of jobs: found the {name} {', '.join(twice)} twice; expected each once")
    return sorted(kinds, key=lambda kind: (kind.order, kind.name))


KINDS: Mapping[str, JobKind[Any]] = found_kinds()
"""Every kind of job by name."""

BY_ADDRESS: Mapping[str, JobKind[Any]] = {kind.address: kind for kind in KINDS.values()}
"""Every kind of job by the word of its results in addresses."""

__all__ = ["BY_ADDRESS", "ENTRY_POINTS", "KINDS", "found_kinds"]
