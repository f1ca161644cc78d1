"""Approvals: a second hand says that a run or a settlement may be posted; who asked for it, or wrote what it is made of, cannot."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from api.service.documents.kinds import SHIPPED
from api.service.documents.substance import authors_of_the_like, senders_of_the_like
from api.service.http.paging import number_after, page_of
from api.service.records.api_models import SAID, ApiModel
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
from api.service.security.access import Caller, check_second_hand
from api.service.security.visibility import sees_everything
from api.service.store import ChangedError, Result, StoredApproval
from api.service.views.models import moment
from api.service.views.respond import respond, respond_created
from capitation.errors import Fault
from capitation.records.documents import parse_document
from capitation.records.identity import canonical, digest, plain

_DIGEST = re.compile(r"[0-9a-f]{64}")

MOST_LOOKED_AT = 1_000
"""Lists longer than this are rows to settle, which name no document."""

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
    withdrawn: dt.datetime | None = Field(default=None, examples=[None])
    """When it was withdrawn, where it was."""
    withdrawn_by: str | None = Field(default=None, examples=[None])
    """Who withdrew it."""
    reason: str | None = Field(default=None, examples=[None])
    """Why it was withdrawn."""
    href: str = Field(examples=["/v1/approvals/0b9f4f6a3a2f4a6d8c1e5d7b9a3c5e7f"])
    """Where it stands."""


class WithdrawalRequest(ApiModel):
    """Why an approval is taken back."""

    reason: Annotated[str, SAID] = Field(
        min_length=3, max_length=2_000, pattern=r"^[^\x00]*\S[^\x00]*$", examples=["The growth rate was last year's"]
    )
    """Why; it is kept with the approval."""


class ApprovalList(ApiModel):
    """A page of approvals."""

    items: list[ApprovalView]
    """Approvals in the order in which they were given."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


@router.get("", response_model=ApprovalList)
def list_approvals(
    request: Request, service: ServiceDep, client: ClientDep, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Approvals in the order in which they were given, withdrawn ones among them."""
    found = service.store.approvals(number_after(cursor), limit + 1)
    page, following = page_of(found, limit, lambda each: each.seq)
    return respond(ApprovalList(items=[_view(each, service, client) for each in page], next=following), request)


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
            check_second_hand(client, maker, f"{kind} {result.id}")
        made = event(client, request, "approvals.create", f"{word}/{name}")
        before = service.store.rounds_of(kind, name)
        if before and service.store.approval_of(kind, name) is not None:
            before -= 1  # the one that stands
        about = [kind, name] if before == 0 else [kind, name, str(before + 1)]
        given = service.store.approve(
            digest(canonical(about))[:32], kind, name, result.author, client.subject, client.organisation,
            asked.note, made, before + 1,
        )  # fmt: skip
        if given.approved_by != client.subject:
            raise ServiceError("conflict", f"{asked.result} was approved already, by {given.approved_by}")
        return respond_created(_view(given, service, client), request)

    return created_once(request, service, client, sent, key, act)


@router.get("/{approval_id}", response_model=ApprovalView)
def read_approval(request: Request, service: ServiceDep, client: ClientDep, approval_id: ApprovalId) -> Response:
    """One approval."""
    found = service.store.approval(approval_id)
    if found is None:
        raise ServiceError("not-found", f"there is no approval {approval_id!r}")
    return respond(_view(found, service, client), request)


@router.post(
    "/{approval_id}/withdrawal", status_code=201, response_model=ApprovalView, openapi_extra=takes(WithdrawalRequest)
)
def withdraw_approval(
    request: Request,
    service: ServiceDep,
    client: ClientDep,
    sent: BodyDep,
    approval_id: ApprovalId,
    key: KeyHeader = None,
) -> Response:
    """Withdraw an approval, with the reason; 409 once a journal rests on it. The result can then be approved anew."""

    def act() -> Response:
        asked = parse_document(content_of(request, sent), WithdrawalRequest, BODY)
        said = event(client, request, "approvals.withdraw", f"approvals/{approval_id}", reason=asked.reason)
        try:
            found = service.store.withdraw_approval(
                approval_id, client.subject, client.organisation, asked.reason, said
            )
        except ChangedError as error:
            raise ServiceError("conflict", error.message) from error
        if found is None:
            raise ServiceError("not-found", f"there is no approval {approval_id!r}")
        view = _view(found, service, client)
        return respond(view, request, 201, {"Location": view.href})

    return created_once(request, service, client, sent, key, act)


def makers(service: Service, result: Result) -> list[str]:
    """Everyone who had a hand in a result.

    Whoever asked for it by any job; every author of any version that says what the scenario, contract, options, formulas or problem
    says that one of these jobs was made of, under whatever id and title; and whoever sent its data pack or a file of it.
    """
    found = {result.author}
    for job in service.store.jobs_of(result.kind, result.id):
        found |= {job.author, *service.store.askers(job.id)}
        named = _digests(plain(job.request))
        found |= authors_of_the_like(service.store, named)
        for digest_of_one in named:
            if service.store.pack(digest_of_one) is not None:
                found |= senders_of_the_like(service.store, digest_of_one)
    return sorted(found - {SHIPPED})


def _digests(content: Any) -> set[str]:  # noqa: ANN401  # any part of a request
    """Every digest of a document or data pack in a request, wherever it stands."""
    if isinstance(content, dict):
        return set().union(*map(_digests, content.values()))
    if isinstance(content, list):
        return set().union(*map(_digests, content)) if len(content) < MOST_LOOKED_AT else set()
    return {content} if isinstance(content, str) and _DIGEST.fullmatch(content) else set()


def _view(given: StoredApproval, service: Service, client: Caller) -> ApprovalView:
    """An approval as the caller sees it: partners see that it was given, and not the words that the system's people wrote."""
    whole = sees_everything(client, service.system)
    back = given.withdrawal
    word = next(word for word, kind in POSTABLE.items() if kind == given.kind)
    return ApprovalView(
        id=given.id,
        result=f"/v1/{word}/{given.result}",
        made_by=given.made_by,
        approved_by=given.approved_by,
        organisation=given.organisation,
        note=given.note if whole else "",
        approved=moment(given.created),
        withdrawn=None if back is None else moment(back.created),
        withdrawn_by=None if back is None else back.withdrawn_by,
        reason=None if back is None or not whole else back.reason,
        href=f"/v1/approvals/{given.id}",
    )
