"""How a page asks the service: through the service's own addresses, as the same caller, so that no page has a rule of its own.

What a page reads or changes goes through the route under /v1 that everybody else uses: its access rules, its visibility, its
small numbers, its audit records.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from anyio import from_thread
from starlette.requests import Request
from starlette.types import Message

from api.service.records.failures import ProblemError, ServiceError
from api.service.runtime.service import Service
from api.service.security.access import Caller
from api.service.security.proofs.sessions import cookies_of, is_form_mark
from capitation.errors import Fault

Query = dict[str, str | list[str]]

_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0)
"""Seconds for which a form that was sent twice waits for the answer to the first."""


@dataclass(frozen=True)
class Reply:
    """What an address of the service answered."""

    status: int
    headers: dict[str, str]
    body: bytes
    content: Any = field(default=None, repr=False)

    @property
    def is_done(self) -> bool:
        """Whether it was carried out."""
        return self.status < 400


class RefusedError(ProblemError):
    """The service refused what a page asked, with the problem it answered."""

    def __init__(self, problem: dict[str, Any]) -> None:
        self.kind = str(problem["type"]).rpartition(":")[2]
        self.code = problem.get("code")
        self.problem = problem
        names = ("where", "found", "expected", "remedy")
        super().__init__(problem["detail"], [Fault(*(f.get(n, "") for n in names)) for f in problem.get("faults", ())])


def service_of(request: Request) -> Service:
    """The running instance."""
    found: Service = request.app.state.service
    return found


def caller_of(request: Request) -> Caller:
    """Who looks at the page."""
    found: Caller = request.state.caller
    return found


def may(request: Request, method: str, path: str) -> bool:
    """Whether the caller may do this at an address, by the service's own rules."""
    return service_of(request).identity.refusal(caller_of(request), method, path) is None


def ask(
    request: Request, path: str, query: Query | None = None, *, method: str = "GET", body: Any = None,  # noqa: ANN401  # any JSON
    headers: dict[str, str] | None = None, accept: str = "application/json",
) -> Reply:  # fmt: skip
    """What an address under /v1 answers to the caller of the page.

    Raises:
        RefusedError: the service refused it.
    """
    reply = tried(request, path, query, method=method, body=body, headers=headers, accept=accept)
    if not reply.is_done:
        raise RefusedError(reply.content)
    return reply


def tried(
    request: Request, path: str, query: Query | None = None, *, method: str = "GET", body: Any = None,  # noqa: ANN401  # any JSON
    headers: dict[str, str] | None = None, accept: str = "application/json",
) -> Reply:  # fmt: skip
    """As `ask`, but a refusal is an answer, too."""
    refused = service_of(request).identity.refusal(caller_of(request), method, path)
    if refused is not None:
        raise refused
    given = {"accept": accept, **({} if method == "GET" else {"content-type": "application/json"}), **(headers or {})}
    sent = b"" if body is None else json.dumps(body).encode()
    for pause in (*_PAUSES, 0.0):
        reply: Reply = from_thread.run(_inside, request, path, urlencode(query or {}, doseq=True), method, given, sent)
        if not pause or reply.status != 409 or not str(reply.content.get("type", "")).endswith(":still-running"):
            break
        time.sleep(pause)
    return reply


# Reason: what a request is made of, each part by its name.
async def _inside(request: Request, path: str, query: str, method: str, headers: dict[str, str], sent: bytes) -> Reply:
    dropped = {"route", "router", "endpoint", "path_params", "fastapi_inner_astack", "fastapi_function_astack"}
    scope = {name: value for name, value in request.scope.items() if name not in dropped}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope |= {"path": path, "raw_path": path.encode(), "query_string": query.encode(), "method": method, "headers": raw}
    start: dict[str, Any] = {}
    parts: list[bytes] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": sent, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    await request.app.router(scope, receive, send)
    named = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    body = b"".join(parts)
    content = (
        json.loads(body)
        if "json" in named.get("content-type", "") and "ndjson" not in named.get("content-type", "") and body
        else None
    )
    return Reply(start["status"], named, body, content)


@dataclass(frozen=True)
class Form:
    """What was typed into a form."""

    values: dict[str, list[str]]

    def text(self, name: str, otherwise: str = "") -> str:
        """What stands in a field."""
        return self.values.get(name, [otherwise])[-1].strip()

    def all(self, name: str) -> list[str]:
        """What was chosen of several."""
        return self.values.get(name, [])

    @property
    def key(self) -> dict[str, str]:
        """The Idempotency-Key of the form, so that a form that is sent twice acts once."""
        return {"Idempotency-Key": self.text("once") or secrets.token_hex(16)}


def form_of(request: Request) -> Form:
    """What was typed into a form that was made for this browser.

    Raises:
        ServiceError: the form was made for somebody else, or by another site.
    """
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        values = from_thread.run(_multipart, request)
    else:
        body: bytes = from_thread.run(request.body)
        values = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    given = Form(values)
    if not is_form_mark(given.text("mark"), cookies_of(request.headers.get("cookie", ""))):
        fault = Fault(
            "form",
            "one that was not made for this browser's session",
            "the form of the page",
            "Open the page again and send it from there.",
        )
        raise ServiceError("forbidden", "the form was not made for you", [fault])
    return given


async def _multipart(request: Request) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    async with request.form() as sent:
        for name, value in sent.multi_items():
            text = value if isinstance(value, str) else (await value.read()).decode("utf-8-sig", "replace")
            found.setdefault(name, []).append(text)
    return found


def new_once() -> str:
    """A new key for a form."""
    return secrets.token_hex(16)
