"""Habits of every answer: correlation id, JSON log line, security headers, size limit, rate limit, and no fault untold."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.service.problems import MEDIA_TYPE, Problem, ServiceError, encoded, internal_problem, problem_of
from api.service.settings import Settings

log = logging.getLogger("capitation.service")

CORRELATION = "X-Correlation-ID"

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
"""Headers of every answer that does not set them itself."""

_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UNLIMITED = ("/livez", "/readyz")


class JsonLines(logging.Formatter):
    """Log records as one line of JSON each; only named fields are written, never headers or bodies."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        content: dict[str, Any] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "says": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            content["trace"] = self.formatException(record.exc_info)
        return json.dumps(content, default=str)


class RateLimit:
    """How many requests a client has left in the present window; one count a process."""

    def __init__(self, requests: int, seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.requests, self.seconds, self.clock = requests, seconds, clock
        self._window, self._used = 0, dict[str, int]()
        self._lock = threading.Lock()

    def take(self, client: str) -> tuple[bool, int, int]:
        """Whether a request may go on, how many are left, and in how many seconds the window ends."""
        now = self.clock()
        window = int(now // self.seconds)
        with self._lock:
            if window != self._window:
                self._window, self._used = window, {}
            used = self._used.get(client, 0)
            if used < self.requests:
                self._used[client] = used + 1
        resets = max(1, int((window + 1) * self.seconds - now))
        return used < self.requests, max(0, self.requests - used - 1), resets


class Habits:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.limit = RateLimit(settings.rate_requests, settings.rate_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope)
        correlation = given.get(CORRELATION, "")
        if not _GIVEN.fullmatch(correlation):
            correlation = uuid.uuid4().hex
        scope.setdefault("state", {})["correlation_id"] = correlation
        client = (scope.get("client") or ("unknown", 0))[0]
        allowed, left, resets = (
            (True, self.limit.requests, 1) if scope["path"] in _UNLIMITED else self.limit.take(client)
        )
        began, status = time.perf_counter(), 0

        async def send_with_habits(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[CORRELATION] = correlation
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
                headers["RateLimit-Policy"] = f'"default";q={self.limit.requests};w={self.limit.seconds}'
                headers["RateLimit"] = f'"default";r={left};t={resets}'
            await send(message)

        try:
            refusal = self._refusal(given, allowed=allowed, resets=resets)
            if refusal is not None:
                await _tell(problem_of(refusal, correlation), send_with_habits, refusal.headers)
            else:
                await self.app(scope, self._counted(receive), send_with_habits)
        except Exception:
            log.exception("fault", extra={"fields": {"correlation_id": correlation, "path": scope["path"]}})
            if status:
                raise
            await _tell(internal_problem(correlation), send_with_habits, {})
        finally:
            fields = {
                "correlation_id": correlation,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "milliseconds": round((time.perf_counter() - began) * 1000, 2),
            }
            log.info("request", extra={"fields": fields})

    def _refusal(self, given: Headers, *, allowed: bool, resets: int) -> ServiceError | None:
        if not allowed:
            detail = f"At most {self.limit.requests} requests in {self.limit.seconds} seconds; ask again in {resets}"
            return ServiceError("too-many-requests", detail, headers={"Retry-After": str(resets)})
        length = given.get("content-length", "0")
        if length.isdigit() and int(length) > self.settings.body_bytes:
            return self._too_large()
        return None

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
