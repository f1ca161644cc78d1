"""Kept search: the file in which a stopped design keeps what it has tried, so that it goes on from there to the same answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from capitation.errors import SourceError
from capitation.records.whole_files import write_text
from contracts.risk.design.trial import Trial


def keep_search(state: Path, name: str, trials: Sequence[Trial]) -> None:
    """Write what was tried on each set of draws of a design of this name, whole or not at all.

    Raises:
        SourceError: the file cannot be written; an older one is left as it was.
    """
    write_text(state, json.dumps({"design": name, "tried": [trial.memory for trial in trials]}) + "\n")


def resumed_search(state: Path, name: str, trials: Sequence[Trial]) -> int:
    """Put what an earlier, stopped design has tried where it belongs; how many trials there were.

    Raises:
        SourceError: the file cannot be read, or is of another design.
    """
    if state.is_dir():
        message = f"{state}: found a folder; expected a file for the state, or no such file yet. Name a file"
        raise SourceError(message)
    if not state.is_file():
        return 0
    try:
        kept = json.loads(state.read_text(encoding="utf-8"))
        tried = [{str(key): tuple(map(float, found)) for key, found in each.items()} for each in kept["tried"]]
        of = kept["design"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{state}: found no state of a design ({error}); remove the file to start again"
        raise SourceError(message) from error
    if of != name or len(tried) != len(trials):
        message = (
            f"{state}: found the state of another design (family, plan, uncertainties, draws or seed differ); "
            "expected that of this one. Remove the file to start again, or name another"
        )
        raise SourceError(message)
    for trial, memory in zip(trials, tried, strict=True):
        trial.memory.update(memory)
    return sum(map(len, tried))


__all__ = ["keep_search", "resumed_search"]
