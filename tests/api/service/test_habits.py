"""What every answer carries: correlation id, security headers, limits; and what the logs say."""

import json
import logging

import pytest

from api.service.http.access_log import JsonLines
from api.service.http.rate_limit import RateLimit
from api.service.http.security_headers import SECURITY
from api.service.jobs import self_test
from api.service.settings import Settings

PATHS = ["/livez", "/readyz", "/openapi.json", "/v1/scenarios", "/v1/nothing", "/v1/jobs?limit=0"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_habits(served, path):
    answer = served.client.get(path, headers={"X-Correlation-ID": "order-66.a"})
    assert answer.headers["x-correlation-id"] == "order-66.a"
    for name in SECURITY:
        assert name in answer.headers
    assert answer.headers["ratelimit-policy"] == '"default";q=60000;w=60'
    assert answer.headers["ratelimit"].startswith('"default";r=')


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a;b", "é"])
def test_a_correlation_id_that_is_no_plain_word_is_replaced(served, given):
    answer = served.client.get("/livez", headers={"X-Correlation-ID": given.encode()})
    assert answer.headers["x-correlation-id"] != given
    assert len(answer.headers["x-correlation-id"]) == 32


def test_a_body_above_the_limit_is_refused_whether_or_not_it_says_its_length(serve):
    served = serve(body_bytes=1000)
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    told = served.client.post("/v1/runs", content=b" " * 1001, headers=headers)
    streamed = served.client.post("/v1/runs", content=iter([b" " * 600, b" " * 600]), headers=headers)
    for answer in (told, streamed):
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:capitation:problem:too-large")
    assert served.client.post("/v1/runs", content=b" " * 1000, headers=headers).status_code == 400


def test_requests_above_the_limit_are_refused_and_told_when_to_come_back(serve):
    served = serve(rate_requests=3, rate_seconds=3600)
    answers = [served.client.get("/v1/scenarios?limit=1") for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert [a.headers["ratelimit"].split(";")[1] for a in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert 1 <= int(answers[3].headers["retry-after"]) <= 3600
    assert answers[3].json()["type"] == "urn:capitation:problem:too-many-requests"
    assert served.client.get("/livez").status_code == 200


def test_the_window_of_the_rate_limit_ends():
    now = [0.0]
    limit = RateLimit(2, 60, clock=lambda: now[0])
    assert [limit.take("a")[0] for _ in range(3)] == [True, True, False]
    assert limit.take("b")[0] is True
    now[0] = 60.0
    assert limit.take("a") == (True, 1, 60)


def test_the_log_is_json_and_holds_no_query_header_or_body(served, caplog):
    with caplog.at_level(logging.INFO, logger="capitation.service"):
        served.client.get(
            "/v1/jobs", params={"cursor": "swordfish"}, headers={"Authorization": "swordfish", "X-Correlation-ID": "c1"}
        )
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.name == "capitation.service"]
    assert [(x["correlation_id"], x["method"], x["path"], x["status"]) for x in lines] == [
        ("c1", "GET", "/v1/jobs", 401)
    ]
    assert "swordfish" not in json.dumps(lines)


def test_settings_are_shown_without_the_password():
    shown = Settings(store="postgresql://me:swordfish@host/db").shown()
    assert "swordfish" not in json.dumps(shown)
    assert "host" in shown["store"]


def test_readiness_fails_where_the_solver_is_wrong(served, monkeypatch):
    monkeypatch.setattr(self_test, "_last", [])
    monkeypatch.setattr(self_test, "_solve", lambda _pack: "optimal at 3.0, not 21000.0")
    answer = served.client.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:capitation:problem:not-ready")


@pytest.mark.both_databases("each database is gone in its own way")
def test_readiness_fails_where_the_store_is_gone(served):
    assert served.client.get("/readyz").json()["status"] == "ready"
    with served.service.store._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE job")
    answer = served.client.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:capitation:problem:store-unavailable")


READS = ["/livez", "/openapi.json", "/v1/scenarios", "/v1/scenarios/blmk", "/v1/jobs", "/v1/runs", "/v1/approvals"]


@pytest.mark.parametrize("path", READS)
def test_every_resource_has_a_strong_tag_and_is_not_sent_twice(served, path):
    first = served.client.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    unchanged = served.client.get(path, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", tag)
    assert served.client.get(path, headers={"If-None-Match": '"another"'}).content == first.content


def test_a_tag_changes_with_the_bytes(served):
    before = served.client.get("/v1/jobs").headers["etag"]
    served.client.post("/v1/runs", json={"scenario": "blmk"}, headers={"Idempotency-Key": "k"})
    assert served.client.get("/v1/jobs", headers={"If-None-Match": before}).status_code == 200


def test_no_secret_stands_in_the_log(served, caplog):
    headers = served.headers("analyst")
    with caplog.at_level(logging.DEBUG):
        served.client.get("/v1/scenarios", headers=headers)
        served.client.get("/v1/scenarios", headers={"Authorization": f"Bearer {headers['X-API-Key'][:-1]}x"})
    written = "".join(JsonLines().format(record) for record in caplog.records)
    assert headers["X-API-Key"].split("_", 2)[2][:-1] not in written
    assert headers["X-API-Key"].split("_")[1] in written
