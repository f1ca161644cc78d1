"""A light load on a service: a closed loop in one thread, and a bare "hello" on the same server to compare with.

Every connection is kept open and sends its next request as soon as its answer is whole, so that as many requests are under
way as there are connections. The client reads no more of an answer than its length and takes little of the machine that
it shares with the server.
"""

import math
import os
import selectors
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field

import uvicorn

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ask:
    """One read: an address, and the format asked for."""

    path: str
    accept: str = "application/json"


@dataclass
class Load:
    """What was measured: requests a second, how long each took, and the answer to each ask."""

    per_second: float
    milliseconds: list[float]
    bodies: dict[Ask, bytes]

    def percentile(self, percent):
        """The time within which so many of a hundred requests were answered (nearest rank), in milliseconds."""
        return within(self.milliseconds, percent)


@dataclass
class _Connection:
    socket: socket.socket
    ask: Ask | None = None
    began: float = 0.0
    got: bytearray = field(default_factory=bytearray)
    body_at: int = 0
    whole: int = 0


def load(port, asks, key, *, connections, requests, warm_up=0):
    """Send the asks in turn, over and over: first `warm_up` requests that are not measured, then `requests` that are.

    Raises:
        AssertionError: an answer is no 200, or differs from another to the same ask.
    """
    texts = {ask: _text(port, ask, key) for ask in asks}
    total = warm_up + requests
    sent = done = 0
    began, times, bodies = time.perf_counter(), [], {}

    def send(connection):
        nonlocal sent
        connection.ask = asks[sent % len(asks)]
        connection.got, connection.whole = bytearray(), 0
        sent += 1
        connection.began = time.perf_counter()
        connection.socket.sendall(texts[connection.ask])

    with selectors.DefaultSelector() as selector:
        for _ in range(min(connections, total)):
            opened = _Connection(socket.create_connection((HOST, port)))
            opened.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(opened.socket, selectors.EVENT_READ, opened)
            send(opened)
        while done < total:
            for ready, _ in selector.select(60):
                connection = ready.data
                if not _is_whole(connection):
                    continue
                now = time.perf_counter()
                done += 1
                if done > warm_up:
                    times.append((now - connection.began) * 1000)
                elif done == warm_up:
                    began = now
                body = bytes(connection.got[connection.body_at :])
                assert bodies.setdefault(connection.ask, body) == body, f"{connection.ask}: two answers differ"
                if sent < total:
                    send(connection)
                else:
                    selector.unregister(connection.socket)
                    connection.socket.close()
    return Load(requests / (time.perf_counter() - began), times, bodies)


@dataclass
class Mixed:
    """What was measured of reads and posts together: how long each took in milliseconds, and how many seconds it went on."""

    reads: list[float]
    posts: list[float]
    seconds: float


def reads_with_posts(port, asks, key, body_of, *, connections, seconds, every):
    """Send the asks in turn for so many seconds, and on each connection a post of a settlement in place of each `every`th.

    Args:
        port: where the service is.
        asks: what is read.
        key: whose requests they are.
        body_of: the body of the post of a number.
        connections: how many have a request under way at any time.
        seconds: how long.
        every: how seldom something is posted.

    Raises:
        AssertionError: a read is no 200, or a post no 202.
    """
    texts = [_text(port, ask, key) for ask in asks]
    found, posted, sent = Mixed([], [], 0.0), 0, {}
    began = time.perf_counter()

    def send(connection):
        nonlocal posted
        count = sent[connection.socket] = sent.get(connection.socket, len(sent)) + 1
        connection.got, connection.whole, is_post = bytearray(), 0, count % every == 0
        connection.ask = POST if is_post else asks[count % len(asks)]
        if is_post:
            posted += 1
            text = _post_text(port, key, body_of(posted))
        else:
            text = texts[count % len(texts)]
        connection.began = time.perf_counter()
        connection.socket.sendall(text)

    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            opened = _Connection(socket.create_connection((HOST, port)))
            opened.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(opened.socket, selectors.EVENT_READ, opened)
            send(opened)
        while selector.get_map():
            for ready, _ in selector.select(60):
                connection = ready.data
                if not _is_whole(connection, b"202" if connection.ask is POST else b"200"):
                    continue
                now = time.perf_counter()
                (found.posts if connection.ask is POST else found.reads).append((now - connection.began) * 1000)
                if now - began < seconds:
                    send(connection)
                else:
                    selector.unregister(connection.socket)
                    connection.socket.close()
    found.seconds = time.perf_counter() - began
    return found


POST = Ask("/v1/settlements")
"""What is posted."""


def within(milliseconds, percent):
    """The time within which so many of a hundred were answered (nearest rank)."""
    ordered = sorted(milliseconds)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def _post_text(port, key, body):
    lines = [
        f"POST {POST.path} HTTP/1.1",
        f"Host: {HOST}:{port}",
        "Content-Type: application/json",
        f"X-API-Key: {key}",
    ]
    lines += [f"Idempotency-Key: {uuid.uuid4().hex}", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def _text(port, ask, key):
    lines = [f"GET {ask.path} HTTP/1.1", f"Host: {HOST}:{port}", f"Accept: {ask.accept}", f"X-API-Key: {key}", "", ""]
    return "\r\n".join(lines).encode()


def _is_whole(connection, status=b"200"):
    """Whether the answer is there, once what has come is read."""
    part = connection.socket.recv(1 << 18)
    assert part, f"{connection.ask}: the server closed the connection"
    connection.got += part
    if not connection.whole:
        end = connection.got.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(connection.got[:end]).lower()
        assert head.startswith(b"http/1.1 " + status), f"{connection.ask}: {head.splitlines()[0]}"
        connection.body_at = end + 4
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        connection.whole = connection.body_at + int(length)
    return len(connection.got) >= connection.whole


class Hello:
    """A server process that answers everything with the same bytes, set up as `capitation serve` sets its server up."""

    def __init__(self, size):
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port = free.getsockname()[1]
        code = f"from tests.benchmarks.service_load import serve_hello; serve_hello({self.port}, {size})"
        here = os.getcwd()  # noqa: PTH109  # the checkout's own packages
        self.process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": here})

    def is_there(self):
        """Whether it can be connected to."""
        with socket.socket() as tried:
            return tried.connect_ex((HOST, self.port)) == 0

    def stop(self):
        """End the process."""
        self.process.terminate()
        self.process.wait(60)


def serve_hello(port, size):
    """Serve `size` bytes, as text, until stopped."""
    body = b"hello " * (size // 6) + b"!" * (size % 6)
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(size).encode())]

    async def hello(scope, _receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    uvicorn.run(hello, host=HOST, port=port, log_config=None, access_log=False, server_header=False, lifespan="off")
