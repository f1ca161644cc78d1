"""Errors of the layers inside become problems: those raised on purpose say what is wrong, all others only where to look."""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.service.http.problems import MEDIA_TYPE, Problem, encoded, headers_of, internal_problem, problem_of
from capitation.errors import CapitationError

log = logging.getLogger("capitation.service")


Page = Callable[[Scope, Problem], tuple[bytes, dict[str, str]] | None]
"""A problem as a page with its headers; None where the request does not come from a page."""


class ErrorAnswers:
    """The layer that answers with them.

    Args:
        app: the layers inside.
        page: shows a problem to whoever asks for a page.
    """

    def __init__(self, app: ASGIApp, page: Page | None = None) -> None:
        self.app, self.page = app, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        correlation: str = scope["state"]["correlation_id"]
        has_begun = False

        async def send_watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_watched)
        except ClientDisconnect:
            raise
        except CapitationError as error:
            if has_begun:
                raise
            problem = problem_of(error, correlation)
            log_unavailable(problem, error)
            await self._send(scope, problem, send, headers_of(error))
        except Exception:
            log.exception("fault", extra={"fields": {"correlation_id": correlation, "path": scope["path"]}})
            if has_begun:
                raise
            await self._send(scope, internal_problem(correlation), send, {})

    async def _send(self, scope: Scope, problem: Problem, send: Send, headers: dict[str, str]) -> None:
        shown = None if self.page is None else self.page(scope, problem)
        await send_problem(problem, send, headers, shown)


def log_unavailable(problem: Problem, error: Exception) -> None:
    """Keep in the logs what callers are not shown: why the service cannot do its work at the moment."""
    if problem.status >= 500:
        fields = {"correlation_id": problem.correlation_id, "error": str(error)}
        log.warning("unavailable", extra={"fields": fields})


async def send_problem(
    problem: Problem, send: Send, headers: dict[str, str], page: tuple[bytes, dict[str, str]] | None = None
) -> None:
    """Answer with a problem, as a page where there is one."""
    body, named = (encoded(problem), {"content-type": MEDIA_TYPE}) if page is None else page
    named = {**named, "content-length": str(len(body)), **headers}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
