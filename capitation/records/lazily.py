"""Public names of a package that are imported when they are first asked for, so that a look at one costs no other (PEP 562)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """The `__getattr__` of a package whose public names stand in other modules.

    Args:
        package: name of the package.
        homes: module of each public name.

    Raises:
        AttributeError: the package has no public name like this; raised when the name is asked for.
    """

    def look_up(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    return look_up
