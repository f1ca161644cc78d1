"""Journals: what an approved result means for a ledger, as balanced double-entry lines; once made, never changed."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from api.service.http.etags import is_unchanged, strong
from api.service.http.negotiation import CSV, JSON, chosen
from api.service.http.paging import number_after, page_of
from api.service.http.problems import BODY, ServiceError
from api.service.ledger.journals import Kind, csv_bytes, read_journal
from api.service.ledger.posting import head_of, journals_of
from api.service.records.examples import example_of
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
from api.service.store import ChangedError, StoredJournal
from api.service.views.models import Money, Wire, body_text, moment
from capitation.errors import Fault
from capitation.money.pence import decimal_text
from capitation.records.documents import parse_document

router = APIRouter(prefix="/v1/journals", tags=["journals"])

JournalId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{16}$", description="Id of the journal", examples=["5b0c3f3e9d1a7c42"])
]


class JournalRequest(Wire):
    """Which journal is to be made."""

    result: str = Field(pattern=r"^/v1/(runs|settlements)/[0-9a-f]{16,64}$", examples=["/v1/runs/f10e0a9b83f73e51"])
    """Address of an approved run or settlement."""
    period: str = Field(min_length=4, max_length=16, pattern=r"^[0-9/-]+$", examples=["2018/19"])
    """Financial year, or period of the settlement's entries."""
    source: Literal["provider_allocation", "locality_total"] = Field(
        default="provider_allocation", examples=["provider_allocation"]
    )
    """For a run: allocations to providers in commissioners' ledgers, or totals of localities in the system's."""
    accounting_date: dt.date | None = Field(default=None, examples=["2019-03-31"])
    """Date it is posted on; the last day of the financial year where it is not given."""
    restates: str | None = Field(default=None, pattern=r"^[0-9a-f]{16}$", examples=[None])
    """Journal that stands and is put right: the answer is its reversal and a replacement, both linked to it."""


class JournalView(Wire):
    """What names a journal and says where it comes from; its lines stand at its address, as JSON or CSV."""

    id: str = Field(examples=["5b0c3f3e9d1a7c42"])
    """The journal: the first 16 digits of the hash of its content."""
    result: str = Field(examples=["f10e0a9b83f73e51"])
    """Run or settlement the figures come from."""
    organisation: str = Field(examples=["BLMK"])
    """System, or contract, that the figures are of."""
    period: str = Field(examples=["2018/19"])
    """Period the figures are of."""
    source: str = Field(examples=["provider_allocation"])
    """What it is made from."""
    kind: Kind = Field(examples=["original"])
    """A first posting, one that takes an earlier one back, or one that stands in its place."""
    linked_to: str | None = Field(examples=[None])
    """Journal that it reverses or replaces; none for a first posting."""
    lines: int = Field(examples=[698])
    """How many lines it has."""
    debit_total: Money
    """Sum of its debits in pounds."""
    credit_total: Money
    """Sum of its credits in pounds; the same."""
    author: str = Field(examples=["cal"])
    """Who asked for it first."""
    created: dt.datetime = Field(examples=["2018-03-28T14:35:00Z"])
    """When it was made."""
    href: str = Field(examples=["/v1/journals/5b0c3f3e9d1a7c42"])
    """Where its lines stand."""


class JournalsMade(Wire):
    """The journals that were made: one, or a reversal and a replacement."""

    items: list[JournalView]
    """The journals; the last one stands."""


class JournalList(Wire):
    """A page of journals."""

    items: list[JournalView]
    """Journals in the order in which they were made."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


class JournalLineView(Wire):
    """One line: a debit or a credit of one account of one organisation's ledger."""

    line_number: int = Field(examples=[1])
    """Place in the journal, from 1."""
    run_id: str = Field(examples=["f10e0a9b83f73e51"])
    """Run or settlement the figure comes from."""
    period: str = Field(examples=["2018/19"])
    """Period the figure is of."""
    accounting_date: str = Field(examples=["2019/03/31"])
    """Date it is posted on."""
    kind: str = Field(examples=["original"])
    """Original, reversal or replacement."""
    linked_to: str = Field(examples=[""])
    """Journal, or entry of a statement, that it answers; empty for an original."""
    journal_source: str = Field(examples=["provider_allocation"])
    """What it is made from."""
    organisation_code: str = Field(examples=["04F"])
    """Whose ledger it is for."""
    counterparty_code: str = Field(examples=["RD8"])
    """The other side; empty where there is none."""
    area_code: str = Field(examples=["MK-01"])
    """Locality, or account of a contract."""
    service_code: str = Field(examples=["acute"])
    """Service, stream or line of a contract."""
    account_code: str = Field(examples=["900101-90010000-00000-00000-000000"])
    """Account, from the mapping."""
    debit: Money | None = Field(examples=["1250000.00"])
    """Debit in pounds; none on a credit line."""
    credit: Money | None = Field(examples=[None])
    """Credit in pounds; none on a debit line."""
    currency: str = Field(examples=["GBP"])
    """Currency."""
    reference: str = Field(examples=["f10e0a9b83f73e51|2018/19|04F|RD8|MK-01|acute"])
    """What names the movement; its debit and its credit share it."""
    description: str = Field(examples=["provider allocation acute of 04F for MK-01"])
    """What the line is for."""


_CREDIT = {
    **example_of(JournalLineView),
    "line_number": 2,
    "account_code": "900201-90020000-00000-00000-000000",
    "debit": None,
    "credit": "1250000.00",
}


class ApprovalNote(Wire):
    """Who made and who approved what the journal is made from."""

    run_id: str = Field(examples=["f10e0a9b83f73e51"])
    """What was approved."""
    made_by: str = Field(examples=["ann"])
    """Who made it."""
    approved_by: str = Field(examples=["ben"])
    """Who approved it."""
    approved_on: dt.date = Field(examples=["2018-03-28"])
    """When."""


class JournalContent(Wire):
    """A journal: its head, its totals, and its lines in their fixed order."""

    journal_id: str = Field(examples=["5b0c3f3e9d1a7c42"])
    """First 16 digits of the hash of everything else in it."""
    run_id: str = Field(examples=["f10e0a9b83f73e51"])
    """Run or settlement the figures come from."""
    period: str = Field(examples=["2018/19"])
    """Period the figures are of."""
    accounting_date: dt.date = Field(examples=["2019-03-31"])
    """Date it is posted on."""
    journal_source: str = Field(examples=["provider_allocation"])
    """What it is made from."""
    kind: str = Field(examples=["original"])
    """Original, reversal or replacement."""
    linked_to: str = Field(examples=[""])
    """Journal that it reverses or replaces; empty for an original."""
    currency: str = Field(examples=["GBP"])
    """Currency of all its lines."""
    accounts_sha256: str = Field(examples=["5a" * 32])
    """Checksum of the mapping that gave the account codes."""
    approval: ApprovalNote
    """Who made and who approved the run."""
    debit_total: Money = Field(examples=["1250000.00"])
    """Sum of its debits in pounds."""
    credit_total: Money = Field(examples=["1250000.00"])
    """Sum of its credits in pounds; the same."""
    lines: list[JournalLineView] = Field(examples=[[example_of(JournalLineView), _CREDIT]])
    """Its lines."""


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
    return JournalList(items=[_view(each) for each in page], next=following)


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
        view = JournalsMade(items=[_view(each) for each in made])
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


def _view(stored: StoredJournal) -> JournalView:
    total = decimal_text(stored.total_pence)
    return JournalView(
        id=stored.id,
        result=stored.result,
        organisation=stored.organisation,
        period=stored.period,
        source=stored.source,
        kind=cast("Kind", stored.kind),
        linked_to=stored.linked_to or None,
        lines=stored.lines,
        debit_total=total,
        credit_total=total,
        author=stored.author,
        created=moment(stored.created),
        href=f"/v1/journals/{stored.id}",
    )
