"""Documents to begin from: filled, valid and commented, with the name of their file as their id."""

from __future__ import annotations

import re
from pathlib import Path

from capitation.errors import CapitationError
from capitation.records.whole_files import write_text

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""Ids of contracts and policies."""

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""Ids of solutions and problems, which limits and formulas name."""


def begin(wanted: Path, text: str, ids: re.Pattern[str] = PLAIN) -> Path:
    """Write a document to begin from; its id is the name of its file.

    Args:
        wanted: the file, or an id alone, which is written to `ID.toml` in the folder one is in.
        text: the document, with `@ID@` where its id stands.
        ids: what an id may look like.

    Raises:
        CapitationError: the file is there already, has another ending, or its name is no id.
    """
    file = wanted if wanted.suffix else wanted.with_name(f"{wanted.name}.toml")
    if file.suffix != ".toml":
        raise CapitationError(f"{file}: found a file name ending in {file.suffix}; expected .toml, or an id alone")
    if not ids.fullmatch(file.stem):
        may = "letters, digits and underscores, a letter first" if ids is NAME else "letters, digits, - and _"
        raise CapitationError(f"{file}: found the id {file.stem!r}; expected {may}, since the file's name is the id")
    if file.exists():
        raise CapitationError(f"{file}: found a file that is already there; expected a new name")
    write_text(file, text.replace("@ID@", file.stem))
    return file
