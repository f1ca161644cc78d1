"""A real cluster on this machine for the tests of this folder."""

import pytest

from capitation.workers.crew import Scheduler
from tests.local_cluster import started


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    local = started(tmp_path_factory.mktemp("cluster"), 2)
    yield Scheduler(local.address, seconds=40)
    local.close()


@pytest.fixture
def start_cluster(tmp_path):
    made = []

    def start(workers, *tls):
        made.append(started(tmp_path, workers, *tls))
        return made[-1]

    yield start
    for each in made:
        each.close()
