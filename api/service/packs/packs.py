"""Data packs that the service computes with: the default one, and those that were sent, unpacked once where they are needed."""

from __future__ import annotations

import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import polars as pl

from api.service.documents.kinds import title_of
from api.service.packs.archive import archive_of, restored
from api.service.records.hidden import is_count
from api.service.records.pack import Pack
from api.service.security.audit import AuditEvent
from api.service.store import Store
from capitation.errors import CapitationError, SourceError, UnknownNameError
from capitation.pack.sources import read_raw
from capitation.records.identity import canonical
from capitation.run.checks import PACK_KEYS

STALE_SECONDS = 3600.0
"""After how long a folder that was not filled to the end is taken to be of a process that died."""

PEOPLE_COLUMNS = frozenset({"registered_persons", "registered", "persons", "patients", "list_size"})
"""Headings under which tables of places list numbers of people, beside those that `is_count` knows."""

_OF_PEOPLE = ("places/", "activity/", "problems/")
"""Rooms of a data pack whose tables list numbers of people, or of what happens to them."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_TRIES = 20


class Packs:
    """Data packs by their digest.

    Args:
        default: the pack that runs use unless they name another.
        folder: where packs are unpacked, a folder each; several processes may share it.
        fetch: the archive of a pack that was sent, by digest; None where there is none.
    """

    def __init__(self, default: Pack, folder: Path, fetch: Callable[[str], bytes | None]) -> None:
        self.default, self.folder, self.fetch = default, folder, fetch
        self._opened: dict[str, Pack] = {}
        self._lock = threading.Lock()

    def named(self, digest: str) -> Pack:
        """The pack of this digest; its files are compared with it when it is first asked for.

        Raises:
            UnknownNameError: no pack has this digest.
            SourceError: it cannot be unpacked, or the archive that is kept holds something else.
        """
        if digest == self.default.digest:
            return self.default
        known = self._opened.get(digest)
        if known is not None and _stands(known):
            return known
        with self._lock:
            known = self._opened.get(digest)
            if known is None or not _stands(known):
                known = self._opened[digest] = self._placed(digest)
            return known

    def _placed(self, digest: str) -> Pack:
        """The pack in its folder: as it is found there, or unpacked beside it and moved in whole."""
        target = self.folder / digest
        is_digest = _DIGEST.fullmatch(digest) is not None
        if is_digest and _holds(target, digest):
            return Pack(target)
        archive = self.fetch(digest) if is_digest else None
        if archive is None:
            raise UnknownNameError("data pack", digest, [self.default.digest])
        try:
            self.folder.mkdir(
                mode=0o700, parents=True, exist_ok=True
            )  # its tables are not for everyone of this machine
            self._clear_stale()
            partial = self._beside(digest)
            try:
                made = restored(archive, partial)
                if made.digest != digest:
                    raise SourceError(f"the archive kept for data pack {digest} holds files of digest {made.digest}")
                self._move(partial, target, digest)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        except OSError as error:
            raise SourceError(f"data pack {digest} cannot be unpacked: {error.strerror}") from error
        return Pack(target)

    def _move(self, partial: Path, target: Path, digest: str) -> None:
        """Move a filled folder to where it belongs, unless another process did so first; what else stands there is taken away."""
        for _ in range(_TRIES):
            try:
                partial.rename(target)
            except OSError:
                if _holds(target, digest):
                    return
                _take_away(target, self._beside(digest))
            else:
                return
        raise SourceError(f"data pack {digest} cannot be unpacked: its folder changes all the time")

    def _beside(self, digest: str) -> Path:
        return self.folder / f".{digest}.{uuid.uuid4().hex}.partial"

    def _clear_stale(self) -> None:
        for path in self.folder.glob(".*.partial"):
            try:
                age = time.time() - path.stat().st_mtime
            except OSError:
                continue  # its own process was faster
            if age > STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def _stands(pack: Pack) -> bool:
    return (pack.folder / "pack.toml").is_file()


def _holds(target: Path, digest: str) -> bool:
    """Whether a folder holds just the files of a digest: no link, and nothing that the digest does not count."""
    try:
        pack = Pack(target)
        inner = list(target.rglob("*"))
        if target.is_symlink() or any(path.is_symlink() or path.name == "__pycache__" for path in inner):
            return False
        return pack.digest == digest
    except (OSError, SourceError):
        return False


def _take_away(target: Path, aside: Path) -> None:
    try:
        target.rename(aside)
    except FileNotFoundError:
        return
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.unlink()


def keep(store: Store, pack: Pack, author: str, audit_event: AuditEvent | None = None) -> None:
    """Put a data pack into the store, as an archive, unless it is there: what was computed with it can be explained later."""
    if store.pack(pack.digest) is None:
        words = about(pack)
        content = canonical({"pack": words, "files": pack.files})
        store.add_pack(pack.digest, words["id"], title_of(words), content, archive_of(pack), author, audit_event)


def about(pack: Pack) -> dict[str, str]:
    """What a data pack says of itself, as texts."""
    return {key: str(pack.about.get(key, "")) for key in PACK_KEYS}


def has_small_numbers(pack: Pack, smallest_shown: int) -> bool:
    """Whether a table of the pack lists numbers of people from 1 up to, not including, the smallest that is shown to everyone."""
    return _has_small_numbers(pack, pack.digest, smallest_shown)


@lru_cache(maxsize=16)
def _has_small_numbers(pack: Pack, _content: str, smallest_shown: int) -> bool:
    for name, path in pack.paths.items():
        if name.startswith(_OF_PEOPLE) and path.suffix == ".csv":
            try:
                rows = read_raw(path)
            except CapitationError:
                return True  # what cannot be read is not said to hold none
            for column in [each for each in rows.columns if each in PEOPLE_COLUMNS or is_count("", each)]:
                count = rows.get_column(column).cast(pl.Float64, strict=False)
                if count.is_between(0, smallest_shown, closed="none").any():
                    return True
    return False
