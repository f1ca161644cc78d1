"""A job done by a worker of a Dask cluster, where the setting CAPITATION_SCHEDULER names one: the same function, at another place.

The worker that claimed the job keeps its lease, waits, and ends it; the cluster's worker reads documents from the store and says how far it
is there, so it reaches the store's database and the folder of data packs by the same names as the service does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from api.service.jobs.runner import run_job
from api.service.jobs.watch import Watch
from api.service.packs.packs import Packs
from api.service.records.job_kind import JobResult
from api.service.records.pack import pack_at
from api.service.settings import Settings
from api.service.store import Job, Store
from capitation.workers.crew import Scheduler, crew


@dataclass(frozen=True)
class JobElsewhere:
    """A job, and where the one who does it finds what it takes."""

    job: Job
    store: str
    """URL of the store's database."""
    data: Path
    """Folder of the data pack."""
    packs: Path
    """Folder of data packs that were sent."""
    worker: str
    """Name of the worker that holds the job."""


def scheduler_of(settings: Settings) -> Scheduler | None:
    """The scheduler that the settings name; None where they name none."""
    if not settings.scheduler.strip():
        return None
    return Scheduler(
        settings.scheduler.strip(),
        settings.scheduler_ca,
        settings.scheduler_certificate,
        settings.scheduler_key,
        seconds=settings.scheduler_seconds,
    )


def run_elsewhere(job: Job, settings: Settings, packs: Packs, scheduler: Scheduler, worker: str) -> JobResult:
    """Do a job on a cluster.

    Raises:
        SchedulerError: the cluster cannot be used, or was lost during the work.
        CapitationError: whatever the engine raises.
    """
    part = JobElsewhere(
        job, settings.store_url, packs.default.folder.absolute(), settings.packs_folder.absolute(), worker
    )
    with crew(scheduler) as workers:
        return workers.each(done_here, [part])[0]


def done_here(part: JobElsewhere) -> JobResult:
    """Do the job at this place."""
    store = Store(part.store)
    try:
        watch = Watch(store, part.job, part.worker)
        return run_job(
            part.job, store, Packs(pack_at(part.data), part.packs, store.pack_archive), watch.report, watch.is_over
        )
    finally:
        store.close()


__all__ = ["JobElsewhere", "done_here", "run_elsewhere", "scheduler_of"]
