"""Answers that never change are kept in memory and given again without being made again.

An answer is kept where it says so itself: status 200 and `immutable` in its Cache-Control. It is kept for the address, the
query, the format asked for and what the caller may see, and is looked up only once the caller has passed the door.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.service.etags import is_unchanged

LARGEST_PART = 8
"""An answer is kept where it takes at most this part of the memory."""

Key = tuple[str, bytes, str, str]


@dataclass(frozen=True)
class _Answer:
    headers: list[tuple[bytes, bytes]]
    body: bytes
    tag: str

    @property
    def size(self) -> int:
        return len(self.body) + 1_000


class Remembered:
    """The layer between the door and the application; used from the event loop only.

    Args:
        app: the application.
        most_bytes: memory for answers.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self.app, self.most_bytes = app, most_bytes
        self._kept: OrderedDict[Key, _Answer] = OrderedDict()
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        sight = scope.get("state", {}).get("sight")
        if scope["type"] != "http" or scope["method"] != "GET" or sight is None or not self.most_bytes:
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope)
        key = (scope["path"], scope["query_string"], given.get("accept", ""), sight)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            await _give(kept, given.get("if-none-match"), send)
            return
        await self.app(scope, receive, self._listening(key, send))

    def _listening(self, key: Key, send: Send) -> Send:
        start: Message = {}
        body: list[bytes] = []

        async def listened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                if message["status"] == 200 and "immutable" in headers.get("cache-control", ""):
                    start.update(message, headers=list(message["headers"]))
            elif start and message["type"] == "http.response.body":
                body.append(message.get("body", b""))
                if not message.get("more_body", False):
                    tag = Headers(raw=start["headers"]).get("etag", "")
                    self._keep(key, _Answer(start["headers"], b"".join(body), tag))
            await send(message)

        return listened

    def _keep(self, key: Key, answer: _Answer) -> None:
        if answer.size * LARGEST_PART > self.most_bytes or key in self._kept:
            return
        self._kept[key] = answer
        self._bytes += answer.size
        while self._bytes > self.most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.size


async def _give(answer: _Answer, if_none_match: str | None, send: Send) -> None:
    if answer.tag and is_unchanged(if_none_match, answer.tag):
        headers = [pair for pair in answer.headers if pair[0] not in {b"content-length", b"content-type"}]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": list(answer.headers)})
    await send({"type": "http.response.body", "body": answer.body})
