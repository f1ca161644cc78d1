"""Security headers: what every answer carries unless it sets them itself."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


def with_security(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Headers with those of every answer that are not among them."""
    whole = list(headers)
    names = {name for name, _ in whole}
    return [*whole, *(pair for pair in _SECURITY if pair[0] not in names)]


class SecurityHeaders:
    """The layer that adds them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = with_security(message.get("headers", ()))
            await send(message)

        await self.app(scope, receive, send_safe)
