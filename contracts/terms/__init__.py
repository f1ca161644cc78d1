"""All terms, found by scanning the rooms of this folder: one clause, one file; adding one is adding its file."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from contracts.terms._base import Term


@cache
def all_terms() -> dict[str, type[Term]]:
    """Term classes by their name in contracts, in order of name.

    A file of this folder that cannot be imported, or holds no term, is an error and never skipped.
    """
    found: dict[str, type[Term]] = {}
    for listed in pkgutil.walk_packages(__path__, prefix=f"{__name__}."):
        name = listed.name.rpartition(".")[2]
        if listed.ispkg or name.startswith("_"):
            continue
        module = importlib.import_module(listed.name)
        own = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, Term) and c is not Term]
        own = [c for c in own if c.__module__ == module.__name__]
        if len(own) != 1:
            message = f"{listed.name}: found {len(own)} terms; expected one term in each file"
            raise TypeError(message)
        found[name] = own[0]
    return dict(sorted(found.items()))


__all__ = ["Term", "all_terms"]
