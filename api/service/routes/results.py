"""Results of every kind of job: how they are asked for, their list, one result, and its tables where it has any."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api.service.http.paging import number_after, page_of
from api.service.jobs.requests import accepted
from api.service.kinds import KINDS
from api.service.records.failures import ServiceError
from api.service.records.job_kind import JobKind
from api.service.runtime.parameters import FrameName, ResultId, Rows, Where
from api.service.runtime.request import (
    BodyDep,
    ClientDep,
    Cursor,
    IfNoneMatch,
    KeyHeader,
    Limit,
    ServiceDep,
    tag_of,
    takes,
)
from api.service.runtime.service import Service
from api.service.security.access import Caller
from api.service.security.visibility import content_seen, sees_frame
from api.service.views.models import JobView, ResultList, ResultView, result_head, result_view
from api.service.views.respond import respond
from api.service.views.rows import IMMUTABLE, ROWS_RESPONSES, conditions, frame_answer

router = APIRouter()


def _routes(kind: JobKind[Any]) -> APIRouter:
    """The addresses of a kind."""
    name, address = kind.name, kind.address
    routes = APIRouter(prefix=f"/v1/{address}", tags=[address])

    @routes.get(
        "",
        name=f"list_{address.replace('-', '_')}",
        description=f"The {address} that are stored, in the order of storing.",
        response_model=ResultList,
    )
    async def listed(request: Request, service: ServiceDep, limit: Limit = 100, cursor: Cursor = None) -> Response:
        found = await service.read(service.store.results, name, number_after(cursor), limit + 1)
        page, following = page_of(found, limit, lambda each: each.seq)
        return respond(ResultList(items=[result_head(each) for each in page], next=following), request)

    @routes.post(
        "",
        name=f"request_{name}",
        description=f"Ask for {kind.asks}; the job's address is in Location.",
        status_code=202,
        response_model=JobView,
        openapi_extra=takes(kind.request),
    )
    async def asked(
        request: Request, service: ServiceDep, client: ClientDep, sent: BodyDep, key: KeyHeader = None
    ) -> Response:
        return await accepted(request, service, client, sent, key, kind)

    @routes.get(
        "/{result_id}",
        name=f"read_{name}",
        description=f"One {name}: its content, and where its tables stand.",
        response_model=ResultView,
        responses={304: {"description": "The caller has it"}},
    )
    async def read(
        request: Request,
        service: ServiceDep,
        client: ClientDep,
        result_id: ResultId,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        result = await service.read(service.store.result, name, result_id)
        if result is None:
            raise ServiceError("not-found", f"there is no {name} {result_id!r}")
        tables = await service.read(service.store.frame_names, name, result_id)
        view = result_view(result, [each for each in tables if sees_frame(name, each, client, service.system)])
        hides = await service.read(service.hides, name, result_id, client)
        view = _as_seen(service, name, view, client, hides=hides)
        headers = {"Vary": "Authorization, X-API-Key", "Cache-Control": IMMUTABLE}
        return respond(view, request, headers=headers, tag=tag_of(view.model_dump_json()))

    async def rows(
        request: Request,
        service: ServiceDep,
        result_id: ResultId,
        name: FrameName,
        where: Where = [],  # noqa: B006  # FastAPI copies it
        limit: Rows = None,
        cursor: Cursor = None,
    ) -> Response:
        return await frame_answer(
            request, service, kind.name, result_id, name, where=conditions(where), limit=limit, cursor=cursor
        )

    if kind.has_tables:
        routes.add_api_route(
            "/{result_id}/frames/{name}",
            rows,
            name=f"read_{name}_frame",
            description=f"Rows of a table of a {name}: JSON, NDJSON, CSV, Arrow or Parquet.",
            response_class=Response,
            responses=ROWS_RESPONSES,
        )
    return routes


def _as_seen(service: Service, kind: str, view: ResultView, client: Caller, *, hides: bool) -> ResultView:
    """A result with as much of its content as the caller sees."""
    smallest = service.settings.smallest_shown
    whole = hides and service.hidden(kind, view.id).is_whole
    content = content_seen(
        kind, view.content, client, service.system, hides=hides, smallest_shown=smallest, is_whole=whole
    )
    return view.model_copy(update={"content": content})


for _kind in KINDS.values():
    router.routes.extend(_routes(_kind).routes)
