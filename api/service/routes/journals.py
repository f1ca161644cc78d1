"""Journals: what an approved result means for a ledger, as balanced double-entry lines; once made, never changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from api.service.http.negotiation import CSV, JSON
from api.service.http.paging import number_after, page_of
from api.service.ledger.journal_files import csv_bytes, read_journal
from api.service.ledger.posting import RunSource, Wanted, head_of, journals_of
from api.service.ledger.reconciliation import reconciled
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
    ReconciledAccount,
    ReconciliationView,
    journal_view,
)
from api.service.views.respond import Renderer, renderer_for, respond
from capitation.errors import Fault
from capitation.money.pence import decimal_text
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


@dataclass(frozen=True)
class JournalFile:
    """A journal with its lines, in the bytes it was posted with."""

    id: str
    content: bytes


JOURNAL_FORMATS = (
    Renderer(JSON, lambda file: file.content),
    Renderer(CSV, lambda file: csv_bytes(read_journal(file.content, f"journal {file.id}"))),
)
"""How a journal leaves."""


@router.get("", response_model=JournalList)
def list_journals(
    request: Request,
    service: ServiceDep,
    limit: Limit = 100,
    cursor: Cursor = None,
    result: Annotated[
        str | None,
        Query(
            pattern=r"^(/v1/(runs|settlements)/)?[0-9a-f]{16,64}$",
            description="Only those made from this run or settlement, by its id or address",
            examples=["f10e0a9b83f73e51"],
        ),
    ] = None,
) -> Response:
    """Journals in the order in which they were made."""
    named = None if result is None else result.rpartition("/")[2]
    found = service.store.journals(number_after(cursor), limit + 1, named)
    if named is not None and not found and not any(service.store.result(kind, named) for kind in POSTABLE.values()):
        fault = Fault("query: result", repr(result), "a run or settlement that is stored")
        raise ServiceError("invalid", "no journal could match the query", [fault])
    page, following = page_of(found, limit, lambda each: each.seq)
    return respond(JournalList(items=[journal_view(each) for each in page], next=following), request)


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
        wanted = Wanted(asked.period, asked.source, asked.accounting_date, asked.restated, asked.part, asked.profile)
        new = journals_of(service, result, wanted)
        ids = " ".join(each.id for each in new)
        posted = event(client, request, "journals.create", f"{word}/{name}", journals=ids, period=new[-1].period)
        try:
            made = service.store.add_journals(new, client.subject, posted)
        except ChangedError as error:
            raise ServiceError("posted-already", error.message) from error
        last = made[-1]
        detail = f"journal {last.id} is posted: {last.source} of {last.period}" + (
            f", in place of journal {last.linked_to}" if last.linked_to else ""
        )
        view = JournalsMade(items=[journal_view(each) for each in made], detail=detail)
        return respond(view, request, 201, {"Location": view.items[-1].href})

    return created_once(request, service, client, sent, key, act)


@router.get("/reconciliation", response_model=ReconciliationView)
def reconcile(
    request: Request,
    service: ServiceDep,
    result: Annotated[
        str,
        Query(
            pattern=r"^/v1/(runs|settlements)/[0-9a-f]{16,64}$",
            description="Address of an approved run or settlement",
            examples=["/v1/runs/f10e0a9b83f73e51"],
        ),
    ],
    period: Annotated[
        str,
        Query(
            min_length=4,
            max_length=16,
            pattern=r"^[0-9/-]+$",
            description="Financial year, or period of the settlement's entries",
            examples=["2018/19"],
        ),
    ],
    source: Annotated[
        RunSource, Query(description="For a run: what its journals are made from", examples=["provider_allocation"])
    ] = "provider_allocation",
) -> Response:
    """What a result means for a period against all that was posted there: control total, invoices, postings, differences."""
    _, _, word, name = result.split("/")
    found = service.store.result(POSTABLE[word], name)
    if found is None:
        raise ServiceError("not-found", f"there is no {POSTABLE[word]} {name!r}")
    done = reconciled(service, found, Wanted(period, source))
    accounts = [
        ReconciledAccount(
            organisation=row["organisation_code"],
            account_code=row["account_code"],
            currency=row["currency"],
            due=decimal_text(row["due_pence"]),
            posted=decimal_text(row["posted_pence"]),
            difference=decimal_text(row["difference_pence"]),
        )
        for row in done.accounts.iter_rows(named=True)
    ]
    view = ReconciliationView(
        result=result,
        period=period,
        control_total=None if done.control_total_pence is None else decimal_text(done.control_total_pence),
        kept_back=None if done.kept_back_pence is None else decimal_text(done.kept_back_pence),
        elsewhere=None if done.elsewhere_pence is None else decimal_text(done.elsewhere_pence),
        invoices=decimal_text(done.invoices_pence),
        postings=decimal_text(done.posted_pence),
        is_settled=done.is_settled,
        accounts=accounts,
        journals=[f"/v1/journals/{each.id}" for each in done.journals],
    )
    return respond(view, request)


@router.get("/{journal_id}", name="read_journal", response_class=Response, responses=CONTENT_RESPONSES)
def read_content(
    request: Request, service: ServiceDep, client: ClientDep, journal_id: JournalId, if_none_match: IfNoneMatch = None
) -> Response:
    """A journal with its lines, as JSON or CSV in a fixed order of columns; each download stands in the audit log."""
    renderer = renderer_for(request, JOURNAL_FORMATS)
    content, head = service.store.journal_content(journal_id), service.store.journal(journal_id)
    if content is None or head is None:
        raise ServiceError("not-found", f"there is no journal {journal_id!r}")
    view = JournalFile(journal_id, content)
    ending = renderer.media.rpartition("/")[2]
    headers = {"Vary": "Accept", "Content-Disposition": f'attachment; filename="{head_of(head)}.{ending}"'}
    tag = hashlib.sha256(renderer.render(view)).hexdigest()
    answer = respond(view, request, headers=headers, tag=tag, offered=JOURNAL_FORMATS)
    if answer.status_code != 304:
        service.store.note(event(client, request, "journals.read", f"journals/{journal_id}", form=ending))
    return answer
