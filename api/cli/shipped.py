"""Documents that ship with the data pack, by their name: `blmk` for its options, `mssp` for its contract."""

from __future__ import annotations

from pathlib import Path

from capitation.pack.sources import default_data_folder


def shipped(given: Path, room: str, data: Path | None = None) -> Path:
    """A document's file: the path as given, or the document of that name in a room of the data pack, such as `contracts`."""
    if given.is_file() or given.suffix:
        return given
    named = (data or default_data_folder()) / room / f"{given.name}.toml"
    return named if named.is_file() else given
