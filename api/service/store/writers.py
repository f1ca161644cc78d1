"""Writers of the embedded store: they take turns in the order in which they came, and wait for the disk together.

SQLite waits for the disk at every change while it keeps all other writers out. Here a change is written first, the next writer
has its turn, and only then its writer waits until the disk has it: one wait is enough for all who wrote before it began.
Changes reach the disk in the order in which they were made, so none is there without those that it rests on; nobody is
answered before the disk has what was changed.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from pathlib import Path
from types import TracebackType

ENDING = "-wal"
"""What the name of the write-ahead log has after that of the store."""


class Turns:
    """One writer at a time, in the order in which they came."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._is_taken = False

    def __enter__(self) -> None:
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


class Disk:
    """Waits until the disk has the write-ahead log of a store, once for all who wait at the same time.

    Args:
        store: the file of the store.
    """

    def __init__(self, store: Path) -> None:
        self._log = store.with_name(store.name + ENDING)
        self._turn = threading.Condition()
        self._asked = self._there = self._lost = 0
        self._error: OSError | None = None
        self._is_waiting = False

    def has_all(self) -> None:
        """Return once the disk has everything that was written before.

        Raises:
            OSError: the disk did not take it.
        """
        with self._turn:
            self._asked += 1
            mine = self._asked
            while self._is_waiting and mine > max(self._there, self._lost):
                self._turn.wait()
            if mine <= self._there:
                return
            if mine <= self._lost and self._error is not None:
                raise self._error
            self._is_waiting, all_now = True, self._asked
        found: OSError | None = None
        try:
            _write_through(self._log)
        except OSError as error:
            found = error
        with self._turn:
            self._is_waiting = False
            if found is None:
                self._there = all_now
            else:
                self._lost, self._error = all_now, found
            self._turn.notify_all()
        if found is not None:
            raise found


def _write_through(path: Path) -> None:
    try:
        log = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return  # it was taken into the store's file, which the disk had before the log was deleted
    try:
        os.fsync(log)
    finally:
        os.close(log)
