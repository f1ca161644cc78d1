"""Everything a route may ask for, each an alias: the service, the client, the body, the headers that carry habits."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from typing import Annotated, Any, ParamSpec, TypeVar

import polars as pl
from fastapi import Depends, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.service.http.idempotency import once
from api.service.http.identity import Door
from api.service.http.metrics import Metrics
from api.service.http.problems import BODY, ServiceError
from api.service.packs.packs import Pack, Packs
from api.service.security import audit
from api.service.security.access import Caller, area_codes, sees_everything
from api.service.security.audit import AuditEvent
from api.service.security.visibility import EVERYTHING, seen, sight_of
from api.service.settings import Settings
from api.service.store import Store
from api.service.views.models import DIGEST_EXAMPLE, Wire
from capitation.errors import DocumentError, Fault
from capitation.records.documents import read_mapping
from capitation.records.identity import digest, plain

P = ParamSpec("P")
T = TypeVar("T")

FRAMES_HELD = 64
"""How many decoded frames are held in memory; they never change, so none grows old."""

CODES_HELD = 256
"""For how many runs and organisations the codes of their area are held in memory."""


@dataclass(eq=False)
class Service:
    """What one running instance has: its settings, store, data packs, door and numbers about itself."""

    settings: Settings
    store: Store
    packs: Packs
    metrics: Metrics
    system: str = field(init=False)
    """Code of the organisation that runs the system."""
    stopping: threading.Event = field(init=False, default_factory=threading.Event)
    """Set once the server is asked to stop, so that nobody waits any longer."""
    door: Door = field(init=False)
    """Knows callers and what they may do."""
    frame: Callable[[str, str, str], tuple[pl.DataFrame, str] | None] = field(init=False)
    """Decodes the frame of a result by kind, id and name, with its checksum; None where there is none."""
    area: Callable[[str, str, str], frozenset[str]] = field(init=False)
    """Codes of places, localities and practices that are wholly an organisation's, by kind and id of a result."""

    def __post_init__(self) -> None:
        self.system = self.settings.organisation or system_of(self.pack)
        self.door = Door(self.store, self.settings, self.system)
        held = lru_cache(maxsize=FRAMES_HELD)(self._decoded)

        def frame(kind: str, result_id: str, name: str) -> tuple[pl.DataFrame, str] | None:
            try:
                return held(kind, result_id, name)
            except LookupError:
                return None

        self.frame = frame
        self.area = lru_cache(maxsize=CODES_HELD)(self._area)

    @property
    def pack(self) -> Pack:
        """The data pack that is used where none is named."""
        return self.packs.default

    async def read(self, look: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """What a look into the store finds.

        An embedded store, whose readers wait for nobody, is asked at once: that takes less time than a thread's coming and
        going. A store on a server, which may be far away or gone, is asked in a thread while others are answered.
        """
        if self.store.is_sqlite:
            return look(*given, **named)
        return await run_in_threadpool(look, *given, **named)

    def seen(self, kind: str, result_id: str, name: str, caller: Caller) -> tuple[pl.DataFrame, str] | None:
        """The rows of a frame that a caller may see, with a checksum that is theirs; None where there is no frame.

        Raises:
            UnknownNameError: the frame is shown to no partner.
        """
        decoded = self.frame(kind, result_id, name)
        if decoded is None:
            return None
        frame, checksum = decoded
        view = sight_of(caller, self.system)
        if view == EVERYTHING:
            return decoded
        codes = () if sees_everything(caller, self.system) else self.area(kind, result_id, caller.organisation)
        shown = seen(name, frame, caller, self.system, codes, self.settings.smallest_shown)
        return shown, f"{checksum} {view} {self.settings.smallest_shown}"

    def _area(self, kind: str, result_id: str, organisation: str) -> frozenset[str]:
        membership = self.frame(kind, result_id, "membership")
        return frozenset() if membership is None else area_codes(organisation, membership[0])

    def _decoded(self, kind: str, result_id: str, name: str) -> tuple[pl.DataFrame, str]:
        stored = self.store.frame(kind, result_id, name)
        if stored is None:
            raise LookupError(name)
        return pl.read_parquet(BytesIO(stored.parquet)), stored.sha256


def system_of(pack: Pack) -> str:
    """The code of the system that the scenarios of a data pack are about.

    Raises:
        DocumentError: there is none, or more than one, so that the setting must say.
    """
    paths = sorted((pack.folder / "scenarios").glob("*.toml"))
    codes = sorted({str(read_mapping(path).get("system_code", "")) for path in paths} - {""})
    if len(codes) != 1:
        found = " and ".join(codes) or "no scenario that names one"
        fault = Fault("CAPITATION_ORGANISATION", f"not set, and in the data pack {found}", "its code")
        raise DocumentError("the organisation that runs the system is not known", [fault])
    return codes[0]


def service_of(request: Request) -> Service:
    """The running instance."""
    service: Service = request.app.state.service
    return service


def client_of(request: Request) -> Caller:
    """Who asks, as the door found out."""
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
        subject,
        correlation=request.state.correlation_id,
        **detail,
    )


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
        raise ServiceError("unsupported-media-type", f"Content-Type is {media!r}; expected application/json")
    try:
        content = plain(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ServiceError("bad-request", f"the body is not JSON in UTF-8: {error}") from error
    request.state.content = content
    if not isinstance(content, dict):
        found = type(content).__name__
        raise ServiceError("invalid", "the body is no JSON object", [Fault(BODY, found, "a JSON object")])
    return content


def created_once(
    request: Request, service: Service, client: Caller, body: bytes, key: str | None, act: Callable[[], Response]
) -> Response:
    """The answer of a creating request, carried out once for its Idempotency-Key."""
    return once(
        service.store,
        client=client.client,
        key=key,
        subject=f"{request.method} {request.url.path}",
        body=body,
        keep_hours=service.settings.idempotency_hours,
        act=act,
    )


def takes(model: type[Wire]) -> dict[str, Any]:
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
