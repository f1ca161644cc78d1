"""Routes on their way out say so in every answer: since when, until when, and what to use in their place.

    Deprecation: @<seconds since 1970>     RFC 9745        Sunset: <date>     RFC 8594        Link: <...>; rel="successor-version"

A route that goes moves to a router of its own, `APIRouter(route_class=deprecated(since, sunset, successor))`; the description
then marks it as deprecated. It answers for twelve months at least. No route of this version is deprecated.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Coroutine
from email.utils import format_datetime
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

SHORTEST = dt.timedelta(days=365)
"""Shortest time between the announcement and the end of a route."""


def deprecated(since: dt.date, sunset: dt.date, successor: str) -> type[APIRoute]:
    """The class of routes that end on `sunset` and whose answers say so.

    Args:
        since: day from which the route is deprecated.
        sunset: day from which it may be gone.
        successor: address of what replaces it.

    Raises:
        ValueError: less than twelve months lie between the two days.
    """
    if sunset - since < SHORTEST:
        raise ValueError(
            f"deprecated on {since} and gone on {sunset}; expected {SHORTEST.days} days between them at least"
        )
    began, ends = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in (since, sunset))
    headers = {
        "Deprecation": f"@{int(began.timestamp())}",
        "Sunset": format_datetime(ends, usegmt=True),
        "Link": f'<{successor}>; rel="successor-version"',
    }

    class Deprecated(APIRoute):
        """A route whose answers carry the headers."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as its base has them
            super().__init__(*args, **{**kwargs, "deprecated": True})

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """The route's handler, with the headers put on its answer."""
            handle = super().get_route_handler()

            async def told(request: Request) -> Response:
                answer = await handle(request)
                for name, value in headers.items():
                    answer.headers.append(name, value)
                return answer

            return told

    return Deprecated
