"""Documents that ship with the data pack, by their name, such as the options of a system or a contract of the library."""

from __future__ import annotations

from pathlib import Path

from capitation.pack.layers import files_of, layers, pack_folder, pack_of


def pack_for(document: Path, data: Path | None) -> Path:
    """The pack that a document is read with: the one named, else the pack in whose folder it lies, else the one in use."""
    return pack_folder(data) if data is not None else pack_of(document) or pack_folder(None)


def shipped(given: Path, room: str, data: Path | None = None) -> Path:
    """A document's file: the path as given, or the document of that name in a room of the data pack, such as `contracts`."""
    if given.is_file() or given.suffix:
        return given
    name = f"{room}/{given.name}.toml"
    return files_of(layers(pack_folder(data)), name).get(name, given)
