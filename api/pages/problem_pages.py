"""Errors as pages: the same type and code as `application/problem+json`, in plain words, with what to do next."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from api.pages.rendering import HEADERS, html
from api.service.http.problems import Problem
from api.service.security.addresses import PUBLIC

NEXT = {
    "unauthorised": "Sign in with the key you were given, or open the address printed when the service started.",
    "forbidden": "Your key does not allow this. Sign in with another key, or ask the person who gave it to you.",
    "not-found": "Check the address, or start again from Home. Results are listed under Jobs.",
    "unknown-name": "Check the name, or choose one from the list it belongs to.",
    "not-approved": "Ask an approver to approve the result first; its page has the form.",
    "conflict": "Open the page again to see what changed, then decide.",
    "changed-meanwhile": "Somebody changed it since you opened it. Go back, reload, and make your change again.",
    "too-many-requests": "Wait a minute, then try again.",
    "internal": "Try again. If it happens again, send whoever runs the service the reference below.",
    "store-unavailable": "Nothing was lost. Wait a minute, then try again.",
    "store-full": "Nothing was changed. Ask whoever runs the service to make room.",
}
"""What to do next, by type of problem."""

_ADDRESS = ("This address cannot be read", "Check the part of the address that is named below, or start again from Home. Results are listed under Jobs.")  # fmt: skip
"""Title of a page whose address does not fit, and what to do next."""

_OTHERWISE = "Go back, change what is named below, and send it again."


def is_for_page(scope: Scope) -> bool:
    """Whether a request comes from somebody who looks at pages."""
    path = str(scope["path"])
    if scope["type"] != "http" or path.startswith("/v1/") or path in PUBLIC or path == "/metrics":
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")


def problem_page(scope: Scope, problem: Problem) -> tuple[bytes, dict[str, str]] | None:
    """A problem as a page with its headers; None where what is asked for is no page."""
    if not is_for_page(scope):
        return None
    kind = problem.type.rpartition(":")[2]
    request = Request(scope)
    wanted = (
        "" if scope["method"] != "GET" else request.url.path + (f"?{request.url.query}" if request.url.query else "")
    )
    if kind == "not-found" and problem.detail == f"GET {request.url.path}: Not Found":
        problem = problem.model_copy(update={"detail": f"there is no page at {request.url.path}"})
    is_address = kind == "invalid" and scope["method"] == "GET"
    title, following = _ADDRESS if is_address else (problem.title, NEXT.get(kind, _OTHERWISE))
    text = html(
        "problem.html", request, title=title, problem=problem, next=following,
        is_unknown=problem.status == 401, wanted=wanted,
    )  # fmt: skip
    return text.encode(), {**HEADERS, "content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
