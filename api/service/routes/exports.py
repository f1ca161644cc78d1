"""Exports: a run or a comparison as one accessible workbook, the same bytes as the command line writes."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from api.service.http.etags import is_unchanged, strong
from api.service.http.negotiation import chosen
from api.service.http.problems import BODY, ServiceError
from api.service.jobs.requests import asked_for, waited_for
from api.service.jobs.work import EXPORT
from api.service.jobs.workbooks import XLSX
from api.service.runtime.request import (
    BodyDep,
    ClientDep,
    IfNoneMatch,
    KeyHeader,
    Service,
    ServiceDep,
    content_of,
    created_once,
    takes,
)
from api.service.store import StoredFile
from api.service.views.models import RESULT_PLACES, ExportRequest, JobView
from api.service.views.results import ResultId, result_routes
from api.service.views.rows import IMMUTABLE, VARY
from capitation.errors import Fault
from capitation.records.documents import parse_document
from capitation.records.identity import plain

router = result_routes(EXPORT, has_tables=False)

FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {XLSX: {"schema": {"type": "string", "format": "binary"}}}, "description": "The file"},
    304: {"description": "The caller has it"},
}
"""How a file is described."""


@router.post("", status_code=202, response_model=JobView, openapi_extra=takes(ExportRequest))
async def request_export(
    request: Request, service: ServiceDep, client: ClientDep, sent: BodyDep, key: KeyHeader = None
) -> Response:
    """Ask for a run or a comparison as a workbook; the job's address is in Location."""

    def act() -> Response:
        asked = parse_document(content_of(request, sent), ExportRequest, BODY)
        return asked_for(request, service, client, EXPORT, _wanted(service, asked))

    answer = await run_in_threadpool(created_once, request, service, client, sent, key, act)
    return await waited_for(request, service, answer)


@router.get("/{result_id}/file", response_class=Response, responses=FILE)
def read_export_file(
    request: Request, service: ServiceDep, result_id: ResultId, if_none_match: IfNoneMatch = None
) -> Response:
    """The file of an export."""
    chosen(request.headers.get("accept"), (XLSX,))
    found = _file(service, result_id)
    headers = {"ETag": strong(found.sha256), "Cache-Control": IMMUTABLE, "Vary": VARY}
    if is_unchanged(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = f'attachment; filename="{found.name}"'
    return Response(found.content, media_type=found.media, headers=headers)


def _file(service: Service, result_id: str) -> StoredFile:
    export = service.store.result(EXPORT, result_id)
    found = None if export is None else service.store.file(EXPORT, result_id, plain(export.content)["file"])
    if found is None:
        raise ServiceError("not-found", f"there is no export {result_id!r}")
    return found


def _wanted(service: Service, asked: ExportRequest) -> dict[str, Any]:
    """What the export is made of: the result and the format.

    Raises:
        ServiceError: there is no such result.
    """
    place, _, result_id = asked.result.removeprefix("/v1/").partition("/")
    kind = next(kind for kind, known in RESULT_PLACES.items() if known == place)
    if service.store.result(kind, result_id) is None:
        fault = Fault(f"{BODY}: result", repr(asked.result), f"a {kind} that is stored")
        raise ServiceError("invalid", f"there is no {kind} {result_id!r}", [fault])
    return {"result": asked.result, "kind": kind, "id": result_id, "format": asked.format}
