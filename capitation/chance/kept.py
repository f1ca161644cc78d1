"""Kept draws: the file in which a stopped simulation keeps what it has drawn, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from capitation.chance.curves.normal import Floats
from capitation.errors import SourceError
from capitation.records.whole_files import write_whole


def keep(state: Path, name: str, out: Floats, done: int) -> None:
    """Write the first `done` draws (the last axis) of a simulation of this name.

    Raises:
        SourceError: the file cannot be written; an older one is left as it was.
    """
    made = out[..., :done]

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            np.savez(file, about=np.array(json.dumps({"simulation": name, "draws": done})), positions=made)

    write_whole(state, write)


def resumed(state: Path, name: str, out: Floats) -> int:
    """Draws of an earlier, stopped piece of work, put where they belong; 0 where there is no such file.

    Raises:
        SourceError: the file cannot be read, or is of another simulation.
    """
    if not state.is_file():
        return 0
    try:
        with state.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            about, positions = json.loads(str(kept["about"])), kept["positions"]
        done = int(about["draws"])
        fits = positions.shape == (*out.shape[:-1], done) and positions.dtype == out.dtype and done <= out.shape[-1]
    except (OSError, ValueError, KeyError, BadZipFile, EOFError) as error:
        message = f"{state}: found no state of a simulation ({error}); remove the file to begin anew"
        raise SourceError(message) from error
    if about["simulation"] != name or not fits:
        message = (
            f"{state}: found the state of another simulation (plan, uncertainties, draws or seed differ); "
            "expected that of this one. Remove the file to begin anew, or name another"
        )
        raise SourceError(message)
    out[..., :done] = positions
    return done
