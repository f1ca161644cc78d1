"""A form that was sent after its session had ended: what was typed goes through the sign-in and is sent once more by its writer.

Nothing of it is stored here: it stands in the page, as it did before it was sent. What another site sent is not kept, nor are
secrets; and after the sign-in nothing is sent before its writer has seen it and pressed the button of a form of the new session.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.service.security.proofs.credentials import AuthenticationError
from api.service.security.proofs.sessions import cookies_of, is_form_mark
from capitation.sentences import capital

MOST_BYTES = 200_000
"""Forms that are larger are not kept."""

_SECRETS = frozenset({"key", "token", "password", "mark"})
_UNSEEN = frozenset({"once", "etag", "do", "digest", "path", "result"})
"""Fields that nobody typed."""


@dataclass(frozen=True)
class KeptForm:
    """What was typed into a form, and where it was sent."""

    address: str
    fields: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The fields as one text, for a hidden field."""
        return json.dumps(self.fields, ensure_ascii=False)

    @property
    def seen(self) -> list[tuple[str, str]]:
        """What somebody typed, for its writer to read once more."""
        return [
            (capital(name.replace("_", " ").replace(".", " ")), value)
            for name, value in self.fields
            if value and name not in _UNSEEN and not name.startswith(("kind.", "from."))
        ]


def kept_of(address: str, text: str) -> KeptForm | None:
    """What the hidden field of a form keeps; None where it keeps nothing."""
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    if not isinstance(found, list) or not all(isinstance(each, list) and len(each) == 2 for each in found):
        return None
    pairs = tuple((str(name), str(value)) for name, value in found if str(name) not in _SECRETS)
    is_page = address.startswith("/") and not address.startswith(("//", "/\\", "/v1/", "/sign-"))
    return KeptForm(address, pairs) if pairs and is_page and address.isprintable() else None


class KeptForms:
    """The layer that keeps what was typed where nobody is signed in any more, for the page that says so.

    Args:
        app: the layers inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            await self.app(scope, receive, send)
        except AuthenticationError:
            if scope["type"] == "http" and scope["method"] == "POST" and not scope["path"].startswith("/v1/"):
                scope["state"]["kept"] = await _typed(scope, receive)
            raise


async def _typed(scope: Scope, receive: Receive) -> KeptForm | None:
    """What was typed into a form of this site."""
    request = Request(scope, receive)
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > MOST_BYTES:
        return None
    try:
        async with request.form(max_files=4, max_fields=500) as sent:
            pairs = [
                (name, value if isinstance(value, str) else (await value.read()).decode("utf-8-sig", "replace"))
                for name, value in sent.multi_items()
            ]
    except HTTPException:
        return None
    if not _is_own(request.headers, dict(pairs).get("mark", "")):
        return None
    fields = tuple((name, value) for name, value in pairs if name not in _SECRETS)
    return KeptForm(scope["path"], fields) if fields else None


def _is_own(headers: Mapping[str, str], mark: str) -> bool:
    """Whether a form was a page of this site's: it has the mark of the browser's cookie, or the browser says so."""
    return (
        is_form_mark(mark, cookies_of(headers.get("cookie", ""))) or headers.get("sec-fetch-site", "") == "same-origin"
    )


__all__ = ["KeptForm", "KeptForms", "kept_of"]
