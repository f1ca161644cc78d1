"""Scenarios, formulas, contracts and problems: immutable versions, named by the hash of their content.

POST /v1/<kind>          a new document                       201, or 412 where the id has other content
PUT  /v1/<kind>/{id}     a version after the one in If-Match  200, 428 without If-Match, 412 where it moved on
GET  /v1/<kind>[/{id}[/versions[/{digest}]]]
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api.service.documents.kinds import DOCUMENT_KINDS, DocumentKind, title_of
from api.service.documents.kinds import content_of as stored_content
from api.service.http.etags import ANY, READ_AGAIN, expected_versions, is_unchanged, strong
from api.service.http.paging import number_after, page_of, text_after
from api.service.records.api_models import NAME
from api.service.records.failures import BODY, ServiceError
from api.service.records.hidden import has_small_counts
from api.service.runtime.request import (
    BodyDep,
    ClientDep,
    Cursor,
    IfMatch,
    IfNoneMatch,
    KeyHeader,
    Limit,
    NameCursor,
    ServiceDep,
    content_of,
    created_once,
    event,
)
from api.service.runtime.service import Service
from api.service.security.access import AccessError, Caller
from api.service.security.visibility import EVERYTHING, view_of
from api.service.store import ChangedError, StoredDocument
from api.service.views.models import DocumentHead, DocumentList, document_head
from api.service.views.respond import respond
from capitation.errors import Fault, UnknownNameError
from capitation.records.identity import digest

router = APIRouter()

LONGEST_NAME = 128
"""Most characters of a document's id."""

Name = Annotated[str, Path(pattern=NAME, max_length=LONGEST_NAME, description="Id of the document")]
DigestPath = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="Hash of the version's content")]


def _stored(service: Service, noun: DocumentKind, name: str, content_digest: str | None = None) -> StoredDocument:
    found = service.store.document(noun.kind, name, content_digest)
    if found is None:
        raise UnknownNameError(noun.kind, name, service.store.document_names(noun.kind))
    return found


def _check_counts(service: Service, client: Caller, noun: DocumentKind, found: StoredDocument) -> None:
    """Refuse a problem that lists small numbers of people or events to whoever does not make runs.

    Raises:
        AccessError: such numbers are in it.
    """
    if noun.kind != "problem" or view_of(client, service.system) == EVERYTHING:
        return
    smallest = service.settings.smallest_shown
    if _lists_small_counts(found.digest, found.content, smallest):
        raise AccessError(
            "role",
            f"problem {found.name}: found role {client.role}; expected analyst, since numbers of people or events below {smallest} are in it",
        )


@lru_cache(maxsize=256)
def _lists_small_counts(_digest: str, text: str, smallest: int) -> bool:
    return has_small_counts(stored_content(text), smallest)


def _expected(service: Service, noun: DocumentKind, name: str, if_match: str | None) -> StoredDocument:
    """The newest version of a document, where it is the one that a change is to follow.

    Raises:
        ServiceError: 428 without If-Match, 412 where it names another version.
    """
    wanted = expected_versions(if_match)
    newest = service.store.document(noun.kind, name)
    if newest is None and ANY in wanted:  # RFC 9110, section 13.1.1: there is no version that * could stand for
        raise ServiceError("changed-meanwhile", f"there is no {noun.kind} {name!r}; add it with POST")
    newest = newest or _stored(service, noun, name)
    if ANY not in wanted and newest.digest not in wanted:
        found = " or ".join(sorted(wanted))
        raise ServiceError(
            "changed-meanwhile", f"{noun.kind} {name!r} is at {newest.digest}, not {found}. {READ_AGAIN}"
        )
    return newest


async def _shown(
    service: Service, client: Caller, noun: DocumentKind, if_none_match: str | None, *named: str
) -> Response:
    """A version of a document, by name and, where it is not the newest, digest, as far as the caller may read it."""
    found = await service.read(_stored, service, noun, *named)
    _check_counts(service, client, noun, found)
    return _whole(found, if_none_match)


def _whole(found: StoredDocument, if_none_match: str | None) -> Response:
    tag = strong(found.digest)
    headers = {"ETag": tag}
    if is_unchanged(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(found.content.encode(), media_type="application/json", headers=headers)


def _added(
    request: Request,
    service: Service,
    noun: DocumentKind,
    client: Caller,
    content: dict[str, Any],
    expected: str | None,
) -> StoredDocument:
    text = noun.checked(content, service.pack)
    checked = stored_content(text)
    name = str(checked["id"])
    if not re.fullmatch(NAME, name) or len(name) > LONGEST_NAME:
        wanted = f"letters, digits, '.', '_' and '-', at most {LONGEST_NAME}"
        raise ServiceError(
            "invalid", "the id cannot stand in an address", [Fault(f"{BODY}: id", repr(name)[:80], wanted)]
        )
    named, verb = digest(text), "create" if expected is None else "change"
    added = event(client, request, f"{noun.plural}.{verb}", f"{noun.plural}/{name}", digest=named)
    stored, _ = service.store.add_document(
        noun.kind, name, title_of(checked), text, named, client.subject, expected, added
    )
    return stored


def _routes(noun: DocumentKind) -> APIRouter:
    routes = APIRouter(prefix=f"/v1/{noun.plural}", tags=[noun.plural])
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": _loose(noun)}}}}

    @routes.get("", name=f"list_{noun.plural}", response_model=DocumentList)
    async def listed(request: Request, service: ServiceDep, limit: Limit = 100, cursor: NameCursor = None) -> Response:
        found = await service.read(service.store.documents, noun.kind, text_after(cursor), limit + 1)
        page, following = page_of(found, limit, lambda each: each.name)
        return respond(DocumentList(items=[document_head(noun.plural, each) for each in page], next=following), request)

    @routes.post("", name=f"create_{noun.kind}", status_code=201, response_model=DocumentHead, openapi_extra=body)
    def created(
        request: Request, service: ServiceDep, client: ClientDep, sent: BodyDep, key: KeyHeader = None
    ) -> Response:
        def act() -> Response:
            content = content_of(request, sent, takes_any_text=True)
            try:
                stored = _added(request, service, noun, client, content, None)
            except ChangedError as error:
                raise ServiceError("conflict", f"{error.message}; send a new version with PUT and If-Match") from error
            return _head_answer(request, noun, stored, 201)

        return created_once(request, service, client, sent, key, act)

    @routes.get("/{name}", name=f"read_{noun.kind}", responses=_document_response(noun))
    async def read(service: ServiceDep, client: ClientDep, name: Name, if_none_match: IfNoneMatch = None) -> Response:
        return await _shown(service, client, noun, if_none_match, name)

    @routes.put("/{name}", name=f"change_{noun.kind}", response_model=DocumentHead, openapi_extra=body)
    def changed(
        request: Request,
        service: ServiceDep,
        client: ClientDep,
        sent: BodyDep,
        name: Name,
        if_match: IfMatch = None,
    ) -> Response:
        newest = _expected(service, noun, name, if_match)
        content = content_of(request, sent, takes_any_text=True)
        if content.get("id") != name:
            fault = Fault(f"{BODY}: id", repr(content.get("id")), f"{name!r}, as in the address")
            raise ServiceError("invalid", "the document has another id than its address", [fault])
        return _head_answer(request, noun, _added(request, service, noun, client, content, newest.digest), 200)

    @routes.get("/{name}/versions", name=f"list_{noun.kind}_versions", response_model=DocumentList)
    async def versions(
        request: Request, service: ServiceDep, name: Name, limit: Limit = 100, cursor: Cursor = None
    ) -> Response:
        await service.read(_stored, service, noun, name)
        found = await service.read(service.store.versions, noun.kind, name, number_after(cursor), limit + 1)
        page, following = page_of(found, limit, lambda each: each.version)
        return respond(DocumentList(items=[document_head(noun.plural, each) for each in page], next=following), request)

    @routes.get(
        "/{name}/versions/{content_digest}", name=f"read_{noun.kind}_version", responses=_document_response(noun)
    )
    async def version(
        service: ServiceDep,
        client: ClientDep,
        name: Name,
        content_digest: DigestPath,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        return await _shown(service, client, noun, if_none_match, name, content_digest)

    said: dict[Callable[..., Any], str] = {
        listed: f"The {noun.plural}, newest versions, by name.",
        created: f"Add {noun.words}; the same content again is answered with what is there.",
        read: f"The newest version of {noun.words}, as canonical JSON.",
        changed: f"Add a version of {noun.words} after the one named in If-Match.",
        versions: f"All versions of {noun.words}, oldest first.",
        version: f"One version of {noun.words} by the hash of its content.",
    }
    for route in routes.routes:
        route.description = said[route.endpoint]  # type: ignore[attr-defined]  # they are all API routes
    return routes


def _head_answer(request: Request, noun: DocumentKind, stored: StoredDocument, status: int) -> Response:
    head = document_head(noun.plural, stored)
    return respond(head, request, status, {"ETag": strong(stored.digest), "Location": head.href})


def _loose(noun: DocumentKind) -> dict[str, Any]:
    name = {"type": "string", "description": "Its name.", "pattern": NAME, "maxLength": LONGEST_NAME}
    return {
        "type": "object",
        "description": f"{noun.words.capitalize()}; its JSON Schema stands at /v1/catalogue/schemas/{noun.kind}",
        "required": ["id"],
        "properties": {"id": name},
    }


def _document_response(noun: DocumentKind) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"content": {"application/json": {"schema": _loose(noun)}}, "description": f"The {noun.kind}"},
        304: {"description": "The caller has this version"},
    }


for _noun in DOCUMENT_KINDS.values():
    router.routes.extend(_routes(_noun).routes)
