"""How a creating route asks for work: the named document is found, the job is queued, and the answer says where it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Request, Response

from api.service.canonical import canonical
from api.service.deps import Client, Service, content_of, created_once
from api.service.problems import BODY, ServiceError
from api.service.wire import Wire, body_text, job_view
from api.service.work import job_id
from capitation.documents import parse_document
from capitation.errors import Fault, suggest

W = TypeVar("W", bound=Wire)


def accepted(
    request: Request,
    service: Service,
    client: Client,
    body: bytes,
    key: str | None,
    kind: str,
    model: type[W],
    document_kind: str,
    more: Callable[[W, dict[str, Any]], dict[str, Any]] = lambda _asked, _content: {},
) -> Response:
    """202 with the job, whose address is in Location.

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
            near = suggest(name, service.store.document_names(document_kind))
            fault = Fault(f"{BODY}: {document_kind}", repr(name), f"a {document_kind} that is stored", near)
            unknown = "invalid"
            raise ServiceError(unknown, f"there is no {document_kind} {name!r} of that version", [fault])
        wanted = {
            document_kind: found.name,
            "digest": found.digest,
            "data_pack": service.pack.digest,
            **more(asked, content),
        }
        job = service.store.ask(job_id(kind, wanted), kind, canonical(wanted), client.id)
        view = job_view(job)
        return Response(body_text(view), 202, {"Location": view.href}, "application/json")

    return created_once(request, service, client, body, key, act)
