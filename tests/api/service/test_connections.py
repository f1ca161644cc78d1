"""Nobody keeps others waiting: slow openers, idle connections, large headers, streams without end; and counts that processes share."""

import logging
import time
from contextlib import suppress

import httpx2 as httpx
import pytest

from api.service.http.access_log import LONGEST_PATH, note_request
from api.service.http.rate_limit import RateLimit
from api.service.http.shared_counts import SharedCounts, make_counts
from tests.api.service.real_server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Two processes, with narrow limits."""
    limits = {
        "HEADER_SECONDS": "1",
        "BODY_SECONDS": "1",
        "CONNECTIONS": "20",
        "HEADER_BYTES": "20000",
        "RATE_REQUESTS": "60",
        "RATE_SECONDS": "36000",
        "WORKERS": "0",
        "STREAM_SECONDS": "0.5",
        "STREAMS_EACH": "2",
    }
    environment = {f"CAPITATION_{name}": value for name, value in limits.items()}
    started = Server(tmp_path_factory.mktemp("served"), "--processes", "2", **environment)
    started.wait()
    yield started
    started.stop()


def first_line(connection, seconds=10):
    connection.settimeout(seconds)
    return connection.recv(1_000).partition(b"\r\n")[0]


def test_those_who_open_and_say_nothing_block_nobody_and_are_closed(server):
    idle = [server.connect() for _ in range(100)]
    began = time.monotonic()
    assert httpx.get(f"http://127.0.0.1:{server.port}/livez").status_code == 200
    assert time.monotonic() - began < 5
    assert all(each in {b"", b"HTTP/1.1 408 Request Timeout"} for each in map(end_of, idle))


def end_of(connection):
    """What a connection says before it is closed."""
    try:
        return first_line(connection)
    except ConnectionResetError:
        return b""
    finally:
        connection.close()


@pytest.mark.parametrize("before", [b"", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_headers_that_never_end_are_given_up(server, before):
    connection = server.connect()
    if before:
        connection.sendall(before)
        assert first_line(connection) == b"HTTP/1.1 200 OK"
        time.sleep(0.2)
        connection.setblocking(False)
        with suppress(BlockingIOError):  # its body, where that came apart
            connection.recv(1_000)
    began = time.monotonic()
    connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
    assert first_line(connection) == b"HTTP/1.1 408 Request Timeout"
    assert 0.5 < time.monotonic() - began < 8
    connection.close()


def test_a_body_that_never_ends_is_given_up(server):
    connection = server.connect()
    connection.sendall(b"POST /v1/runs HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nX-API-Key: ")
    connection.sendall(server.token.encode() + b"\r\nIdempotency-Key: k\r\n\r\n{")
    assert first_line(connection) in {b"HTTP/1.1 408 Request Timeout", b""}
    connection.close()


def test_headers_without_end_are_refused(server):
    connection = server.connect()
    connection.sendall(b"GET /livez HTTP/1.1\r\n")
    try:
        for number in range(20):
            connection.sendall(b"X-%d: %s\r\n" % (number, b"a" * 2_000))
            time.sleep(0.01)
        assert first_line(connection).startswith(b"HTTP/1.1 431")
    except (BrokenPipeError, ConnectionResetError):
        pass  # closed while the rest was sent
    connection.close()


def test_headers_that_are_too_large_are_refused_though_they_come_at_once(server):
    pytest.importorskip("httptools", reason="the other parser reads what came whole")
    connection = server.connect()
    body = b"Content-Length: 2\r\n\r\n{}"
    connection.sendall(b"POST /v1/runs HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 30_000 + b"\r\n" + body)
    assert first_line(connection) == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert connection.recv(1_000) in {b"", b"\n"}  # nothing more is answered
    connection.close()


def test_answers_leave_at_once_from_each_of_several_processes(server):
    took = []
    for _ in range(15):
        began = time.monotonic()
        assert server.client.get("/livez").status_code == 200
        took.append(time.monotonic() - began)
    assert min(took) < 0.03  # with Nagle's algorithm none takes less than 40 ms


def test_streams_end_when_nothing_happens_and_are_limited_for_each_client(server):
    job = server.client.post("/v1/runs", json={"scenario": "blmk"}, headers={"Idempotency-Key": "stream"}).json()
    quiet = server.client.get(job["events"], headers={"Last-Event-ID": "1"})
    assert quiet.status_code == 200
    assert "continue with Last-Event-ID" in quiet.text


def test_processes_count_together(server):
    def ask():
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers={"X-API-Key": server.token}) as client:
            return client.get("/v1/scenarios?limit=1").status_code

    assert server.client.get("/livez").headers["ratelimit-policy"] == '"default";q=60;w=36000'
    codes = [ask() for _ in range(80)]
    assert 429 in codes
    assert codes == sorted(codes)
    assert codes.count(200) <= 60


def test_counts_of_several_parts_add_up_and_end_with_their_window(tmp_path):
    make_counts(tmp_path / "counts", 2)
    first = SharedCounts(tmp_path / "counts")
    first.add("ann", 7)
    first._own = 1  # as another process counts
    first.add("ann", 7)
    first.add("ben", 7)
    assert [first.used(name, 7) for name in ("ann", "ben", "cal")] == [2, 1, 0]
    assert first.used("ann", 8) == 0
    first.add("ann", 8)
    assert (first.used("ann", 7), first.used("ann", 8)) == (1, 1)
    limit = RateLimit(3, 1_000_000_000, shared=first)
    assert [limit.take("dan")[0] for _ in range(5)] == [True, True, True, False, False]
    first.close()


def test_a_client_has_so_many_streams_and_no_more(serve):
    served = serve(streams=3, streams_each=2)
    with served.service.streams.open("BLMK/local"), served.service.streams.open("BLMK/local"):
        job = served.client.post("/v1/runs", json={"scenario": "blmk"}, headers={"Idempotency-Key": "k"}).json()
        refused = served.client.get(job["events"])
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:capitation:problem:too-many-requests")
        assert refused.headers["retry-after"] == "5"
    served.work()
    assert served.client.get(job["events"]).status_code == 200


def test_a_stream_looks_at_the_store_when_somebody_changed_it_and_not_else(serve, monkeypatch):
    served = serve(poll_seconds=0.01, stream_seconds=0.5)
    job = served.client.post("/v1/runs", json={"scenario": "blmk"}, headers={"Idempotency-Key": "k"}).json()
    looks, real = [], served.service.store.events
    monkeypatch.setattr(served.service.store, "events", lambda *given: looks.append(given) or real(*given))
    quiet = served.client.get(job["events"], headers={"Last-Event-ID": "9999"})
    assert "continue with Last-Event-ID" in quiet.text
    # elsewhere each look waits a tenth of what has passed: 10 looks to 0.1 s, then ln(5) / ln(1.1) more to 0.5 s
    assert 1 <= len(looks) <= (3 if served.service.store.is_sqlite else 28)


def test_a_long_path_fills_neither_the_log_nor_the_memory(caplog):
    caplog.set_level(logging.INFO, "capitation.service")
    note_request("c", "GET", "/" + "a" * 50_000, 404, 0.001, None)
    (record,) = caplog.records
    assert record.fields["path"] == "/" + "a" * (LONGEST_PATH - 1) + "... (50001 characters)"
    note_request("c", "GET", "/" + "a" * (LONGEST_PATH - 1), 404, 0.001, None)
    assert caplog.records[-1].fields["path"] == "/" + "a" * (LONGEST_PATH - 1)
