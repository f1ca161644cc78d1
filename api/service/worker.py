"""A worker: takes jobs from the lease table one after the other and stores what they lead to.

While it works it renews its lease; a worker that dies stops renewing, and another takes the job over. A worker that has lost
its lease (or whose job was cancelled) stores nothing, because the end of a job and its result are written together and only
by whoever holds the lease.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable

from api.service.canonical import canonical
from api.service.packs import Pack
from api.service.problems import encoded, internal_problem, problem_of
from api.service.settings import Settings
from api.service.store import Job, Store, StoreError
from api.service.work import work
from capitation.errors import CapitationError

log = logging.getLogger("capitation.worker")

_SAY_EVERY = 1.0


class Worker:
    """One worker.

    Args:
        store: where jobs and results are.
        pack: the data pack it computes with.
        settings: lease, polling and attempts.
    """

    def __init__(self, store: Store, pack: Pack, settings: Settings) -> None:
        self.store, self.pack, self.settings = store, pack, settings
        self.name = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self.current: Job | None = None

    def work_until(self, stop: threading.Event) -> None:
        """Work until asked to stop; a store that is gone is waited for."""
        while not stop.is_set():
            try:
                if not self.work_once():
                    stop.wait(self.settings.poll_seconds)
            except StoreError as error:
                log.warning("store unavailable", extra={"fields": {"worker": self.name, "error": error.message}})
                stop.wait(1.0)

    def work_once(self) -> bool:
        """Whether there was a job; it has ended then, one way or another.

        Raises:
            StoreError: the store cannot be used.
        """
        job = self.store.claim(self.name, self.settings.lease_seconds, self.settings.attempts)
        if job is None:
            return False
        self.current = job
        over = threading.Event()
        heart = threading.Thread(target=self._keep_lease, args=(job, over), daemon=True)
        heart.start()
        began = time.monotonic()
        try:
            outcome = self._work(job)
        finally:
            over.set()
            heart.join()
            self.current = None
        seconds = round(time.monotonic() - began, 3)
        fields = {"worker": self.name, "job": job.id, "kind": job.kind, "outcome": outcome, "seconds": seconds}
        log.info("job ended", extra={"fields": fields})
        return True

    def stop_work(self) -> None:
        """Give the job at hand back, so that another worker need not wait for the lease to run out."""
        job = self.current
        if job is not None:
            self.store.give_back(job.id, self.name)

    def _work(self, job: Job) -> str:
        try:
            done = work(job, self.store, self.pack, self._progress(job))
            kept = self.store.finish(job, self.name, done.id, canonical(done.content), done.stored())
        except StoreError:
            raise
        except CapitationError as error:
            kept = self.store.fail(job.id, self.name, encoded(problem_of(error)).decode(), error.message)
            return "failed" if kept else "lost"
        except Exception:
            log.exception("job failed", extra={"fields": {"worker": self.name, "job": job.id}})
            problem = encoded(internal_problem(job.id)).decode()
            kept = self.store.fail(job.id, self.name, problem, "a fault of the service; see its logs")
            return "failed" if kept else "lost"
        return "done" if kept else "lost"

    def _keep_lease(self, job: Job, over: threading.Event) -> None:
        while not over.wait(self.settings.lease_seconds / 3):
            try:
                if not self.store.keep_lease(job.id, self.name, self.settings.lease_seconds):
                    return
            except StoreError as error:
                log.warning("lease not renewed", extra={"fields": {"job": job.id, "error": error.message}})

    def _progress(self, job: Job) -> Callable[[str], None]:
        last = [0.0]

        def say(text: str) -> None:
            now = time.monotonic()
            if now - last[0] >= _SAY_EVERY:
                last[0] = now
                self.store.say(job.id, "progress", text)

        return say
