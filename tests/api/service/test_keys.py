"""Keys: shown once, kept as checksums, taken back at once; over HTTP and on the command line."""

import hashlib
import json

import pytest

BODY = {"subject": "ben", "organisation": "BLMK", "role": "approver", "scopes": ["approve", "run:read"]}


@pytest.fixture
def root(served):
    """Headers of an administrator."""
    return served.headers("administrator", subject="root")


def issue(served, root, body=BODY, key="k"):
    return served.client.post("/v1/keys", json=body, headers={**root, "Idempotency-Key": key})


def test_a_key_is_shown_in_the_first_answer_only_and_works(served, root):
    made = issue(served, root)
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    text = made.json()["key"]
    assert served.client.get("/v1/approvals", headers={"X-API-Key": text}).status_code == 200
    assert served.client.get("/v1/approvals", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    again = issue(served, root)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == made.json() | {"key": None}
    assert len(served.client.get("/v1/keys", headers=root).json()["items"]) == 2


@pytest.mark.both_databases("keys are kept and taken back in the database")
def test_nothing_in_the_store_tells_a_key(served, root, store_url):
    text = issue(served, root).json()["key"]
    secret = text.split("_", 2)[2]
    with served.service.store._engine.connect() as connection:
        for table in ("api_key", "idempotency", "audit_record"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").fetchall()
            assert secret not in str([[bytes(c) if isinstance(c, memoryview) else c for c in row] for row in rows])
    record = served.service.store.key(text.split("_")[1])
    assert record.sha256 == hashlib.sha256(text.encode()).hexdigest()
    listed = served.client.get("/v1/keys", headers=root).text
    assert secret not in listed
    assert record.sha256 not in listed


@pytest.mark.both_databases("keys are kept and taken back in the database")
def test_a_key_that_is_taken_back_is_refused_at_once_and_stays_in_the_list(served, root):
    made = issue(served, root).json()
    headers = {"X-API-Key": made["key"]}
    assert served.client.get("/v1/approvals", headers=headers).status_code == 200
    taken = served.client.delete(made["href"], headers=root)
    assert taken.json()["revoked"] is not None
    refused = served.client.get("/v1/approvals", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "key-revoked")
    assert served.client.delete(made["href"], headers=root).json() == taken.json()
    assert served.client.get(made["href"], headers=root).json() == taken.json()


@pytest.mark.both_databases("keys are kept and taken back in the database")
def test_a_key_that_was_taken_back_elsewhere_is_refused_after_the_time_it_is_remembered(serve, store_url):
    served = serve(key_seconds=0)
    headers = served.headers("analyst")
    assert served.client.get("/v1/scenarios", headers=headers).status_code == 200
    served.service.store.revoke_key(headers["X-API-Key"].split("_")[1])
    assert served.client.get("/v1/scenarios", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"scopes": ["journal:export"]}, "what the role approver may hold"),
        ({"role": "king"}, "role"),
        ({"scopes": []}, "scopes"),
        ({"subject": " "}, "subject"),
        ({"days": 0}, "days"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_its_place(served, root, change, place):
    before = len(served.client.get("/v1/keys", headers=root).json()["items"])
    answer = issue(served, root, BODY | change)
    assert answer.status_code == 422
    assert place in answer.text
    assert answer.json()["faults"][0]["pointer"].startswith("/")
    assert len(served.client.get("/v1/keys", headers=root).json()["items"]) == before


def test_a_key_ends_when_it_says(served, root):
    made = issue(served, root, BODY | {"days": 1}).json()
    real = served.service.store.clock
    served.service.store.clock = lambda: real() + 86_401
    served.service.identity.forget()
    try:
        answer = served.client.get("/v1/approvals", headers={"X-API-Key": made["key"]})
    finally:
        served.service.store.clock = real
    assert (answer.status_code, answer.json()["code"]) == (401, "key-expired")


@pytest.mark.both_databases("keys are kept and taken back in the database")
def test_the_command_line_issues_lists_and_takes_back_keys_of_the_same_store(served, capitation, store_url):
    made = capitation("keys", "issue", "cal", "--role", "finance", "--store", store_url)
    assert made.code == 0, made.err
    headers = {"X-API-Key": made.out.strip()}
    assert served.client.get("/v1/journals", headers=headers).status_code == 200
    listed = json.loads(capitation("keys", "list", "--json", "--store", store_url).out)
    assert [(k["subject"], k["organisation"], k["role"]) for k in listed] == [("cal", "BLMK", "finance")]
    assert "sha256" not in listed[0]
    assert capitation("keys", "revoke", listed[0]["key_id"], "--store", store_url).code == 0
    served.service.identity.forget()
    assert served.client.get("/v1/journals", headers=headers).status_code == 401
    unknown = capitation("keys", "revoke", "0" * 16, "--store", store_url)
    assert unknown.code == 2
    assert f"unknown key '{'0' * 16}'" in unknown.err
    wrong = capitation("keys", "issue", "x", "--role", "finanse", "--store", store_url)
    assert wrong.code == 2
    assert "finance" in wrong.err


def test_issuing_and_taking_back_stand_in_the_audit_log(served, root):
    before = served.service.store.head().number
    made = issue(served, root).json()
    served.client.delete(made["href"], headers=root)
    told = [(r.event.actor, r.event.action, r.event.subject) for r in served.service.store.audit_records(before, 9)]
    name = f"keys/{made['key_id']}"
    assert told == [("root", "keys.create", name), ("root", "keys.delete", name)]


def test_a_key_without_scopes_may_do_all_that_its_role_may(served, root):
    made = issue(served, root, {name: value for name, value in BODY.items() if name != "scopes"})
    assert (made.status_code, made.json()["scopes"]) == (201, ["approve", "run:read"])


def test_a_role_that_is_not_known_is_the_only_fault(capitation, store_url):
    wrong = capitation("keys", "issue", "x", "--role", "king", "--store", store_url)
    assert wrong.code == 2
    assert "scopes" not in wrong.err
