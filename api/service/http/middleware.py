"""Habits of every answer: correlation id, JSON log line, security headers, the door, rate and size limits, no fault untold."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as HttpScope

from api.service.http.identity import VERB_OF, Given, given_in, is_guarded, resource_of
from api.service.http.problems import (
    MEDIA_TYPE,
    Problem,
    ServiceError,
    encoded,
    headers_of,
    internal_problem,
    problem_of,
)
from api.service.runtime.request import Service
from api.service.security.access import Caller
from api.service.security.audit import event
from api.service.security.credentials import AuthenticationError
from api.service.security.visibility import sight_of
from capitation.errors import CapitationError

log = logging.getLogger("capitation.service")

CORRELATION = "X-Correlation-ID"
_CORRELATION = CORRELATION.lower()

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
"""Headers of every answer that does not set them itself."""

_SECURITY = [(name.lower().encode(), value.encode()) for name, value in SECURITY.items()]
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
CLIENT_LEFT = 499
"""Status under which the log tells of a client that left before it had sent its request."""

_UNLIMITED = ("/livez", "/readyz")


class JsonLines(logging.Formatter):
    """Log records as one line of JSON each; only named fields are written, never headers or bodies."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        content: dict[str, Any] = {
            "at": f"{_second(int(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "says": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            content["trace"] = self.formatException(record.exc_info)
        return _JSON.encode(content)


_JSON = json.JSONEncoder(default=str)


@lru_cache(maxsize=8)
def _second(moment: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))


def _line(says: str, fields: dict[str, Any]) -> logging.LogRecord:
    """A record of the log, made without a look for the line of code it comes from, which would take longest and is not written."""
    level = {"levelno": logging.INFO, "levelname": "INFO"}
    return logging.makeLogRecord({"name": log.name, "msg": says, "fields": fields, **level})


class RateLimit:
    """How many requests a client has left in the present window; one count a process."""

    def __init__(self, requests: int, seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.requests, self.seconds, self.clock = requests, seconds, clock
        self._window, self._used = 0, dict[str, int]()
        self._lock = threading.Lock()

    def take(self, client: str) -> tuple[bool, int, int]:
        """Whether a request may go on, how many are left, and in how many seconds the window ends."""
        return self._look(client, 1)

    def left(self, client: str) -> tuple[bool, int, int]:
        """What `take` would say, without counting a request."""
        return self._look(client, 0)

    def _look(self, client: str, counted: int) -> tuple[bool, int, int]:
        now = self.clock()
        window = int(now // self.seconds)
        with self._lock:
            if window != self._window:
                self._window, self._used = window, {}
            used = self._used.get(client, 0)
            if counted and used < self.requests:
                self._used[client] = used + counted
        resets = max(1, int((window + 1) * self.seconds - now))
        return used < self.requests, max(0, self.requests - used - 1), resets


class Habits:
    """The outermost layer of the application.

    Args:
        app: what lies behind it.
        service: the running instance.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service, self.settings, self.door = app, service, service.settings, service.door
        self.limit = RateLimit(self.settings.rate_requests, self.settings.rate_seconds)
        policy = f'"default";q={self.limit.requests};w={self.limit.seconds}'
        self._added = [*_SECURITY, (b"ratelimit-policy", policy.encode())]

    async def __call__(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = given_in(scope)
        correlation = given.get(_CORRELATION, "")
        if not _GIVEN.fullmatch(correlation):
            correlation = os.urandom(16).hex()
        state = scope.setdefault("state", {})
        state["correlation_id"] = correlation
        path, method = scope["path"], scope["method"]
        host = (scope.get("client") or ("unknown", 0))[0]
        guarded, address = is_guarded(path), f"address {host}"
        caller = self.door.known(given, host) if guarded else None
        left, resets = self.limit.requests, 1
        began, status = time.perf_counter(), 0

        async def send_with_habits(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = list(message.get("headers", ()))
                names = {name for name, _ in headers}
                headers.append((b"x-correlation-id", correlation.encode()))
                headers += [pair for pair in self._added if pair[0] not in names]
                headers.append((b"ratelimit", f'"default";r={left};t={resets}'.encode()))
            await send(message)

        try:
            self._check_length(given)
            if guarded and caller is None:
                self._check_left(*self.limit.left(address))
                try:
                    caller = await run_in_threadpool(self.door.find_out, given, host)
                except AuthenticationError:
                    self.limit.take(address)  # who guesses at keys is counted where they are
                    raise
            if path not in _UNLIMITED:
                allowed, left, resets = self.limit.take(address if caller is None else caller.client)
                self._check_left(allowed, left, resets)
            if caller is not None:
                state["caller"] = caller
                state["sight"] = sight_of(caller, self.door.system)
                refusal = self.door.refusal(caller, method, path)
                if refusal is not None:
                    await self._note_refusal(caller, method, path, refusal.code, correlation)
                    raise refusal
            await self.app(scope, self._counted(receive), send_with_habits)
        except ClientDisconnect:
            status = status or CLIENT_LEFT
        except (ServiceError, CapitationError) as error:
            if status:
                raise
            problem = problem_of(error, correlation)
            if problem.status >= 500:
                failed = {"correlation_id": correlation, "error": str(error)}
                log.warning("unavailable", extra={"fields": failed})
            await _tell(problem, send_with_habits, headers_of(error))
        except Exception:
            log.exception("fault", extra={"fields": {"correlation_id": correlation, "path": path}})
            if status:
                raise
            await _tell(internal_problem(correlation), send_with_habits, {})
        finally:
            seconds = time.perf_counter() - began
            self.service.metrics.request(method, path, status, seconds)
            if log.isEnabledFor(logging.INFO):
                fields = {
                    "correlation_id": correlation,
                    "method": method,
                    "path": path,
                    "status": status,
                    "milliseconds": round(seconds * 1000, 2),
                }
                if caller is not None:
                    fields |= {"caller": caller.client, "credential": caller.credential}
                log.handle(_line("request", fields))

    async def _note_refusal(self, caller: Caller, method: str, path: str, code: str, correlation: str) -> None:
        """Tell the audit log that a known caller was refused a change; refused reads are in the other log only."""
        if method in {"GET", "HEAD"}:
            return
        told = event(
            dt.datetime.fromtimestamp(self.service.store.clock(), dt.UTC),
            caller.subject,
            caller.organisation,
            f"{resource_of(path)}.{VERB_OF[method]}",
            path.removeprefix("/v1/")[:200],
            code,
            correlation=correlation,
        )
        await run_in_threadpool(self.service.store.note, told)

    def _check_left(self, allowed: bool, _left: int, resets: int) -> None:  # as the limit gives it
        if not allowed:
            raise ServiceError(
                "too-many-requests",
                f"At most {self.limit.requests} requests in {self.limit.seconds} seconds; ask again in {resets}",
                headers={"Retry-After": str(resets)},
            )

    def _check_length(self, given: Given) -> None:
        length = given.get("content-length", "0")
        if length.isdigit() and int(length) > self.settings.body_bytes:
            raise self._too_large()

    def _too_large(self) -> ServiceError:
        return ServiceError("too-large", f"At most {self.settings.body_bytes} bytes are read")

    def _counted(self, receive: Receive) -> Receive:
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                if read > self.settings.body_bytes:
                    raise self._too_large()
            return message

        return counted


async def _tell(problem: Problem, send: Send, headers: dict[str, str]) -> None:
    body = encoded(problem)
    named = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **headers}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
