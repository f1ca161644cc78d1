"""A PostgreSQL server of one's own, which tests may stop and start."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


class Postgres:
    """A PostgreSQL server on a socket in a folder of its own; skips where none is installed."""

    def __init__(self):
        pytest.importorskip("psycopg", reason="the driver is not installed: pip install 'capitation[postgresql]'")
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        initdb = shutil.which("initdb") or (str(found[-1]) if found else None)
        if initdb is None:
            pytest.skip("PostgreSQL is not installed here")
        self._binaries = Path(initdb).parent
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name  # it refuses to run as root
        shutil.chown(self.folder, self.user)
        self._run("initdb", "-D", self.folder / "data", "-U", "tester", "--auth=trust", "--no-sync")
        self.start()

    def url(self, name="postgres"):
        """The URL of a database of the server."""
        return f"postgresql://tester@/{name}?host={self.folder}"

    def start(self):
        """Start the server, and wait until it answers."""
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=200"
        self._run("pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self):
        """Stop the server as a crash would: no farewell to anyone, nothing written down."""
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")

    def remove(self):
        """Stop the server and take its folder away."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, command, *words):
        as_user = {"user": self.user} if os.geteuid() == 0 else {}
        quiet = {"stdout": subprocess.DEVNULL, "check": True, "cwd": self.folder}
        subprocess.run([self._binaries / command, *words], **quiet, **as_user)
