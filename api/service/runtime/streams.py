"""How many streams of events are open, in this process and for each client; beyond the limits another is refused."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.service.records.failures import ServiceError


class Streams:
    """The streams that are open.

    Args:
        most: how many there may be.
        most_each: how many a client may have.
    """

    def __init__(self, most: int, most_each: int) -> None:
        self.most, self.most_each = most, most_each
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def check(self, client: str) -> None:
        """Refuse a stream that is one too many.

        Raises:
            ServiceError: 429.
        """
        with self._lock:
            own, all_of_them = self._open[client], self._open.total()
        if own >= self.most_each or all_of_them >= self.most:
            said = f"{own} of at most {self.most_each} of the client, {all_of_them} of at most {self.most} in all"
            detail = f"streams of events are open: {said}; close one, or read the job itself"
            raise ServiceError("too-many-requests", detail, headers={"Retry-After": "5"})

    @contextmanager
    def open(self, client: str) -> Iterator[None]:
        """Count a stream while it is open."""
        with self._lock:
            self._open[client] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open[client] -= 1
                if not self._open[client]:
                    del self._open[client]
