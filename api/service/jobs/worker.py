"""A worker: takes jobs from the lease table one after the other and stores what they lead to.

While it works it renews its lease; a worker that dies stops renewing, and another takes the job over. A worker that has lost
its lease (or whose job was cancelled) stores nothing, because the end of a job and its result are written together and only
by whoever holds the lease. Where the store is full at the end of a job, its outcome is kept until there is room.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial

from api.service.http.problems import encoded, internal_problem, problem_of
from api.service.jobs.elsewhere import run_elsewhere, scheduler_of
from api.service.jobs.runner import run_job
from api.service.jobs.watch import Watch, log_store_errors
from api.service.kinds import KINDS
from api.service.packs.packs import Packs
from api.service.runtime.webhooks import Webhooks
from api.service.security.audit import AuditEvent, event
from api.service.settings import Settings
from api.service.store import Job, Store, StoreError, StoreFullError
from capitation.errors import CapitationError
from capitation.records.identity import canonical, plain

log = logging.getLogger("capitation.worker")

_ASK_AGAIN = 1.0
_TIDY_EVERY = 3600.0


class Worker:
    """One worker.

    Args:
        store: where jobs and results are.
        packs: the data packs it computes with.
        settings: lease, polling and attempts.
    """

    def __init__(self, store: Store, packs: Packs, settings: Settings) -> None:
        self.store, self.packs, self.settings = store, packs, settings
        self.webhooks = Webhooks(settings.webhook_url, settings.webhook_secret.get_secret_value(), store)
        self.name = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self.current: Job | None = None
        self._stop: threading.Event | None = None

    def work_until(self, stop: threading.Event) -> None:
        """Work until asked to stop; a store that is gone or full is waited for."""
        self._stop = stop
        tidied = -_TIDY_EVERY
        while not stop.is_set():
            try:
                if time.monotonic() - tidied >= _TIDY_EVERY:
                    self.store.forget_answers(self.settings.idempotency_hours * 3600)
                    tidied = time.monotonic()
                if not self.work_once():
                    stop.wait(self.settings.poll_seconds)
            except StoreError as error:
                log.warning("store unavailable", extra={"fields": {"worker": self.name, "error": str(error)}})
                stop.wait(_ASK_AGAIN)
            except Exception:
                log.exception("worker met a fault", extra={"fields": {"worker": self.name}})
                stop.wait(_ASK_AGAIN)

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
            with log_store_errors("job not given back", job):
                self.store.give_back(job.id, self.name)

    def _work(self, job: Job) -> str:
        outcome, end = self._outcome(job)
        while True:
            try:
                return outcome if end() else "lost"
            except StoreFullError as error:
                log.warning("store full", extra={"fields": {"job": job.id, "error": str(error)}})
                if self._stop is None or self._stop.wait(_ASK_AGAIN):
                    self.stop_work()
                    raise

    def _outcome(self, job: Job) -> tuple[str, Callable[[], bool]]:
        """How the work came out, and what ends the job with it: whether it was still this worker's to end."""
        try:
            watch = Watch(self.store, job, self.name)
            scheduler = scheduler_of(self.settings)
            if scheduler is None:
                done = run_job(job, self.store, self.packs, watch.report, watch.is_over)
            else:
                done = run_elsewhere(job, self.settings, self.packs, scheduler, self.name)
            ended = self._event(job, "done", result=f"{KINDS[job.kind].address}/{done.id}")
            content, frames = canonical(done.content), done.stored()
            return "done", partial(self.store.finish, job, self.name, done.id, content, frames, done.files, ended)
        except StoreError:
            raise
        except CapitationError as error:
            problem = encoded(problem_of(error, body=plain(job.request))).decode()
            message = error.message
        except Exception:
            log.exception("job failed", extra={"fields": {"worker": self.name, "job": job.id}})
            problem = encoded(internal_problem(job.id)).decode()
            message = "a fault of the service; see its logs"
        return "failed", partial(self.store.fail, job.id, self.name, problem, message, self._event(job, "failed"))

    def _event(self, job: Job, outcome: str, **detail: str) -> AuditEvent:
        at = dt.datetime.fromtimestamp(self.store.clock(), dt.UTC)
        return event(at, "worker", "", f"jobs.{outcome}", f"jobs/{job.id}", kind=job.kind, **detail)

    def _keep_lease(self, job: Job, over: threading.Event) -> None:
        while not over.wait(self.settings.lease_seconds / 3):
            with log_store_errors("lease not renewed", job):
                if not self.store.keep_lease(job.id, self.name, self.settings.lease_seconds):
                    return
