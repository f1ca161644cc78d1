"""HEAD: every address that can be read answers it as GET, without the body (RFC 9110, section 9.3.2).

The layers inside see a GET, so that length, tag and 304 are those of what GET would send. A stream ends with its headers.
"""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadLayer:
    """The layer that makes a GET of it and leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        is_over = False

        async def send_bare(message: Message) -> None:
            nonlocal is_over
            if message["type"] == "http.response.start":
                await send(message)
                return
            if is_over:
                raise OSError("the answer to HEAD has no body")  # ends what would be streamed
            is_over = True
            await send({"type": "http.response.body", "body": b""})

        try:
            await self.app({**scope, "method": "GET"}, receive, send_bare)
        except (ClientDisconnect, OSError):
            if not is_over:
                raise
