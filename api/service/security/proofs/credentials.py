"""Credentials: the error of a caller who is not known, how long what they say may be, and secrets kept out of logs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from api.service.records.failures import ProblemError
from capitation.errors import Fault

LARGEST_CREDENTIAL = 8_192
"""Characters of the longest key or token read; longer ones are refused unread."""

LONGEST_SUBJECT, LONGEST_ORGANISATION = 200, 64
"""Characters of the longest subject and organisation's code accepted."""

_SECRETS = re.compile(
    r"cap_(?:local|[0-9a-f]{16})_[A-Za-z0-9_-]+"
    r"|eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*"
    r"|(?i:(?<=bearer )|(?<=basic ))[^\s,;\"']+"
    r"|(?<=://)[^/\s:@]*:[^/\s@]*(?=@)"
)

_SIGNS = ("cap_", "eyj", "bearer ", "basic ", "://")
"""What stands in or before every secret, in small letters."""


class AuthenticationError(ProblemError):
    """The caller is not known: no credential, or one that is not good; `code` is stable and says which."""

    kind = "unauthorised"

    def __init__(self, code: str, message: str, faults: Iterable[Fault] = ()) -> None:
        self.code = code
        super().__init__(message, faults)

    @property
    def headers(self) -> Mapping[str, str]:
        """How to say who one is (RFC 6750)."""
        return {"WWW-Authenticate": "Bearer" if self.code == "no-credential" else 'Bearer error="invalid_token"'}


def masked(text: str) -> str:
    """`text` with every API key, token, credential of a header and password of an address as ***, for logs."""
    small = text.lower()
    if not any(word in small for word in _SIGNS):  # looking for the signs takes a hundredth of looking for the secrets
        return text
    return _SECRETS.sub("***", text)
