"""Errors as pages: the same type and code as `application/problem+json`, in plain words, with what to do next."""

from __future__ import annotations

import re
import secrets

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from api.pages.rendering import HEADERS, html
from api.service.http.problems import Problem
from api.service.security.addresses import PUBLIC
from api.service.security.proofs.sessions import FORM_COOKIE, cookies_of, form_mark, set_cookie

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

_TITLES = {
    "not-found": "There is no such page",
    "unknown-name": "There is nothing of that name",
    "forbidden": "Your key does not allow this",
    "invalid": "Something in the form does not fit",
    "invalid-document": "Something in the form does not fit",
    "internal": "Something went wrong in the service",
}
"""Titles of pages of problems, by type; the problem's own where there is none."""

_ROLE = re.compile(r"(\w+) of ([\w-]+): found role (\w+); expected one of (.+)")
_DONE = {"read": "read", "create": "made", "change": "changed", "delete": "taken away"}


def _either(roles: str) -> str:
    """Roles in a sentence: "analysts or approvers"."""
    *rest, last = [{"finance": "finance"}.get(each, f"{each}s") for each in roles.split(", ")]
    return f"{', '.join(rest)} or {last}" if rest else last


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
    is_address = kind == "invalid" and scope["method"] == "GET"
    title, following = _ADDRESS if is_address else (_TITLES.get(kind, problem.title), NEXT.get(kind, _OTHERWISE))
    problem = problem.model_copy(update={"detail": problem.detail.removeprefix(f"{scope['method']} ")})
    if found := _ROLE.fullmatch(problem.detail):
        verb, what, role, roles = found.groups()
        said = f"{what.replace('-', ' ')} are {_DONE.get(verb, verb)} by {_either(roles)}; your role is {role}"
        problem = problem.model_copy(update={"detail": said})
    kept, more, own = scope["state"].get("kept"), {}, {}
    if kept is not None and not form_mark(cookies_of(request.headers.get("cookie", ""))):
        cookie, is_secure = secrets.token_urlsafe(24), request.app.state.service.settings.secure_cookies
        own, more = {"Set-Cookie": set_cookie(FORM_COOKIE, cookie, is_secure=is_secure)}, {"mark": form_mark({FORM_COOKIE: cookie})}  # fmt: skip
    text = html(
        "problem.html", request, title=title, problem=problem, next=following,
        is_unknown=problem.status == 401, wanted=wanted, kept=kept, **more,
    )  # fmt: skip
    return text.encode(), {**HEADERS, **own, "content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
