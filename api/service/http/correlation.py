"""Correlation: every request has an id, which stands in the answer's headers and in the logs; a sensible one that is sent is kept."""

from __future__ import annotations

import os
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.service.security.proofs.credentials import masked

_SENT = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Correlation:
    """The outermost layer: it also reads the headers once for the layers inside."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        sent = state["headers"] = headers_in(scope)
        correlation = sent.get("x-correlation-id", "")
        if correlation and not (_SENT.fullmatch(correlation) and _is_no_secret(correlation, sent)):
            correlation = ""
        if not correlation:
            correlation = os.urandom(16).hex()
        state["correlation_id"] = correlation

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-correlation-id", correlation.encode())]
            await send(message)

        await self.app(scope, receive, send_named)


def _is_no_secret(correlation: str, sent: dict[str, str]) -> bool:
    """Whether an id is neither a key or token nor a part of what the request shows as one: ids stand in logs and answers."""
    shown = [sent.get(name, "") for name in ("authorization", "x-api-key", "cookie")]
    return masked(correlation) == correlation and not any(correlation in each for each in shown)


def headers_in(scope: Scope) -> dict[str, str]:
    """The headers of a request by their names in small letters; of those that are there twice, the first."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}
