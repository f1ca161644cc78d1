"""Answers are kept in memory and given again without being made again, for as long as they cannot have changed.

    immutable     an answer that says so in its Cache-Control is kept for good
    of the store  an answer of `OF_THE_STORE` is kept with the store's mark from before it was made, and given while
                  the store has that mark: the first change by anyone, in any process, ends it. What shows documents or
                  results alone has the mark of those, which work that goes on meanwhile does not end

An answer is kept for the address, the query, the format asked for and what the caller may see, and is looked up only once
the caller is known. Where it takes too much room, its tag is kept, for those who have the answer already.

Of several who ask for the same at the same moment one has the answer made, and the others wait until it is kept. Each waits
once: where it could not be kept, they have it made as if they had come alone.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.service.http.etags import is_unchanged
from api.service.kinds import BY_ADDRESS
from api.service.security.access import Resource
from api.service.security.addresses import resource_of
from api.service.store import Added, Mark

LARGEST_PART = 8
"""An answer is kept where it takes at most this part of the memory."""

OF_THE_STORE: Mapping[Resource, Added | None] = {
    **dict.fromkeys(("scenarios", "formulas", "contracts", "problems", "options"), "document"),
    **dict.fromkeys(BY_ADDRESS, "result"),
    "jobs": None,
}
"""What is read from the store and nothing else, neither files nor the clock, and is the same for all who see the same: with the
one table that it depends on, or None where it depends on several."""

Key = tuple[str, bytes, str, str]


@dataclass(frozen=True)
class CachedAnswer:
    """An answer that is kept, or its tag alone."""

    headers: list[tuple[bytes, bytes]]
    tag: str
    mark: Mark | None
    """The store's mark from before it was made; None where the answer never changes."""
    only: Added | None = None
    """The one table of which the mark is."""
    body: bytes | None = None
    """None where only the tag is known."""


class ResponseCache:
    """The layer between identity and the application; used from the event loop only.

    Args:
        app: the layers inside.
        most_bytes: memory for answers.
        mark: what the store, or one of its tables, is known by until anyone changes it; None where that cannot be said at once.
        made: called with the layer once it is made, for whoever looks for what it keeps.
    """

    def __init__(
        self,
        app: ASGIApp,
        most_bytes: int,
        mark: Callable[[Added | None], Mark | None],
        made: Callable[[ResponseCache], object] | None = None,
    ) -> None:
        self.app, self.most_bytes, self.mark = app, most_bytes, mark
        self._kept: OrderedDict[Key, CachedAnswer] = OrderedDict()
        self._bytes = 0
        self._under_way: dict[Key, asyncio.Event] = {}
        if made is not None:
            made(self)

    def found(self, key: Key) -> CachedAnswer | None:
        """The answer that is kept under a key, where it cannot have changed."""
        kept = self._kept.get(key)
        if kept is None or (kept.mark is not None and kept.mark != self.mark(kept.only)):
            return None
        self._kept.move_to_end(key)
        return kept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """CachedAnswer one request."""
        view = scope.get("state", {}).get("view")
        if (
            scope["type"] != "http"
            or scope["method"] != "GET"
            or view is None
            or not self.most_bytes
            or not scope["path"].startswith("/v1/")
        ):
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope)
        if "if-match" in given:  # what stands there is compared further in
            await self.app(scope, receive, send)
            return
        key = (scope["path"], scope["query_string"], given.get("accept", ""), view)
        if_none_match = given.get("if-none-match")
        is_given, mark = await self._given(key, scope, if_none_match, send)
        if is_given:
            return
        under_way = self._under_way.get(key)
        if under_way is not None:
            await under_way.wait()
            is_given, mark = await self._given(key, scope, if_none_match, send)
            if is_given:
                return
        done = asyncio.Event()
        if mark is not None or resource_of(scope["path"]) not in OF_THE_STORE:  # else it is kept for nobody to wait for
            self._under_way.setdefault(key, done)
        try:
            await self.app(scope, receive, self._listening(key, mark, done, send))
        finally:
            self._over(key, done)

    async def _given(self, key: Key, scope: Scope, if_none_match: str | None, send: Send) -> tuple[bool, Mark | None]:
        """Whether what is kept was enough to answer with, and the store's mark where the answer depends on it."""
        kept = self._kept.get(key)
        is_lasting = kept is not None and kept.mark is None
        resource = None if is_lasting else resource_of(scope["path"])
        mark = None if resource is None or resource not in OF_THE_STORE else self.mark(OF_THE_STORE[resource])
        if kept is None or kept.mark != mark:
            return False, mark
        self._kept.move_to_end(key)  # before it is sent: while a slow reader takes it, others may push it out
        return await _is_given(kept, if_none_match, send), mark

    def _over(self, key: Key, done: asyncio.Event) -> None:
        """Let go of those who wait for an answer."""
        done.set()
        if self._under_way.get(key) is done:
            del self._under_way[key]

    def _listening(self, key: Key, mark: Mark | None, done: asyncio.Event, send: Send) -> Send:
        answer: CachedAnswer | None = None

        async def listened(message: Message) -> None:
            nonlocal answer
            if message["type"] == "http.response.start":
                answer = _lasting(message, mark, OF_THE_STORE.get(resource_of(key[0]) or ""))
            elif answer is not None:
                if not message.get("more_body", False):  # what comes in pieces is not kept
                    self._keep(key, answer, message.get("body", b""))
                answer = None
            if answer is None:
                self._over(key, done)
            await send(message)

        return listened

    def _keep(self, key: Key, answer: CachedAnswer, body: bytes) -> None:
        whole = replace(answer, body=body)
        if body and _room(key, whole) * LARGEST_PART <= self.most_bytes:
            answer = whole
        elif not answer.tag:
            return
        before = self._kept.pop(key, None)
        self._bytes += _room(key, answer) - (0 if before is None else _room(key, before))
        self._kept[key] = answer
        while self._bytes > self.most_bytes:
            self._bytes -= _room(*self._kept.popitem(last=False))


def _room(key: Key, answer: CachedAnswer) -> int:
    return sum(len(word) for word in key) + len(answer.body or b"") + 1_000


def _lasting(start: Message, mark: Mark | None, only: Added | None) -> CachedAnswer | None:
    """What is known of an answer from its start, where it may be kept: whole, or as the tag of what the caller has."""
    headers = Headers(raw=start["headers"])
    is_immutable = "immutable" in headers.get("cache-control", "")
    has_length = "content-length" in headers or start["status"] == 304  # what is streamed has none
    if start["status"] not in {200, 304} or not has_length or (mark is None and not is_immutable):
        return None
    return CachedAnswer(list(start["headers"]), headers.get("etag", ""), None if is_immutable else mark, only=only)


async def _is_given(answer: CachedAnswer, if_none_match: str | None, send: Send) -> bool:
    """Whether what is kept was enough to answer with."""
    if answer.tag and is_unchanged(if_none_match, answer.tag):
        headers = [pair for pair in answer.headers if pair[0] not in {b"content-length", b"content-type"}]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return True
    if answer.body is None:
        return False
    await send({"type": "http.response.start", "status": 200, "headers": list(answer.headers)})
    await send({"type": "http.response.body", "body": answer.body})
    return True
