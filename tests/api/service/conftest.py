"""A service of one's own: an empty folder, its store, and a client; the jobs are worked on when a test says so."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from starlette.testclient import TestClient

from api.service.app import create_app
from api.service.jobs import work
from api.service.jobs.worker import Worker
from api.service.runtime.request import Service
from api.service.security.access import ROLE_SCOPES
from api.service.security.credentials import issue_key
from api.service.settings import Settings
from capitation.pack.sources import DataPack, default_data_folder
from capitation.run.run import Run
from capitation.run.scenario import Scenario
from tests.api.service.real_postgresql import Postgres
from tests.api.service.small_disk import SmallDisk

T = TypeVar("T")


@dataclass
class Served:
    """A client, and the service behind it."""

    client: TestClient
    service: Service

    def headers(self, role: str, organisation: str = "BLMK", subject: str | None = None, **more: str) -> dict[str, str]:
        """Headers of a caller with a new key that holds all scopes of its role."""
        now = dt.datetime.fromtimestamp(self.service.store.clock(), dt.UTC)
        issued = issue_key(subject or f"{role} of {organisation}", organisation, role, ROLE_SCOPES[role], now=now)
        self.service.store.add_key(issued.record)
        self.service.door.forget()
        return {"X-API-Key": issued.text.get_secret_value(), **more}

    def work(self) -> int:
        """Work until nothing waits; how many jobs were worked on."""
        worker = Worker(self.service.store, self.service.packs, self.service.settings)
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


def together(count: int, ask: Callable[[int], T]) -> list[T]:
    """What so many calls give, each with its number, all begun at the same moment."""
    ready = threading.Barrier(count)

    def one(number: int) -> T:
        ready.wait()
        return ask(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


DATABASES = ("sqlite", "postgresql")
"""Where every test of the service runs."""


@pytest.fixture(scope="session", autouse=True)
def shipped_scenarios_evaluated_once() -> Iterator[None]:
    """Evaluate each scenario with the shipped data pack once in this process; served processes and the engine's tests do it anew."""
    real = work.evaluate
    shipped, runs = DataPack(default_data_folder()).root, dict[str, Run]()

    def once(scenario: Scenario, pack: DataPack) -> Run:
        if pack.root != shipped:
            return real(scenario, pack)
        text = scenario.model_dump_json()
        if text not in runs:
            runs[text] = real(scenario, pack)
        return runs[text]

    work.evaluate = once
    yield
    work.evaluate = real


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgres]:
    """A PostgreSQL server of one's own, for all tests."""
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    """A disk that tests fill."""
    disk = SmallDisk("32m")
    yield disk
    disk.remove()


def empty_store(request: pytest.FixtureRequest, database: str, folder: Path) -> str:
    """The URL of an empty store on a database."""
    if database == "sqlite":
        return f"sqlite:///{folder / 'capitation.db'}"
    server: Postgres = request.getfixturevalue("postgresql")
    return server.database()


@pytest.fixture(params=DATABASES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, once on each database."""
    return empty_store(request, request.param, tmp_path)


@pytest.fixture
def serve_on(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Makes a service on a store, with the given settings; without workers of its own by default."""
    open_clients = []

    def make(store: str, **settings: Any) -> Served:
        given = {"store": store, "packs": tmp_path / "packs", "workers": 0, "poll_seconds": 0.02, **settings}
        app = create_app(Settings(**given))
        client = TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000))
        client.__enter__()
        open_clients.append(client)
        return Served(client, app.state.service)

    yield make
    for client in open_clients:
        client.__exit__(None, None, None)


@pytest.fixture
def serve(store_url: str, serve_on: Callable[..., Served]) -> Callable[..., Served]:
    """Makes a service with the given settings, once on each database unless they name another store."""

    def make(**settings: Any) -> Served:
        return serve_on(**{"store": store_url, **settings})

    return make


@pytest.fixture
def served(serve) -> Served:
    """A service with its default settings."""
    return serve()
