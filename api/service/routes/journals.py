"""Journals: what an approved result means for a ledger, as balanced double-entry lines; once made, never changed."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from api.service.http.etags import is_unchanged, strong
from api.service.http.negotiation import CSV, JSON, chosen
from api.service.http.paging import number_after, page_of
from api.service.ledger.journal_files import csv_bytes, read_journal
from api.service.ledger.posting import head_of, journals_of
from api.service.records.failures import BODY, ServiceError
from api.service.routes.approvals import POSTABLE
from api.service.runtime.request import (
    BodyDep,
    ClientDep,
    Cursor,
    IfNoneMatch,
    KeyHeader,
    Limit,
    ServiceDep,
    content_of,
    created_once,
    event,
    takes,
)
from api.service.store import ChangedError
from api.service.views.journals import (
    JournalContent,
    JournalList,
    JournalRequest,
    JournalsMade,
    journal_view,
)
from api.service.views.models import body_text
from capitation.errors import Fault
from capitation.records.documents import parse_document

router = APIRouter(prefix="/v1/journals", tags=["journals"])

JournalId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{16}$", description="Id of the journal", examples=["5b0c3f3e9d1a7c42"])
]


CONTENT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": JournalContent,
        "description": "The journal, as JSON or CSV; the same bytes every time",
        "content": {CSV: {"schema": {"type": "string"}}},
    },
    304: {"description": "The caller has it"},
}
"""How a journal is described."""


@router.get("")
def list_journals(
    request: Request,
    response: Response,
    service: ServiceDep,
    limit: Limit = 100,
    cursor: Cursor = None,
    result: Annotated[
        str | None,
        Query(pattern=r"^[0-9a-f]{16,64}$", description="Only those made from this", examples=["f10e0a9b83f73e51"]),
    ] = None,
) -> JournalList:
    """Journals in the order in which they were made."""
    found = service.store.journals(number_after(cursor), limit + 1, result)
    page, following = page_of(request, response, found, limit, lambda each: each.seq)
    return JournalList(items=[journal_view(each) for each in page], next=following)


@router.post("", status_code=201, response_model=JournalsMade, openapi_extra=takes(JournalRequest))
def create_journal(
    request: Request, service: ServiceDep, client: ClientDep, sent: BodyDep, key: KeyHeader = None
) -> Response:
    """Make the journal of one period of an approved result; 409 where it is not approved or the period is posted already."""

    def act() -> Response:
        asked = parse_document(content_of(request, sent), JournalRequest, BODY)
        _, _, word, name = asked.result.split("/")
        result = service.store.result(POSTABLE[word], name)
        if result is None:
            fault = Fault(f"{BODY}: result", asked.result, f"a {POSTABLE[word]} that is stored")
            raise ServiceError("invalid", f"there is no {POSTABLE[word]} {name!r}", [fault])
        new = journals_of(service, result, asked.period, asked.source, asked.accounting_date, asked.restates)
        ids = " ".join(each.id for each in new)
        told = event(client, request, "journals.create", f"{word}/{name}", journals=ids, period=asked.period)
        try:
            made = service.store.add_journals(new, client.subject, told)
        except ChangedError as error:
            raise ServiceError("posted-already", error.message) from error
        view = JournalsMade(items=[journal_view(each) for each in made])
        return Response(body_text(view), 201, {"Location": view.items[-1].href}, JSON)

    return created_once(request, service, client, sent, key, act)


@router.get("/{journal_id}", name="read_journal", response_class=Response, responses=CONTENT_RESPONSES)
def read_content(
    request: Request, service: ServiceDep, client: ClientDep, journal_id: JournalId, if_none_match: IfNoneMatch = None
) -> Response:
    """A journal with its lines, as JSON or CSV in a fixed order of columns; each download stands in the audit log."""
    media = chosen(request.headers.get("accept"), (JSON, CSV))
    content, head = service.store.journal_content(journal_id), service.store.journal(journal_id)
    if content is None or head is None:
        raise ServiceError("not-found", f"there is no journal {journal_id!r}")
    body = content if media == JSON else csv_bytes(read_journal(content, f"journal {journal_id}"))
    tag = strong(hashlib.sha256(body).hexdigest())
    ending = "json" if media == JSON else "csv"
    headers = {
        "ETag": tag,
        "Vary": "Accept",
        "Content-Disposition": f'attachment; filename="{head_of(head)}.{ending}"',
    }
    if is_unchanged(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    service.store.note(event(client, request, "journals.read", f"journals/{journal_id}", form=ending))
    return Response(body, media_type=media, headers=headers)
