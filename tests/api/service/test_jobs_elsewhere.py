"""Jobs of the service on a cluster: handed over where a scheduler is set, with the results and messages of a worker of the service."""

import pytest

from api.service.jobs.worker import Worker
from tests.local_cluster import started


def ask(served, key="one"):
    body = {"problem": "overlap_pair"}
    return served.client.post("/v1/optimisations", json=body, headers={"Idempotency-Key": key}).headers["location"]


def worker(served, **settings):
    return Worker(served.service.store, served.service.packs, served.service.settings.model_copy(update=settings))


@pytest.mark.deep
def test_a_job_is_done_by_the_cluster_as_by_the_service(served, tmp_path):
    local = started(tmp_path, 1)
    try:
        where = ask(served)
        handed = worker(served, scheduler=local.address, scheduler_seconds=40)
        assert handed.work_once()
    finally:
        local.close()
    job = served.client.get(where).json()
    assert job["status"] == "done", job
    content = served.client.get(job["result"]).json()["content"]
    assert content["data_pack"] == served.service.pack.digest
    assert content["status"] == "optimal"


def test_a_scheduler_that_is_not_there_fails_the_job_and_is_named(served):
    pytest.importorskip("distributed", reason="the extra capitation[cluster] is not installed")
    where = ask(served)
    assert worker(served, scheduler="tcp://127.0.0.1:9", scheduler_seconds=0.3).work_once()
    job = served.client.get(where).json()
    assert job["status"] == "failed"
    assert "tcp://127.0.0.1:9 cannot be reached within 0.3 seconds" in job["problem"]["detail"]
