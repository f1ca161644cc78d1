"""The way in for a browser on the service's own machine: the address that `capitation serve` prints, with the token in it.

GET /local?token=... keeps the token in a cookie that scripts cannot read and other sites cannot send, and leads to Home.
The token never stands in the logs, which have no queries. It is nobody's way in once the first key is issued.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from api.service.security.proofs.credentials import AuthenticationError
from api.service.security.proofs.local_token import COOKIE
from api.service.security.proofs.sessions import set_cookie

ADDRESS = "/local"
"""Where a browser shows its token."""

_START = "/"


class LocalAccess:
    """The layer that takes the token from the address and gives it back as a cookie.

    Args:
        app: the layers inside.
        is_token: whether a text is the token, and local access is open.
    """

    def __init__(self, app: ASGIApp, is_token: Callable[[str], bool]) -> None:
        self.app, self.is_token = app, is_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            AuthenticationError: the token is not the one of this start.
        """
        if scope["type"] != "http" or scope["path"] != ADDRESS or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        host = (scope.get("client") or ("unknown", 0))[0]
        scope["state"]["allowance"].take(f"address {host}")
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        if len(given) != 1 or not await run_in_threadpool(self.is_token, given[0]):
            raise AuthenticationError(
                "local-token",
                "found another token; expected the one in the address that capitation serve printed at its last start",
            )
        headers = [
            (b"location", _START.encode()),
            (b"set-cookie", set_cookie(COOKIE, given[0], is_secure=False).encode()),
            (b"cache-control", b"no-store"),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
