"""Stages of a run are kept in memory by what they read, so that a change works out again only what depends on it.

    stage = a function of a document, of a pack, of plain values and of stages before it

What a stage reads is recorded as it is made: the parts of the document that it looked at, what was in the files that it opened, which files
the patterns that it asked for found, and the keys of the stages before it. It is given again only where every one of these is the same
now; files are read anew for each run, so no answer outlives what it was made from. A stage that fails is not kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from threading import Lock
from typing import Any, Generic, TypeVar, cast

import polars as pl

from capitation.pack.sources import DataPack
from capitation.records.identity import canonical, digest

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

MOST_BYTES = 256_000_000
"""Memory that kept stages may take together; those used longest ago go first."""
_OF_A_KIND = 24
"""Most stages of one name and the same values that are kept."""


@dataclass(frozen=True)
class Stage(Generic[T_co]):
    """A stage that was made or kept."""

    value: T_co
    """What it gives."""
    key: str
    """Digest of all that it read."""

    def part(self, name: str) -> Stage[Any]:
        """One attribute of what it gives, for a stage that reads no more of it."""
        return Stage(getattr(self.value, name), f"{self.key}.{name}")

    def item(self, at: int) -> Stage[Any]:
        """One of the values that it gives."""
        return Stage(cast("Any", self.value)[at], f"{self.key}[{at}]")


class Watched:
    """A document as a stage sees it: each attribute that is looked at is recorded."""

    def __init__(self, document: object) -> None:
        self._document, self._seen = document, set[str]()

    def plain(self) -> Any:  # noqa: ANN401  # the document
        """The document itself, for a stage that reads the whole of it."""
        self._seen.add("")
        return self._document

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # as the document has it
        value = getattr(self._document, name)
        if not callable(value):
            self._seen.add(name)
        elif not name.startswith("__"):
            self._seen.add("")  # a method may read anything of the document
        return value


@dataclass(frozen=True)
class _Entry:
    """A kept stage and what it read."""

    stage: Stage[Any]
    seen: Mapping[str, str]
    files: Mapping[str, str]
    listed: Mapping[str, tuple[str, ...]]
    opened: tuple[str, ...]
    size: int


class Memory:
    """Kept stages, the last used at the end."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes, self._bytes, self._lock = most_bytes, 0, Lock()
        self._kept: OrderedDict[str, list[_Entry]] = OrderedDict()

    def entries(self, base: str) -> list[_Entry]:
        """Kept stages of a name and values, the last made first."""
        with self._lock:
            if base in self._kept:
                self._kept.move_to_end(base)
            return list(reversed(self._kept.get(base, [])))

    def keep(self, base: str, entry: _Entry) -> None:
        """Keep a stage; others go where there is no room."""
        if entry.size > self.most_bytes // 4:
            return
        with self._lock:
            mine = self._kept.setdefault(base, [])
            mine.append(entry)
            self._kept.move_to_end(base)
            self._bytes += entry.size
            while len(mine) > _OF_A_KIND:
                self._bytes -= mine.pop(0).size
            while self._bytes > self.most_bytes and len(self._kept) > 1:
                self._bytes -= sum(e.size for e in self._kept.popitem(last=False)[1])

    def clear(self) -> None:
        """Forget every stage."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0


MEMORY = Memory()
"""The stages of this process."""


class Stages:
    """The stages of one run of a document on a pack.

    Args:
        document: the document; stages that are given it see `self.document`.
        pack: the pack; stages that are given it see `self.pack`. None where no stage reads one.
        memory: where stages are kept.
    """

    def __init__(self, document: object, pack: DataPack | None, memory: Memory | None = None) -> None:
        self._pack, self._memory = pack, MEMORY if memory is None else memory
        self._plain = document
        self.document = Watched(document)
        self._digests: dict[str, str] = {}
        self.made: list[str] = []
        """Names of the stages that were worked out and not taken from memory, in order."""

    @property
    def pack(self) -> DataPack:
        """The pack.

        Raises:
            ValueError: there is none.
        """
        if self._pack is None:
            raise ValueError("stages without a pack were asked for one")
        return self._pack

    def keep(self, name: str, make: Callable[..., T], *reads: object) -> Stage[T]:
        """The stage that `make` gives from what it reads.

        Args:
            name: name of the stage; with `reads` it says what is worked out.
            make: the function; it may read nothing but its arguments.
            reads: its arguments: `self.document`, `self.pack`, stages, and plain values or documents.

        Raises:
            CapitationError: as `make`; then nothing is kept.
        """
        base = digest(canonical([name, make.__module__, make.__qualname__, [self._named(each) for each in reads]]))
        for entry in self._memory.entries(base):
            if self._holds(entry):
                if self._pack is not None:
                    self._pack.read_too(entry.opened, entry.files, entry.listed)
                return cast("Stage[T]", entry.stage)
        part, watched = None if self._pack is None else self._pack.part(), Watched(self._plain)
        given = [
            part if each is self._pack and part is not None else watched if each is self.document else each.value if isinstance(each, Stage) else each
            for each in reads
        ]  # fmt: skip
        value = make(*given)
        seen = {attribute: self._digest(attribute) for attribute in sorted(watched._seen)}
        files, listed, opened = ({}, {}, ()) if part is None else (part.looked_at, part.listed, tuple(part.opened))
        key = digest(canonical([base, seen, files, listed]))
        if self._pack is not None:
            self._pack.read_too(opened, files, listed)
        stage = Stage(value, key)
        self._memory.keep(base, _Entry(stage, seen, files, listed, opened, size_of(value)))
        self.made.append(name)
        return stage

    def _named(self, read: object) -> Any:  # noqa: ANN401  # plain content
        if read is self._pack and read is not None:
            return "the pack"
        if read is self.document:
            return "the document"
        return read.key if isinstance(read, Stage) else read

    def _holds(self, entry: _Entry) -> bool:
        return (
            all(self._digest(attribute) == was for attribute, was in entry.seen.items())
            and all(self.pack.state(relative) == was for relative, was in entry.files.items())
            and all(tuple(self.pack.files(pattern)) == was for pattern, was in entry.listed.items())
        )

    def _digest(self, attribute: str) -> str:
        """Digest of an attribute of the document, or of the whole of it."""
        if attribute not in self._digests:
            value = getattr(self._plain, attribute) if attribute else self._plain
            self._digests[attribute] = digest(canonical(value))
        return self._digests[attribute]


def size_of(value: object) -> int:
    """About how many bytes a value takes, frames above all."""
    if isinstance(value, pl.DataFrame):
        return int(value.estimated_size())
    if isinstance(value, bytes | str):
        return 100 + len(value)
    if isinstance(value, Mapping):
        return 100 + sum(size_of(each) for each in value.values())
    if isinstance(value, list | tuple):
        return 100 + sum(size_of(each) for each in value)
    if is_dataclass(value):
        return 100 + sum(size_of(getattr(value, f.name)) for f in fields(value))
    return 100


__all__ = ["MEMORY", "Memory", "Stage", "Stages", "Watched", "size_of"]
