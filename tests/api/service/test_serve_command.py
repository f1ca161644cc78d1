"""`capitation serve`, `worker`, `backup` and `restore` as a user starts them: processes, an empty folder, kill -9."""

import json
import signal
import socket
import sqlite3
import threading
import time

import pytest

from api.service.security.proofs.local_token import TOKEN_FILE
from api.service.settings import STORE_FILE
from api.service.store import Store, StoreError
from tests.api.service.real_server import Server


def test_serve_answers_from_an_empty_folder_and_stops_gracefully(tmp_path):
    server = Server(tmp_path)
    try:
        assert server.wait().json()["status"] == "ready"
        described = server.client.get("/openapi.json").json()
        assert described["openapi"].startswith("3.1")
        assert {"/v1/runs", "/v1/scenarios", "/v1/jobs/{job_id}"} <= set(described["paths"])
        assert server.client.get("/v1/scenarios/blmk").status_code == 200
    finally:
        code, out, err = server.stop()
    assert code == -signal.SIGTERM  # the signal is passed on once everything has been closed
    assert "Application shutdown complete." in [json.loads(line)["says"] for line in err.splitlines()]
    assert json.loads(out)["settings"]["workers"] == 1
    assert all(json.loads(line)["at"] for line in err.splitlines())
    assert (tmp_path / STORE_FILE).is_file()


def test_a_server_that_is_killed_loses_no_job(tmp_path):
    quick = {"CAPITATION_LEASE_SECONDS": "1"}
    server = Server(tmp_path, **quick)
    server.wait()
    sent = server.client.post("/v1/runs", json={"scenario": "blmk"}, headers={"Idempotency-Key": "k"})
    time.sleep(0.3)  # time for the worker to begin
    assert server.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    again = Server(tmp_path, **quick)
    try:
        again.wait()
        until = time.monotonic() + 60
        job = again.client.get(sent.headers["location"]).json()
        while job["status"] != "done" and time.monotonic() < until:
            time.sleep(0.1)
            job = again.client.get(sent.headers["location"]).json()
        assert job["status"] == "done"
        assert [run["href"] for run in again.client.get("/v1/runs").json()["items"]] == [job["result"]]
        repeated = again.client.post("/v1/runs", json={"scenario": "blmk"}, headers={"Idempotency-Key": "k"})
        assert repeated.content == sent.content
    finally:
        again.stop()


def test_a_backup_is_whole_and_can_be_put_back(capitation, serve, tmp_path):
    url = f"sqlite:///{tmp_path / 'live.db'}"
    served = serve(store=url)
    done = served.ask("/v1/optimisations", {"problem": "overlap_pair"})
    assert capitation("backup", tmp_path / "copy.db", "--store", url).code == 0
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert capitation("restore", tmp_path / "copy.db", "--store", other).code == 0
    assert serve(store=other).client.get(done["result"]).json() == served.client.get(done["result"]).json()
    refused = capitation("restore", tmp_path / "copy.db", "--store", other)
    assert refused.code == 2
    assert "--replace" in refused.err


def test_a_backup_takes_the_place_of_nothing_but_an_earlier_one(capitation, tmp_path):
    live, url = tmp_path / "live.db", f"sqlite:///{tmp_path / 'live.db'}"
    store = Store(url)
    store.migrate()
    store.close()
    before = live.read_bytes()
    (tmp_path / "ledger.xlsx").write_bytes(b"another thing")
    (tmp_path / "link.db").symlink_to(live)
    for named, said in (
        ("live.db", "is the store itself"),
        ("link.db", "is the store itself"),
        ("ledger.xlsx", "is no earlier copy of a store"),
        (".", "is a folder"),
    ):
        refused = capitation("backup", tmp_path / named, "--store", url)
        assert (refused.code, said in refused.err) == (2, True), refused.err
    assert capitation("backup", tmp_path / "no" / "folder.db", "--store", url).code == 2
    assert capitation("restore", live, "--replace", "--store", url).code == 2
    assert live.read_bytes() == before
    assert (tmp_path / "ledger.xlsx").read_bytes() == b"another thing"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger.xlsx", "link.db", "live.db"]
    assert [capitation("backup", tmp_path / "copy.db", "--store", url).code for _ in range(2)] == [0, 0]


@pytest.mark.parametrize(
    "words", [("audit", "verify"), ("audit", "export", "log.ndjson"), ("keys", "list"), ("backup", "copy.db")]
)
def test_a_command_that_looks_into_a_store_makes_none(capitation, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    answer = capitation(*words)
    assert (answer.code, "no such store" in answer.err, answer.out) == (2, True, "")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_backup_is_refused_and_changes_nothing(capitation, tmp_path):
    (tmp_path / "copy.db").write_bytes(b"no database" * 100)
    answer = capitation("restore", tmp_path / "copy.db", "--store", f"sqlite:///{tmp_path / 'new.db'}")
    assert answer.code == 2
    assert "cannot be copied" in answer.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db"]


@pytest.mark.both_databases("the shape of a store is read from the database")
def test_a_store_of_a_newer_version_is_refused_with_a_clear_message(store_url):
    store = Store(store_url)
    store.migrate()
    store.migrate()
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"'9999', which this version does not know.*newer version"):
        store.migrate()
    store.close()


def test_the_embedded_store_writes_ahead_and_waits(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'x.db'}")
    store.migrate()
    with sqlite3.connect(tmp_path / "x.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    store.close()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CAPITATION_WORKERS", "many"), ("CAPITATION_STORE", "nonsense"), ("CAPITATION_STORE", "mysql://x/y")],
)
def test_a_setting_that_cannot_be_used_is_told_before_anything_starts(capitation, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    answer = capitation("serve", "--port", "0")
    assert answer.code == 2
    assert answer.err.startswith("error: ")


def test_a_server_that_is_asked_to_stop_lets_go_of_those_who_wait(tmp_path):
    server = Server(tmp_path, CAPITATION_WORKERS="0")
    server.wait()
    headers = {"Idempotency-Key": "k", "Prefer": "wait=60"}
    answers = []

    def ask():
        answers.append(server.client.post("/v1/runs", json={"scenario": "blmk"}, headers=headers, timeout=60))

    waiting = threading.Thread(target=ask, daemon=True)
    waiting.start()
    until = time.monotonic() + 30
    while not server.client.get("/v1/jobs").json()["items"] and time.monotonic() < until:
        time.sleep(0.05)
    began = time.monotonic()
    server.stop(signal.SIGTERM)
    waiting.join(30)
    assert time.monotonic() - began < 8
    assert [(a.status_code, a.json()["status"]) for a in answers] == [(202, "queued")]


def test_a_start_where_nothing_can_listen_changes_nothing(capitation, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / TOKEN_FILE).write_text("of the server that runs here")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = capitation("serve", "--port", str(port))
    assert refused.code == 2
    assert f"--port: found {port}, which is in use; expected a port that is free" in refused.err
    assert refused.out == ""
    elsewhere = capitation("serve", "--host", "192.0.2.1")
    assert (elsewhere.code, "--host: found '192.0.2.1'; expected an address of this machine" in elsewhere.err) == (
        2,
        True,
    )
    assert [path.name for path in tmp_path.iterdir()] == [TOKEN_FILE]
    assert (tmp_path / TOKEN_FILE).read_text() == "of the server that runs here"
