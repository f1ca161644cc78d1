"""Every resource has a strong ETag: an answer that brings none is given the hash of its bytes, and 304 where the caller has it.

Routes whose bytes follow from what they can name more cheaply bring a tag of their own and are let through. What is streamed
is let through as well: its bytes are not known when its headers leave.
"""

from __future__ import annotations

import hashlib

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.service.http.etags import is_unchanged, strong


class EtagLayer:
    """The innermost layer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        begun: Message | None = None

        async def tagged(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start" and _wants_tag(message):
                begun = message
                return
            if begun is not None:
                start, begun = begun, None
                if not message.get("more_body", False):
                    await _send_tagged(start, message, Headers(scope=scope).get("if-none-match"), send)
                    return
                await send(start)
            await send(message)

        await self.app(scope, receive, tagged)


def _wants_tag(start: Message) -> bool:
    return start["status"] == 200 and all(name.lower() != b"etag" for name, _ in start["headers"])


async def _send_tagged(start: Message, body: Message, if_none_match: str | None, send: Send) -> None:
    tag = strong(hashlib.sha256(body.get("body", b"")).hexdigest())
    headers = [*start["headers"], (b"etag", tag.encode())]
    if is_unchanged(if_none_match, tag):
        headers = [pair for pair in headers if pair[0].lower() not in {b"content-length", b"content-type"}]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({**start, "headers": headers})
    await send(body)
