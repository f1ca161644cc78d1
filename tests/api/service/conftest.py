"""A service of one's own: an empty folder, its store, and a client; the jobs are worked on when a test says so.

Tests run on the embedded store. Those marked `both_databases(why)` run on PostgreSQL as well; the others do so in the deep
suite only, because the database cannot matter to what they claim.
"""

import datetime as dt
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import pytest
from starlette.datastructures import State
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from api.service import app
from api.service.http.given_again import GivenAgain
from api.service.jobs.worker import Worker
from api.service.kinds import run as run_kind
from api.service.packs import archive
from api.service.packs.sandbox import pack_faults
from api.service.records.pack import Pack
from api.service.runtime.service import Service
from api.service.security.access import ROLE_SCOPES
from api.service.security.proofs.api_keys import issue_key
from api.service.security.proofs.local_token import COOKIE
from api.service.settings import STORE_FILE, Settings
from api.service.store import Store
from capitation.errors import Fault
from capitation.pack.layers import default_data_folder
from capitation.pack.sources import DataPack
from capitation.run import plausible_run
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
        self.service.identity.forget()
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
        ready.wait(60)
        return ask(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


DATABASES = ("sqlite", "postgresql")
"""Where the service may keep its store."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the databases of a test that has a store: the marked ones run on each, the others on PostgreSQL when it is deep."""
    if "store_url" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker("both_databases")
        long = metafunc.definition.get_closest_marker("deep_on")
        deep = long.args if long else () if marked else DATABASES[1:]
        chosen = [pytest.param(each, marks=pytest.mark.deep if each in deep else ()) for each in DATABASES]
        metafunc.parametrize("store_url", chosen, indirect=True)


@pytest.fixture(scope="session", autouse=True)
def shipped_scenarios_evaluated_once() -> Iterator[None]:
    """Evaluate each scenario with the shipped data pack once in this process; served processes and the engine's tests do it anew."""
    real = run_kind.evaluate
    shipped, runs = DataPack(default_data_folder()).root, dict[str, Run]()

    def once(scenario: Scenario, pack: DataPack) -> Run:
        if pack.root != shipped:
            return real(scenario, pack)
        text = scenario.model_dump_json()
        if text not in runs:
            runs[text] = real(scenario, pack)
        return runs[text]

    run_kind.evaluate = plausible_run.evaluate = once
    yield
    run_kind.evaluate = plausible_run.evaluate = real


@pytest.fixture(scope="session", autouse=True)
def shipped_pack_hashed_once() -> Iterator[None]:
    """Read and hash the files of the shipped data pack once in this process, and not for each service that is made."""
    real, shipped = app.pack_at, cache(app.pack_at)

    def once(folder: Path | None) -> Pack:
        return shipped(None) if folder is None else real(folder)

    app.pack_at = once
    yield
    app.pack_at = real


@pytest.fixture(scope="session", autouse=True)
def addresses_made_once() -> Iterator[None]:
    """Work out once what the routes ask for; every service in this process has layers, state and handlers of its own."""
    real = app.addresses
    first = real()

    def once(layers: Sequence[Middleware] = (), again: GivenAgain | None = None) -> app.Application:
        made = copy(first)
        made.again, made.state, made.user_middleware = again, State(), list(layers)
        made.exception_handlers, made.middleware_stack = dict(first.exception_handlers), None
        return made

    app.addresses = once
    yield
    app.addresses = real


@pytest.fixture(scope="session", autouse=True)
def packs_tried_here_and_once() -> Iterator[Callable[[Path], Iterable[Fault]]]:
    """Try what a sent pack holds in this process, and each content once; gives the trial in a process of its own."""
    (real,) = archive.unpacked.__defaults__
    tried: dict[str, list[Fault]] = {}

    def once(folder: Path) -> list[Fault]:
        whole = sha256()
        for path in sorted(folder.rglob("*")):
            whole.update(f"{path.relative_to(folder)}\n{path.stat().st_size if path.is_file() else ''}\n".encode())
            whole.update(path.read_bytes() if path.is_file() else b"")
        digest = whole.hexdigest()
        if digest not in tried:
            tried[digest] = pack_faults(folder)
        return tried[digest]

    archive.unpacked.__defaults__ = (once,)
    yield real
    archive.unpacked.__defaults__ = (real,)


@pytest.fixture
def tried_as_served(packs_tried_here_and_once, monkeypatch) -> None:
    """Packs are tried as they are in a service: each in a process of its own."""
    monkeypatch.setattr(archive.unpacked, "__defaults__", (packs_tried_here_and_once,))


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
    """The URL of an empty store on a database, which is gone when whoever asked for it has ended."""
    if database == "sqlite":
        return f"sqlite:///{folder / STORE_FILE}"
    server: Postgres = request.getfixturevalue("postgresql")
    url = server.database()
    request.addfinalizer(lambda: server.drop(url))
    return url


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store of the embedded database."""
    made = Store(f"sqlite:///{tmp_path / STORE_FILE}")
    made.migrate()
    yield made
    made.close()


def started_on(store: str, folder: Path) -> None:
    """Start a service on a store and stop it: the store has its tables and the shipped documents then."""
    with TestClient(app.create_app(Settings(store=store, packs=folder / "packs", workers=0))):
        pass


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store on which a service was started once; copies of it are served."""
    folder = tmp_path_factory.mktemp("template")
    started_on(f"sqlite:///{folder / STORE_FILE}", folder)
    return folder / STORE_FILE


@pytest.fixture(scope="session")
def postgresql_template(postgresql: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database on which a service was started once; copies of it are served."""
    url = postgresql.database()
    started_on(url, tmp_path_factory.mktemp("template"))
    return url


def copied_store(request: pytest.FixtureRequest, database: str, folder: Path) -> str:
    """The URL of a store on which a service was started before, copied from the template of its database."""
    if database == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / STORE_FILE)
        return f"sqlite:///{folder / STORE_FILE}"
    template: str = request.getfixturevalue("postgresql_template")
    server: Postgres = request.getfixturevalue("postgresql")
    url = server.database(template)
    request.addfinalizer(lambda: server.drop(url))
    return url


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store of one's own: a copy of one that was served before where a test serves it, else an empty one."""
    make = copied_store if "serve" in request.fixturenames else empty_store
    return make(request, request.param, tmp_path)


@pytest.fixture
def serve_on(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Makes a service on a store, with the given settings; without workers of its own by default."""
    open_clients = []

    def make(store: str, **settings: Any) -> Served:
        given = {"store": store, "packs": tmp_path / "packs", "workers": 0, "poll_seconds": 0.02, **settings}
        given = {"local_token": tmp_path / "local-token", **given}
        made = app.create_app(Settings(**given))
        client = TestClient(made, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000))
        client.__enter__()
        local = made.state.service.identity.local_token
        text = local.path.read_text() if local.path.is_file() else local.renew()  # one for all services of a test
        client.cookies.set(COOKIE, text)  # as a browser keeps it
        open_clients.append(client)
        return Served(client, made.state.service)

    yield make
    for client in open_clients:
        client.__exit__(None, None, None)


@pytest.fixture
def serve(store_url: str, serve_on: Callable[..., Served]) -> Callable[..., Served]:
    """Makes a service with the given settings, on the store of the test unless they name another."""

    def make(**settings: Any) -> Served:
        return serve_on(**{"store": store_url, **settings})

    return make


@pytest.fixture
def served(serve) -> Served:
    """A service with its default settings."""
    return serve()
