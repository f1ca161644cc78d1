"""Data packs: the figures that runs are computed from, immutable and named by the hash of their files.

GET  /v1/data-packs                     the default one, then those that were sent
GET  /v1/data-packs/{id or digest}      one; of those with the same id the newest
GET  /v1/data-packs/{digest}/archive    its files as a zip archive
POST /v1/data-packs                     a new one as a zip archive      201, or 422 with every fault
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path as Folder
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from api.service.documents.kinds import SHIPPED
from api.service.http.etags import is_unchanged, strong
from api.service.http.paging import LARGEST_PAGE, cursor_of, number_after
from api.service.packs.archive import archive_of, unpacked
from api.service.packs.packs import about, has_small_numbers, keep
from api.service.records.api_models import DIGEST_EXAMPLE, PACK_EXAMPLE, ApiModel, Digest
from api.service.records.failures import ServiceError
from api.service.records.pack import Pack
from api.service.runtime.request import (
    BodyDep,
    ClientDep,
    Cursor,
    IfNoneMatch,
    KeyHeader,
    Limit,
    ServiceDep,
    created_once,
    event,
)
from api.service.runtime.service import Service
from api.service.security.access import AccessError, Caller
from api.service.security.visibility import EVERYTHING, sees_everything, view_of
from api.service.store import StoredPack
from api.service.views.models import moment
from api.service.views.respond import respond, respond_created
from api.service.views.rows import IMMUTABLE
from capitation.errors import UnknownNameError

router = APIRouter(prefix="/v1/data-packs", tags=["data packs"])

ZIP = "application/zip"
"""What an archive leaves as."""

ACCEPTED = (ZIP, "application/octet-stream")
"""What an archive may be sent as."""

DigestPath = Annotated[
    str, Path(pattern=r"^[0-9a-f]{64}$", description="Hash of the data pack", examples=[PACK_EXAMPLE])
]


class DataPackHead(ApiModel):
    """A data pack without its files."""

    id: str = Field(examples=["vale"])
    """Its name; versions of one pack have the same."""
    title: str = Field(examples=["Ashford Vale and Brook Coast, 2018/19 to 2020/21"])
    """Its title for people."""
    version: str = Field(examples=["1"])
    """Its version, as its author counts."""
    about: str = Field(examples=["Figures of the first real system, each with its source."])
    """What it holds."""
    licence: str = Field(examples=["Open Government Licence v3.0"])
    """Under which licence its figures are carried."""
    digest: Digest = Field(examples=[PACK_EXAMPLE])
    """Hash over names and contents of all its files; a run is asked for with it."""
    is_default: bool = Field(examples=[False])
    """Whether runs that name no data pack use it."""
    author: str = Field(examples=["analyst@example.org"])
    """Who sent it; `data-pack` for the one that the service was started with."""
    created: dt.datetime | None = Field(examples=["2026-01-31T09:30:00Z"])
    """When it was sent; nothing for the one that the service was started with."""
    href: str = Field(examples=[f"/v1/data-packs/{PACK_EXAMPLE}"])
    """Where it stands."""
    archive: str = Field(examples=[f"/v1/data-packs/{PACK_EXAMPLE}/archive"])
    """Where its files stand as a zip archive."""


class DataPackView(DataPackHead):
    """A data pack."""

    files: dict[str, Digest] = Field(examples=[{"pack.toml": DIGEST_EXAMPLE}])
    """SHA-256 of each file by its path inside the pack."""


class DataPackList(ApiModel):
    """A page of data packs."""

    items: list[DataPackHead]
    """The default data pack, then those that were sent in the order in which they came."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


@router.get("", response_model=DataPackList)
def list_data_packs(request: Request, service: ServiceDep, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """The data packs that runs can be made with."""
    default = service.packs.default
    first = [] if cursor else [_default_view(default)]
    room = limit - len(first)
    sent = service.store.packs(number_after(cursor), room + 1)
    following = cursor_of(sent[room - 1].seq if room else 0) if len(sent) > room else None
    views = [*first, *(_stored_view(each) for each in sent[:room] if each.digest != default.digest)]
    return respond(DataPackList(items=[_head(view) for view in views], next=following), request)


@router.post(
    "",
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "A zip archive of the pack's files, or of one folder with them",
            "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
def create_data_pack(
    request: Request, service: ServiceDep, client: ClientDep, sent: BodyDep, key: KeyHeader = None
) -> DataPackView:
    """Add a data pack; the same files again are answered with what is there, and one with faults leaves nothing."""

    def act() -> Response:
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media not in ACCEPTED:
            raise ServiceError("unsupported-media-type", f"Content-Type is {media!r}; expected {' or '.join(ACCEPTED)}")
        view = _kept(request, service, client, sent)
        return respond_created(view, request, view.digest)

    return created_once(request, service, client, sent, key, act)  # type: ignore[return-value]  # the model describes it


@router.get("/{pack_id}", response_model=DataPackView, responses={304: {"description": "The caller has this version"}})
def read_data_pack(
    request: Request,
    service: ServiceDep,
    pack_id: Annotated[str, Path(max_length=128, description="Hash or id of the data pack", examples=["vale"])],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A data pack by its digest, or the newest with an id, with the checksum of each of its files."""
    view = _found(service, pack_id)
    return respond(view, request, tag=view.digest)


@router.get(
    "/{digest}/archive",
    response_class=Response,
    responses={
        200: {"content": {ZIP: {"schema": {"type": "string", "format": "binary"}}}, "description": "The files"},
        304: {"description": "The caller has this version"},
    },
)
def read_data_pack_archive(
    service: ServiceDep, client: ClientDep, digest: DigestPath, if_none_match: IfNoneMatch = None
) -> Response:
    """The files of a data pack as a zip archive, which can be sent back as it is; not for partners, since all rows are in it, nor where it holds small numbers for those who do not see them."""
    if not sees_everything(client, service.system):
        raise AccessError(
            "organisation", f"archive of a data pack: expected a caller of {service.system}, not a partner"
        )
    if _by_digest(service, digest) is None:
        raise _unknown(service, digest)
    smallest = service.settings.smallest_shown
    if view_of(client, service.system) != EVERYTHING and has_small_numbers(service.packs.named(digest), smallest):
        raise AccessError(
            "role",
            f"archive of a data pack: found role {client.role}; expected analyst, since numbers of people below {smallest} are in it",
        )
    headers = {
        "ETag": strong(digest),
        "Cache-Control": IMMUTABLE,
        "Content-Disposition": f'attachment; filename="data-pack-{digest[:12]}.zip"',
    }
    if is_unchanged(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    archive = service.store.pack_archive(digest) or archive_of(service.packs.default)
    return Response(archive, media_type=ZIP, headers=headers)


def _kept(request: Request, service: Service, client: Caller, sent: bytes) -> DataPackView:
    """Unpack and check an archive beside everything else, and keep it in the store as the service writes archives."""
    with TemporaryDirectory(prefix="capitation-") as folder:
        pack = unpacked(sent, Folder(folder) / "pack")
        added = event(client, request, "data-packs.create", f"data-packs/{pack.digest}", id=about(pack)["id"])
        keep(service.store, pack, client.subject, added)
    found = _by_digest(service, pack.digest)
    if found is None:
        raise _unknown(service, pack.digest)
    return found


def _found(service: Service, named: str) -> DataPackView:
    exact = _by_digest(service, named)
    if exact is not None:
        return exact
    same = [pack for pack in _sent(service) if pack.name == named and pack.author != SHIPPED]
    if same:
        return _stored_view(same[-1])
    default = _default_view(service.packs.default)
    if named == default.id:
        return default
    raise _unknown(service, named)


def _by_digest(service: Service, digest: str) -> DataPackView | None:
    if digest == service.packs.default.digest:
        return _default_view(service.packs.default)
    stored = service.store.pack(digest)
    return None if stored is None else _stored_view(stored)


def _sent(service: Service) -> Iterator[StoredPack]:
    """All packs that are stored, oldest first."""
    after = 0
    while page := service.store.packs(after, LARGEST_PAGE):
        yield from page
        after = page[-1].seq


def _unknown(service: Service, named: str) -> UnknownNameError:
    known = {str(service.packs.default.about["id"]), *(pack.name for pack in _sent(service))}
    return UnknownNameError("data pack", named, known)


def _default_view(pack: Pack) -> DataPackView:
    return _view({"pack": about(pack), "files": pack.files}, pack.digest, SHIPPED, None)


def _stored_view(stored: StoredPack) -> DataPackView:
    return _view(json.loads(stored.about), stored.digest, stored.author, moment(stored.created))


def _view(content: dict[str, Any], digest: str, author: str, created: dt.datetime | None) -> DataPackView:
    href = f"/v1/data-packs/{digest}"
    return DataPackView(
        **content["pack"],
        digest=digest,
        is_default=created is None,
        author=author,
        created=created,
        href=href,
        archive=f"{href}/archive",
        files=content["files"],
    )


def _head(view: DataPackView) -> DataPackHead:
    return DataPackHead(**view.model_dump(exclude={"files"}))
