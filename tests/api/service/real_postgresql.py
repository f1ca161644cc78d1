"""A PostgreSQL server of one's own, which tests may stop and start; skips where none is installed."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest


class Postgres:
    """A server that listens on a socket in a folder of its own."""

    def __init__(self):
        self._driver = pytest.importorskip(
            "psycopg", reason="the driver is not installed: pip install 'capitation[postgresql]'"
        )
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

    def start(self):
        """Start the server, and wait until it answers."""
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=200"
        self._run("pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self):
        """Stop the server as a crash would: no farewell to anyone, nothing tidied up."""
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")

    def remove(self):
        """Stop the server and take its folder away."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self, template=None):
        """The URL of a new database: an empty one, or a copy of the one at another URL, to which nobody may be connected."""
        copied = f"TEMPLATE {_name(template)} STRATEGY FILE_COPY" if template else ""
        return self._made(f"t{uuid.uuid4().hex}", copied)

    def drop(self, url):
        """Take a database away, whoever is connected to it."""
        self._execute(f"DROP DATABASE {_name(url)} WITH (FORCE)")

    @contextmanager
    def database_at(self, folder):
        """The URL of a new database whose tables stand in a folder; it is gone afterwards."""
        name = f"t{uuid.uuid4().hex}"
        self._execute(f"CREATE TABLESPACE {name} LOCATION '{folder}'")
        yield self._made(name, f"TABLESPACE {name}")
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")
        self._execute(f"DROP TABLESPACE {name}")

    def _made(self, name, where=""):
        self._execute(f"CREATE DATABASE {name} {where}")
        return self._url(name)

    def _url(self, name):
        return f"postgresql://tester@/{name}?host={self.folder}"

    def _execute(self, statement):
        with self._driver.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, command, *words):
        as_user = {"user": self.user} if os.geteuid() == 0 else {}
        quiet = {"stdout": subprocess.DEVNULL, "check": True, "cwd": self.folder}
        subprocess.run([self._binaries / command, *words], **quiet, **as_user)


def _name(url):
    """The name of the database at a URL."""
    return url.rpartition("@/")[2].partition("?")[0]
