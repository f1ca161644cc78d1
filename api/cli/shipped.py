"""Documents that ship with the data pack, by their name, such as the options of a system or a contract of the library."""

from __future__ import annotations

from pathlib import Path

from capitation.chance.document import Uncertainty, read_uncertainty
from capitation.errors import UnknownNameError
from capitation.pack.layers import files_of, layers, pack_folder, pack_of


def pack_for(document: Path, data: Path | None) -> Path:
    """The pack that a document is read with: the one named, else the pack in whose folder it lies, else the one in use."""
    return pack_folder(data) if data is not None else pack_of(document) or pack_folder(None)


def named(given: Path, room: str, kind: str, data: Path | None = None) -> Path:
    """As `shipped`, for a document that is there.

    Args:
        given: a path, or the name of a document of the data pack.
        room: its room of the pack.
        kind: what it is, in words.
        data: the pack; the one in use where it is not given.

    Raises:
        UnknownNameError: a name that is neither a file nor a document of the pack.
    """
    found = shipped(given, room, data)
    if not found.is_file() and not given.suffix:
        known = sorted(Path(name).stem for name in files_of(layers(pack_folder(data)), f"{room}/*.toml"))
        raise UnknownNameError(kind, str(given), known)
    return found


def shipped_uncertainty(given: Path, data: Path | None = None) -> Uncertainty:
    """The document of uncertainties at a path, or of that name in the data pack.

    Raises:
        DocumentError: what is wrong with it.
        UnknownNameError: a name that is neither a file nor a document of the pack.
    """
    return read_uncertainty(named(given, "uncertainty", "uncertainty document", data))


def shipped(given: Path, room: str, data: Path | None = None) -> Path:
    """A document's file: the path as given, or the document of that name in a room of the data pack, such as `contracts`."""
    if given.is_file() or given.suffix:
        return given
    name = f"{room}/{given.name}.toml"
    return files_of(layers(pack_folder(data)), name).get(name, given)
