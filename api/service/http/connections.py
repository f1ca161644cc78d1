"""Connections: answers leave at once, and nobody keeps others waiting by being slow.

Every connection sends what there is at once (TCP_NODELAY): the socket that several processes share is made without its
protocol's number, by which asyncio would have seen that it is TCP, and header and body would wait for each other for 40 ms.

A request that does not come whole in time, headers that are larger than is read, and a reader that takes nothing for too long
end their connection. Where there are as many connections as may be, the one that has been idle longest makes room.

A request that comes as the very bytes of one that was answered from memory is answered from there before it is parsed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import h11
from starlette.types import Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

try:
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
except ImportError:  # the faster parser is not installed
    RequestResponseCycle = None  # type: ignore[assignment, misc]

_HAS_H11 = not hasattr(AutoHTTPProtocol, "on_message_begin")
_MOST_ASKED = 4_096
_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Limits:
    """What a connection may take.

    Args:
        header_seconds: how long the headers of a request may take, from the first byte or, on a new connection, from its opening.
        header_bytes: how large they may be.
        body_seconds: how long a body may take.
        write_seconds: how long a reader may take nothing.
        connections: how many there may be in this process.
    """

    header_seconds: float = 10.0
    header_bytes: int = 64_000
    body_seconds: float = 120.0
    write_seconds: float = 60.0
    connections: int = 800


class Connection(AutoHTTPProtocol):  # type: ignore[misc,valid-type]  # uvicorn chooses it when it is imported
    """uvicorn's connection, by whichever parser is installed, within limits."""

    limits: ClassVar[Limits] = Limits()
    """Of all connections of this process; set before it serves."""

    again: ClassVar[Callable[[bytes], tuple[bytes, ...] | None] | None] = None
    """Gives the parts of the answer to a request of the very same bytes, from its status line on; None where it must be parsed."""

    asked: bytes | None = None
    """The bytes of the request under way, where they came as one piece that holds nothing else."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401  # as uvicorn has it
        super().__init__(*given, **named)
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._reads_body = False
        self._header_bytes = 0
        self._since = 0.0
        self._in_message = self._is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        _send_at_once(transport)
        self._since = self.loop.time()
        if len(self.connections) > self.limits.connections and not self._make_room():
            self._end(b"503 Service Unavailable", b"Retry-After: 1\r\n")
            return
        self._wait(self.limits.header_seconds)

    def on_message_begin(self) -> None:
        """Note that the parser is within a request."""
        self._in_message = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the headers are larger than is read, though they came all at once."""
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self.limits.header_bytes:
            self._is_refused = True
            self._end(b"431 Request Header Fields Too Large")
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, unless its request was refused."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that what follows is another request."""
        self._in_message = False
        if not self._is_refused:
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Read on, and look whether the request is whole."""
        if self._is_refused:
            return
        self._since = self.loop.time()
        is_alone = self._is_alone(data)
        if is_alone and self._is_answered(data):
            return
        self.asked = data if is_alone else None
        super().data_received(data)
        if self._is_refused:
            return
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:  # the request is whole
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._header_bytes, self._reads_body = 0, False
            return
        if cycle is not None and cycle.more_body:
            if not self._reads_body or self._timer is None:
                self._reads_body, self._header_bytes = True, 0
                self._wait(self.limits.body_seconds)
            return
        self._header_bytes += len(data)
        if self._header_bytes > self.limits.header_bytes:
            self._end(b"431 Request Header Fields Too Large")
        elif self._timer is None:
            self._reads_body = False
            self._wait(self.limits.header_seconds)

    def pause_writing(self) -> None:
        """The reader takes nothing at the moment."""
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(self.limits.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The reader goes on."""
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        for timer in (self._timer, self._writing):
            if timer is not None:
                timer.cancel()
        self._timer = self._writing = None
        super().connection_lost(exc)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, unless something was answered since this was asked for."""
        idle = self.loop.time() - self._since
        if idle < self.timeout_keep_alive:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive - idle, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    def _is_alone(self, data: bytes) -> bool:
        """Whether these bytes are all of one request without a body, and no other is under way."""
        if len(data) > _MOST_ASKED or data[:4] != b"GET " or data.find(_END) != len(data) - len(_END):
            return False
        if self._in_message or (self.cycle is not None and not self.cycle.response_complete):
            return False
        return not _HAS_H11 or (self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0])

    def _is_answered(self, data: bytes) -> bool:
        """Whether what is kept was enough to answer these bytes with."""
        if Connection.again is None or self.flow.write_paused or self.transport.is_closing():
            return False
        parts = Connection.again(data)
        if parts is None:
            return False
        self.transport.write(b"".join((_OK, _server_lines(self.server_state.default_headers), *parts)))
        self.server_state.total_requests += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        return True

    def _wait(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._end, b"408 Request Timeout")

    def _end(self, status: bytes, headers: bytes = b"") -> None:
        """Close the connection, with an answer where none has begun."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\n" + headers + b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
        self.transport.close()

    def _make_room(self) -> bool:
        """Whether another connection that waits for a request could be closed, the oldest first."""
        idle = [
            each
            for each in self.connections
            if isinstance(each, Connection)
            and each is not self
            and (each.cycle is None or each.cycle.response_complete)
        ]
        if not idle:
            return False
        min(idle, key=lambda each: each._since).transport.abort()  # another of this class
        return True


_OK = b"HTTP/1.1 200 OK\r\n"


def is_sent_whole(send: Send, head: bytes, body: bytes) -> bool:
    """Whether a whole answer with status 200 left in one piece; otherwise it is to be sent by messages.

    What uvicorn does for two messages (its `RequestResponseCycle.send`, header by header) takes longer than to find a kept answer.
    It is left out where nothing is to be decided: the connection stays open, nobody waits, and lengths are known to agree.

    Args:
        send: what the application was given.
        head: all header lines but the server's own, each with its end.
        body: as long as the headers say.
    """
    cycle = getattr(send, "__self__", None)
    if (
        RequestResponseCycle is None
        or type(cycle) is not RequestResponseCycle
        or cycle.response_started
        or cycle.disconnected
        or cycle.flow.write_paused
        or not cycle.keep_alive
    ):
        return False
    cycle.response_started, cycle.waiting_for_100_continue = True, False
    cycle.chunked_encoding, cycle.expected_content_length = False, 0
    cycle.transport.write(b"".join((_OK, _server_lines(cycle.default_headers), head, b"\r\n", body)))
    cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()
    return True


def bytes_asked(send: Send) -> bytes | None:
    """The bytes of the request that is answered by this, where they hold it alone and its connection stays open."""
    cycle = getattr(send, "__self__", None)
    connection = getattr(getattr(cycle, "on_response", None), "__self__", None)
    if cycle is None or not isinstance(connection, Connection) or connection.cycle is not cycle:
        return None
    said = {value.lower() for name, value in cycle.scope["headers"] if name == b"connection"}
    return connection.asked if cycle.scope["http_version"] == "1.1" and said <= {b"keep-alive"} else None


def _server_lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """The server's own headers, such as the date; the same list for a second."""
    global _lines  # one server a process
    if _lines[0] is not headers:
        _lines = headers, b"".join([name + b": " + value + b"\r\n" for name, value in headers])
    return _lines[1]


_lines: tuple[list[tuple[bytes, bytes]] | None, bytes] = (None, b"")


def _send_at_once(transport: asyncio.BaseTransport) -> None:
    kept = transport.get_extra_info("socket")
    if kept is not None and kept.family in {socket.AF_INET, socket.AF_INET6}:
        with suppress(OSError):
            kept.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
