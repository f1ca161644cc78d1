"""Kept draws: the file in which a stopped simulation keeps what it has drawn, written whole or not at all."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from capitation.chance.curves.normal import Floats
from capitation.errors import SourceError
from capitation.records.whole_files import write_whole

BESIDE = "beside "
"""Begins the names of what is kept beside positions."""


def keep(state: Path, name: str, out: Floats, done: int, beside: Mapping[str, Floats] | None = None) -> None:
    """Write the first `done` draws (the last axis) of a simulation of this name.

    Args:
        state: the file.
        name: what the simulation is of.
        out: positions.
        done: how many draws were made.
        beside: whatever else was found in each draw, by name; the draws are the last axis here too.

    Raises:
        SourceError: the file cannot be written; an older one is left as it was.
    """
    about = np.array(json.dumps({"simulation": name, "draws": done}))
    more: dict[str, Any] = {f"{BESIDE}{key}": values[..., :done] for key, values in (beside or {}).items()}

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            np.savez(file, about=about, positions=out[..., :done], **more)

    write_whole(state, write)


def resumed(state: Path, name: str, out: Floats, beside: dict[str, Floats] | None = None) -> int:
    """Draws of an earlier, stopped piece of work, put where they belong; 0 where there is no such file.

    Args:
        state: the file.
        name: what the simulation is of.
        out: takes positions.
        beside: takes whatever else was kept of each draw.

    Raises:
        SourceError: the file cannot be read, or is of another simulation.
    """
    if state.is_dir():
        message = f"{state}: found a folder; expected a file for the state, or no such file yet. Name a file"
        raise SourceError(message)
    if not state.is_file():
        return 0
    try:
        with state.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            about, positions = json.loads(str(kept["about"])), kept["positions"]
            more = {key.removeprefix(BESIDE): kept[key] for key in kept.files if key.startswith(BESIDE)}
        done, simulation = int(about["draws"]), about["simulation"]
        fits = positions.shape == (*out.shape[:-1], done) and positions.dtype == out.dtype and done <= out.shape[-1]
        fits = fits and all(values.shape[-1:] == (done,) for values in more.values())
    except (OSError, ValueError, KeyError, TypeError, NotImplementedError, BadZipFile, EOFError, zlib.error) as error:
        message = f"{state}: found no state of a simulation, or a damaged one; expected what a stopped simulation wrote: remove the file to start again"
        raise SourceError(message) from error
    if simulation != name or not fits:
        message = (
            f"{state}: found the state of another simulation (plan, uncertainties, draws or seed differ); "
            "expected that of this one. Remove the file to start again, or name another"
        )
        raise SourceError(message)
    out[..., :done] = positions
    if beside is not None:
        beside |= more
    return done
