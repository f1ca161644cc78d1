"""Jobs on the lease table: nothing is lost and nothing is doubled, whoever dies; cancelled work leaves nothing."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from api.service.jobs.worker import Worker
from api.service.packs.packs import Packs
from api.service.records.pack import Pack
from api.service.security.audit import verify_log
from api.service.store import Store
from capitation.pack.layers import put_together
from capitation.records.identity import canonical

pytestmark = pytest.mark.both_databases("leases are taken and kept in the database")

TERMINAL = {"done", "failed", "cancelled"}


def ask(served, kind, body, key="k"):
    answer = served.client.post(f"/v1/{kind}", json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


def settlement_of(served, number):
    """A settlement of one row of a shipped contract, another for each number."""
    contract = served.client.get("/v1/contracts/block").json()
    row = {name: value if value is None else str(value) for name, value in contract["cases"][0]["rows"][0].items()}
    key = contract["key"][0]
    return {"contract": "block", "rows": [{**row, key: f"{row[key]} {number}"}]}


@pytest.fixture
def now():
    """A clock that tests turn."""
    return [1_000_000.0]


@pytest.fixture
def stores(served, store_url, now):
    """Makes stores on the served database whose clock tests turn."""
    made = []

    def make():
        made.append(Store(store_url, clock=lambda: now[0]))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_job_goes_from_queued_to_done_and_says_where_its_result_is(served):
    where = ask(served, "optimisations", {"problem": "overlap_pair"})
    waiting = served.client.get(where)
    assert (waiting.json()["status"], waiting.json()["result"]) == ("queued", None)
    assert waiting.headers["retry-after"] == "1"
    assert served.work() == 1
    done = served.client.get(where).json()
    assert (done["status"], done["attempts"]) == ("done", 1)
    assert served.client.get(done["result"]).status_code == 200


def test_the_same_request_is_the_same_job_and_is_worked_on_once(served):
    first = ask(served, "runs", {"scenario": "blmk"}, "a")
    again = ask(served, "runs", {"scenario": "blmk"}, "b")
    assert first == again
    assert served.work() == 1
    assert ask(served, "runs", {"scenario": "blmk"}, "c") == first
    assert served.work() == 0
    assert len(served.client.get("/v1/runs").json()["items"]) == 1


def test_a_cancelled_job_is_not_worked_on_and_may_be_asked_for_again(served):
    where = ask(served, "optimisations", {"problem": "overlap_pair"}, "a")
    assert served.client.delete(where).json()["status"] == "cancelled"
    assert served.work() == 0
    assert served.client.delete(where).json()["status"] == "cancelled"
    ask(served, "optimisations", {"problem": "overlap_pair"}, "b")
    assert served.work() == 1
    assert served.client.delete(where).json()["status"] == "done"


def test_work_that_is_cancelled_under_way_stores_nothing(served):
    where = ask(served, "optimisations", {"problem": "overlap_pair"})
    store = served.service.store
    job = store.claim("worker", 60, 5)
    served.client.delete(where)
    assert store.keep_lease(job.id, "worker", 60) is False
    assert store.finish(job, "worker", job.id, canonical({"a": 1}), {}) is False
    assert served.client.get("/v1/optimisations").json()["items"] == []


def test_a_lost_lease_is_taken_over_and_the_late_worker_stores_nothing(served, stores, now):
    where = ask(served, "optimisations", {"problem": "overlap_pair"})
    store = stores()
    job = store.claim("dead", 10, 5)
    assert store.claim("other", 10, 5) is None
    now[0] += 11
    taken = store.claim("other", 10, 5)
    assert (taken.id, taken.attempts) == (job.id, 2)
    assert store.finish(job, "dead", job.id, canonical({"late": True}), {}) is False
    assert store.finish(taken, "other", job.id, canonical({"late": False}), {}) is True
    assert store.finish(taken, "other", job.id, canonical({"late": True}), {}) is False
    result = served.client.get(served.client.get(where).json()["result"]).json()
    assert result["content"] == {"late": False}


def test_a_job_that_kills_every_worker_is_given_up(served, stores, now):
    where = ask(served, "optimisations", {"problem": "overlap_pair"})
    store = stores()
    for _ in range(3):
        assert store.claim("dead", 10, 3) is not None
        now[0] += 11
    assert store.claim("other", 10, 3) is None
    job = served.client.get(where).json()
    assert (job["status"], job["problem"]["lost_workers"]) == ("failed", 3)


def test_work_that_outlasts_its_lease_keeps_it_by_signs_of_life(serve, monkeypatch):
    served = serve(lease_seconds=1.5)  # a busy machine may take a second over a sign that is due every half second
    where = ask(served, "optimisations", {"problem": "overlap_pair"})
    begun, enough = threading.Event(), threading.Event()
    real = Worker._work

    def slowly(self, job):
        begun.set()
        enough.wait(30.0)
        return real(self, job)

    monkeypatch.setattr(Worker, "_work", slowly)
    thread = threading.Thread(target=served.work, daemon=True)
    thread.start()
    assert begun.wait(30.0)
    taken = []
    for _ in range(10):
        time.sleep(0.3)
        taken.append(served.service.store.claim("thief", 10, 5))
    enough.set()
    thread.join(60)
    assert taken == [None] * 10
    assert served.client.get(where).json()["attempts"] == 1


def test_a_worker_that_stops_gives_its_job_back(served):
    where = ask(served, "optimisations", {"problem": "overlap_pair"})
    worker = Worker(served.service.store, served.service.packs, served.service.settings)
    worker.current = served.service.store.claim(worker.name, 60, 5)
    worker.stop_work()
    job = served.client.get(where).json()
    assert (job["status"], job["attempts"]) == ("queued", 0)


def test_a_worker_that_was_started_with_another_data_pack_computes_with_the_jobs(served, tmp_path):
    where = ask(served, "optimisations", {"problem": "overlap_pair"})
    folder = tmp_path / "pack"
    put_together(served.service.pack.folder, folder)
    (folder / "more.csv").write_text("a\n1\n")
    packs = Packs(Pack(folder), tmp_path / "other", served.service.store.pack_archive)
    Worker(served.service.store, packs, served.service.settings).work_once()
    job = served.client.get(where).json()
    assert job["status"] == "done"
    content = served.client.get(job["result"]).json()["content"]
    assert content["data_pack"] == served.service.pack.digest != packs.default.digest


def test_a_worker_that_cannot_have_the_jobs_data_pack_says_so(served, tmp_path):
    where = ask(served, "optimisations", {"problem": "overlap_pair"})
    folder = tmp_path / "pack"
    put_together(served.service.pack.folder, folder)
    (folder / "more.csv").write_text("a\n1\n")
    packs = Packs(Pack(folder), tmp_path / "other", lambda _digest: None)
    Worker(served.service.store, packs, served.service.settings).work_once()
    job = served.client.get(where).json()
    assert job["status"] == "failed"
    assert job["problem"]["type"] == "urn:capitation:problem:unknown-name"
    assert served.service.pack.digest in job["problem"]["detail"]


def test_events_are_streamed_and_continue_after_the_last_one_seen(served):
    where = ask(served, "optimisations", {"problem": "overlap_pair"})
    served.work()
    stream = served.client.get(f"{where}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    events = [dict(line.split(": ", 1) for line in part.splitlines()) for part in stream.text.strip().split("\n\n")]
    names = [event["event"] for event in events]
    assert (names[:2], names[-1]) == (["queued", "running"], "done")
    assert all(json.loads(event["data"])["job"] == where.rpartition("/")[2] for event in events)
    rest = served.client.get(f"{where}/events", headers={"Last-Event-ID": events[0]["id"]}).text
    assert rest == stream.text.split("\n\n", 1)[1]
    assert served.client.get(f"{where}/events", headers={"Last-Event-ID": events[-1]["id"]}).text == ""


def test_a_server_works_by_itself(serve):
    served = serve(workers=1)
    where = ask(served, "optimisations", {"problem": "overlap_pair"})
    until = time.monotonic() + 30
    while served.client.get(where).json()["status"] not in TERMINAL and time.monotonic() < until:
        time.sleep(0.02)
    assert served.client.get(where).json()["status"] == "done"


@pytest.mark.deep_on("sqlite")
def test_two_workers_of_which_one_is_killed_lose_and_double_nothing(serve, store_url, tmp_path):
    served = serve(rate_requests=100_000)
    many = 80 if store_url.startswith("sqlite") else 40  # the first in the deep suite
    places = [ask(served, "settlements", settlement_of(served, n), f"k{n}") for n in range(many)]
    assert len(set(places)) == many
    environment = {**os.environ, "CAPITATION_LEASE_SECONDS": "1", "CAPITATION_POLL_SECONDS": "0.02"}
    command = [sys.executable, "-c", "from api.cli.main import main; main()", "worker", "--store", store_url]
    workers = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]
    try:
        until, target = time.monotonic() + 120, random.randint(many // 8, many // 2)
        while served.service.store.counts().get("done", 0) < target and time.monotonic() < until:
            time.sleep(0.01)
        workers[0].send_signal(signal.SIGKILL)
        while served.service.store.counts().get("done", 0) < many and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait(20)
    assert served.service.store.counts() == {"done": many}
    items = served.client.get("/v1/settlements?limit=1000").json()["items"]
    assert len(items) == len({item["id"] for item in items}) == many
    jobs = served.client.get("/v1/jobs?limit=1000").json()["items"]
    assert {job["result"] for job in jobs} == {item["href"] for item in items}
    assert verify_log(served.service.store).holds
    ended = Counter(r.event.subject for r in served.service.store.read() if r.event.action == "jobs.done")
    assert ended == {f"jobs/{job['id']}": 1 for job in jobs}
    assert workers[0].returncode == -signal.SIGKILL
    assert workers[1].returncode == 0
