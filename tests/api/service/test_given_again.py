"""What is kept leaves before the layers are gone through: alike in every header, log line and count, and never where a layer would refuse."""

import json
import logging
import time

import pytest

from api.service.http.access_log import JsonLines
from tests.api.service.real_server import Server, until

PATH = "/v1/scenarios/blmk"
OWN = {"x-correlation-id", "ratelimit"}


@pytest.fixture
def asked(served):
    """Answers to GET with a key, whose first request went through every layer."""
    headers = {**served.headers("analyst"), "Accept": "application/json"}
    served.client.cookies.clear()
    served.client.headers.clear()

    def ask(path=PATH, **more):
        return served.client.get(path, headers={**headers, **more})

    return ask


@pytest.fixture
def gone_through(served, monkeypatch):
    """Paths of requests that went through the layers."""
    found, real = [], served.client.app.build_middleware_stack

    def build():
        inside = real()

        async def noted(scope, receive, send):
            found.append(scope["path"])
            await inside(scope, receive, send)

        return noted

    served.client.app.middleware_stack = build()
    return found


def test_it_is_the_answer_of_the_layers_header_by_header(asked, gone_through, store_url):
    first, again = asked(), asked()
    # whether a PostgreSQL store has changed cannot be seen without waiting, so there what may change is made anew each time
    assert gone_through == ([PATH] if store_url.startswith("sqlite") else [PATH, PATH])
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert set(again.headers) == set(first.headers)
    assert {n: v for n, v in again.headers.items() if n not in OWN} == {
        n: v for n, v in first.headers.items() if n not in OWN
    }
    assert first.headers["x-correlation-id"] != again.headers["x-correlation-id"]
    left = [int(each.headers["ratelimit"].partition("r=")[2].partition(";")[0]) for each in (first, again)]
    assert left[0] - left[1] == 1


def test_it_stands_in_the_log_and_the_counts_like_any_other(served, asked, caplog):
    with caplog.at_level(logging.INFO, logger="capitation.service"):
        answers = [asked(), asked()]
    lines = [json.loads(JsonLines().format(each)) for each in caplog.records if each.getMessage() == "request"]
    assert [each["correlation_id"] for each in lines] == [each.headers["x-correlation-id"] for each in answers]
    assert [list(each) for each in lines] == [list(lines[0])] * 2
    assert {(each["method"], each["path"], each["status"], each["caller"]) for each in lines} == {
        ("GET", PATH, 200, "BLMK/analyst of BLMK")
    }
    told = served.client.get("/metrics", headers=served.headers("administrator")).text
    assert 'capitation_requests_total{method="GET",resource="scenarios",status="200"} 2.0' in told


@pytest.mark.parametrize(
    "more",
    [
        {"If-None-Match": '"x"'},
        {"X-Correlation-ID": "mine"},
        {"Cookie": "a=b"},
        {"Accept": "text/csv"},
        {"X-API-Key": "cap_nobody"},
        {"Range": "bytes=0-1"},
    ],
)
def test_whatever_is_not_the_plainest_request_goes_through_the_layers(asked, gone_through, more):
    asked()
    gone_through.clear()
    asked(**more)
    assert gone_through == [PATH]


def test_a_caller_who_may_not_read_it_or_has_no_requests_left_is_refused_as_before(serve):
    served = serve(rate_requests=4)
    analyst, scopeless = served.headers("analyst"), served.headers("analyst", subject="other")
    served.client.cookies.clear()
    assert [served.client.get(PATH, headers=analyst).status_code for _ in range(6)] == [200] * 4 + [429] * 2
    assert served.client.get(PATH, headers=scopeless).status_code == 200


def test_a_change_is_seen_at_once(served, asked):
    before = asked("/v1/formulas").json()
    assert asked("/v1/formulas").json() == before
    served.service.store.add_document("formula", "other", "Other", "{}", "0" * 64, "somebody", None)
    assert len(asked("/v1/formulas").json()["items"]) == len(before["items"]) + 1


def test_a_key_that_is_taken_back_is_refused_at_once(served, asked):
    asked()
    assert asked().status_code == 200
    admin = served.headers("administrator")
    (mine,) = [
        each["key_id"]
        for each in served.client.get("/v1/keys", headers=admin).json()["items"]
        if each["role"] == "analyst"
    ]
    assert served.client.delete(f"/v1/keys/{mine}", headers=admin).status_code < 300
    assert asked().status_code == 401


@pytest.fixture
def server(tmp_path):
    """A server as a user starts it, before the first key."""
    started = Server(tmp_path, CAPITATION_WORKERS="0", CAPITATION_RATE_REQUESTS="9")
    started.wait()
    yield started
    started.stop()


def test_the_bytes_of_a_request_are_answered_alike_however_they_come(server):
    def text(path=PATH, more=""):
        return f"GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {server.token}\r\n{more}\r\n".encode()

    def answers(lines, count):
        """Status lines, headers but those of one request, and bodies; all of a connection by one reader, which may have read ahead."""
        found = []
        for _ in range(count):
            head = []
            while (line := lines.readline()) != b"\r\n":
                assert line, "the connection was closed"
                head.append(line)
            length = next(int(each.split(b":")[1]) for each in head if each.lower().startswith(b"content-length:"))
            kept = [each for each in head if each.partition(b":")[0].decode() not in {*OWN, "date"}]
            found.append((sorted(kept), lines.read(length)))
        return found

    connection = server.connect()
    lines = connection.makefile("rb")
    whole = []
    for _ in range(4):  # through the layers, kept, and by its bytes
        connection.sendall(text())
        whole += answers(lines, 1)
    connection.sendall(text()[:40])
    time.sleep(0.05)
    connection.sendall(text()[40:])
    connection.sendall(text() + text("/livez") + text())  # three at once
    whole += answers(lines, 1)
    first, alive, last = answers(lines, 3)
    assert alive[1] != first[1]
    assert all(each == whole[0] for each in [*whole, first, last])
    connection.sendall(text()[:-2] + b"X-Part: ")  # within a header, the very bytes are no request
    time.sleep(0.05)
    connection.sendall(text())
    assert answers(lines, 1)[0] == whole[0]
    connection.sendall(text(more="Connection: close\r\n"))
    assert len(answers(lines, 1)) == 1
    assert lines.read(10) == b""
    lines.close()
    connection.close()
    again = server.connect()
    again.sendall(text())
    refused = answers(again.makefile("rb"), 1)
    assert refused[0][0][0].startswith(b"HTTP/1.1 429") or any(b"429" in each for each in refused[0][0])
    again.close()

    def logged():
        return [each for each in server.log() if each.get("path") == PATH]

    until(lambda: len(logged()) == 10)  # the last line may come a moment after its answer
    lines = logged()
    assert [each["status"] for each in lines] == [200] * 9 + [429]
    assert len({each["correlation_id"] for each in lines}) == 10
    assert {tuple(each) for each in lines[:9]} == {tuple(lines[0])}
