"""Refused changes in the audit log: every caller and rule once a minute, with how many were refused since, so that nobody floods it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

EVERY_SECONDS = 60.0
"""How often refusals of one caller by one rule are recorded."""

MOST_CALLERS = 10_000
"""For how many callers and rules it is known when they were last recorded."""


class Refusals:
    """When refusals were recorded last, and how many were not since.

    Args:
        clock: seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._seen: OrderedDict[tuple[str, str], list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def to_record(self, client: str, code: str) -> int | None:
        """How many refusals of the caller by the rule a record of this one stands for, itself among them; None where it is only counted.

        Example:
            The first of a caller gives 1; ninety more within the minute give None; the next after it gives 91.
        """
        now = self.clock()
        with self._lock:
            last = self._seen.get((client, code))
            if last is not None and now - last[0] < EVERY_SECONDS:
                last[1] += 1
                return None
            count = 1 if last is None else int(last[1]) + 1
            self._seen[client, code] = [now, 0.0]
            self._seen.move_to_end((client, code))
            while len(self._seen) > MOST_CALLERS:
                self._seen.popitem(last=False)
            return count
