"""Counts of requests that the processes of one server share, in a file that each of them has in its memory.

Each process counts in a part of its own, which nobody else writes, and adds up the parts of all: nothing is locked, so nobody
waits and nobody who dies holds anything. A count is kept in three cells by three hashes of the client's name, and is the
smallest of the three: it is too high only where other clients share all three cells, which among ten thousand clients of one
window happens to about one in ten thousand, and never too low by more than what is being counted at the same moment.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from functools import lru_cache
from pathlib import Path

MOST_PROCESSES = 64
"""How many processes can count in one file."""

_CELLS = 16_384
_ROWS = 3
_LOW = 0xFFFF_FFFF
_PART = _CELLS * _ROWS


class SharedCounts:
    """Counts by client in the present window, over all processes that have the file.

    Args:
        path: the file, which `make_counts` made.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("r+b")
        self._own = self._claimed()
        self._memory = mmap.mmap(self._file.fileno(), 0)
        self._cells = memoryview(self._memory).cast("Q")

    def used(self, client: str, window: int) -> int:
        """How many requests were counted for a client in a window, by all processes."""
        first, second, third = _cells(client)
        found = self._sum(first, window)  # no count can be smaller than none
        return found and min(found, self._sum(second, window), self._sum(third, window))

    def add(self, client: str, window: int) -> None:
        """Count one request."""
        for cell in _cells(client):
            at = self._own * _PART + cell
            kept = self._cells[at]
            self._cells[at] = kept + 1 if kept >> 32 == window & _LOW else (window & _LOW) << 32 | 1

    def close(self) -> None:
        """Give the part back."""
        self._cells.release()
        self._memory.close()
        self._file.close()

    def _sum(self, cell: int, window: int) -> int:
        found = 0
        mark = window & _LOW
        for kept in self._cells[cell::_PART].tolist():
            if kept >> 32 == mark:
                found += kept & _LOW
        return found

    def _claimed(self) -> int:
        """The number of a part that no living process has; it is free again as soon as this process has ended."""
        import fcntl  # there are no several processes where it is missing

        for number in range(os.fstat(self._file.fileno()).st_size // (_PART * 8)):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except OSError:
                continue
            return number
        raise RuntimeError("every part of the shared counts is taken; expected one process a part")


def make_counts(path: Path, processes: int) -> None:
    """An empty file for so many processes, and as many that take the place of those that ended a moment ago."""
    size = min(2 * processes, MOST_PROCESSES) * _PART * 8
    with path.open("wb") as file:
        file.truncate(size)


@lru_cache(maxsize=4_096)
def _cells(client: str) -> tuple[int, ...]:
    mark = hashlib.blake2b(client.encode(errors="replace"), digest_size=6).digest()
    return tuple(row * _CELLS + int.from_bytes(mark[2 * row : 2 * row + 2], "big") % _CELLS for row in range(_ROWS))
