"""Other systems that the service may call: their addresses, and what is shared with them."""

from __future__ import annotations

import base64
import binascii
import urllib.parse

SECRET_START = "whsec_"
"""What a shared secret begins with; the rest is base64."""

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def is_local_or_https(url: str) -> bool:
    """Whether nobody between can read or change what is sent: https, or http on this machine; and no password in it."""
    try:
        parts = urllib.parse.urlsplit(url)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
    except ValueError:
        return False
    return is_safe and bool(parts.hostname) and not parts.username and not parts.password


def secret_bytes(secret: str) -> bytes:
    """The key in a shared secret.

    Raises:
        ValueError: it has not the form of one.
    """
    try:
        found = base64.b64decode(secret.removeprefix(SECRET_START), validate=True)
    except binascii.Error:
        found = b""
    if not secret.startswith(SECRET_START) or not 24 <= len(found) <= 64:
        raise ValueError(f"expected {SECRET_START} and 24 to 64 bytes in base64")
    return found
