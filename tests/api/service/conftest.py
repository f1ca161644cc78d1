"""A service of one's own: an empty folder, its store, and a client; the jobs are worked on when a test says so."""

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


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """The URL of an empty store."""
    return f"sqlite:///{tmp_path / 'capitation.db'}"


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
