"""The files of exports; how an export is asked for is in `results.py`, as for every kind of job."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api.service.http.etags import is_unchanged, strong
from api.service.http.negotiation import chosen
from api.service.kinds import BY_ADDRESS
from api.service.records.failures import ServiceError
from api.service.records.workbooks import XLSX
from api.service.runtime.parameters import ResultId
from api.service.runtime.request import (
    ClientDep,
    IfNoneMatch,
    ServiceDep,
)
from api.service.runtime.service import Service
from api.service.security.access import AccessError, Caller
from api.service.store import StoredFile
from api.service.views.rows import IMMUTABLE, VARY
from capitation.records.identity import plain

router = APIRouter(prefix="/v1/exports", tags=["exports"])

FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {XLSX: {"schema": {"type": "string", "format": "binary"}}}, "description": "The file"},
    304: {"description": "The caller has it"},
}
"""How a file is described."""


@router.get("/{result_id}/file", response_class=Response, responses=FILE)
def read_export_file(
    request: Request, service: ServiceDep, client: ClientDep, result_id: ResultId, if_none_match: IfNoneMatch = None
) -> Response:
    """The file of an export; not for those from whom numbers of people in it are left out."""
    chosen(request.headers.get("accept"), (XLSX,))
    found = _file(service, result_id)
    _check_numbers(service, client, result_id)
    headers = {"ETag": strong(found.sha256), "Cache-Control": IMMUTABLE, "Vary": VARY}
    if is_unchanged(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = f'attachment; filename="{found.name}"'
    return Response(found.content, media_type=found.media, headers=headers)


def _check_numbers(service: Service, client: Caller, result_id: str) -> None:
    """Refuse a workbook with numbers that the caller's tables leave out.

    Raises:
        AccessError: 403 for whoever does not make runs.
    """
    export = service.store.result("export", result_id)
    if export is None:
        return
    address, _, name = plain(export.content)["result"].removeprefix("/v1/").partition("/")
    if service.hides(BY_ADDRESS[address].name, name, client):
        raise AccessError(
            "role",
            f"workbook of {address}/{name}: found role {client.role}; expected analyst, since it holds numbers of people below "
            f"{service.settings.smallest_shown}. The tables of {address}/{name} leave them out",
        )


def _file(service: Service, result_id: str) -> StoredFile:
    export = service.store.result("export", result_id)
    found = None if export is None else service.store.file("export", result_id, plain(export.content)["file"])
    if found is None:
        raise ServiceError("not-found", f"there is no export {result_id!r}")
    return found
