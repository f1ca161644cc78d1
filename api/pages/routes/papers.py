"""What is taken away of a run in one click: the board paper and the workbook for people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.exports.workbook import export_xlsx
from api.pages.answers import frames_of
from api.pages.asking import service_of
from api.pages.seen import SeenRun, run_of
from api.papers import board_paper, paper_bytes
from api.service.kinds import BY_ADDRESS
from api.service.records.failures import ServiceError
from api.service.records.workbooks import XLSX
from api.workbooks.people_workbook import workbook_of
from capitation.errors import CapitationError

_TABLES = {name: schema for kind in BY_ADDRESS.values() for name, schema in (kind.schemas or {}).items()}
_MEDIA = {
    "pdf": "application/pdf",
    "html": "text/html; charset=utf-8",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


def paper(request: Request) -> Response:
    """The board paper of a run as PDF, HTML or slides, with what was worked out beside the server in it."""
    ending = request.path_params["ending"]
    if ending not in _MEDIA:
        raise ServiceError("not-found", f"a paper leaves as {', '.join(_MEDIA)}, not as {ending[:10]!r}")
    seen = _open(request)
    pack = service_of(request).packs.named(seen.data_pack).opened()
    made = board_paper(replace(seen.run, frames={**seen.run.frames, **frames_of(seen.id)}), pack)
    try:
        content = paper_bytes(made, f".{ending}")
    except CapitationError as error:
        raise ServiceError("not-found", str(error)) from None
    return _file(content, f"paper-{seen.id}.{ending}", _MEDIA[ending])


def workbook(request: Request) -> Response:
    """The workbook for people of a run; with `sheets=all` a sheet for every table of it."""
    seen = _open(request)
    pack = service_of(request).packs.named(seen.data_pack).opened()
    run = replace(seen.run, frames={**seen.run.frames, **frames_of(seen.id)})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.xlsx"
        if request.query_params.get("sheets") == "all":
            content = export_xlsx(seen.run, path, _TABLES).read_bytes()
        else:
            content = workbook_of(run, path, pack).read_bytes()
    return _file(content, f"workbook-{seen.id}.xlsx", XLSX)


def _open(request: Request) -> SeenRun:
    """The run, where the caller sees every row and number of it; a paper holds them all."""
    seen = run_of(request, request.path_params["run"])
    if not seen.is_open:
        raise ServiceError(
            "forbidden",
            "the paper and the workbook of a run contain everybody's rows; they are for those who run the system",
        )
    return seen


def _file(content: bytes, name: str, media: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-cache"}
    return Response(content, headers=headers, media_type=media)


ROUTES = [Route("/runs/{run}/paper.{ending}", paper), Route("/runs/{run}/workbook.xlsx", workbook)]
