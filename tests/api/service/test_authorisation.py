"""Every route x role x organisation over HTTP, against a table a person can read; and what is asked of who comes without a key."""

import csv
import itertools
import stat
from pathlib import Path

import pytest

from api.service.app import operations, routers
from api.service.security.access import ROLES
from api.service.security.addresses import PUBLIC
from api.service.security.proofs.local_token import COOKIE

TABLE = Path(__file__).parent / "authorisation.csv"
SYSTEM, PARTNERS = "BLMK", ("06F", "RC9")
SAMPLES = {
    "result_id": "0" * 16,
    "approval_id": "0" * 32,
    "job_id": "0" * 32,
    "key_id": "0" * 16,
    "journal_id": "0" * 16,
    "content_digest": "0" * 64,
    "digest": "0" * 64,
}
"""Values of parts of addresses that keep their form and name nothing."""


def rows():
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def address(route):
    parts = [part[1:-1] if part.startswith("{") else None for part in route.split("/")]
    named = [
        word if part is None else SAMPLES.get(part, "nothing")
        for word, part in zip(route.split("/"), parts, strict=True)
    ]
    return "/".join(named)


def test_the_table_names_every_route_once():
    listed = [(row["method"], row["route"]) for row in rows()]
    assert sorted(listed) == sorted(operations(routers()))
    assert len(set(listed)) == len(listed)


def test_only_addresses_about_the_service_itself_are_open():
    assert {row["route"] for row in rows() if row["roles_of_the_system"] == "anyone"} | {"/openapi.json"} == PUBLIC


def test_every_role_of_every_organisation_may_do_what_the_table_says_and_no_more(served):
    keys = {(role, org): served.headers(role, org) for role, org in itertools.product(ROLES, (SYSTEM, *PARTNERS))}
    wrong = []
    for row, ((role, organisation), headers) in itertools.product(rows(), keys.items()):
        may = row["roles_of_the_system" if organisation == SYSTEM else "roles_of_partners"].split()
        answer = served.client.request(row["method"], address(row["route"]), headers=headers)
        is_let_in = answer.status_code not in {401, 403}
        if is_let_in != (role in may or "anyone" in may) or answer.status_code >= 500:
            wrong.append(f"{role} of {organisation}: {row['method']} {row['route']}: {answer.status_code}")
        if answer.status_code == 403:
            assert answer.json()["code"] in {"role", "scope", "organisation"}
    assert wrong == []


def test_a_refused_change_stands_in_the_audit_log_and_a_refused_reading_does_not(served):
    partner = served.headers("partner", "06F", "pat")
    before = served.service.store.head().number
    assert served.client.post("/v1/runs", headers=partner, json={"scenario": "blmk"}).status_code == 403
    assert served.client.get("/v1/journals", headers=partner).status_code == 403
    (record,) = served.service.store.audit_records(before, 10)
    told = record.event
    assert (told.actor, told.organisation, told.action, told.outcome) == ("pat", "06F", "runs.create", "role")


@pytest.fixture
def locked(served):
    """A service whose first key was issued, so that everybody needs one."""
    served.headers("analyst")
    return served


def test_without_a_key_nothing_but_the_service_itself_answers(locked):
    for row in rows():
        answer = locked.client.request(row["method"], address(row["route"]))
        if row["roles_of_the_system"] == "anyone":
            assert answer.status_code == 200
        else:
            assert (answer.status_code, answer.json()["code"]) == (401, "no-credential"), row["route"]
            assert answer.headers["www-authenticate"] == "Bearer"
    assert locked.client.get("/v1/no/such/place").status_code == 401
    assert locked.client.get("/openapi.json").status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"X-API-Key": "nonsense"}, "key-malformed"),
        ({"X-API-Key": "cap_local_ended"}, "local-token"),
        ({"X-API-Key": f"cap_{'0' * 16}_{'A' * 43}"}, "key-unknown"),
        ({"Authorization": "Basic abc"}, "scheme"),
        ({"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}, "tokens-not-taken"),
        ({"Authorization": "Bearer a", "X-API-Key": "b"}, "two-credentials"),
        ({"X-API-Key": ""}, "no-credential"),
    ],
)
def test_a_credential_that_is_not_good_is_refused_and_never_repeated(locked, headers, code):
    answer = locked.client.get("/v1/scenarios", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    for word in "".join(headers.values()).split():
        assert len(word) < 8 or word not in answer.text


PASSED_ON = {
    "Host": "capitation.example.org",
    "Origin": "https://evil.example",
    "X-Forwarded-For": "127.0.0.1",
    "X-Real-IP": "203.0.113.9",
    "Via": "1.1 gate",
    "X-Forwarded-Host": "localhost",
    "Forwarded": "for=127.0.0.1",
}


def test_without_the_token_nobody_is_local_whatever_the_request_says_of_where_it_comes_from(served):
    served.client.cookies.clear()
    assert served.client.get("/v1/scenarios").json()["code"] == "no-credential"
    named = ["localhost", "127.0.0.1", "localhost:x@evil.example", "[::1]:80"]
    for headers in [*({name: value} for name, value in PASSED_ON.items()), *({"Host": host} for host in named)]:
        assert served.client.get("/v1/scenarios", headers=headers).status_code == 401
        creating = {**headers, "Idempotency-Key": "k"}
        assert served.client.post("/v1/runs", json={"scenario": "blmk"}, headers=creating).status_code == 401


def test_the_token_lets_in_by_each_way_until_the_first_key_is_issued(served):
    token = served.service.identity.local_token.path.read_text()
    served.client.cookies.clear()
    ways = [{"X-API-Key": token}, {"Authorization": f"Bearer {token}"}, {"Cookie": f"a=b; {COOKIE}={token}"}]
    assert [served.client.get("/v1/scenarios", headers=way).status_code for way in ways] == [200] * 3
    wrong = [{"X-API-Key": f"{token}x"}, {"Authorization": f"Basic {token}"}, {"Cookie": f"{COOKIE}=cap_local_"}]
    assert [served.client.get("/v1/scenarios", headers=way).status_code for way in wrong] == [401] * 3
    served.headers("administrator")
    assert [served.client.get("/v1/scenarios", headers=way).status_code for way in ways] == [401] * 3


def test_a_browser_is_let_in_by_the_address_that_serve_prints(served):
    token = served.service.identity.local_token.path.read_text()
    served.client.cookies.clear()
    refused = served.client.get("/local", params={"token": f"{token}x"}, follow_redirects=False)
    assert (refused.status_code, refused.json()["code"]) == (401, "local-token")
    opened = served.client.get("/local", params={"token": token})
    assert (opened.status_code, opened.url.path) == (200, "/")
    (first,) = opened.history
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {
        word.strip() for word in first.headers["set-cookie"].split(";")
    }
    served.headers("administrator")
    assert served.client.get("/local", params={"token": token}, follow_redirects=False).status_code == 401


def test_a_token_that_others_could_read_and_one_of_an_earlier_start_are_refused(served):
    kept = served.service.identity.local_token
    before = kept.path.read_text()
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert kept.is_this(before)
    kept.path.chmod(0o640)
    assert not kept.is_this(before)
    after = kept.renew()
    assert (kept.is_this(before), kept.is_this(after)) == (False, True)
    kept.remove()
    assert not kept.is_this(after)


def test_local_access_can_be_turned_off(serve):
    served = serve(local_access=False)
    assert served.client.get("/v1/scenarios").status_code == 401
    assert served.client.get("/v1/scenarios", headers=served.headers("analyst")).status_code == 200


def test_who_is_local_may_try_things_but_not_approve_or_export(served):
    assert served.client.get("/v1/audit").status_code == 403
    assert served.client.post("/v1/approvals", json={}).status_code == 403
    assert served.client.post("/v1/keys", json={}).status_code == 403
    assert served.client.get("/metrics").status_code == 403


def test_guesses_at_keys_are_limited_by_where_they_come_from(serve):
    served = serve(rate_requests=3, rate_seconds=3600)
    good = served.headers("analyst")
    guesses = [{"X-API-Key": f"cap_{n:016x}_{'A' * 43}"} for n in range(5)]
    codes = [served.client.get("/v1/scenarios", headers=headers).status_code for headers in guesses]
    assert codes == [401, 401, 401, 429, 429]
    assert (
        served.client.get("/v1/scenarios", headers=good).status_code == 429
    )  # a new key cannot be looked up from there


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic abc"}, {"Authorization": "Digest x"}])
def test_what_to_send_is_not_taken_for_a_secret(locked, headers):
    detail = locked.client.get("/v1/scenarios", headers=headers).json()["detail"]
    assert "expected" in detail
    assert "***" not in detail
