"""Everything a route may ask for, each an alias: the service, the client, the body, the headers that requests share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request, Response

from api.service.http.idempotency import once
from api.service.http.texts import check_texts
from api.service.records.api_models import DIGEST_EXAMPLE, ApiModel
from api.service.records.failures import BODY, ServiceError
from api.service.runtime.service import Service
from api.service.security import audit
from api.service.security.access import Caller
from api.service.security.audit import AuditEvent
from api.service.security.proofs.credentials import masked
from capitation.errors import Fault
from capitation.records.identity import KeyTwiceError, digest, plain


def service_of(request: Request) -> Service:
    """The running instance."""
    service: Service = request.app.state.service
    return service


def client_of(request: Request) -> Caller:
    """Who asks, as the identity layer found out."""
    caller: Caller = request.state.caller
    return caller


def event(client: Caller, request: Request, action: str, subject: str, **detail: str) -> AuditEvent:
    """What the audit log says of something that a request does, such as "approvals.create" of "runs/f10e0a9b83f73e51"."""
    service = service_of(request)
    return audit.event(
        dt.datetime.fromtimestamp(service.store.clock(), dt.UTC),
        client.subject,
        client.organisation,
        action,
        masked(subject),
        correlation=request.state.correlation_id,
        **{name: masked(value) for name, value in detail.items()},
    )


async def body_of(request: Request) -> bytes:
    """The bytes of the body.

    Raises:
        ServiceError: 415, they are said to be compressed.
    """
    coding = request.headers.get("content-encoding", "").strip()
    if coding.lower() not in {"", "identity"}:
        raise ServiceError(
            "unsupported-media-type", f"Content-Encoding is {coding[:80]!r}; expected none: send the body uncompressed"
        )
    return await request.body()


def content_of(request: Request, body: bytes, *, takes_any_text: bool = False) -> dict[str, Any]:
    """The JSON object in a body, numbers with their digits.

    Args:
        request: for its headers.
        body: its body.
        takes_any_text: whether texts are kept escaped, as documents keep theirs, so that none of them is refused.

    Raises:
        ServiceError: 415 where the body is not said to be JSON; 400 where it cannot be read; 422 where it is no object,
            names a key twice, or has a text that cannot be stored.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in {"", "application/json"} and not media.endswith("+json"):
        raise ServiceError("unsupported-media-type", f"Content-Type is {media!r}; expected application/json")
    try:
        content = plain(body.decode("utf-8"), keys_once=True)
    except KeyTwiceError as error:
        fault = Fault(BODY, f"{error.key[:80]!a} more than once", "each key of an object once")
        raise ServiceError("invalid", "the body names a key more than once", [fault]) from error
    except (ValueError, RecursionError) as error:
        raise ServiceError("bad-request", f"the body is not JSON in UTF-8: {error}") from error
    request.state.content = content
    if not takes_any_text:
        check_texts(body, content)
    if not isinstance(content, dict):
        found = type(content).__name__
        raise ServiceError("invalid", "the body is no JSON object", [Fault(BODY, found, "a JSON object")])
    return content


def created_once(
    request: Request,
    service: Service,
    client: Caller,
    body: bytes,
    key: str | None,
    act: Callable[[], Response],
    *,
    is_quick: bool = False,
) -> Response:
    """The answer of a creating request, carried out once for its Idempotency-Key; `is_quick` where that takes no time."""
    return once(
        service.store,
        client=client.client,
        key=key,
        subject=f"{request.method} {request.url.path}",
        body=body,
        keep_hours=service.settings.idempotency_hours,
        act=act,
        is_quick=is_quick,
    )


def takes(model: type[ApiModel]) -> dict[str, Any]:
    """What a route that reads its body as bytes says of it in the description of the service."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}
    return {"requestBody": {"required": True, "content": content}}


def tag_of(*parts: str) -> str:
    """A short digest of what decides the bytes of an answer."""
    return digest("\n".join(parts))[:32]


async def _service(request: Request) -> Service:  # a plain function would be sent to a thread and back
    return service_of(request)


async def _client(request: Request) -> Caller:
    return client_of(request)


ServiceDep = Annotated[Service, Depends(_service)]
ClientDep = Annotated[Caller, Depends(_client)]
BodyDep = Annotated[bytes, Depends(body_of)]
KeyHeader = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="A new key for each new request", examples=["run-of-28-march-1"]),
]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="ETag of the version that the change follows",
        examples=[f'"{DIGEST_EXAMPLE}"'],
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", description="ETags the caller has already", examples=[f'"{DIGEST_EXAMPLE}"']),
]
Accept = Annotated[str | None, Header(alias="Accept", include_in_schema=False)]
Cursor = Annotated[
    str | None, Query(description="Where the page begins, from the page before", max_length=2000, examples=["MTAw"])
]
"""Of a list in the order in which its items came."""
NameCursor = Annotated[
    str | None, Query(description="Where the page begins, from the page before", max_length=2000, examples=["ImJsbWsi"])
]
"""Of a list in the order of names."""
Limit = Annotated[int, Query(ge=1, le=1000, description="Most items on the page", examples=[100])]
