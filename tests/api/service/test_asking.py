"""Asking for work: 202 and a job; who prefers to wait gets the result's address, and nobody waits for ever."""

import threading
import time

import pytest

from api.service.jobs.worker import Worker


@pytest.fixture
def working(served):
    """A worker that works beside the client."""
    stop = threading.Event()
    worker = Worker(served.service.store, served.service.packs, served.service.settings)
    thread = threading.Thread(target=worker.work_until, args=(stop,), daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(60)


def ask(served, prefer=None, key="k", body=None):
    headers = {"Idempotency-Key": key} | ({} if prefer is None else {"Prefer": prefer})
    return served.client.post("/v1/optimisations", json=body or {"problem": "overlap_pair"}, headers=headers)


@pytest.mark.both_databases("who waits looks into the database")
@pytest.mark.usefixtures("working")
def test_who_waits_gets_the_results_address(served):
    answer = ask(served, "respond-async, wait=30")
    assert (answer.status_code, answer.json()["status"]) == (201, "done")
    assert answer.headers["preference-applied"] == "wait=30"
    assert answer.headers["location"] == answer.json()["result"]
    assert served.client.get(answer.headers["location"]).status_code == 200


def test_who_does_not_wait_gets_the_job(served):
    answer = ask(served)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.headers["location"] == answer.json()["href"]
    assert "preference-applied" not in answer.headers


def test_who_waits_too_short_gets_the_job_after_that_time(served):
    began = time.monotonic()
    answer = ask(served, "wait=1")
    assert 0.9 < time.monotonic() - began < 10
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.headers["preference-applied"] == "wait=1"


def test_nobody_waits_longer_than_the_setting_says(serve):
    served = serve(wait_seconds=0)
    answer = ask(served, "wait=600")
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=0")


@pytest.mark.parametrize("prefer", ["wait", "wait=soon", "wait=-1", "handling=strict", ""])
def test_a_preference_that_is_none_of_ours_is_left_alone(served, prefer):
    answer = ask(served, prefer)
    assert answer.status_code == 202
    assert "preference-applied" not in answer.headers


@pytest.mark.both_databases("who waits looks into the database")
@pytest.mark.usefixtures("working")
def test_a_repeat_may_wait_where_the_first_did_not(served):
    assert ask(served).status_code == 202
    assert ask(served, "wait=30").status_code == 201
    assert ask(served).status_code == 202  # the same answer as the first time


@pytest.mark.usefixtures("working")
def test_a_job_that_fails_is_told_as_a_job(served):
    contract = {"contract": "block", "rows": [{"nonsense": 1}]}
    headers = {"Idempotency-Key": "k", "Prefer": "wait=30"}
    answer = served.client.post("/v1/settlements", json=contract, headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (202, "failed")
    assert answer.json()["problem"]["type"] == "urn:capitation:problem:invalid-contract"
