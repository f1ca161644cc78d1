"""What a command may write where: endings that it knows, and never onto a file that it reads or twice onto one file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from api.boards.tables import notices
from capitation.errors import Faults, SourceError

TABLE_ENDINGS = frozenset({".csv", ".parquet"})
"""Endings of a table."""

WORKBOOK = frozenset({".xlsx"})
"""The ending of a workbook."""

JSON = frozenset({".json"})
"""The ending of a document that programs read."""


def check_outputs(
    outputs: Iterable[Path | None], inputs: Iterable[Path | None], endings: frozenset[str] = TABLE_ENDINGS
) -> None:
    """Refuse outputs that would overwrite an input or each other, or whose ending is not known; before any work is done.

    Raises:
        SourceError: every such output at once.
    """
    faults = Faults()
    read = {path.resolve() for path in inputs if path is not None}
    taken: set[Path] = set()
    for path in outputs:
        if path is None:
            continue
        if path.suffix.lower() not in endings:
            faults.add(str(path), f"the ending {path.suffix!r}", " or ".join(sorted(endings)))
        if path.resolve() in read:
            faults.add(str(path), "a file that this command reads", "another file", "Write to a new name.")
        if path.resolve() in taken:
            faults.add(str(path), "one file for two results", "a file for each")
        if path.is_dir():
            faults.add(str(path), "a folder", "a file")
        taken.add(path.resolve())
    faults.raise_if_any(SourceError, "nothing was written")


def check_results_folder(out: Path | None) -> None:
    """Refuse a folder for results in which nothing can be written, before any work is done.

    Raises:
        SourceError: it is a file, stands below one, or is not the caller's to write in.
    """
    if out is None:
        return
    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not there.is_dir():
        found = "a file" if there == out else f"{there}, which is a file, on the way"
        raise SourceError(f"{out}: found {found}; expected a folder for the results. Name another with --out")
    if not os.access(there, os.W_OK | os.X_OK):
        raise SourceError(
            f"{out}: found {there}, in which you may not write; expected a folder for the results. Name another with --out"
        )


@contextmanager
def says_where(*states: Path | None) -> Iterator[None]:
    """Say which of these files keep what was done, where the work within is stopped by Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        kept = [str(state) for state in states if state is not None and state.is_file()]
        if kept:
            notices.print(f"kept in {' and '.join(kept)}: run it again to go on", markup=False)
        raise


__all__ = ["JSON", "TABLE_ENDINGS", "WORKBOOK", "check_outputs", "check_results_folder", "says_where"]
