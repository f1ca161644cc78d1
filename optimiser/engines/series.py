"""Several solves one after the other within one time limit; Ctrl-C ends the series and keeps what is done."""

from __future__ import annotations

import time
from typing import Any

from optimiser.engines.answer import Answer
from optimiser.engines.highs import HighsSession

STOPPED = "stopped by the user; what was done before is kept"
TIME_UP = "the time limit was reached; what was done before is kept"


class Series:
    """Counts down one time limit over all solves, and remembers whether it was ended early."""

    def __init__(self, time_limit: float | None) -> None:
        self._end = None if time_limit is None else time.perf_counter() + time_limit
        self.ended = ""
        """Why it ended before its last solve; empty while it goes on."""

    def left(self) -> float | None:
        """Seconds left; None where there is no limit."""
        return None if self._end is None else max(0.05, self._end - time.perf_counter())

    def goes_on(self) -> bool:
        """Whether another solve may begin."""
        if not self.ended and self._end is not None and time.perf_counter() >= self._end:
            self.ended = TIME_UP
        return not self.ended

    def solve(self, session: HighsSession, **how: Any) -> Answer | None:  # noqa: ANN401  # as for `HighsSession.solve`
        """The next answer, or None where the series has ended; arguments as for `HighsSession.solve` but the time limit."""
        if not self.goes_on():
            return None
        try:
            return self.note(session.solve(time_limit=self.left(), **how))
        except KeyboardInterrupt:  # a linear programme is not watched: Python raises once it is solved
            self.ended = STOPPED
            return None

    def note(self, answer: Answer) -> Answer:
        """The answer, once it is noted whether the user stopped it."""
        if answer.stopped_by_user:
            self.ended = STOPPED
        return answer
