"""When things break: disks that are full, databases that go away, clocks that go back, clients that vanish, processes that die.

Nothing is lost, nothing is doubled, and whoever asks is told clearly. Claims about processes are made of processes: a real server,
a real database, a real disk.
"""

import datetime as dt
import hashlib
import itertools
import json
import logging
import os
import shutil
import signal
import threading
import time
import tomllib
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import anyio
import httpx2 as httpx
import pytest
import sqlalchemy as sa
from fastapi import Response

from api.service.http.idempotency import HOLD_SECONDS, REPEATED, once
from api.service.jobs.worker import Worker
from api.service.packs.packs import Packs
from api.service.records.failures import ServiceError
from api.service.records.pack import pack_at
from api.service.routes.jobs import _stream
from api.service.security.access import ROLE_SCOPES
from api.service.security.audit import event, verify_log
from api.service.security.proofs.api_keys import issue_key
from api.service.settings import Settings
from api.service.store import Store, StoreError, database
from api.service.store.database import Database
from tests.api.service.conftest import empty_store, together
from tests.api.service.real_postgresql import Postgres
from tests.api.service.real_server import Server, until

pytestmark = pytest.mark.both_databases("each database fails in its own way")

DAY = 86_400.0
JOB = "0" * 31 + "1"
PROBLEM = "urn:capitation:problem:"


@pytest.fixture(scope="session")
def settlement(pack):
    """Makes the request for a settlement of one row of a shipped contract, another for each number."""
    contract = tomllib.loads(pack.path("contracts/block.toml").read_text(encoding="utf-8"))
    row = {name: str(value) for name, value in contract["cases"][0]["rows"][0].items()}
    first = next(name for name in row)
    return lambda number: {"contract": "block", "rows": [{**row, first: f"{row[first]} {number}"}]}


def post(client, path, body, key, **headers):
    return client.post(path, json=body, headers={"Idempotency-Key": key, **headers})


def is_problem(answer, status, kind):
    assert (answer.status_code, answer.json()["type"]) == (status, PROBLEM + kind), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return True


def check_audit(store, **counts):
    """The chain holds, each subject stands under each action at most once, and so often as is said in all."""
    assert verify_log(store).holds
    told = Counter((record.event.action, record.event.subject) for record in store.read())
    assert set(told.values()) <= {1}, [each for each, count in told.items() if count > 1]
    found = Counter(action for action, _ in told)
    for action, count in counts.items():
        assert found[action.replace("_", ".")] == count, action


def check_done(store, jobs):
    """So many jobs, all done, each with a result of its own."""
    assert store.counts() == {"done": jobs}
    results = [job.result for job in store.jobs(0, 1_000)]
    assert len(set(results)) == jobs
    assert {result.id for result in store.results("settlement", 0, 1_000)} == set(results)


@contextmanager
def working(worker):
    """A worker that works meanwhile, as it does in a server."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.work_until, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)


@contextmanager
def listening(name):
    """What a log says meanwhile."""
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger(name).addHandler(handler)
    try:
        yield said
    finally:
        logging.getLogger(name).removeHandler(handler)


# --- a full disk --------------------------------------------------------------------------------------------------------


@dataclass
class Tight:
    """A store whose room tests take away and give back."""

    url: str
    fill: object
    free: object


def on_small_sqlite_disk(request):
    disk = request.getfixturevalue("small_disk")
    yield Tight(f"sqlite:///{disk.folder / 'x.db'}", lambda _, leave=0: disk.fill(leave), lambda _: disk.free())


def with_few_sqlite_pages(request):
    """SQLite refuses pages beyond a number as it does where the disk is full; for machines that let nobody mount one."""
    limits = []

    def set_limit(raw, _record):
        raw.execute(f"PRAGMA max_page_count={limits[-1]}").fetchall()

    def limit(served, pages):
        if not limits:
            sa.event.listen(served.service.store._engine, "connect", set_limit)
        limits.append(pages)
        served.service.store._engine.dispose()

    def fill(served, leave=0):
        with served.service.store._read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        limit(served, pages + leave // 4_096)

    folder = request.getfixturevalue("tmp_path")
    yield Tight(f"sqlite:///{folder / 'x.db'}", fill, lambda served: limit(served, 1_000_000))


def on_small_postgresql_disk(request):
    """A database in a tablespace on the small disk, so that PostgreSQL itself meets its end (sqlstate 53100)."""
    server, disk = request.getfixturevalue("postgresql"), request.getfixturevalue("small_disk")
    place = disk.folder / "space"
    place.mkdir()
    shutil.chown(place, server.user)
    with server.database_at(place) as url:
        yield Tight(url, lambda _, leave=0: disk.fill(leave), lambda _: disk.free())


@pytest.fixture(
    params=[on_small_sqlite_disk, with_few_sqlite_pages, on_small_postgresql_disk], ids=lambda way: way.__name__
)
def tight(request):
    """A store whose room tests take away and give back, in each way."""
    yield from request.param(request)


def test_a_full_disk_is_told_and_keeps_nothing_by_halves(tight, serve_on, settlement):
    served = serve_on(tight.url)
    client, store = served.client, served.service.store
    made = {post(client, "/v1/settlements", settlement(0), "key 0").json()["id"]}
    tight.fill(served)
    for number in itertools.count(1):  # rows go into pages that have room, until none has
        full = post(client, "/v1/settlements", settlement(number), f"key {number}")
        if full.status_code != 202:
            break
        made.add(full.json()["id"])
    assert is_problem(full, 507, "store-full")
    assert full.headers["retry-after"] == "1"
    assert "nothing was changed" in full.json()["detail"]
    assert is_problem(post(client, "/v1/settlements", settlement(number), f"key {number}"), 507, "store-full")
    assert {job.id for job in store.jobs(0, 10_000)} == made
    check_audit(store, settlements_create=len(made))
    for path in ("/v1/jobs", "/v1/scenarios/blmk", "/livez"):
        assert client.get(path).status_code == 200
    tight.free(served)
    first = post(client, "/v1/settlements", settlement(number), f"key {number}")
    again = post(client, "/v1/settlements", settlement(number), f"key {number}")
    assert (first.status_code, again.content) == (202, first.content)
    assert (REPEATED.lower() in first.headers, again.headers[REPEATED]) == (False, "true")
    assert served.work() == len(made) + 1
    check_done(store, len(made) + 1)
    check_audit(store, settlements_create=len(made) + 1, jobs_done=len(made) + 1)


def test_a_worker_that_meets_a_full_disk_at_the_end_of_a_job_holds_its_outcome_until_there_is_room(tight, serve_on):
    served = serve_on(tight.url, lease_seconds=60)
    where = post(served.client, "/v1/runs", {"scenario": "blmk"}, "key").headers["location"]
    tight.fill(served, leave=120_000)  # enough to take the job, not for its result
    worker = Worker(served.service.store, served.service.packs, served.service.settings)
    with working(worker), listening("capitation.worker") as said:
        until(lambda: said.count("store full") > 1)
        job = served.client.get(where).json()
        assert (job["status"], job["attempts"], job["result"]) == ("running", 1, None)
        assert served.client.get("/v1/runs").json()["items"] == []
        tight.free(served)
        until(lambda: served.client.get(where).json()["status"] == "done")
    job = served.client.get(where).json()
    assert job["attempts"] == 1
    assert [item["href"] for item in served.client.get("/v1/runs").json()["items"]] == [job["result"]]
    check_audit(served.service.store, runs_create=1, jobs_done=1)


# --- a database that goes away ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_postgresql():
    """A PostgreSQL server that these tests may stop."""
    server = Postgres()
    yield server
    server.remove()


def test_postgresql_that_goes_away_and_comes_back_loses_and_doubles_nothing(own_postgresql, serve_on, settlement):
    served = serve_on(own_postgresql.database(), workers=2, lease_seconds=1)
    client, store = served.client, served.service.store
    first = [post(client, "/v1/settlements", settlement(n), f"key {n}") for n in range(40)]
    assert {answer.status_code for answer in first} == {202}
    until(lambda: store.counts().get("done", 0) > 2)
    own_postgresql.stop()
    gone = post(client, "/v1/settlements", settlement(99), "key 99")
    assert is_problem(gone, 503, "store-unavailable")
    assert gone.headers["retry-after"] == "1"
    for path in ("/v1/jobs", "/v1/scenarios/blmk", first[0].headers["location"], "/readyz"):
        assert is_problem(client.get(path), 503, "store-unavailable")
    assert client.get("/livez").status_code == 200
    own_postgresql.start()
    assert until(lambda: client.get("/readyz").status_code == 200)
    assert post(client, "/v1/settlements", settlement(99), "key 99").status_code == 202
    until(lambda: store.counts() == {"done": 41})
    check_done(store, 41)
    check_audit(store, settlements_create=41, jobs_done=41)
    for number, answer in enumerate(first):
        assert post(client, "/v1/settlements", settlement(number), f"key {number}").content == answer.content


def test_an_event_stream_goes_on_once_the_database_is_back(own_postgresql, serve_on, settlement):
    served = serve_on(own_postgresql.database())
    name = post(served.client, "/v1/settlements", settlement(1), "key").json()["id"]

    async def stream():
        told = []
        async for part in _stream(served.service, served.service.identity.local, name, 0):
            told.append(part.splitlines()[1 if part.startswith("id") else 0])
            if len(told) == 1:
                own_postgresql.stop()
            elif len(told) == 2:
                own_postgresql.start()
                until(lambda: served.client.get("/readyz").status_code == 200)
                served.work()
        return told

    told = anyio.run(stream)
    assert [told[0], *told[-2:]] == ["event: queued", "event: running", "event: done"]
    assert all(each.startswith(": the store cannot be used") for each in told[1:-2])


def test_an_embedded_store_that_is_taken_away_is_told_and_not_written_to_until_it_is_back(
    serve_on, settlement, tmp_path
):
    file, aside = tmp_path / "x.db", tmp_path / "aside" / "x.db"
    aside.parent.mkdir()
    served = serve_on(f"sqlite:///{file}", workers=1)
    client, store = served.client, served.service.store
    first = post(client, "/v1/settlements", settlement(1), "key 1")
    until(lambda: store.counts() == {"done": 1})
    file.rename(aside)
    assert is_problem(client.get("/readyz"), 503, "store-unavailable")
    taken = {path: hashlib.sha256(path.read_bytes()).digest() for path in (aside, *tmp_path.glob("x.db-wal"))}
    gone = post(client, "/v1/settlements", settlement(2), "key 2")
    assert is_problem(gone, 503, "store-unavailable")
    assert (gone.headers["retry-after"], "is gone" in gone.json()["detail"]) == ("1", True)
    assert is_problem(client.get(first.headers["location"]), 503, "store-unavailable")
    assert client.get("/livez").status_code == 200
    assert {path: hashlib.sha256(path.read_bytes()).digest() for path in taken} == taken
    assert not file.exists()
    aside.rename(file)
    assert post(client, "/v1/settlements", settlement(1), "key 1").content == first.content
    assert post(client, "/v1/settlements", settlement(2), "key 2").status_code == 202
    until(lambda: store.counts() == {"done": 2})
    check_done(store, 2)
    check_audit(store, settlements_create=2, jobs_done=2)


def test_a_backup_takes_the_place_of_a_store_that_died_and_nothing_of_the_old_one_comes_back(
    capitation, serve_on, settlement, tmp_path
):
    file, url = tmp_path / "x.db", f"sqlite:///{tmp_path / 'x.db'}"
    served = serve_on(url)
    kept = post(served.client, "/v1/settlements", settlement(1), "key 1").json()["id"]
    assert capitation("backup", tmp_path / "copy.db", "--store", url).code == 0
    lost = post(served.client, "/v1/settlements", settlement(2), "key 2").json()["id"]
    in_use = capitation("restore", tmp_path / "copy.db", "--replace", "--store", url)
    assert (in_use.code, "Stop the service" in in_use.err) == (2, True)
    assert served.client.get(f"/v1/jobs/{lost}").status_code == 200
    dead = tmp_path / "dead"  # as a kill -9 leaves it: what was written last stands in the log beside the store
    dead.mkdir()
    for path in tmp_path.glob("x.db*"):
        shutil.copy(path, dead / path.name)
    assert (dead / "x.db-wal").stat().st_size > 0
    url = f"sqlite:///{dead / 'x.db'}"
    assert capitation("restore", tmp_path / "copy.db", "--replace", "--store", url).code == 0
    assert sorted(path.name for path in dead.iterdir()) == ["x.db"]
    restored = serve_on(url)
    assert [job["id"] for job in restored.client.get("/v1/jobs").json()["items"]] == [kept]
    assert post(restored.client, "/v1/settlements", settlement(2), "key 2").json()["id"] == lost
    assert restored.work() == 2
    check_audit(restored.service.store, settlements_create=2, jobs_done=2)
    assert file.exists()


# --- who waits, waits for a while -----------------------------------------------------------------------------------------


@pytest.mark.deep
def test_a_lock_that_another_keeps_for_ever_is_waited_for_a_while_only(
    own_postgresql, serve_on, settlement, monkeypatch
):
    """Somebody who holds the audit log's head and never ends: those who change something are answered 503, readers at once."""
    monkeypatch.setattr(database, "_LOCK_SECONDS", 1)
    served = serve_on(own_postgresql.database())
    client, store = served.client, served.service.store
    url = store._engine.url.render_as_string(hide_password=False)
    other = Database(url)
    with other._write() as holding:
        holding.execute(sa.text("SELECT 1 FROM audit_head FOR UPDATE")).all()
        began = time.monotonic()
        answer = post(client, "/v1/settlements", settlement(1), "key 1")
        assert is_problem(answer, 503, "store-unavailable")
        assert 0.9 < time.monotonic() - began < 10
        assert client.get("/v1/jobs").status_code == 200
    other.close()
    assert post(client, "/v1/settlements", settlement(1), "key 1").status_code == 202
    assert served.work() == 1
    check_done(store, 1)
    check_audit(store, settlements_create=1, jobs_done=1)


@pytest.mark.deep
def test_who_stops_in_the_middle_of_a_change_loses_it_and_lets_others_go_on(
    own_postgresql, serve_on, settlement, monkeypatch
):
    """As a process that is stopped, or whose machine sleeps, with the head of the audit log in its hand."""
    monkeypatch.setattr(database, "_STOPPED_SECONDS", 1)
    served = serve_on(own_postgresql.database())
    other = Database(served.service.store._engine.url.render_as_string(hide_password=False))
    changing = other._write()
    stopped = changing.__enter__()
    stopped.execute(sa.text("SELECT 1 FROM audit_head FOR UPDATE")).all()
    answer = post(served.client, "/v1/settlements", settlement(1), "key 1")
    assert answer.status_code == 202  # once the other is let go of
    with pytest.raises(sa.exc.SQLAlchemyError) as lost:
        stopped.execute(sa.text("SELECT 1")).all()
    with pytest.raises(StoreError, match="idle-in-transaction"):
        changing.__exit__(type(lost.value), lost.value, None)
    other.close()
    assert served.work() == 1
    check_audit(served.service.store, settlements_create=1, jobs_done=1)


@pytest.mark.deep
def test_a_store_that_becomes_read_only_is_told_and_nothing_is_lost_or_doubled(serve_on, settlement, tmp_path):
    """As a file system that the kernel made read-only: SQLite's own refusal. Reads go on, and who changes something is answered 503."""
    served = serve_on(f"sqlite:///{tmp_path / 'x.db'}")
    client, store = served.client, served.service.store
    first = post(client, "/v1/settlements", settlement(1), "key 1")

    read_only = [1]
    sa.event.listen(store._engine, "begin", lambda made: made.exec_driver_sql(f"PRAGMA query_only={read_only[-1]}"))
    refused = post(client, "/v1/settlements", settlement(2), "key 2")
    assert is_problem(refused, 503, "store-unavailable")
    assert is_problem(client.get("/readyz"), 503, "store-unavailable")
    assert str(tmp_path) not in refused.text
    assert client.get(first.headers["location"]).json()["status"] == "queued"
    with pytest.raises(StoreError):
        served.work()
    read_only.append(0)
    store._engine.dispose()
    assert client.get("/readyz").status_code == 200
    assert post(client, "/v1/settlements", settlement(1), "key 1").content == first.content
    assert post(client, "/v1/settlements", settlement(2), "key 2").status_code == 202
    assert served.work() == 2
    check_done(store, 2)
    check_audit(store, settlements_create=2, jobs_done=2)


def test_a_service_does_not_start_on_a_folder_that_cannot_be_written(small_disk, capitation):
    small_disk.writable(False)
    try:
        done = capitation("serve", "--store", f"sqlite:///{small_disk.folder / 'x.db'}", "--port", "0")
        issued = capitation(
            "keys", "issue", "ann", "--role", "analyst", "--store", f"sqlite:///{small_disk.folder / 'x.db'}"
        )
    finally:
        small_disk.writable(True)
    for each in (done, issued):
        assert each.code == 2, each.err
        assert "Traceback" not in each.err
        assert "the store cannot be used" in each.err or "cannot be written" in each.err
    assert list(small_disk.folder.iterdir()) == []


# --- a clock that goes back ---------------------------------------------------------------------------------------------


@pytest.fixture
def now():
    """A clock that tests turn."""
    return [1.6e9]


@pytest.fixture
def store(store_url, now):
    """A store by that clock."""
    made = Store(store_url, clock=lambda: now[0])
    made.migrate()
    yield made
    made.close()


def test_the_lease_of_a_dead_worker_is_taken_over_though_the_clock_went_back_a_day(store, now):
    store.ask(JOB, "run", "{}", "anna")
    dead = store.claim("dead", 15, 5)
    now[0] -= DAY
    taken = store.claim("other", 15, 5)
    assert (taken.id, taken.attempts) == (JOB, 2)
    assert store.claim("third", 15, 5) is None
    assert store.finish(dead, "dead", "r1", "{}", {}) is False
    assert store.finish(taken, "other", "r1", "{}", {}) is True


def test_a_worker_that_lives_keeps_its_job_from_its_first_sign_of_life_after_the_clock_went_back(store, now):
    store.ask(JOB, "run", "{}", "anna")
    store.claim("alive", 15, 5)
    now[0] -= DAY
    assert store.keep_lease(JOB, "alive", 15) is True
    assert store.claim("other", 15, 5) is None
    now[0] += 16
    assert store.claim("other", 15, 5).id == JOB


def answered(store, act, body=b"1"):
    return once(store, client="c", key="k", subject="POST /x", body=body, keep_hours=1, act=act)


@pytest.mark.parametrize("turn", [-DAY, HOLD_SECONDS + 1], ids=["a day back", "past the hold"])
def test_a_request_that_lost_its_key_meanwhile_keeps_nothing(store, now, turn):
    """Its key is held by a request that was only slow: what the second made stands, and the first is told to ask again."""

    def quick():
        store.ask(JOB, "run", "{}", "quick")
        return Response(b"made", 201)

    def slow():
        now[0] += turn
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(answered, store, quick).result(60).body == b"made"
        store.ask(JOB[::-1], "run", "{}", "slow", event(dt.datetime.now(dt.UTC), "slow", "", "x.create", "x"))
        return Response(b"made twice", 201)

    with pytest.raises(ServiceError) as refused:
        answered(store, slow)
    assert refused.value.kind == "still-running"
    assert [job.author for job in store.jobs(0, 9)] == ["quick"]
    assert store.head().number == 0
    assert answered(store, lambda: Response(b"again", 500)).body == b"made"


def test_the_audit_chain_and_the_order_of_events_hold_though_their_times_go_back(serve, now, settlement):
    served = serve()
    served.service.store.clock = lambda: now[0]
    where = post(served.client, "/v1/settlements", settlement(1), "a").headers["location"]
    now[0] -= DAY
    served.client.delete(where)
    now[0] -= DAY
    post(served.client, "/v1/settlements", settlement(1), "b")
    now[0] -= DAY
    assert served.work() == 1
    events = [dict(line.split(": ", 1) for line in part.splitlines()) for part in
              served.client.get(f"{where}/events").text.strip().split("\n\n")]  # fmt: skip
    assert [each["event"] for each in events] == ["queued", "cancelled", "queued", "running", "done"]
    times = [json.loads(each["data"])["at"] for each in events]
    assert times == sorted(times, reverse=True)
    rest = served.client.get(f"{where}/events", headers={"Last-Event-ID": events[2]["id"]}).text
    assert [line for line in rest.splitlines() if line.startswith("event")] == ["event: running", "event: done"]
    made = ["settlements.create", "jobs.delete", "settlements.create", "jobs.done"]
    records = list(served.service.store.read())
    assert [each.event.action for each in records] == made
    assert [each.event.at for each in records] == sorted((each.event.at for each in records), reverse=True)
    assert verify_log(served.service.store).holds
    assert served.client.get(where).json()["attempts"] == 1


def test_keys_open_and_stay_shut_though_the_clock_went_back(serve, now):
    served = serve(key_seconds=0)
    served.service.store.clock = lambda: now[0]
    good, ended, back = (served.headers("analyst", subject=name) for name in ("good", "ended", "back"))
    by_name = {record.subject: record for _, record in served.service.store.keys(0, 9)}
    served.service.store.revoke_key(by_name["back"].key_id)
    now[0] -= DAY
    assert served.client.get("/v1/jobs", headers=good).status_code == 200  # issued tomorrow, as it seems
    refused = served.client.get("/v1/jobs", headers=back)
    assert (refused.status_code, refused.json()["code"]) == (401, "key-revoked")
    assert served.client.get("/v1/jobs").status_code == 401  # nor is the time before the first key back
    assert served.client.get("/v1/jobs", headers=ended).status_code == 200


# --- clients that vanish, and many at once ------------------------------------------------------------------------------


@dataclass
class Crowd:
    """A server of two processes without workers, and the way to its store past it."""

    server: Server
    store: Store
    keys: dict
    worker: Worker

    def headers(self, role="analyst", **more):
        """Headers of a caller with a role."""
        return {"X-API-Key": self.keys[role], **more}

    def post(self, path, body, key, role="analyst"):
        """The answer to a creating request."""
        return post(self.server.client, path, body, key, **self.headers(role))

    def raw(self, path, content=None, key=None, **more):
        """A request as bytes, and the correlation id by which its end is found in the log."""
        named = f"raw-{uuid.uuid4().hex}"
        headers = {"Host": "127.0.0.1", "X-Correlation-ID": named, **self.headers(), **more}
        if key is not None:
            headers |= {"Idempotency-Key": key, "Content-Length": str(len(content)), "Content-Type": "application/json"}
        head = f"{'GET' if key is None else 'POST'} {path} HTTP/1.1\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return head.encode() + b"\r\n" + (content or b""), named

    def known(self, key):
        """What the store knows of an Idempotency-Key: its status and answer; None where it does not know it."""
        with self.store._read() as connection:
            query = sa.text("SELECT status, body FROM idempotency WHERE key = :key")
            row = connection.execute(query, {"key": key}).first()
            return None if row is None else (row.status, bytes(row.body or b""))

    def answered(self, keys):
        """How many keys of a pattern have their answer."""
        with self.store._read() as connection:
            query = sa.text("SELECT count(*) FROM idempotency WHERE key LIKE :keys AND status IS NOT NULL")
            return connection.execute(query, {"keys": keys}).scalar()

    def job(self, where):
        """A job by its address."""
        return self.store.job(where.rpartition("/")[2])


@pytest.fixture(scope="module", params=[pytest.param("sqlite", marks=pytest.mark.deep), "postgresql"])
def crowd(request, tmp_path_factory):
    """One for all tests that follow, on each database; none of them leaves a job that waits."""
    folder = tmp_path_factory.mktemp("crowd")
    store = Store(empty_store(request, request.param, folder))
    store.migrate()
    keys = {}
    for role in ("analyst", "approver", "finance"):
        issued = issue_key(role, "BLMK", role, ROLE_SCOPES[role], now=dt.datetime.now(dt.UTC))
        store.add_key(issued.record)
        keys[role] = issued.text.get_secret_value()
    url = store._engine.url.set(drivername=request.param).render_as_string(hide_password=False)
    settings = {"CAPITATION_WORKERS": "0", "CAPITATION_RATE_REQUESTS": "1000000", "CAPITATION_STREAMS_EACH": "100"}
    server = Server(folder, "--processes", "2", "--store", url, **settings)
    until(lambda: _started(server) == 2, 300)
    packs = Packs(pack_at(None), folder / "packs", store.pack_archive)
    yield Crowd(server, store, keys, Worker(store, packs, Settings(store=url)))
    server.stop()
    store.close()


def _started(server):
    return sum(line["says"] == "Application startup complete." for line in server.log())


def test_half_a_request_leaves_nothing(crowd, settlement):
    before = len(crowd.store.jobs(0, 10_000))
    sent, named = crowd.raw("/v1/settlements", json.dumps(settlement("half")).encode(), "half")
    with crowd.server.connect() as client:
        client.sendall(sent[:-10])
    until(lambda: crowd.server.ended([named]))
    assert (len(crowd.store.jobs(0, 10_000)), crowd.known("half")) == (before, None)
    assert crowd.post("/v1/settlements", settlement("half"), "half").status_code == 202


def test_clients_that_leave_before_the_answer_have_asked_once_or_not_at_all_and_may_ask_again(crowd, settlement):
    before, names, bodies = len(crowd.store.jobs(0, 10_000)), [], []
    for number in range(20):
        bodies.append(json.dumps(settlement(f"left {number}")).encode())
        sent, named = crowd.raw("/v1/settlements", bodies[-1], f"left {number}")
        with crowd.server.connect() as client:
            client.sendall(sent)
            time.sleep(number / 1_000)  # so that they leave at all stages
        names.append(named)
    until(lambda: crowd.server.ended(names))
    known = [crowd.known(f"left {number}") for number in range(20)]
    assert len(crowd.store.jobs(0, 10_000)) == before + sum(each is not None for each in known)
    for number, (body, kept) in enumerate(zip(bodies, known, strict=True)):
        headers = crowd.headers(**{"Idempotency-Key": f"left {number}", "Content-Type": "application/json"})
        again = crowd.server.client.post("/v1/settlements", content=body, headers=headers)
        assert again.status_code == 202
        assert kept in {None, (202, again.content)}
        assert (kept is not None) == (REPEATED in again.headers)
    assert len(crowd.store.jobs(0, 10_000)) == before + 20


def test_event_streams_whose_clients_vanish_are_ended_and_the_job_goes_on(crowd, settlement):
    where = crowd.post("/v1/settlements", settlement("stream"), "stream").headers["location"]
    connections, threads = crowd.server.connections(), crowd.server.threads()
    clients, names = [], []
    for _ in range(50):
        sent, named = crowd.raw(f"{where}/events")
        client = crowd.server.connect()
        client.sendall(sent)
        clients.append(client)
        names.append(named)
    for client in clients:
        received = b""
        while b"event: queued" not in received:
            part = client.recv(4_096)
            assert part, received
            received += part
        assert received.startswith(b"HTTP/1.1 200")
    assert crowd.server.connections() == connections + 50
    for client in clients:
        client.close()
    until(lambda: crowd.server.ended(names))
    assert until(lambda: crowd.server.connections() <= connections)
    assert crowd.server.threads() <= threads + 2 * 40  # what two pools of threads may have, and no thread a client
    assert crowd.job(where).status == "queued"
    while crowd.worker.work_once():
        pass
    whole = crowd.server.client.get(f"{where}/events", headers=crowd.headers()).text
    assert [line[7:] for line in whole.splitlines() if line.startswith("event: ")] == ["queued", "running", "done"]


def test_clients_that_wait_hold_no_thread_and_are_let_go_when_they_vanish(crowd, settlement):
    body, clients, names = json.dumps(settlement("wait")).encode(), [], []
    for number in range(100):  # more than both processes have threads
        sent, named = crowd.raw("/v1/settlements", body, f"wait {number}", Prefer="wait=60")
        client = crowd.server.connect()
        client.sendall(sent)
        clients.append(client)
        names.append(named)
    until(lambda: crowd.answered("wait %") == 100)
    began = time.monotonic()
    where = crowd.post("/v1/settlements", settlement("wait"), "wait").headers["location"]
    assert crowd.job(where).status == "queued"
    assert time.monotonic() - began < 10
    assert not any(line.get("correlation_id") in names for line in crowd.server.log())
    for client in clients:
        client.close()
    assert all(line["milliseconds"] < 60_000 for line in until(lambda: crowd.server.ended(names)))
    while crowd.worker.work_once():
        pass
    assert crowd.job(where).status == "done"


def once_of(answers, status):
    """The answer that was made; all others are the same bytes again, or told that it is still being made."""
    made = [answer for answer in answers if answer.status_code == status]
    assert all(is_problem(answer, 409, "still-running") for answer in answers if answer not in made)
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer not in made)
    first = [answer for answer in made if REPEATED not in answer.headers]
    assert len(first) == 1
    assert {answer.content for answer in made} == {first[0].content}
    assert {answer.headers["location"] for answer in made} == {first[0].headers["location"]}
    return first[0]


def test_fifty_clients_with_one_key_at_two_processes_make_each_thing_once(crowd):
    def fifty(path, body, status, role="analyst"):
        answers = together(50, lambda _: crowd.post(path, body, f"fifty {path}", role))
        first = once_of(answers, status)
        later = [crowd.post(path, body, f"fifty {path}", role) for _ in range(5)]
        assert {(answer.status_code, answer.content) for answer in later} == {(status, first.content)}
        return first.json()

    def each_own_key(path, body, role="analyst"):
        """Clients that do not know of each other, each with a key of its own, are given the same thing."""
        answers = together(4, lambda number: crowd.post(path, body, f"own {path} {number}", role))
        assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
        assert len({answer.headers["location"] for answer in answers}) == 1

    scenario = {**crowd.server.client.get("/v1/scenarios/blmk", headers=crowd.headers()).json(), "id": "fifty"}
    assert fifty("/v1/scenarios", scenario, 201)["version"] == 1
    each_own_key("/v1/scenarios", {**scenario, "id": "own"})
    job = fifty("/v1/runs", {"scenario": "blmk"}, 202)
    while crowd.worker.work_once():
        pass
    run = crowd.job(job["href"]).result
    body = {"result": f"/v1/runs/{run}"}
    approval = fifty("/v1/approvals", body, 201, "approver")
    each_own_key("/v1/approvals", body, "approver")
    body |= {"period": "2018/19"}
    journal = fifty("/v1/journals", body, 201, "finance")["items"][0]
    each_own_key("/v1/journals", body, "finance")
    store = crowd.store
    assert [each.version for name in ("fifty", "own") for each in store.versions("scenario", name, 0, 9)] == [1, 1]
    assert [each.id for each in store.results("run", 0, 9)] == [run]
    assert [each.id for each in store.approvals(0, 9)] == [approval["id"]]
    assert [each.id for each in store.journals(0, 9)] == [journal["id"]]
    check_audit(store, scenarios_create=2, runs_create=1, approvals_create=1, journals_create=1)


def test_a_process_that_is_killed_among_many_requests_loses_and_doubles_nothing(crowd, settlement):
    before, answers, victim = len(crowd.store.jobs(0, 10_000)), {}, crowd.server.processes()[0]

    def ask(number):
        for key in (f"killed {number}", f"killed {number} again"):  # a key that the dead process held is not waited for
            for _ in range(1_000):  # tries, of which a process that starts anew takes some
                try:
                    answer = crowd.post("/v1/settlements", settlement(f"killed {number}"), key)
                except httpx.TransportError:
                    time.sleep(0.01)
                    continue
                if answer.status_code == 202:
                    answers[number] = key, answer
                    return
                assert is_problem(answer, 409, "still-running")
                break

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, number) for number in range(60)]
        until(lambda: len(answers) > 20, every=0.001)
        os.kill(victim, signal.SIGKILL)
        for each in asked:
            each.result(120)
    assert (len(answers), len(crowd.store.jobs(0, 10_000))) == (60, before + 60)
    for number, (key, answer) in answers.items():
        again = crowd.post("/v1/settlements", settlement(f"killed {number}"), key)
        assert (again.content, again.headers[REPEATED]) == (answer.content, "true")
    assert len({answer.json()["id"] for _, answer in answers.values()}) == 60
    check_audit(crowd.store)


# --- a server that is asked to stop -------------------------------------------------------------------------------------


@pytest.mark.deep_on("postgresql")
def test_a_server_that_is_asked_to_stop_in_mid_job_gives_it_back_in_time(store_url, tmp_path, settlement):
    server = Server(tmp_path, "--store", store_url)
    store = Store(store_url)
    try:
        server.wait()
        long = post(server.client, "/v1/simulations", {"problem": "blmk", "draws": 20_000}, "long").headers["location"]
        until(lambda: server.client.get(long).json()["status"] == "running")
        short = post(server.client, "/v1/settlements", settlement(1), "short").headers["location"]
    finally:
        began = time.monotonic()
        code, _, log = server.stop()
    assert time.monotonic() - began < 15
    assert code in {0, -signal.SIGTERM}  # the signal is passed on once everything has been closed
    assert "Application shutdown complete." in log
    assert "running" not in store.counts()
    jobs = {where: store.job(where.rpartition("/")[2]) for where in (long, short)}
    for job in jobs.values():
        assert (job.status, job.attempts) in {("queued", 0), ("done", 1)}
    assert jobs[short].status == "queued"
    check_audit(store, jobs_done=store.counts().get("done", 0))
    store.close()
