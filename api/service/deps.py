"""Everything a route may ask for, each an alias: the service, the client, the body, the headers that carry habits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from typing import Annotated, Any

import polars as pl
from fastapi import Depends, Header, Query, Request, Response

from api.service.canonical import digest, plain
from api.service.idempotency import once
from api.service.packs import Pack
from api.service.problems import BODY, ServiceError
from api.service.settings import Settings
from api.service.store import Store
from capitation.errors import Fault

FRAMES_HELD = 64
"""How many decoded frames are held in memory; they never change, so none grows old."""


@dataclass(eq=False)
class Service:
    """What one running instance has: its settings, store and data pack."""

    settings: Settings
    store: Store
    pack: Pack
    frame: Callable[[str, str, str], tuple[pl.DataFrame, str] | None] = field(init=False)
    """Decodes the frame of a result by kind, id and name, with its checksum; None where there is none."""

    def __post_init__(self) -> None:
        held = lru_cache(maxsize=FRAMES_HELD)(self._decoded)

        def frame(kind: str, result_id: str, name: str) -> tuple[pl.DataFrame, str] | None:
            try:
                return held(kind, result_id, name)
            except LookupError:
                return None

        self.frame = frame

    def _decoded(self, kind: str, result_id: str, name: str) -> tuple[pl.DataFrame, str]:
        stored = self.store.frame(kind, result_id, name)
        if stored is None:
            raise LookupError(name)
        return pl.read_parquet(BytesIO(stored.parquet)), stored.sha256


@dataclass(frozen=True)
class Client:
    """Who asks: keys, jobs and documents carry this name."""

    id: str
    scopes: frozenset[str]


EVERYTHING = frozenset({"read", "run:write", "document:write"})
"""What the one client of a service without authentication may do."""


def service_of(request: Request) -> Service:
    """The running instance."""
    service: Service = request.app.state.service
    return service


def client_of(request: Request) -> Client:
    """Who asks. Without authentication set up, everyone is the one client `local`."""
    known: Client | None = getattr(request.state, "client", None)
    return known or Client("local", EVERYTHING)


async def body_of(request: Request) -> bytes:
    """The bytes of the body."""
    return await request.body()


def content_of(request: Request, body: bytes) -> dict[str, Any]:
    """The JSON object in a body, numbers with their digits.

    Raises:
        ServiceError: 415 where the body is not said to be JSON; 400 where it cannot be read; 422 where it is no object.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in {"", "application/json"} and not media.endswith("+json"):
        kind = "unsupported-media-type"
        raise ServiceError(kind, f"Content-Type is {media!r}; expected application/json")
    try:
        content = plain(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        kind = "bad-request"
        raise ServiceError(kind, f"the body is not JSON in UTF-8: {error}") from error
    request.state.content = content
    if not isinstance(content, dict):
        found = type(content).__name__
        kind = "invalid"
        raise ServiceError(kind, "the body is no JSON object", [Fault(BODY, found, "a JSON object")])
    return content


def created_once(
    request: Request, service: Service, client: Client, body: bytes, key: str | None, act: Callable[[], Response]
) -> Response:
    """The answer of a creating request, carried out once for its Idempotency-Key."""
    return once(
        service.store,
        client=client.id,
        key=key,
        subject=f"{request.method} {request.url.path}",
        body=body,
        keep_hours=service.settings.idempotency_hours,
        act=act,
    )


def tag_of(*parts: str) -> str:
    """A short digest of what decides the bytes of an answer."""
    return digest("\n".join(parts))[:32]


ServiceDep = Annotated[Service, Depends(service_of)]
ClientDep = Annotated[Client, Depends(client_of)]
BodyDep = Annotated[bytes, Depends(body_of)]
KeyHeader = Annotated[str | None, Header(alias="Idempotency-Key", description="A new key for each new request")]
IfMatch = Annotated[str | None, Header(alias="If-Match", description="ETag of the version that the change follows")]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="ETags the caller has already")]
Accept = Annotated[str | None, Header(alias="Accept", include_in_schema=False)]
Cursor = Annotated[str | None, Query(description="Where the page begins, from the page before", max_length=2000)]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most items on the page")]
