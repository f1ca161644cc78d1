"""Data packs in layers: a system's folder holds what is its own and says which pack it extends; what it lacks is taken from there.

    data/england/   pack.toml
    data/SYSTEM/    pack.toml with  extends = "england"

A file of the system goes before the file of the same name below it. A pack is looked for beside the one that extends it, then among the
packs that ship.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatch
from functools import cache
from importlib import resources
from pathlib import Path

from capitation.errors import SourceError, suggest
from capitation.records.documents import read_mapping

PACK_FILE = "pack.toml"
"""What makes a folder a data pack."""

SYSTEMS_FILE = "systems.toml"
"""Beside the packs that ship: says which of them is in use where none is named."""

_EXTENDS = re.compile(r"^extends\s*=.*\n", re.MULTILINE)


def shipped_packs() -> Path:
    """The folder of the packs that ship: the checkout's `data/`, or that inside the installed package."""
    package = Path(str(resources.files("capitation")))
    checkout = package.parent / "data"
    return checkout if checkout.is_dir() else package / "_data"


@cache
def default_pack() -> str:
    """Name of the pack in use where none is named, as the packs that ship say."""
    return str(read_mapping(shipped_packs() / SYSTEMS_FILE)["default"])


def default_data_folder() -> Path:
    """The data pack in use: CAPITATION_DATA if set, else the system that ships."""
    configured = os.environ.get("CAPITATION_DATA")
    return pack_folder(Path(configured)) if configured else shipped_packs() / default_pack()


def pack_folder(folder: Path | None) -> Path:
    """The pack that a user means by a folder: the folder itself, or the one system in a folder of packs; by none, the one in use.

    Raises:
        SourceError: the folder holds no pack, or several systems.
    """
    if folder is None:
        return default_data_folder()
    if (folder / PACK_FILE).is_file():
        return folder
    packs = sorted(path.parent for path in folder.glob(f"*/{PACK_FILE}"))
    extended = {_extends(pack) for pack in packs}
    systems = [pack for pack in packs if pack.name not in extended]
    if len(systems) == 1:
        return systems[0]
    found = f"the packs {', '.join(p.name for p in systems)}" if systems else f"no {PACK_FILE}"
    raise SourceError(f"{folder}: found {found}; expected a data pack. Give its folder with --data or CAPITATION_DATA")


def pack_of(path: Path) -> Path | None:
    """The data pack in whose folder a file lies; none where it lies in none."""
    return next((folder for folder in path.resolve().parents if (folder / PACK_FILE).is_file()), None)


def layers(root: Path) -> tuple[Path, ...]:
    """The folders of a pack, its own first and each followed by the one that it extends.

    Raises:
        SourceError: a folder is no pack, the pack that it extends is not there, or packs extend each other in a circle.
    """
    found = [root]
    while True:
        pack = found[-1]
        if not (pack / PACK_FILE).is_file():
            raise SourceError(
                f"{pack}: found no {PACK_FILE}; expected a data pack. Give its folder with --data or CAPITATION_DATA"
            )
        name = _extends(pack)
        if name is None:
            return tuple(found)
        beside, shipped = pack.parent / name, shipped_packs() / name
        below = beside if (beside / PACK_FILE).is_file() else shipped
        if not (below / PACK_FILE).is_file():
            near = suggest(name, (p.parent.name for p in shipped_packs().glob(f"*/{PACK_FILE}")))
            raise SourceError(
                f"{pack / PACK_FILE}: extends {name!r}, but found no such pack beside it or among those that ship. {near}".rstrip()
            )
        if below.resolve() in {p.resolve() for p in found}:
            raise SourceError(f"{pack / PACK_FILE}: extends {name!r}, which extends this pack in turn; expected an end")
        found.append(below)


def files_of(folders: tuple[Path, ...], pattern: str = "**/*") -> dict[str, Path]:
    """Files of all layers by their path inside the pack, in order; a file of an upper layer goes before that of a lower one."""
    found: dict[str, Path] = {}
    room, _, like = pattern.rpartition("/")
    one_room = "**" not in like and not any(sign in room for sign in "*?[")
    for folder in reversed(folders):
        if one_room:
            found |= {
                f"{room}/{name}" if room else name: folder / room / name for name in _names_in(folder / room, like)
            }
            continue
        found |= {
            p.relative_to(folder).as_posix(): p
            for p in folder.glob(pattern)
            if p.is_file() and "__pycache__" not in p.parts
        }
    return dict(sorted(found.items()))


def _names_in(room: Path, like: str) -> list[str]:
    """Names of the files of one folder that are like a pattern; none where there is no such folder."""
    if not any(sign in like for sign in "*?["):
        return [like] if like and os.path.isfile(os.path.join(room, like)) else []  # noqa: PTH113, PTH118  # asked hundreds of times
    try:
        with os.scandir(room) as entries:
            return [entry.name for entry in entries if fnmatch(entry.name, like) and entry.is_file()]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def put_together(root: Path, into: Path) -> Path:
    """A copy of a pack that needs no other: its own files and those of the packs that it extends, in one new folder.

    Raises:
        FileExistsError: the folder is there already.
    """
    into.mkdir(parents=True)
    for name, path in files_of(layers(root)).items():
        copy = into / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        copy.write_bytes(alone(content) if name == PACK_FILE else content)
    return into


def alone(pack_file: bytes) -> bytes:
    """The text of a pack.toml whose pack was put together with all that it extends, and needs no other any more."""
    return _EXTENDS.sub("", pack_file.decode("utf-8")).encode("utf-8")


def _extends(pack: Path) -> str | None:
    name = read_mapping(pack / PACK_FILE).get("extends")
    if name is None:
        return None
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise SourceError(
            f"{pack / PACK_FILE}: extends: found {name!r}; expected the name of a pack, such as 'england'"
        )
    return name
