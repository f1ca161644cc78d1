"""If-Match and If-None-Match hold wherever something is changed, and not only where a change must name the version that it follows.

(RFC 9110, 13.1.1 and 13.1.2.) If-Match:

PUT      the route asks for it and compares it within the change itself
DELETE   compared with the tag of what stands at the address
POST     the same; what is only posted to, as a withdrawal is, with the tag of what it belongs to

If-None-Match of a PUT or DELETE is refused where what stands there has the tag, or where anything stands there and it is `*`.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.service.http.etags import ANY, READ_AGAIN, expected_versions, is_unchanged
from api.service.records.failures import ServiceError

_METHODS, _REPLACES = frozenset({"DELETE", "POST"}), frozenset({"DELETE", "PUT"})
_CHANGES = _METHODS | _REPLACES
_OF_A_BODY = (b"if-", b"content-", b"transfer-encoding", b"idempotency-key", b"prefer", b"accept", b"range")
"""How headers begin that are about the request and its body, and not about what stands at the address."""


class Preconditions:
    """The layer that refuses a change, or a look, that was meant for another version than the one that stands there.

    Args:
        app: the layers inside, which give every resource a tag.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            ServiceError: 412, what stands there is at another version.
        """
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith("/v1/"):
            if_match = Headers(scope=scope).get("if-match")
            if if_match is not None:
                await self._read(scope, receive, send, if_match)
                return
        if scope["type"] == "http" and scope["method"] in _CHANGES and scope["path"].startswith("/v1/"):
            headers = Headers(scope=scope)
            if_match, if_none_match = headers.get("if-match"), headers.get("if-none-match")
            if if_match is not None and scope["method"] in _METHODS and _is_offered(scope):
                await self._check(scope, if_match)
            if if_none_match is not None and scope["method"] in _REPLACES and _is_offered(scope):
                await self._check_none(scope, if_none_match)
        await self.app(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive, send: Send, if_match: str) -> None:
        """Answer a request that reads one version and no other (RFC 9110, section 13.2.2)."""
        expected, other = expected_versions(if_match), ""

        async def send_if_expected(message: Message) -> None:
            nonlocal other
            if message["type"] == "http.response.start" and message["status"] in {200, 304} and ANY not in expected:
                tag = Headers(raw=message["headers"]).get("etag")
                other = tag if tag is not None and tag.strip('"') not in expected else ""
            if not other:
                await send(message)

        await self.app(scope, receive, send_if_expected)
        if other:
            raise ServiceError("changed-meanwhile", f"{scope['path']} is at version {other}, not {if_match[:200]}")

    async def _check(self, scope: Scope, if_match: str) -> None:
        expected = expected_versions(if_match)
        path = scope["path"]
        tag = await self._tag(scope, path)
        if tag is None and scope["method"] == "POST":
            tag = await self._tag(scope, path.rpartition("/")[0])
        if tag is not None and ANY not in expected and tag.strip('"') not in expected:
            detail = f"{path} is at version {tag}, not {if_match[:200]}. {READ_AGAIN}"
            raise ServiceError("changed-meanwhile", detail)

    async def _check_none(self, scope: Scope, if_none_match: str) -> None:
        tag = await self._tag(scope, scope["path"])
        if tag is not None and is_unchanged(if_none_match, tag):
            detail = f"{scope['path']} is at version {tag}; If-None-Match is {if_none_match[:200]}"
            raise ServiceError("changed-meanwhile", detail)

    async def _tag(self, scope: Scope, path: str) -> str | None:
        """The tag of what the caller reads at an address; none where nothing is read there."""
        headers = [pair for pair in scope["headers"] if not pair[0].lower().startswith(_OF_A_BODY)]
        asked = {
            **scope,
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
        }
        started: list[Message] = []

        async def nothing() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)

        await self.app(asked, nothing, noted)
        if not started or started[0]["status"] != 200:
            return None
        return Headers(raw=started[0]["headers"]).get("etag")


def _is_offered(scope: Scope) -> bool:
    """Whether the method is one that the address has; where it is not, the routes say so, whatever the version."""
    return any(route.matches(scope)[0] is Match.FULL for route in scope["app"].routes)
