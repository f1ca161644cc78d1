"""Watches a job while it is worked on: says how far it is, and sees whether it is still this worker's."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from api.service.store import Job, Store, StoreError

log = logging.getLogger("capitation.worker")

_SAY_EVERY = 1.0


class Watch:
    """Reports how far a job is, and sees whether it is still this worker's: neither more than once a second."""

    def __init__(self, store: Store, job: Job, worker: str) -> None:
        self.store, self.job, self.worker = store, job, worker
        self._said = self._looked = 0.0
        self._is_over = False

    def report(self, text: str) -> None:
        """Say how far the work is."""
        now = time.monotonic()
        if now - self._said >= _SAY_EVERY:
            self._said = now
            with log_store_errors("progress not reported", self.job):
                self.store.say(self.job.id, self.worker, text)

    def is_over(self) -> bool:
        """Whether the job was cancelled or another worker has it, so that its result would not be stored."""
        now = time.monotonic()
        if not self._is_over and now - self._looked >= _SAY_EVERY:
            self._looked = now
            with log_store_errors("job not looked up", self.job):
                found = self.store.job(self.job.id)
                self._is_over = found is None or found.status != "running" or found.owner != self.worker
        return self._is_over


@contextmanager
def log_store_errors(message: str, job: Job) -> Iterator[None]:
    """Go on where the store cannot be used, and say so in the logs."""
    try:
        yield
    except StoreError as error:
        log.warning(message, extra={"fields": {"job": job.id, "error": str(error)}})
