"""What is kept leaves at once: an answer that every layer would only pass on is found by one look, with the same headers, log and count.

It does what the layers do for such a request, and nothing else: who asks is known from a moment ago, may read it, and has requests
left; the answer is kept and cannot have changed. Whatever else is asked, in whatever way that is not the plainest, goes through the
layers, so that they alone say what is refused and why. Tests compare both ways header by header.

Programs ask for the same in the same words. The bytes of a request that was answered like this are remembered, as a hash, with what
they mean: when they come again, they need not be parsed, only looked at as above.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.types import Scope, Send

from api.service.http.access_log import note_request
from api.service.http.connections import bytes_asked, is_sent_whole
from api.service.http.identity import Identity, mark_of
from api.service.http.rate_limit import RateLimit, left_header, policy_header
from api.service.http.response_cache import CachedAnswer, Key, ResponseCache
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
        self._asked: dict[bytes, _Asked] = {}

    def look_in(self, cache: ResponseCache) -> None:
        """Look for answers in this memory."""
        self.cache = cache

    async def is_given(self, scope: Scope, send: Send) -> bool:
        """Whether a request was answered with what is kept; otherwise the layers must see it."""
        if scope["type"] != "http" or scope["method"] != "GET" or self.cache is None:
            return False
        began = time.perf_counter()
        asked = self._read(scope)
        found = None if asked is None else self._answer(asked, self.cache, began)
        if asked is None or found is None:
            return False
        whole, own, body = found
        if is_sent_whole(send, whole.lines + _lines(own), body):
            self._remember(send, asked)
        else:
            await send({"type": "http.response.start", "status": 200, "headers": [*whole.pairs, *own]})
            await send({"type": "http.response.body", "body": body})
        return True

    def at_once(self, data: bytes) -> tuple[bytes, ...] | None:
        """The parts of the answer to the bytes of a request, after the server's own headers; nothing where they must be read."""
        began = time.perf_counter()
        asked = self._asked.get(hashlib.sha256(data).digest())
        if asked is None or self.cache is None:
            return None
        found = self._answer(asked, self.cache, began)
        if found is None:
            return None
        whole, own, body = found
        return whole.lines, *[b"%s: %s\r\n" % pair for pair in own], b"\r\n", body

    def _read(self, scope: Scope) -> _Asked | None:
        """What is asked for, where it is asked in the plainest way by someone who is known and may read it."""
        given: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name not in _PLAIN or name in given:
                return None
            given[name] = value
        mark = mark_of({name: given[raw].decode("latin-1") for name, raw in _SHOWN if raw in given})
        caller = None if mark is None else self.identity.remembered(mark)
        path = scope["path"]
        if mark is None or caller is None or self.identity.refusal(caller, "GET", path) is not None:
            return None
        view, accept = view_of(caller, self.identity.system), given.get(b"accept", b"").decode("latin-1")
        return _Asked(mark, caller, (path, scope["query_string"], accept, view))

    def _answer(
        self, asked: _Asked, cache: ResponseCache, began: float
    ) -> tuple[_Whole, tuple[tuple[bytes, bytes], ...], bytes] | None:
        """The headers that are the same each time, those of this answer, and its body; it is counted and stands in the log."""
        if self.identity.remembered(asked.mark) != asked.caller:
            return None
        kept = cache.found(asked.key)
        if kept is None or kept.body is None:
            return None
        is_allowed, left, resets = self.limit.take(asked.caller.client)
        if not is_allowed:
            return None
        correlation = f"{self._names.getrandbits(128):032x}"
        own = left_header(left, resets), (b"x-correlation-id", correlation.encode())
        whole, path = self._headers(kept), asked.key[0]
        seconds = time.perf_counter() - began
        self.count("GET", path, 200, seconds)
        note_request(correlation, "GET", path, 200, seconds, asked.caller)
        return whole, own, kept.body

    def _remember(self, send: Send, asked: _Asked) -> None:
        """Keep what the bytes of a request mean."""
        data = bytes_asked(send)
        if data is not None:
            if len(self._asked) >= _MOST_KEPT:
                self._asked.clear()
            self._asked[hashlib.sha256(data).digest()] = asked

    def _headers(self, kept: CachedAnswer) -> _Whole:
        """The headers of an answer with those that every answer has."""
        found = self._whole.get(id(kept))
        if found is None or found.kept is not kept:
            if len(self._whole) >= _MOST_KEPT:
                self._whole.clear()
            pairs = [*with_security(kept.headers), self._policy]
            found = self._whole[id(kept)] = _Whole(kept, pairs, _lines(pairs))
        return found


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request means: the mark of its credential and whose that is, and what is looked for."""

    mark: bytes
    caller: Caller
    key: Key


@dataclass(frozen=True)
class _Whole:
    """Headers of a kept answer that are the same each time: as pairs, and as the lines that are sent."""

    kept: CachedAnswer
    pairs: list[tuple[bytes, bytes]]
    lines: bytes


def _lines(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%s: %s\r\n" % pair for pair in pairs])


__all__ = ["GivenAgain"]
