"""A real cluster on this machine: a scheduler and two worker processes, each of one thread."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


class Local:
    """A scheduler and its workers, as processes of their own."""

    def __init__(self, folder, *tls):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        self.address = f"{'tls' if tls else 'tcp'}://127.0.0.1:{port}"
        self._folder, self._tls, self._all = folder, tls, []
        self._start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")

    def _start(self, what, *words):
        line = [sys.executable, "-m", "dask", what, *words, *self._tls]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
        with (self._folder / f"{what}-{len(self._all)}.log").open("wb") as log:
            started = subprocess.Popen(
                line, cwd=self._folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self._all.append(started)
        return started

    def worker(self):
        return self._start(
            "worker", self.address, "--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard", "--no-nanny",
            "--memory-limit", "0", "--local-directory", str(self._folder),
        )  # fmt: skip

    def wait(self, workers, security=None):
        """Wait until so many workers are there."""
        from distributed import Client

        with Client(self.address, timeout=60, set_as_default=False, security=security) as client:
            if workers:
                client.wait_for_workers(workers, timeout=60)

    def close(self):
        for process in reversed(self._all):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self._all:
            process.wait(10)


def started(folder, workers, *tls):
    pytest.importorskip("distributed", reason="the extra capitation[cluster] is not installed")
    local = Local(folder, *tls)
    for _ in range(workers):
        local.worker()
    if not tls:
        local.wait(workers)
    return local
