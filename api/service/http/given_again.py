"""What is kept leaves at once: an answer that every layer would only pass on is found by one look, with the same headers, log and count.

It does what the layers do for such a request, and nothing else: who asks is known from a moment ago, may read it, and has requests
left; the answer is kept and cannot have changed. Whatever else is asked, in whatever way that is not the plainest, goes through the
layers, so that they alone say what is refused and why. Tests compare both ways header by header.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.types import Scope, Send

from api.service.http.access_log import note_request
from api.service.http.connections import is_sent_whole
from api.service.http.identity import Identity
from api.service.http.rate_limit import RateLimit, left_header, policy_header
from api.service.http.response_cache import CachedAnswer, ResponseCache
from api.service.http.security_headers import with_security
from api.service.security.access import Caller
from api.service.security.visibility import view_of

_PLAIN = frozenset(
    {
        b"host",
        b"accept",
        b"x-api-key",
        b"authorization",
        b"user-agent",
        b"connection",
        b"accept-encoding",
        b"accept-language",
    }
)
"""Headers of a request that changes nothing of how it is answered, but who asks and in which format."""

_SHOWN = (("x-api-key", b"x-api-key"), ("authorization", b"authorization"))

_MOST_KEPT = 4_096


class GivenAgain:
    """Finds kept answers for the plainest requests.

    Args:
        identity: knows callers and what they may do.
        limit: how many requests each has left; the one of the layers.
        count: counts a request by method, path, status and seconds.
    """

    def __init__(self, identity: Identity, limit: RateLimit, count: Callable[[str, str, int, float], None]) -> None:
        self.identity, self.limit, self.count = identity, limit, count
        self.cache: ResponseCache | None = None
        self._policy = policy_header(limit)
        self._names = random.Random()  # a name in logs, which nobody need be unable to guess
        self._whole: dict[int, _Whole] = {}

    def look_in(self, cache: ResponseCache) -> None:
        """Look for answers in this memory."""
        self.cache = cache

    async def is_given(self, scope: Scope, send: Send) -> bool:
        """Whether a request was answered with what is kept; otherwise the layers must see it."""
        if scope["type"] != "http" or scope["method"] != "GET" or self.cache is None:
            return False
        began = time.perf_counter()
        found = self._found(scope, self.cache)
        if found is None:
            return False
        kept, caller = found
        is_allowed, left, resets = self.limit.take(caller.client)
        if not is_allowed:
            return False
        correlation = f"{self._names.getrandbits(128):032x}"
        own = left_header(left, resets), (b"x-correlation-id", correlation.encode())
        whole, body = self._headers(kept), kept.body or b""
        if not is_sent_whole(send, whole.lines + _lines(own), body):
            await send({"type": "http.response.start", "status": 200, "headers": [*whole.pairs, *own]})
            await send({"type": "http.response.body", "body": body})
        seconds = time.perf_counter() - began
        self.count("GET", scope["path"], 200, seconds)
        note_request(correlation, "GET", scope["path"], 200, seconds, caller)
        return True

    def _found(self, scope: Scope, cache: ResponseCache) -> tuple[CachedAnswer, Caller] | None:
        """The kept answer, and who asks for it."""
        given: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name not in _PLAIN or name in given:
                return None
            given[name] = value
        shown = {name: given[raw].decode("latin-1") for name, raw in _SHOWN if raw in given}
        caller = self.identity.known(shown) if shown else None
        path = scope["path"]
        if caller is None or self.identity.refusal(caller, "GET", path) is not None:
            return None
        view, accept = view_of(caller, self.identity.system), given.get(b"accept", b"").decode("latin-1")
        kept = cache.found((path, scope["query_string"], accept, view))
        return None if kept is None or kept.body is None else (kept, caller)

    def _headers(self, kept: CachedAnswer) -> _Whole:
        """The headers of an answer with those that every answer has."""
        found = self._whole.get(id(kept))
        if found is None or found.kept is not kept:
            if len(self._whole) >= _MOST_KEPT:
                self._whole.clear()
            pairs = [*with_security(kept.headers), self._policy]
            found = self._whole[id(kept)] = _Whole(kept, pairs, _lines(pairs))
        return found


@dataclass(frozen=True)
class _Whole:
    """Headers of a kept answer that are the same each time: as pairs, and as the lines that are sent."""

    kept: CachedAnswer
    pairs: list[tuple[bytes, bytes]]
    lines: bytes


def _lines(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%s: %s\r\n" % pair for pair in pairs])


__all__ = ["GivenAgain"]
