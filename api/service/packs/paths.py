"""What the files of a data pack that was sent may hold, looked at before anything is computed from them.

A pack's documents name files, and the engine opens what they name. `names_stay_inside` walks a document for the keys with
which files are named and refuses a name that leads out of the pack:

    name leads out  <=>  normal(base / name) begins with ".."  or  name is absolute  or  has a backslash, a drive or a NUL

where base is the folder from which the reader of that key starts. No file of a pack is a link, so the path that is
normal in words is the one that is opened.

The other checks keep reading itself within bounds: documents that parse, YAML without aliases and tags (a few lines of them
can stand for gigabytes, or for values that are no text), tables with a number of cells that fits into memory.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from capitation.errors import CapitationError, Fault
from capitation.pack.sources import read_raw
from capitation.records.documents import read_mapping

FILE_KEYS: Mapping[str, str | None] = {
    "file": None,
    "weights": None,
    "solutions_folder": None,
    "activity_file": None,
    "flows_file": None,
    "prices_file": None,
    "scenario": None,
    "contract": None,
    "document": "contracts",
    "policy": "policies",
}
"""Keys whose text becomes a path, and the folder of the pack it starts from; None is the folder of the document."""

ROOTED: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "practices",
            "membership",
            "localities",
            "organisations",
            "elsewhere",
            "flows",
            "service_streams",
            "points_of_delivery",
            "national_costs",
            "other_acute_share",
            "solutions",
        ),
        "",
    ),
    "chain": "chains",
}
"""Keys of scenarios whose text is a path from the folder of the pack, or from one in it; the pack itself refuses those that lead out too."""

ONLY_FILES = frozenset({"file", "solutions_folder", "activity_file", "flows_file", "prices_file"})
"""Those of them that never hold anything but the name of a file."""

DOCUMENT_ENDINGS = frozenset({".toml", ".json", ".yaml", ".yml"})
"""Endings of files that are read as documents."""

MOST_DOCUMENT_BYTES = 5_000_000
"""Most bytes of all documents together."""

MOST_CELLS = 20_000_000
"""Most cells of all CSV files together, and of a parquet file, a few bytes of which can stand for very many."""

Reading = Callable[[str], object]
"""Called with the path of each file, inside the pack, before it is read."""

_REMEDY = "Put the file into the pack and give its path from the folder of the document."
_DRIVE = re.compile(r"[A-Za-z]:")


def unreported(_inside: str) -> None:
    """Reports to nobody which file is read."""


def document_faults(folder: Path, reading: Reading = unreported) -> Iterator[Fault]:
    """Faults of the documents of a pack: too long, not to be parsed, or naming files outside it; nothing outside is opened.

    Args:
        folder: the pack; in it are folders and plain files only.
        reading: called with the path of each file, inside the pack, before it is read.
    """
    paths = sorted(p for p in folder.rglob("*") if p.suffix in DOCUMENT_ENDINGS and p.is_file())
    size = sum(path.stat().st_size for path in paths)
    if size > MOST_DOCUMENT_BYTES:
        remedy = "Keep long tables as CSV or parquet."
        yield Fault("the data pack", f"{size:,} bytes of documents", f"at most {MOST_DOCUMENT_BYTES:,}", remedy)
        return
    for path in paths:
        inside_path = path.relative_to(folder).as_posix()
        reading(inside_path)
        yield from (inside(fault, folder) for fault in _document_faults(path, inside_path))


def table_faults(folder: Path, reading: Reading = unreported) -> Iterator[Fault]:
    """Faults of the tables of a pack: too many cells, or parquet that cannot be read.

    Args:
        folder: the pack.
        reading: called with the path of each file, inside the pack, before it is read.
    """
    cells = 0
    for path in sorted(folder.rglob("*.csv")):
        reading(path.relative_to(folder).as_posix())
        content = path.read_bytes()
        cells += content.count(b",") + content.count(b"\n") + 1
    if cells > MOST_CELLS:
        yield Fault("the data pack", f"{cells:,} cells of CSV files", f"at most {MOST_CELLS:,}")
    for path in sorted(folder.rglob("*.parquet")):
        inside_path = path.relative_to(folder).as_posix()
        reading(inside_path)
        yield from (inside(fault, folder) for fault in _parquet_faults(path, inside_path))


def names_stay_inside(content: Mapping[str, Any], inside_path: str) -> Iterator[Fault]:
    """Faults of a document that names files outside its pack.

    Args:
        content: the document.
        inside_path: path of the document inside the pack.

    Example:
        `policies/a.toml` with `file = "../sources/x.csv"` has no fault; with `file = "../../x.csv"` it has one.
    """
    waiting: list[tuple[str, str, Any]] = [("", "", content)]
    while waiting:
        where, key, value = waiting.pop()
        if isinstance(value, Mapping):
            inner = [(f"{where}.{name}" if where else str(name), str(name), each) for name, each in value.items()]
            waiting.extend(reversed(inner))
        elif isinstance(value, list):
            waiting.extend(reversed([(f"{where}[{n}]", key, each) for n, each in enumerate(value, 1)]))
        elif (key in FILE_KEYS or key in ROOTED) and isinstance(value, str):
            base = FILE_KEYS[key] if key in FILE_KEYS else ROOTED[key]
            if leads_out(posixpath.dirname(inside_path) if base is None else base, value):
                yield Fault(
                    f"{inside_path}: {where}", _short(repr(value)), "the name of a file inside the data pack", _REMEDY
                )
        elif key in ONLY_FILES and value is not None:
            yield Fault(f"{inside_path}: {where}", _short(repr(value)), "a text")


def leads_out(base: str, name: str) -> bool:
    """Whether a name, followed from a folder of a pack, ends outside the pack, or on another system could.

    Example:
        From "problems", "../scenarios/a.toml" stays inside; "../../a.toml", "/etc/passwd" and "C:/a" lead out.
    """
    if name.startswith("/") or "\\" in name or "\x00" in name or _DRIVE.match(name):
        return True
    normal = posixpath.normpath(posixpath.join(base, name))
    return normal == ".." or normal.startswith("../")


def inside(fault: Fault, folder: Path) -> Fault:
    """The fault with paths as they are inside the pack, so that nobody learns where the server keeps it."""
    texts = (fault.where, fault.found, fault.expected, fault.remedy)
    return Fault(*(text.replace(f"{folder}{os.sep}", "").replace(str(folder), "the data pack") for text in texts))


def _document_faults(path: Path, inside_path: str) -> Iterator[Fault]:
    try:
        if path.suffix in {".yaml", ".yml"} and _has_alias_or_tag(path):
            yield Fault(inside_path, "an alias (*name) or a tag (!name)", "plain values, written out where they stand")
            return
        content = read_mapping(path)
    except CapitationError as error:
        yield Fault(inside_path, error.message, "a document that can be read")
    except Exception as error:  # parsers stumble in many ways over text that was made to trip them
        yield Fault(inside_path, f"what cannot be parsed: {_short(str(error))}", "a document that can be read")
    else:
        yield from names_stay_inside(content, inside_path)


def _has_alias_or_tag(path: Path) -> bool:
    events = yaml.parse(path.read_bytes(), Loader=yaml.SafeLoader)
    return any(isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) for event in events)


def _parquet_faults(path: Path, inside_path: str) -> Iterator[Fault]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    expected = "a parquet file that can be read"
    try:
        head = pq.read_metadata(path)
        cells = head.num_rows * max(1, head.num_columns)
        if not 0 <= cells <= MOST_CELLS:
            yield Fault(inside_path, f"{cells:,} cells", f"at most {MOST_CELLS:,}")
            return
        read_raw(path)
    except CapitationError as error:
        yield Fault(inside_path, error.message, expected)
    except (pa.ArrowException, OSError, ValueError) as error:
        yield Fault(inside_path, _short(str(error)), expected)


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:197]}..."
