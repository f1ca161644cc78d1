"""API keys: issued once, kept as checksums, taken back at once."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
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
from api.service.security.access import ROLE_SCOPES, Role, Scope
from api.service.security.proofs.api_keys import IssuedKey, KeyRecord, KeyRequestError, issue_key
from api.service.security.proofs.credentials import LONGEST_ORGANISATION, LONGEST_SUBJECT
from api.service.views.respond import respond, respond_created
from capitation.records.documents import parse_document

router = APIRouter(prefix="/v1/keys", tags=["keys"])

KeyId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{16}$", description="Public part of the key", examples=["9f2c41d07a5be386"])
]
Name = Annotated[str, Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]


class KeyRequest(ApiModel):
    """Whom a key is for and what it may be used for."""

    subject: Name = Field(max_length=LONGEST_SUBJECT, examples=["ben"])
    """The person or system that will hold it; the same for all their keys, for two hands compare it."""
    organisation: Name = Field(max_length=LONGEST_ORGANISATION, examples=["VALE"])
    """Code of the organisation they act for."""
    role: Role = Field(examples=["approver"])
    """What they are."""
    scopes: tuple[Scope, ...] | None = Field(
        default=None, min_length=1, max_length=10, examples=[["approve", "run:read"], None]
    )
    """What the key may be used for, no more than the role may hold; everything that it may where it is not given."""
    days: int | None = Field(default=None, ge=1, le=3_660, examples=[365])
    """How many days it lives; without end where it is not given."""


class KeyView(ApiModel):
    """What is known of a key; its secret part is kept nowhere."""

    key_id: str = Field(examples=["9f2c41d07a5be386"])
    """Public part, by which it is named in logs."""
    subject: str = Field(examples=["ben"])
    """Who holds it."""
    organisation: str = Field(examples=["VALE"])
    """Code of the organisation they act for."""
    role: str = Field(examples=["approver"])
    """What they are."""
    scopes: tuple[str, ...] = Field(examples=[["approve", "run:read"]])
    """What it may be used for."""
    created: dt.datetime = Field(examples=["2018-04-01T09:00:00Z"])
    """When it was issued."""
    expires: dt.datetime | None = Field(examples=["2019-04-01T09:00:00Z"])
    """When it ends, if it does."""
    revoked: dt.datetime | None = Field(examples=[None])
    """When it was taken back, if it was."""
    href: str = Field(examples=["/v1/keys/9f2c41d07a5be386"])
    """Where it stands."""


class NewKeyView(KeyView):
    """A new key."""

    key: str | None = Field(examples=["cap_9f2c41d07a5be386_..."])
    """The key itself, in the first answer only: a repeat of the request is answered without it."""


class KeyList(ApiModel):
    """A page of keys."""

    items: list[KeyView]
    """Keys in the order in which they were issued."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


@router.get("", response_model=KeyList)
def list_keys(request: Request, service: ServiceDep, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """The keys that were issued, those that ended or were taken back among them."""
    found = service.store.keys(number_after(cursor), limit + 1)
    page, following = page_of(found, limit, lambda each: each[0])
    return respond(KeyList(items=[KeyView(**_shown(record)) for _, record in page], next=following), request)


@router.post("", name="issue_key", status_code=201, response_model=NewKeyView, openapi_extra=takes(KeyRequest))
def issue_key_for(
    request: Request, service: ServiceDep, client: ClientDep, sent: BodyDep, key: KeyHeader = None
) -> Response:
    """Issue a key; it is shown in this answer and never again."""
    secret: list[str] = []

    def act() -> Response:
        asked = parse_document(content_of(request, sent), KeyRequest, BODY)
        issued = _issued(service, asked)
        about = {"role": asked.role, "holder": asked.subject, "for": asked.organisation}
        made = event(client, request, "keys.create", f"keys/{issued.record.key_id}", **about)
        service.store.add_key(issued.record, made)
        service.identity.forget()
        secret.append(issued.text.get_secret_value())
        return respond_created(NewKeyView(**_shown(issued.record), key=None), request)

    answer = created_once(request, service, client, sent, key, act)  # what is kept for a repeat holds no secret
    if not secret:
        return answer
    view = NewKeyView.model_validate_json(bytes(answer.body)).model_copy(update={"key": secret[0]})
    return respond(view, request, 201, {"Location": view.href, "Cache-Control": "no-store"})


@router.get("/{key_id}", response_model=KeyView)
def read_key(request: Request, service: ServiceDep, key_id: KeyId) -> Response:
    """What is known of a key."""
    return respond(KeyView(**_shown(_known(service.store.key(key_id), key_id))), request)


@router.delete("/{key_id}", response_model=KeyView)
def revoke_key(request: Request, service: ServiceDep, client: ClientDep, key_id: KeyId) -> Response:
    """Take a key back: this server process refuses it from now on, others within seconds."""
    record = service.store.revoke_key(key_id, event(client, request, "keys.delete", f"keys/{key_id}"))
    service.identity.forget()
    return respond(KeyView(**_shown(_known(record, key_id))), request)


def _issued(service: Service, asked: KeyRequest) -> IssuedKey:
    now = dt.datetime.fromtimestamp(service.store.clock(), dt.UTC)
    lives = None if asked.days is None else dt.timedelta(days=asked.days)
    try:
        return issue_key(
            asked.subject,
            asked.organisation,
            asked.role,
            sorted(ROLE_SCOPES[asked.role]) if asked.scopes is None else asked.scopes,
            now=now,
            lives=lives,
        )
    except KeyRequestError as error:
        faults = [replace(fault, where=f"{BODY}: {fault.where}") for fault in error.faults]
        raise ServiceError("invalid", error.message, faults) from error


def _known(record: KeyRecord | None, key_id: str) -> KeyRecord:
    if record is None:
        raise ServiceError("not-found", f"there is no key {key_id!r}")
    return record


def _shown(record: KeyRecord) -> dict[str, object]:
    return {**record.model_dump(exclude={"sha256"}), "href": f"/v1/keys/{record.key_id}"}
