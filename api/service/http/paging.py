"""Cursors: opaque words that say where the next page begins; lists are in an order that never changes."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from fastapi import Request

from api.service.records.failures import ServiceError

T = TypeVar("T")

LARGEST_PAGE = 1000
"""Most items on a page of a list."""


def cursor_of(position: str | int) -> str:
    """The cursor for what follows `position`."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def number_after(cursor: str | None) -> int:
    """The number that a cursor stands for; 0 where there is none.

    Raises:
        ServiceError: the cursor was not made here.
    """
    position = _position(cursor) if cursor else 0
    if not isinstance(position, int) or isinstance(position, bool) or not 0 <= position < 2**53:
        raise _not_ours(cursor)
    return position


def text_after(cursor: str | None) -> str:
    """The name that a cursor stands for; an empty text where there is none.

    Raises:
        ServiceError: the cursor was not made here.
    """
    position = _position(cursor) if cursor else ""
    if not isinstance(position, str) or not position.isprintable():
        raise _not_ours(cursor)
    return position


def next_link(request: Request, cursor: str | None) -> dict[str, str]:
    """The Link header to the next page; nothing on the last page."""
    if cursor is None:
        return {}
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != "cursor"]
    return {"Link": f'<{request.url.path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'}


def page_of(found: Sequence[T], limit: int, position: Callable[[T], str | int]) -> tuple[Sequence[T], str | None]:
    """The items of a page, and the cursor of the next one.

    Args:
        found: the items that follow the cursor, of which one more was looked for than the page takes.
        limit: how many the page takes.
        position: where an item stands in the list's order.
    """
    following = cursor_of(position(found[limit - 1])) if len(found) > limit else None
    return found[:limit], following


def _position(cursor: str | None) -> object:
    try:
        text = base64.urlsafe_b64decode((cursor or "") + "=" * (-len(cursor or "") % 4)).decode()
        found: object = json.loads(text)
        is_ours = isinstance(found, str | int) and cursor_of(found) == (cursor or "").rstrip("=")
    except (binascii.Error, ValueError, UnicodeError, RecursionError) as error:
        raise _not_ours(cursor) from error
    if not is_ours:
        raise _not_ours(cursor)
    return found


def _not_ours(cursor: str | None) -> ServiceError:
    return ServiceError("invalid", f"cursor {cursor!r} is not one that this service gave; begin again without it")
