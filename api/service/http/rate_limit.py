"""The rate limit: how many requests a caller has left in the present window, counted by all processes of a server together.

Every answer says so in its headers. Who asks is found out further in, so the layer hands the request an `Allowance`, from which
the identity layer takes; whoever guesses at keys is counted where they are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.service.http.shared_counts import SharedCounts
from api.service.records.failures import ServiceError


class RateLimit:
    """How many requests a client has left in the present window.

    Args:
        requests: most requests of a client in a window.
        seconds: how long a window is.
        clock: seconds that only go forward, the same for all processes of a machine.
        shared: counts of all processes of the server; where there is one process only, it counts by itself.
    """

    def __init__(
        self,
        requests: int,
        seconds: int,
        clock: Callable[[], float] = time.monotonic,
        shared: SharedCounts | None = None,
    ) -> None:
        self.requests, self.seconds, self.clock, self.shared = requests, seconds, clock, shared
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
        if self.shared is not None:
            used = self.shared.used(client, window)
            if counted and used < self.requests:
                self.shared.add(client, window)
            return self._said(used, window, now)
        with self._lock:
            if window != self._window:
                self._window, self._used = window, {}
            used = self._used.get(client, 0)
            if counted and used < self.requests:
                self._used[client] = used + counted
        return self._said(used, window, now)

    def _said(self, used: int, window: int, now: float) -> tuple[bool, int, int]:
        resets = max(1, int((window + 1) * self.seconds - now))
        return used < self.requests, max(0, self.requests - used - 1), resets


class Allowance:
    """What one request takes from the limit, and what its answer says is left."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.left, self.resets = limit.requests, 1

    def take(self, client: str) -> None:
        """Count the request for a client.

        Raises:
            ServiceError: 429, the client has none left.
        """
        is_allowed, self.left, self.resets = self.limit.take(client)
        self._refuse_unless(is_allowed, self.resets)

    def check(self, client: str) -> None:
        """Refuse a client that has none left, without counting the request.

        Raises:
            ServiceError: 429.
        """
        is_allowed, _, resets = self.limit.left(client)
        self._refuse_unless(is_allowed, resets)

    def _refuse_unless(self, is_allowed: bool, resets: int) -> None:
        if not is_allowed:
            detail = f"At most {self.limit.requests} requests in {self.limit.seconds} seconds; ask again in {resets}"
            raise ServiceError("too-many-requests", detail, headers={"Retry-After": str(resets)})


def rate_limit(requests: int, seconds: int, counts: Path | None = None) -> RateLimit:
    """A limit of so many requests; `counts` is the file in which the processes of a server count together, where there are several."""
    return RateLimit(requests, seconds, shared=None if counts is None else SharedCounts(counts))


def policy_header(limit: RateLimit) -> tuple[bytes, bytes]:
    """The header that says what the limit is."""
    return b"ratelimit-policy", f'"default";q={limit.requests};w={limit.seconds}'.encode()


def left_header(left: int, resets: int) -> tuple[bytes, bytes]:
    """The header that says what is left of it."""
    return b"ratelimit", f'"default";r={left};t={resets}'.encode()


class RateLimitHeaders:
    """The layer that hands out allowances and says what is left of them.

    Args:
        app: the layers inside.
        limit: how many requests each client has left.
    """

    def __init__(self, app: ASGIApp, limit: RateLimit) -> None:
        self.app, self.limit = app, limit
        self._policy = policy_header(limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        allowance = scope["state"]["allowance"] = Allowance(self.limit)

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                left = left_header(allowance.left, allowance.resets)
                message["headers"] = [*message.get("headers", ()), self._policy, left]
            await send(message)

        await self.app(scope, receive, send_counted)
