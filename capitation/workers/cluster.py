"""The workers of a Dask cluster as a crew; needs the extra capitation[cluster].

Before any work the scheduler is reached, a worker is waited for, and versions are compared: parts done by another version of this product
could differ without anybody seeing it. A part whose worker dies is done again by another; a part that ends one worker after another is refused.
Files are named to workers by their path, so all of them see the same folders.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from capitation.errors import Fault
from capitation.workers.crew import Progress, Scheduler, SchedulerError

P = TypeVar("P")
R = TypeVar("R")

SAME = ("capitation", "code", "python", "distributed", "polars", "numpy")
"""What workers have in the same version as the caller."""


class Cluster:
    """The workers of one scheduler.

    Args:
        client: a connected client of Dask.
        size: threads of all workers together.
    """

    def __init__(self, client: Any, size: int) -> None:  # noqa: ANN401  # Dask has no types
        self._client, self.size = client, size

    def each(self, function: Callable[[P], R], parts: Sequence[P], progress: Progress | None = None) -> list[R]:
        """What the function gives for each part, in the order of the parts.

        Raises:
            SchedulerError: the connection was lost, or a part killed every worker that took it.
            whatever the function raises.
        """
        dask: Any = import_module("distributed")  # it has types for some of its functions only
        lost, killed = dask.client.FutureCancelledError, dask.scheduler.KilledWorker
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # advice on large parts, which is meant for those who write against Dask itself
            futures = self._client.map(function, list(parts), pure=False, retries=0, batch_size=100)
        where = {future.key: i for i, future in enumerate(futures)}
        results: dict[int, R] = {}
        try:
            for future in dask.as_completed(futures, loop=self._client.loop):
                results[where[future.key]] = future.result()
                if progress is not None:
                    progress(len(results), len(parts))
        except killed as error:
            raise SchedulerError(
                "found a part of the work that ended every worker of the cluster that took it, one after another; expected workers "
                "with enough memory for it. See the workers' own logs"
            ) from error
        except (lost, OSError) as error:
            raise SchedulerError(
                f"the connection to the scheduler was lost during the work ({error}). Run it again"
            ) from error
        finally:
            with contextlib.suppress(Exception):  # what is not done when a part fails is not wanted any more
                self._client.cancel([f for f in futures if not f.done()])
        return [results[i] for i in range(len(parts))]


@contextmanager
def cluster(scheduler: Scheduler) -> Iterator[Cluster]:
    """The workers of a scheduler.

    Raises:
        SchedulerError: the extra is not installed, the address is none, the scheduler cannot be reached, it has no worker, or its
            workers run other versions.
    """
    if find_spec("distributed") is None:
        raise SchedulerError(
            f"found the scheduler {scheduler.address} and no Dask; expected the extra: pip install 'capitation[cluster]'"
        )
    _check_address(scheduler)
    dask: Any = import_module("distributed")  # as above
    logging.getLogger("distributed").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # versions are compared below, and named in our own words
        try:
            client = dask.Client(
                scheduler.address,
                timeout=scheduler.seconds,
                security=_security(scheduler),
                set_as_default=False,
                direct_to_workers=False,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise SchedulerError(
                f"the scheduler {scheduler.address} cannot be reached within {scheduler.seconds:g} seconds "
                f"({type(error).__name__}). Is it running, is the address right, and is the port open?"
            ) from error
    try:
        yield Cluster(client, _ready(client, scheduler))
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=2)


def versions() -> dict[str, str]:
    """The versions of whoever calls this, by package; `code` names the product's own files."""
    import platform

    found = {"python": platform.python_version()}
    for name in ("capitation", "distributed", "polars", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found | {"code": _code()}


def _code() -> str:
    """A short name of the product's own code, so that two states of one version differ."""
    here = Path(__file__).parents[1]
    sums = hashlib.sha256()
    for path in sorted(here.rglob("*.py")):
        sums.update(str(path.relative_to(here)).encode() + path.read_bytes())
    return sums.hexdigest()[:12]


def _ready(client: Any, scheduler: Scheduler) -> int:  # noqa: ANN401  # Dask has no types
    """Threads of the workers, once one is there and all run our versions."""
    try:
        client.wait_for_workers(1, timeout=scheduler.seconds)
    except (TimeoutError, OSError) as error:
        raise SchedulerError(
            f"the scheduler {scheduler.address} has no worker after {scheduler.seconds:g} seconds. Start one: "
            f"dask worker {scheduler.address}"
        ) from error
    ours = versions()
    try:
        theirs: dict[str, dict[str, str]] = client.run(versions)
    except Exception as error:
        raise SchedulerError(
            f"the workers of {scheduler.address} cannot run this product ({type(error).__name__}: {str(error)[:120]}). Install "
            "the same version of capitation[cluster] where they run"
        ) from error
    faults = [
        Fault(f"worker {worker}", f"{name} {found.get(name, 'none')}", f"{name} {ours[name]}, as here")
        for worker, found in sorted(theirs.items())
        for name in SAME
        if found.get(name) != ours[name]
    ]
    if faults:
        raise SchedulerError(f"the workers of {scheduler.address} run other versions than this machine", faults)
    return int(sum(client.nthreads().values()))


def _check_address(scheduler: Scheduler) -> None:
    parts = urlsplit(scheduler.address)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in {"tcp", "tls"} or not parts.hostname or port is None:
        raise SchedulerError(
            f"CAPITATION_SCHEDULER: found {scheduler.address!r}; expected tcp://HOST:PORT or tls://HOST:PORT, such as "
            "tcp://10.0.0.5:8786"
        )
    files = {"CA": scheduler.ca, "CERTIFICATE": scheduler.certificate, "KEY": scheduler.key}
    faults = []
    for name, file in files.items():
        if parts.scheme == "tls" and (file is None or not file.is_file()):
            faults.append(
                Fault(f"CAPITATION_SCHEDULER_{name}", str(file or "nothing"), "a file, since the address is tls://")
            )
        if parts.scheme == "tcp" and file is not None:
            faults.append(Fault(f"CAPITATION_SCHEDULER_{name}", str(file), "an address tls://, or no such setting"))
    if faults:
        raise SchedulerError(f"the scheduler {scheduler.address} cannot be used", faults)


def _security(scheduler: Scheduler) -> Any:  # noqa: ANN401  # Dask has no types
    """What proves who speaks over TLS; nothing without it."""
    if not scheduler.address.startswith("tls://"):
        return None
    dask: Any = import_module("distributed.security")  # as above
    return dask.Security(
        tls_ca_file=str(scheduler.ca),
        tls_client_cert=str(scheduler.certificate),
        tls_client_key=str(scheduler.key),
        require_encryption=True,
    )


__all__ = ["Cluster", "cluster", "versions"]
