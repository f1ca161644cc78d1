"""A service of one's own: an empty folder, its store, and a client; the jobs are worked on when a test says so."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.service.app import create_app
from api.service.deps import Service
from api.service.settings import Settings
from api.service.worker import Worker


@dataclass
class Served:
    """A client, and the service behind it."""

    client: TestClient
    service: Service

    def work(self) -> int:
        """Work until nothing waits; how many jobs were worked on."""
        worker = Worker(self.service.store, self.service.pack, self.service.settings)
        count = 0
        while worker.work_once():
            count += 1
        return count

    def ask(self, path: str, body: dict[str, Any], key: str = "key") -> dict[str, Any]:
        """The job for a creating request, once it is done; the body it was asked with names it."""
        answer = self.client.post(path, json=body, headers={"Idempotency-Key": key})
        assert answer.status_code == 202, answer.text
        self.work()
        job = self.client.get(answer.headers["location"]).json()
        assert job["status"] == "done", job
        return job


DATABASES = ("sqlite", "postgresql")
"""Where every test of the service runs."""


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server of one's own, on a socket in a temporary folder; skips where none is installed."""
    pytest.importorskip("psycopg", reason="the driver is not installed: pip install 'capitation[postgresql]'")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = shutil.which("initdb") or (str(found[-1]) if found else None)
    if initdb is None:
        pytest.skip("PostgreSQL is not installed here")
    binaries = Path(initdb).parent
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        as_user = {"user": "postgres"}
    data, quiet = folder / "data", {"stdout": subprocess.DEVNULL, "check": True, "cwd": folder, **as_user}
    subprocess.run([binaries / "initdb", "-D", data, "-U", "tester", "--auth=trust", "--no-sync"], **quiet)
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=200"
    subprocess.run([binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], **quiet)
    yield f"postgresql://tester@/postgres?host={folder}"
    subprocess.run([binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=DATABASES)
def store_url(request, tmp_path: Path) -> str:
    """The URL of an empty store, once on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'capitation.db'}"
    import psycopg

    server, name = request.getfixturevalue("postgresql"), f"t{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def serve(store_url: str) -> Iterator[Callable[..., Served]]:
    """Makes a service with the given settings; without workers of its own by default."""
    open_clients = []

    def make(**settings: Any) -> Served:
        app = create_app(Settings(**{"store": store_url, "workers": 0, "poll_seconds": 0.02, **settings}))
        client = TestClient(app)
        client.__enter__()
        open_clients.append(client)
        return Served(client, app.state.service)

    yield make
    for client in open_clients:
        client.__exit__(None, None, None)


@pytest.fixture
def served(serve) -> Served:
    """A service with its default settings."""
    return serve()
