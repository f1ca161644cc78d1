"""The limit of bodies: a larger one is refused, whether it says its length or is counted while it comes."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.service.records.failures import ServiceError


class BodyLimit:
    """The layer that refuses larger bodies.

    Args:
        app: the layers inside.
        most_bytes: the largest body that is read.
    """

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self.app, self.most_bytes = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            ServiceError: 413.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = scope["state"]["headers"].get("content-length", "0")
        self._check(int(length) if length.isdigit() else 0)
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                self._check(read)
            return message

        await self.app(scope, counted, send)

    def _check(self, size: int) -> None:
        if size > self.most_bytes:
            raise ServiceError("too-large", f"At most {self.most_bytes} bytes are read")
