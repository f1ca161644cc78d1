"""How a creating route asks for work: the named document is found, the job is queued, and the answer says where it stands.

Who sends `Prefer: wait=30` waits up to 30 seconds for the job; where it is done by then the answer is 201 with the address of
the result, otherwise 202 with the address of the job, as without it.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from api.service.documents.kinds import DOCUMENT_KINDS
from api.service.jobs.runner import job_id
from api.service.records.failures import BODY, ServiceError
from api.service.records.job_kind import JobKind
from api.service.runtime.request import content_of, created_once, event
from api.service.runtime.service import Service
from api.service.security.access import Caller
from api.service.store import TERMINAL
from api.service.views.models import job_view
from api.service.views.respond import respond
from capitation.errors import Fault, suggest
from capitation.records.documents import parse_document
from capitation.records.identity import canonical

LONGEST_LOOK_SECONDS = 0.25
"""Longest time between two looks at a job that is waited for."""


async def accepted(
    request: Request, service: Service, client: Caller, body: bytes, key: str | None, kind: JobKind[Any]
) -> Response:
    """202 with the job, whose address is in Location; 201 with the result's where it was waited for and is done.

    Args:
        request: the request.
        service: the running instance.
        client: who asks.
        body: the body as sent.
        key: the Idempotency-Key.
        kind: kind of job.

    Raises:
        ServiceError: the body or the key is refused, or it names no stored document.
    """

    def act() -> Response:
        content = content_of(request, body)
        asked = parse_document(content, kind.request, BODY)
        wanted: dict[str, Any] = {}
        if kind.document:
            name, version = getattr(asked, kind.document), getattr(asked, "digest", None)
            found = service.store.document(kind.document, name, version)
            if found is None:
                raise _not_stored(service, kind.document, name, version)
            wanted = {kind.document: found.name, "digest": found.digest}
        if "data_pack" in kind.request.model_fields:
            wanted["data_pack"] = _chosen_pack(service, getattr(asked, "data_pack", None))
        wanted |= kind.more(asked, content, service.store)
        name = job_id(kind.name, wanted)
        created = event(client, request, f"{kind.address}.create", f"jobs/{name}")
        view = job_view(service.store.ask(name, kind.name, canonical(wanted), client.subject, created))
        return respond(view, request, 202, {"Location": view.href})

    answer = await run_in_threadpool(created_once, request, service, client, body, key, act, is_quick=True)
    return await waited_for(request, service, answer)


def _chosen_pack(service: Service, asked: str | None) -> str:
    """The digest of the data pack that a request names; of the service's own where it names none.

    Raises:
        ServiceError: no pack of that digest was sent.
    """
    own = service.pack.digest
    if asked is None or asked == own:
        return own
    if service.store.pack(asked) is None:
        expected = "the digest of a data pack that is stored"
        fault = Fault(f"{BODY}: data_pack", repr(asked), expected, "See /v1/data-packs.")
        raise ServiceError("invalid", f"there is no data pack {asked!r}", [fault])
    return asked


def _not_stored(service: Service, kind: str, name: str, version: str | None) -> ServiceError:
    """What to say of a document that a body names and that is not there, or not in that version."""
    if version is not None and service.store.document(kind, name) is not None:
        fault = Fault(f"{BODY}: digest", repr(version), f"the hash of a version of {name!r} that is stored")
        return ServiceError("invalid", f"there is no version {version} of {kind} {name!r}", [fault])
    known = service.store.document_names(kind)
    words = next(each.words for each in DOCUMENT_KINDS.values() if each.kind == kind)
    fault = Fault(f"{BODY}: {kind}", repr(name), f"{words} that is stored", suggest(name, known))
    return ServiceError("invalid", f"there is no {kind} {name!r}", [fault])


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
    headers = {"Location": view.result or view.href, "Preference-Applied": f"wait={seconds}"}
    return respond(view, request, 201 if view.result else 202, headers)


def _wait_of(request: Request, longest: int) -> int | None:
    """The seconds that Prefer (RFC 7240) asks to wait for, as far as they are granted; None where it does not ask."""
    for part in request.headers.get("prefer", "").split(","):
        found = re.fullmatch(r"\s*wait\s*=\s*\"?(\d{1,6})\"?\s*", part)
        if found:
            return min(int(found[1]), longest)
    return None
