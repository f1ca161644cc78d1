"""How a creating route asks for work: the named document is found, the job is queued, and the answer says where it stands.

Who sends `Prefer: wait=30` waits up to 30 seconds for the job; where it is done by then the answer is 201 with the address of
the result, otherwise 202 with the address of the job, as without it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from api.service.documents.kinds import NOUNS
from api.service.http.problems import BODY, ServiceError
from api.service.jobs.work import job_id
from api.service.runtime.request import Service, content_of, created_once, event
from api.service.security.access import Caller
from api.service.store import TERMINAL
from api.service.views.models import RESULT_PLACES, Wire, body_text, job_view
from capitation.errors import Fault, suggest
from capitation.records.documents import parse_document
from capitation.records.identity import canonical

W = TypeVar("W", bound=Wire)

LONGEST_LOOK_SECONDS = 0.25
"""Longest time between two looks at a job that is waited for."""


async def accepted(
    request: Request,
    service: Service,
    client: Caller,
    body: bytes,
    key: str | None,
    kind: str,
    model: type[W],
    document_kind: str,
    more: Callable[[W, dict[str, Any]], dict[str, Any]] = lambda _asked, _content: {},
) -> Response:
    """202 with the job, whose address is in Location; 201 with the result's where it was waited for and is done.

    Args:
        request: the request.
        service: the running instance.
        client: who asks.
        body: the body as sent.
        key: the Idempotency-Key.
        kind: kind of job.
        model: what the body must be.
        document_kind: kind of document that the body names.
        more: what else the job's request holds, from the checked body and the body as sent.

    Raises:
        ServiceError: the body or the key is refused, or it names no stored document.
    """

    def act() -> Response:
        content = content_of(request, body)
        asked = parse_document(content, model, BODY)
        name, version = getattr(asked, document_kind), getattr(asked, "digest", None)
        found = service.store.document(document_kind, name, version)
        if found is None:
            raise _not_stored(service, document_kind, name, version)
        wanted = {
            document_kind: found.name,
            "digest": found.digest,
            "data_pack": service.pack.digest,
            **more(asked, content),
        }
        return asked_for(request, service, client, kind, wanted)

    answer = await run_in_threadpool(created_once, request, service, client, body, key, act)
    return await waited_for(request, service, answer)


def _not_stored(service: Service, kind: str, name: str, version: str | None) -> ServiceError:
    """What to say of a document that a body names and that is not there, or not in that version."""
    invalid = "invalid"
    if version is not None and service.store.document(kind, name) is not None:
        fault = Fault(f"{BODY}: digest", repr(version), f"the hash of a version of {name!r} that is stored")
        return ServiceError(invalid, f"there is no version {version} of {kind} {name!r}", [fault])
    known = service.store.document_names(kind)
    words = next(noun.words for noun in NOUNS.values() if noun.kind == kind)
    fault = Fault(f"{BODY}: {kind}", repr(name), f"{words} that is stored", suggest(name, known))
    return ServiceError(invalid, f"there is no {kind} {name!r}", [fault])


def asked_for(request: Request, service: Service, client: Caller, kind: str, wanted: dict[str, Any]) -> Response:
    """202 with the job for what is wanted, queued if it is new."""
    name = job_id(kind, wanted)
    told = event(client, request, f"{RESULT_PLACES[kind]}.create", f"jobs/{name}")
    view = job_view(service.store.ask(name, kind, canonical(wanted), client.subject, told))
    return Response(body_text(view), 202, {"Location": view.href}, "application/json")


async def waited_for(request: Request, service: Service, answer: Response) -> Response:
    """The answer, or 201 with the result's address where the request prefers to wait and its job is done in time."""
    seconds = _wait_of(request, service.settings.wait_seconds)
    if seconds is None or answer.status_code != 202:
        return answer
    name = answer.headers["location"].rpartition("/")[2]
    until, look = time.monotonic() + seconds, 0.02
    job = await run_in_threadpool(service.store.job, name)
    while job is not None and job.status not in TERMINAL and time.monotonic() < until and not service.stopping.is_set():
        if await request.is_disconnected():
            break
        await asyncio.sleep(min(look, max(0.0, until - time.monotonic())))
        look = min(look * 1.5, LONGEST_LOOK_SECONDS)
        job = await run_in_threadpool(service.store.job, name)
    if job is None:
        return answer
    view = job_view(job)
    place = view.result or view.href
    headers = {"Location": place, "Preference-Applied": f"wait={seconds}"}
    return Response(body_text(view), 201 if view.result else 202, headers, "application/json")


def _wait_of(request: Request, longest: int) -> int | None:
    """The seconds that Prefer (RFC 7240) asks to wait for, as far as they are granted; None where it does not ask."""
    for part in request.headers.get("prefer", "").split(","):
        found = re.fullmatch(r"\s*wait\s*=\s*\"?(\d{1,6})\"?\s*", part)
        if found:
            return min(int(found[1]), longest)
    return None
