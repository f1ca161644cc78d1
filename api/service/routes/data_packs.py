"""Data packs: the figures that runs are computed from, named by the hash of their files."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.service.deps import IfNoneMatch, Service, ServiceDep
from api.service.etags import is_unchanged, strong
from api.service.wire import DataPackList, DataPackView, body_text
from capitation.errors import UnknownNameError

router = APIRouter(prefix="/v1/data-packs", tags=["data packs"])


@router.get("")
def data_packs(service: ServiceDep) -> DataPackList:
    """The data packs that this service computes with."""
    return DataPackList(items=[_view(service)])


@router.get("/{pack_id}", response_model=DataPackView, responses={304: {"description": "The caller has this version"}})
def data_pack(service: ServiceDep, pack_id: str, if_none_match: IfNoneMatch = None) -> Response:
    """A data pack with the checksum of each of its files."""
    view = _view(service)
    if pack_id not in {view.id, view.digest}:
        kind = "data pack"
        raise UnknownNameError(kind, pack_id, [view.id])
    headers = {"ETag": strong(view.digest)}
    if is_unchanged(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body_text(view), media_type="application/json", headers=headers)


def _view(service: Service) -> DataPackView:
    about = {key: str(service.pack.about[key]) for key in ("id", "title", "version", "about", "licence")}
    return DataPackView(**about, digest=service.pack.digest, files=service.pack.files)
