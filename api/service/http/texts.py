"""Texts in bodies that no store keeps alike: the character NUL, which PostgreSQL refuses, and halves of characters, which are no text.

They are refused before anything is done, so that both databases answer the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.service.records.failures import BODY, ServiceError
from capitation.errors import Faults

_MOST_NAMED = 100


def check_texts(body: bytes, content: object) -> None:
    """Refuse a body with a text that cannot be stored.

    Args:
        body: the body as it was sent; only where it has an escape can there be such a text.
        content: what was read from it.

    Raises:
        ServiceError: 422, with the place of each.
    """
    if b"\\u" not in body:
        return
    faults = Faults()
    for where, text in _texts(content, ""):
        if len(faults) < _MOST_NAMED and ("\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text)):
            at = f"{BODY}: {where.lstrip('.')}" if where else BODY
            faults.add(
                at.encode("ascii", "backslashreplace").decode().replace("\0", "\\0"),
                ascii(text)[:80],
                "a text without NUL and without halves of characters (\\ud800 to \\udfff)",
            )
    if len(faults):
        raise ServiceError("invalid", "the body has texts that cannot be stored", list(faults))


def _texts(thing: Any, where: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # any JSON
    """Every text in JSON, names of keys among them, with where it stands."""
    waiting: list[tuple[str, Any]] = [(where, thing)]
    while waiting:
        at, here = waiting.pop()
        if isinstance(here, str):
            yield at, here
        elif isinstance(here, dict):
            for key, each in here.items():
                yield f"{at}.{key}", key
                waiting.append((f"{at}.{key}", each))
        elif isinstance(here, list):
            waiting.extend((f"{at}.{number}", each) for number, each in enumerate(here))
