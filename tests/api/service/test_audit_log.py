"""The audit log of the service: written with what it tells or not at all, read and exported over HTTP, verified on the command line."""

import json

import pytest

from api.service.security.audit import verify_file, verify_log
from api.service.store import StoreError

pytestmark = pytest.mark.both_databases("records are chained in the transaction of what they tell")

NDJSON = "application/x-ndjson"


@pytest.fixture
def root(served):
    """Headers of an administrator."""
    return served.headers("administrator")


def scenario(served, headers, name="ours"):
    content = served.client.get("/v1/scenarios/blmk", headers=headers).json() | {"id": name}
    return served.client.post("/v1/scenarios", json=content, headers={**headers, "Idempotency-Key": name})


def test_every_change_is_told_once_with_who_what_and_the_correlation_id(served, root):
    ann = served.headers("analyst", subject="ann")
    before = served.service.store.head().number
    assert scenario(served, {**ann, "X-Correlation-ID": "order-1"}).status_code == 201
    assert scenario(served, {**ann, "X-Correlation-ID": "order-2"}).status_code == 201  # a repeat changes nothing
    sent = served.client.post("/v1/runs", json={"scenario": "ours"}, headers={**ann, "Idempotency-Key": "r"})
    served.work()
    events = [record.event for record in served.service.store.audit_records(before, 100)]
    assert [(e.actor, e.action) for e in events] == [
        ("ann", "scenarios.create"),
        ("ann", "runs.create"),
        ("worker", "jobs.done"),
    ]
    assert (events[0].subject, events[0].correlation, events[0].organisation) == ("scenarios/ours", "order-1", "BLMK")
    assert events[1].subject == sent.headers["location"].removeprefix("/v1/")
    assert events[2].detail["result"].startswith("runs/")


def test_the_log_is_read_in_pages_and_whole_and_both_are_the_same_chain(served, root, tmp_path):
    for n in range(5):
        scenario(served, served.headers("analyst"), f"s{n}")
    records, cursor = [], None
    while True:
        query = f"?limit=2{f'&cursor={cursor}' if cursor else ''}"
        page = served.client.get(f"/v1/audit{query}", headers=root).json()
        records += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    whole = served.client.get("/v1/audit", headers={**root, "Accept": NDJSON})
    assert whole.headers["content-type"].startswith(NDJSON)
    lines = [json.loads(line) for line in whole.text.splitlines()]
    assert lines[:-1] == records
    assert lines[-1] == {"head": page["head"]}
    (tmp_path / "log.ndjson").write_bytes(whole.content)
    assert verify_file(tmp_path / "log.ndjson").holds
    verdict = served.client.get("/v1/audit/verdict", headers=root).json()
    assert (verdict["records"], verdict["broken"]) == (len(records), None)


def test_the_command_line_verifies_and_exports_the_stores_log(served, capitation, store_url, tmp_path):
    scenario(served, served.headers("analyst"))
    good = capitation("audit", "verify", "--store", store_url)
    assert (good.code, "the chain holds" in good.out) == (0, True)
    out = tmp_path / "log.ndjson"
    head = capitation("audit", "export", out, "--store", store_url).out.rpartition("elsewhere: ")[2].strip()
    assert capitation("audit", "verify", out, "--head", head).code == 0
    scenario(served, served.headers("analyst"), "later")
    assert capitation("audit", "verify", "--store", store_url, "--head", head).code == 0
    assert capitation("audit", "export", out, "--store", store_url).code == 0


def test_a_log_takes_the_place_of_nothing_but_an_earlier_one(served, capitation, store_url, tmp_path):
    other = tmp_path / "other.db"
    other.write_bytes(b"SQLite format 3\x00")
    for named in (other, tmp_path):
        refused = capitation("audit", "export", named, "--store", store_url)
        assert (refused.code, "is no earlier log" in refused.err) == (2, True)
    assert other.read_bytes() == b"SQLite format 3\x00"


@pytest.mark.parametrize("change", ["a word", "a record taken out", "the end taken off"])
def test_who_goes_around_the_service_and_changes_the_log_is_found_out(served, capitation, store_url, change):
    for n in range(3):
        scenario(served, served.headers("analyst"), f"s{n}")
    statement = {
        "a word": "UPDATE audit_record SET event = replace(event, 'analyst of BLMK', 'nobody of BLMK') WHERE number = 2",
        "a record taken out": "DELETE FROM audit_record WHERE number = 2",
        "the end taken off": "DELETE FROM audit_record WHERE number = 3",
    }[change]
    store = served.service.store
    with store._engine.begin() as connection:
        if store.is_sqlite:
            connection.exec_driver_sql("DROP TRIGGER audit_record_no_update")
            connection.exec_driver_sql("DROP TRIGGER audit_record_no_delete")
        else:
            connection.exec_driver_sql("DROP TRIGGER audit_record_is_kept ON audit_record")
        connection.exec_driver_sql(statement)
    found = capitation("audit", "verify", "--store", store_url)
    assert (found.code, "the chain breaks at record" in found.out) == (1, True)
    assert verify_log(store).broken.position == (3 if change == "the end taken off" else 2)


def test_what_cannot_be_told_does_not_happen(served, monkeypatch):
    ann = served.headers("analyst")
    store = served.service.store

    def full(*_words):
        message = "no room for the record"
        raise StoreError(message)

    monkeypatch.setattr(store, "_chain", full)
    assert scenario(served, ann).status_code == 503
    asked = served.client.post("/v1/runs", json={"scenario": "blmk"}, headers={**ann, "Idempotency-Key": "r"})
    assert asked.status_code == 503
    monkeypatch.undo()
    assert served.client.get("/v1/scenarios/ours", headers=ann).status_code == 404
    assert served.client.get("/v1/jobs", headers=ann).json()["items"] == []
    assert scenario(served, ann).status_code == 201
