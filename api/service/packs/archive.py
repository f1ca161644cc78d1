"""Data packs as zip archives: read whole and safely or refused with every fault at once; the same files give the same bytes.

An archive is material from a stranger. Nothing that it says of itself is believed: entries are decompressed piece by piece
and measured on the way, length and checksum are compared afterwards, and what is written are plain files with names that mean
the same on every system, below one new folder. What the files hold is then looked at in a process of its own (`pack_trial`),
and the pack as the engine checks every pack (`capitation.run.checks`). A pack that is refused leaves nothing behind.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import stat
import struct
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from api.service.packs.paths import DOCUMENT_ENDINGS, document_faults
from api.service.packs.sandbox import trial_faults
from api.service.records.pack import Pack
from capitation.errors import DocumentError, Fault, Faults, SourceError

ENDINGS = DOCUMENT_ENDINGS | {".csv", ".md", ".txt", ".parquet"}
"""Endings of the files that a pack may hold."""

MOST_FILES = 5_000
"""Most files of a pack."""

MOST_ENTRIES = 2 * MOST_FILES
"""Most entries of an archive, folders included."""

MOST_BYTES = 200_000_000
"""Most bytes of all files together."""

LONGEST_PATH = 400
"""Most bytes of a path inside a pack."""

LONGEST_PART = 200
"""Most bytes of one part of it."""

REFUSED = "the archive is no data pack that can be kept"
"""What a refusal says before its faults."""

Look = Callable[[Path], Iterable[Fault]]
"""Finds the faults of what the files of an unpacked pack hold."""

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_PIECE = 1 << 16
_UNREADABLE = (BadZipFile, ValueError, RuntimeError, EOFError, OverflowError, LookupError, struct.error, zlib.error)
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_ENTRY = b"PK\x01\x02"
_PLAIN_NAME = "letters, digits and other printable characters, parts parted by /"
_LEFT_OUT = {"__MACOSX", "__pycache__"}


def unpacked(content: bytes, into: Path, look: Look = trial_faults) -> Pack:
    """The pack in a zip archive, unpacked into a new folder, once it has no fault.

    Args:
        content: the archive; its files may stand in one folder at the top, which is left out.
        into: the folder to make; the one above it is there.
        look: finds the faults of what the files hold; by default in a process of its own.

    Raises:
        DocumentError: every fault of the archive and of what its files hold; where there is none, every fault that the
            engine's checks find in the pack. Paths are those inside the pack, and nothing is left behind.
        SourceError: the folder cannot be written.
    """
    return _placed(content, into, look)


def restored(content: bytes, into: Path) -> Pack:
    """The pack in an archive that was accepted before: as `unpacked`, without the trial and the checks, which may grow stricter.

    Raises:
        DocumentError: every fault of the archive, and of documents that name files outside the pack.
        SourceError: the folder cannot be written.
    """
    return _placed(content, into, document_faults)


def archive_of(pack: Pack) -> bytes:
    """The pack as a zip archive: files by name, without dates or owners, so the same files give the same bytes."""
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(pack.files):
            entry = ZipInfo(name, _EARLIEST)
            entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, pack.content(name), ZIP_DEFLATED, 9)
    return buffer.getvalue()


@contextmanager
def _new_folder(folder: Path) -> Iterator[None]:
    """A new folder, gone again if what is done with it fails."""
    try:
        folder.mkdir()
    except OSError as error:
        raise SourceError(f"a data pack cannot be unpacked: {error.strerror}") from error
    try:
        yield
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise SourceError(f"a data pack cannot be unpacked: {error.strerror}") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _placed(content: bytes, into: Path, look: Look) -> Pack:
    folder, faults = into.resolve(), Faults()
    with _new_folder(folder):
        if content.count(_ENTRY) > MOST_ENTRIES:
            expected = f"at most {MOST_FILES:,} files and their folders"
            faults.add("the archive", f"more than {MOST_ENTRIES:,} entries", expected)
        else:
            try:
                with ZipFile(BytesIO(content)) as archive:
                    _write(archive, content, folder, faults)
            except _UNREADABLE as error:
                faults.add("the archive", f"what is not a zip archive: {_short(str(error))}", "a whole zip archive")
        if any(folder.iterdir()):
            faults.extend(look(folder))
        faults.raise_if_any(DocumentError, REFUSED)
    return Pack(folder)


def _write(archive: ZipFile, content: bytes, folder: Path, faults: Faults) -> None:
    """Write the files of an archive that have no fault; faults of the others are added."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries if not entry.is_dir()]
    if len(names) > MOST_FILES:
        faults.add("the archive", f"{len(names):,} files", f"at most {MOST_FILES:,}")
    wrong: dict[str, list[Fault]] = {}
    for entry in entries:
        wrong.setdefault(entry.filename, []).extend(_entry_faults(entry))
    for name, fault in list(_clashes([name for name in names if not wrong[name]])):
        wrong[name].append(fault)
    for of_one in wrong.values():
        faults.extend(of_one)
    good = [entry for entry in entries if not entry.is_dir() and not wrong[entry.filename]]
    top = _top([entry.filename for entry in good])
    if not any(entry.filename == f"{top}pack.toml" for entry in good):
        deep = [_short(name) for name in names if posixpath.basename(name) == "pack.toml"]
        found = f"no pack.toml at the top, but {' and '.join(deep[:3])}" if deep else "no pack.toml"
        faults.add("the archive", found, "pack.toml at the top, or in the one folder at the top")
    left = MOST_BYTES
    for entry in good:
        path = folder / entry.filename.removeprefix(top)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("wb") as file:
                _copy(_pieces(archive, content, entry), entry, left, file)
            left -= path.stat().st_size
        except _UNREADABLE as error:
            left -= path.stat().st_size
            path.unlink()
            why = _short(str(error))
            faults.add(_short(entry.filename), f"content that cannot be read: {why}", "the whole content")
        if left < 0:
            path.unlink(missing_ok=True)
            faults.add("the archive", f"more than {MOST_BYTES:,} bytes once unpacked", f"at most {MOST_BYTES:,}")
            return


def _copy(pieces: Iterator[bytes], entry: ZipInfo, most: int, file: BinaryIO) -> None:
    """Write the pieces of an entry, stopping with the one that makes more than `most` bytes."""
    size = checksum = 0
    for piece in pieces:
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
        file.write(piece)
        if size > most:
            return
    if (size, checksum) != (entry.file_size, entry.CRC):
        raise BadZipFile("its length or checksum is not the one that the archive gives")


def _pieces(archive: ZipFile, content: bytes, entry: ZipInfo) -> Iterator[bytes]:
    """The content of an entry, decompressed a small piece at a time.

    Raises:
        BadZipFile: the two headers of the entry differ, or its compressed content is cut or followed by more.
    """
    with archive.open(entry):  # compares the header before the content with the one in the directory
        lengths = struct.unpack_from("<HH", content, entry.header_offset + 26)
    start = entry.header_offset + 30 + sum(lengths)
    raw = memoryview(content)[start : start + entry.compress_size]
    rounds = [raw[at : at + _PIECE] for at in range(0, len(raw), _PIECE)]
    if entry.compress_type == ZIP_STORED:
        yield from map(bytes, rounds)
        return
    decoder = zlib.decompressobj(-zlib.MAX_WBITS)
    while rounds and not decoder.eof:
        waiting: bytes | memoryview = rounds.pop(0)
        piece = b"-"
        while not decoder.eof and (waiting or piece):
            piece = decoder.decompress(waiting, _PIECE)
            waiting = decoder.unconsumed_tail
            yield piece
    if rounds or not decoder.eof or decoder.unused_data:
        raise BadZipFile("compressed content that does not end where the archive says")


_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
"""Names that no file can have on Windows, whatever follows their first dot."""


def _entry_faults(entry: ZipInfo) -> Iterator[Fault]:
    """Faults of one entry of an archive: of its name first, then of its kind."""
    name, shown_name = entry.filename, _short(entry.filename)
    if not name or not name.isprintable() or name != entry.orig_filename:
        yield Fault(repr(shown_name), "a name that cannot be printed", _PLAIN_NAME)
        return
    parts = name.removesuffix("/").split("/")
    ends = [part for part in parts if part not in {"", ".", ".."}]
    if name.startswith("/"):
        yield Fault(shown_name, "an absolute path", "a path from the folder of the pack")
    elif "" in parts or "." in parts:
        yield Fault(shown_name, "a part without a name", _PLAIN_NAME)
    if ".." in parts:
        yield Fault(shown_name, "a path that leads out of the pack", "a path without '..'")
    if "\\" in name:
        yield Fault(shown_name, "a backslash", _PLAIN_NAME)
    if ":" in name:
        yield Fault(shown_name, "a drive letter or colon", _PLAIN_NAME)
    if any(part.startswith(".") or part in _LEFT_OUT for part in ends):
        yield Fault(
            shown_name, "a hidden file, or one that a program left", "files of the pack only", "Zip it without them."
        )
    elif any(_DEVICE.match(part) for part in ends):
        yield Fault(shown_name, "a name that Windows keeps for a device", "names that every system can keep")
    elif any(part != part.strip() or part.endswith(".") for part in ends):
        yield Fault(shown_name, "a part that begins or ends with a space or ends with a dot", _PLAIN_NAME)
    if len(name.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_PART for part in parts):
        yield Fault(
            shown_name, f"a path of {len(name.encode())} bytes", f"at most {LONGEST_PATH}, {LONGEST_PART} a part"
        )
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG}:
        yield Fault(shown_name, "a link" if kind == stat.S_IFLNK else "a special file", "plain files and folders")
    if entry.flag_bits & _ENCRYPTED:
        yield Fault(shown_name, "encrypted content", "content that can be read without a password")
    if entry.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        yield Fault(shown_name, f"compression method {entry.compress_type}", "stored or deflated content")
    ending = posixpath.splitext(name)[1]
    if not entry.is_dir() and ending not in ENDINGS:
        yield Fault(shown_name, f"the ending {ending!r}", f"one of {', '.join(sorted(ENDINGS))}")


def _clashes(names: Sequence[str]) -> Iterator[tuple[str, Fault]]:
    """Names that would be one file on some system, or a file and a folder, each with its fault."""
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        shown_name = _short(name)
        first = files.setdefault(_mark(name), "")
        if first:
            found = "a name that appears twice" if first == name else f"a name like {_short(first)!r} but for case"
            yield name, Fault(shown_name, found, "each name once")
        files[_mark(name)] = name
        for above in _folders(name):
            first = folders.setdefault(_mark(above), above)
            if first != above:
                yield name, Fault(shown_name, f"a folder like {_short(first)!r} but for case", "each name once")
    for name in names:
        if _mark(name) in folders:
            yield name, Fault(_short(name), "a file with the name of a folder", "each name once")


def _folders(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def _mark(name: str) -> str:
    """What names have in common that some systems take for one."""
    return unicodedata.normalize("NFC", name).casefold()


def _top(names: Sequence[str]) -> str:
    """The one folder in which all files stand, with its slash; empty where pack.toml is at the top or there is none."""
    tops = {name.partition("/")[0] for name in names}
    if len(tops) != 1 or any("/" not in name for name in names):
        return ""
    return f"{tops.pop()}/"


def _short(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:117]}..."
