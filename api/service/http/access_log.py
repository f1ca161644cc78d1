"""The access log: one JSON line a request with who asked and how long it took, never headers, queries or bodies; and its count."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TextIO

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.service.security.access import Caller
from api.service.security.proofs.credentials import masked

log = logging.getLogger("capitation.service")

CLIENT_LEFT = 499
"""Status in the log for a client that left before it had sent its request."""

LONGEST_PATH = 500
"""Characters of the longest path that is written whole: whoever asks for longer ones fills neither the log nor the memory."""

_JSON = json.JSONEncoder(default=str)


class JsonLines(logging.Formatter):
    """Log records as one line of JSON each; only named fields are written, never headers or bodies, and no key or token anywhere."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        if isinstance(record, RequestRecord):
            return record.line()
        content: dict[str, Any] = {
            "at": f"{_second(int(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "says": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            content["trace"] = self.formatException(record.exc_info)
        return masked(_JSON.encode(content))


class Lines(logging.StreamHandler[TextIO]):
    """Writes the lines of requests that are answered in one turn of the event loop together, and everything else at once.

    Writing takes longer than answering what is kept. Nothing waits for long: a turn ends as soon as nobody else asks.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or keep it until the turn is over."""
        if isinstance(record, RequestRecord) and self.is_kept(self.format(record)):
            return
        self.flush()
        super().emit(record)

    def is_kept(self, line: str) -> bool:
        """Whether a line is written once the turn is over; outside of an event loop it has to be written at once."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if not self._waiting:
            loop.call_soon(self.flush)
        self._waiting.append(line)
        return True

    def flush(self) -> None:
        """Write what was kept."""
        self.acquire()
        try:
            waiting, self._waiting = self._waiting, []
            if waiting:
                self.stream.write("\n".join(waiting) + "\n")
            super().flush()
        except (OSError, ValueError):  # whoever read the log left, or it is full: requests are answered all the same
            pass
        finally:
            self.release()


class AccessLog:
    """The layer that writes it.

    Args:
        app: the layers inside.
        count: counts a request by method, path, status and seconds.
    """

    def __init__(self, app: ASGIApp, count: Callable[[str, str, int, float], None]) -> None:
        self.app, self.count = app, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noted)
        except ClientDisconnect:
            status = status or CLIENT_LEFT
        finally:
            seconds = time.perf_counter() - began
            self.count(scope["method"], scope["path"], status, seconds)
            state = scope["state"]
            note_request(state["correlation_id"], scope["method"], scope["path"], status, seconds, state.get("caller"))


def note_request(correlation: str, method: str, path: str, status: int, seconds: float, caller: Caller | None) -> None:
    """Write the line of one request; where nothing but `Lines` listens, without a record, which takes longer than the line."""
    if not log.isEnabledFor(logging.INFO):
        return
    if len(path) > LONGEST_PATH:
        path = f"{path[:LONGEST_PATH]}... ({len(path)} characters)"
    fields: dict[str, Any] = {
        "correlation_id": correlation,
        "method": method,
        "path": path,
        "status": status,
        "milliseconds": round(seconds * 1000, 2),
    }
    if caller is not None:
        fields["caller"], fields["credential"] = caller.client, caller.credential
    only = log.handlers[0] if len(log.handlers) == 1 and not log.propagate and not log.filters else None
    is_kept = (
        type(only) is Lines
        and type(only.formatter) is JsonLines
        and not only.filters
        and only.is_kept(_line(time.time(), fields))
    )
    if not is_kept:
        log.handle(RequestRecord(fields))


class RequestRecord(logging.LogRecord):
    """A record of a request, made without a look for the line of code it comes from, which would take longest and is not written.

    Args:
        fields: what is written of it, in order.
    """

    fields: dict[str, Any]

    def __init__(self, fields: dict[str, Any]) -> None:
        now = time.time()
        self.__dict__ = {**_BLANK, "created": now, "msecs": int((now - int(now)) * 1000) + 0.0, "fields": fields}

    def line(self) -> str:
        """It as one line of JSON."""
        return _line(self.created, self.fields)


def _line(now: float, fields: Mapping[str, Any]) -> str:
    whole = int(now)
    said = ", ".join([f'"{name}": {_word(value) if type(value) is str else value}' for name, value in fields.items()])
    return f'{{"at": "{_second(whole)}.{int((now - whole) * 1000):03d}Z", "level": "info", "says": "request", {said}}}'


_BLANK: dict[str, Any] = vars(
    logging.makeLogRecord({"name": log.name, "msg": "request", "levelno": logging.INFO, "levelname": "INFO"})
)


@lru_cache(maxsize=4_096)
def _word(value: str) -> str:
    """A word as JSON, without any key or token; who asks and for what comes again and again."""
    return masked(_JSON.encode(value))


@lru_cache(maxsize=8)
def _second(moment: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
