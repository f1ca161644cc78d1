"""The session of a browser: a random text in a cookie that scripts cannot read and other sites cannot send, opened by showing a key.

The store keeps its checksum and the key's id, so whoever reads the store cannot sign in, and a key that is taken back ends its
sessions. A form carries a checksum of the cookie, which no other site can know.
"""

from __future__ import annotations

import hmac
import secrets

from api.service.security.proofs.local_token import COOKIE as LOCAL_COOKIE
from capitation.records.identity import digest

SESSION_COOKIE = "capitation_session"
"""The cookie of a session."""

FORM_COOKIE = "capitation_form"
"""The cookie to which the form of a browser that is not signed in is bound."""

SESSION_SECONDS = 12 * 3600
"""How long a session lasts."""


def new_session() -> str:
    """The text of a new session."""
    return secrets.token_urlsafe(32)


def cookies_of(header: str) -> dict[str, str]:
    """The cookies of a request by name; the first of a name."""
    found: dict[str, str] = {}
    for each in header.split(";"):
        name, _, value = each.strip().partition("=")
        found.setdefault(name, value)
    return found


def set_cookie(name: str, value: str, *, is_secure: bool, seconds: int | None = None) -> str:
    """The header that gives a browser a cookie, or with no seconds left takes it away."""
    lasts = "" if seconds is None else f"; Max-Age={seconds}"
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict{lasts}{'; Secure' if is_secure else ''}"


def form_mark(cookies: dict[str, str]) -> str:
    """What a form carries to show that it was made for this browser; empty where the browser has no cookie of ours."""
    for name in (SESSION_COOKIE, LOCAL_COOKIE, FORM_COOKIE):
        if cookies.get(name):
            return digest(f"form\n{name}\n{cookies[name]}")[:43]
    return ""


def is_form_mark(given: str, cookies: dict[str, str]) -> bool:
    """Whether a form was made for this browser."""
    wanted = form_mark(cookies)
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())
