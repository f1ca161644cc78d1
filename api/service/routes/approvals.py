"""Approvals: a second hand says that a run or a settlement may be posted; who asked for it, or wrote what it is made of, cannot."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from api.service.http.paging import number_after, page_of
from api.service.records.api_models import ApiModel
from api.service.records.failures import BODY, ServiceError
from api.service.runtime.request import (
    BodyDep,
    ClientDep,
    Cursor,
    KeyHeader,
    Limit,
    ServiceDep,
    content_of,
    created_once,
    event,
    takes,
)
from api.service.runtime.service import Service
from api.service.security.access import check_second_hand
from api.service.store import Result, StoredApproval
from api.service.views.models import moment
from api.service.views.respond import respond, respond_created
from capitation.errors import Fault
from capitation.records.documents import parse_document
from capitation.records.identity import canonical, digest, plain

router = APIRouter(prefix="/v1/approvals", tags=["approvals"])

POSTABLE = {"runs": "run", "settlements": "settlement"}
"""What can be approved, by its word in addresses: what journals are made from."""

ApprovalId = Annotated[
    str,
    Path(pattern=r"^[0-9a-f]{32}$", description="Id of the approval", examples=["0b9f4f6a3a2f4a6d8c1e5d7b9a3c5e7f"]),
]


class ApprovalRequest(ApiModel):
    """What is approved."""

    result: str = Field(pattern=r"^/v1/(runs|settlements)/[0-9a-f]{16,64}$", examples=["/v1/runs/f10e0a9b83f73e51"])
    """Address of the run or settlement."""
    note: str = Field(default="", max_length=2_000, pattern=r"^[^\x00]*$", examples=["Agreed by the board, 28 March"])
    """What the approver wants to be remembered with it."""


class ApprovalView(ApiModel):
    """That a result was approved."""

    id: str = Field(examples=["0b9f4f6a3a2f4a6d8c1e5d7b9a3c5e7f"])
    """The approval."""
    result: str = Field(examples=["/v1/runs/f10e0a9b83f73e51"])
    """What was approved."""
    made_by: str = Field(examples=["ann"])
    """Who asked for it first."""
    approved_by: str = Field(examples=["ben"])
    """Who approved it."""
    organisation: str = Field(examples=["VALE"])
    """Code of the organisation the approver acted for."""
    note: str = Field(examples=["Agreed by the board, 28 March"])
    """What the approver wanted to be remembered."""
    approved: dt.datetime = Field(examples=["2018-03-28T14:30:00Z"])
    """When."""
    href: str = Field(examples=["/v1/approvals/0b9f4f6a3a2f4a6d8c1e5d7b9a3c5e7f"])
    """Where it stands."""


class ApprovalList(ApiModel):
    """A page of approvals."""

    items: list[ApprovalView]
    """Approvals in the order in which they were given."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


@router.get("", response_model=ApprovalList)
def list_approvals(request: Request, service: ServiceDep, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Approvals in the order in which they were given."""
    found = service.store.approvals(number_after(cursor), limit + 1)
    page, following = page_of(found, limit, lambda each: each.seq)
    return respond(ApprovalList(items=[_view(each) for each in page], next=following), request)


@router.post("", status_code=201, response_model=ApprovalView, openapi_extra=takes(ApprovalRequest))
def approve(request: Request, service: ServiceDep, client: ClientDep, sent: BodyDep, key: KeyHeader = None) -> Response:
    """Approve a run or a settlement, so that its journals may leave; by somebody other than its makers."""

    def act() -> Response:
        asked = parse_document(content_of(request, sent), ApprovalRequest, BODY)
        _, _, word, name = asked.result.split("/")
        kind = POSTABLE[word]
        result = service.store.result(kind, name)
        if result is None:
            fault = Fault(f"{BODY}: result", asked.result, f"a {kind} that is stored")
            raise ServiceError("invalid", f"there is no {kind} {name!r}", [fault])
        for maker in makers(service, result):
            check_second_hand(client, maker, result.id)
        made = event(client, request, "approvals.create", f"{word}/{name}")
        given = service.store.approve(
            digest(canonical([kind, name]))[:32], kind, name, result.author, client.subject, client.organisation,
            asked.note, made,
        )  # fmt: skip
        if given.approved_by != client.subject:
            raise ServiceError("conflict", f"{asked.result} was approved already, by {given.approved_by}")
        return respond_created(_view(given), request)

    return created_once(request, service, client, sent, key, act)


@router.get("/{approval_id}", response_model=ApprovalView)
def read_approval(request: Request, service: ServiceDep, approval_id: ApprovalId) -> Response:
    """One approval."""
    found = service.store.approval(approval_id)
    if found is None:
        raise ServiceError("not-found", f"there is no approval {approval_id!r}")
    return respond(_view(found), request)


def makers(service: Service, result: Result) -> list[str]:
    """Everyone who had a hand in a result: who asked for it, and who wrote the document it is made of."""
    found = {result.author, *service.store.askers(result.job)}
    job = service.store.job(result.job)
    if job is not None:
        request = plain(job.request)
        for kind in ("scenario", "contract"):
            if kind in request:
                document = service.store.document(kind, request[kind], request["digest"])
                found |= set() if document is None else {document.author}
    return sorted(found)


def _view(given: StoredApproval) -> ApprovalView:
    word = next(word for word, kind in POSTABLE.items() if kind == given.kind)
    return ApprovalView(
        id=given.id,
        result=f"/v1/{word}/{given.result}",
        made_by=given.made_by,
        approved_by=given.approved_by,
        organisation=given.organisation,
        note=given.note,
        approved=moment(given.created),
        href=f"/v1/approvals/{given.id}",
    )
