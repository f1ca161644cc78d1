"""What the code is: one digest of the sources of `capitation`, `contracts` and `optimiser` as installed.

A run's id hashes it beside the scenario and the figures, so that changed code never gives other frames under one id.
Line ends are normalised, so a checkout on any machine has the digest of the same code anywhere else.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("capitation", "contracts", "optimiser")


@cache
def code_digest() -> str:
    """The digest of the code in use in 64 hexadecimal digits, worked out once in a process."""
    specs = {name: find_spec(name) for name in PACKAGES}
    folders = {name: spec.submodule_search_locations for name, spec in specs.items() if spec is not None}
    return sources_digest({name: Path(next(iter(found))) for name, found in folders.items() if found})


def sources_digest(packages: Mapping[str, Path]) -> str:
    """The digest of all Python sources of packages, by the name of the package and the file's path in it.

    Args:
        packages: the folder of each package by its name.
    """
    total = hashlib.sha256()
    for name in sorted(packages):
        files = {
            Path(folder, each).relative_to(packages[name]).as_posix(): os.path.join(folder, each)  # noqa: PTH118  # many files, read at every start
            for folder, _, names in os.walk(packages[name])
            for each in names
            if each.endswith(".py")
        }
        for relative in sorted(files):
            with open(files[relative], "rb") as file:  # noqa: PTH123  # as above
                source = file.read()
            source = source.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            total.update(f"{name}/{relative}\0{hashlib.sha256(source).hexdigest()}\n".encode())
    return total.hexdigest()
