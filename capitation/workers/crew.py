"""One way to do many parts of a work: threads of this machine, or the workers of a Dask cluster where an address is set.

    with crew(address) as workers:
        results = workers.each(function, parts)

Results come in the order of the parts, whoever did them and in whatever order they were done. Work that must give the same
figures everywhere gives each part back as whole numbers, or adds parts up in their own order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from capitation.errors import CapitationError

P = TypeVar("P")
R = TypeVar("R")

Progress = Callable[[int, int], None]
"""Hears how many parts are done, and of how many."""

SETTING = "CAPITATION_SCHEDULER"
"""The setting with the scheduler's address, such as tcp://10.0.0.5:8786 or tls://10.0.0.5:8786."""


class SchedulerError(CapitationError):
    """The scheduler of a cluster, or its workers, cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Scheduler:
    """Where a cluster's scheduler is, and what proves who speaks over TLS."""

    address: str
    """Its address: tcp://HOST:PORT, or tls://HOST:PORT."""
    ca: Path | None = None
    """File of the certificate authority, for tls://."""
    certificate: Path | None = None
    """File of this side's certificate, for tls://."""
    key: Path | None = None
    """File of its key, for tls://."""
    seconds: float = 10.0
    """How long the scheduler, and then its first worker, are waited for."""


def scheduler_of_environment() -> Scheduler | None:
    """The scheduler that CAPITATION_SCHEDULER names, with ..._CA, ..._CERTIFICATE, ..._KEY and ..._SECONDS; None where none is set.

    Raises:
        SchedulerError: the seconds are no number.
    """
    address = os.environ.get(SETTING, "").strip()
    if not address:
        return None
    given = (os.environ.get(f"{SETTING}_{name}") for name in ("CA", "CERTIFICATE", "KEY"))
    ca, certificate, key = (Path(file) if file else None for file in given)
    seconds = os.environ.get(f"{SETTING}_SECONDS", "10")
    try:
        return Scheduler(address, ca, certificate, key, seconds=max(0.1, float(seconds)))
    except ValueError:
        raise SchedulerError(
            f"{SETTING}_SECONDS: found {seconds!r}; expected a number of seconds, such as 10"
        ) from None


class Crew(Protocol):
    """Those who do the parts of a work."""

    size: int
    """How many parts are done at once."""

    def each(self, function: Callable[[P], R], parts: Sequence[P], progress: Progress | None = None) -> list[R]:
        """What the function gives for each part, in the order of the parts.

        Raises:
            whatever the function raises for the first part that fails; parts not begun are left.
        """
        ...


class Threads:
    """Threads of this machine.

    Args:
        size: how many; as many as the machine has processors by default.
    """

    def __init__(self, size: int | None = None) -> None:
        self.size = size or os.cpu_count() or 1

    def each(self, function: Callable[[P], R], parts: Sequence[P], progress: Progress | None = None) -> list[R]:
        """What the function gives for each part, in the order of the parts."""
        if self.size == 1 or len(parts) < 2:
            return [_counted(function(part), i, len(parts), progress) for i, part in enumerate(parts)]
        with ThreadPoolExecutor(min(self.size, len(parts))) as pool:
            futures: list[Future[R]] = [pool.submit(function, part) for part in parts]
            left = set(futures)
            try:
                while left:
                    done, left = wait(left, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
                    if progress is not None:
                        progress(len(parts) - len(left), len(parts))
            except BaseException:
                for future in futures:
                    future.cancel()
                raise
            return [future.result() for future in futures]


def _counted(result: R, i: int, of: int, progress: Progress | None) -> R:
    if progress is not None:
        progress(i + 1, of)
    return result


@contextmanager
def crew(scheduler: Scheduler | None = None, threads: int | None = None) -> Iterator[Crew]:
    """The workers of a scheduler, or threads of this machine where there is none.

    Raises:
        SchedulerError: the scheduler cannot be reached, has no worker, or its workers run another version; or the extra
            capitation[cluster] is not installed.
    """
    if scheduler is None:
        yield Threads(threads)
        return
    from capitation.workers.cluster import cluster

    with cluster(scheduler) as workers:
        yield workers


__all__ = ["SETTING", "Crew", "Progress", "Scheduler", "SchedulerError", "Threads", "crew", "scheduler_of_environment"]
