"""`capitation serve` as a user starts it: processes that answer over loopback, for claims about processes and connections."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx

from api.service.security.proofs.local_token import COOKIE, TOKEN_FILE

_LISTENING_OR_OVER = {"0A", "06", "07"}

COMMAND = [sys.executable, "-c", "from api.cli.main import main; main()"]


def until(condition, seconds=60.0, every=0.05):
    """What `condition` gives once that is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            message = f"waited {seconds} seconds in vain"
            raise TimeoutError(message)
        time.sleep(every)
    return found


class Server:
    """`capitation serve` in a folder; its logs are in files there, so that it never waits for a reader."""

    def __init__(self, folder, *words, **environment):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)
        self._folder = folder
        self._out, self._err = folder / f"{self.port}.out", folder / f"{self.port}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", "--port", str(self.port), *words],
                cwd=folder,
                env={**os.environ, **environment, "PYTHONPATH": os.getcwd()},  # noqa: PTH109  # the checkout's own packages
                stdout=out,
                stderr=err,
            )

    def wait(self):
        """The answer of /readyz, once there is one."""

        def answer():
            try:
                return self.client.get("/readyz")
            except httpx.TransportError:
                return None

        ready = until(answer, 120)
        if self.token:
            self.client.cookies.set(COOKIE, self.token, domain="127.0.0.1")
        return ready

    @property
    def token(self):
        """The token of local access, which the server keeps in its folder; empty where there is none."""
        path = self._folder / TOKEN_FILE
        return path.read_text() if path.is_file() else ""

    def stop(self, number=signal.SIGTERM):
        """Exit code, standard output and error after a signal."""
        self.process.send_signal(number)
        code = self.process.wait(60)
        self.client.close()
        return code, self._out.read_text(), self._err.read_text()

    def log(self):
        """The lines of the log that are whole, as they were written."""
        return [json.loads(line) for line in self._err.read_text().splitlines(keepends=True) if line.endswith("}\n")]

    def ended(self, correlations):
        """The line that was written at the end of each request, once all of them have ended."""
        lines = {line["correlation_id"]: line for line in self.log() if "milliseconds" in line}
        return [lines[each] for each in correlations] if lines.keys() >= set(correlations) else []

    def connect(self):
        """A connection of one's own, for clients that do not behave."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def processes(self):
        """Ids of the processes that answer: the server's children, or itself where it has none."""
        found = [each for each in _children(self.process.pid) if b"spawn_main" in _words(each)]
        return found or [self.process.pid]

    def threads(self):
        """How many threads the processes that answer have."""
        return sum(len(list(Path(f"/proc/{each}/task").iterdir())) for each in self.processes())

    def connections(self):
        """How many connections to the port are held open on the server's side."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        states = [row[3] for row in rows if row[1].endswith(f":{self.port:04X}")]
        return sum(1 for state in states if state not in _LISTENING_OR_OVER)


def _children(parent):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
        except OSError:
            continue  # it has ended
    return found


def _words(process):
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
