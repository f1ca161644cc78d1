"""The addresses every kind of result has: the list, one result, its tables."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import StringConstraints

from api.service.http.etags import is_unchanged, strong
from api.service.http.negotiation import ARROW, CSV, JSON, NDJSON, PARQUET
from api.service.http.paging import number_after, page_of
from api.service.http.problems import ServiceError
from api.service.runtime.request import ClientDep, Cursor, IfNoneMatch, Limit, ServiceDep, tag_of
from api.service.security.access import Caller
from api.service.security.visibility import content_seen, sees_frame
from api.service.views.models import (
    RESULT_PLACES,
    RUN_EXAMPLE,
    ResultList,
    ResultView,
    RowPage,
    body_text,
    result_head,
    result_view,
)
from api.service.views.rows import IMMUTABLE, frame_answer

ResultId = Annotated[str, Path(pattern=r"^[0-9a-f]{16,64}$", description="Id of the result", examples=[RUN_EXAMPLE])]
FrameName = Annotated[str, Path(pattern=r"^[a-z_]{1,64}$", description="Name of the table", examples=["allocation"])]
ColumnName = Annotated[
    str, Path(pattern=r"^[a-z_]{1,64}$", description="Name of the column", examples=["allocation_pence"])
]
Condition = Annotated[str, StringConstraints(pattern=r"^[^=]+=")]
Where = Annotated[
    list[Condition],
    Query(description="column=value that rows must match; may be repeated", max_length=20, examples=[["year=2018/19"]]),
]
Rows = Annotated[
    int | None, Query(ge=1, le=1_000_000, description="Most rows; JSON carries 1,000 by default", examples=[100])
]

TEXT_FORMATS = (NDJSON, CSV)
"""Formats of rows that people can read, beside JSON."""

ROWS_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": RowPage,
        "description": "Rows, in the format that Accept asks for",
        "content": {
            **{media: {"schema": {"type": "string"}} for media in TEXT_FORMATS},
            **{media: {"schema": {"type": "string", "format": "binary"}} for media in (ARROW, PARQUET)},
        },
    },
    304: {"description": "The caller has these rows"},
}
"""How rows are described."""


def seen_view(view: ResultView, kind: str, client: Caller, system: str) -> ResultView:
    """A result as a caller sees it: a partner sees what is the system's of its content."""
    return view.model_copy(update={"content": content_seen(kind, view.content, client, system)})


def result_routes(kind: str, *, has_tables: bool = True) -> APIRouter:
    """The list of results of a kind, one result, and its tables where it has any."""
    place = RESULT_PLACES[kind]
    routes = APIRouter(prefix=f"/v1/{place}", tags=[place])

    @routes.get("", name=f"list_{place}", description=f"The {place} that are stored, in the order of storing.")
    async def listed(
        request: Request, response: Response, service: ServiceDep, limit: Limit = 100, cursor: Cursor = None
    ) -> ResultList:
        found = await service.read(service.store.results, kind, number_after(cursor), limit + 1)
        page, following = page_of(request, response, found, limit, lambda each: each.seq)
        return ResultList(items=[result_head(each) for each in page], next=following)

    @routes.get(
        "/{result_id}",
        name=f"read_{kind}",
        description=f"One {kind}: its content, and where its tables stand.",
        response_model=ResultView,
        responses={304: {"description": "The caller has it"}},
    )
    async def read(
        service: ServiceDep, client: ClientDep, result_id: ResultId, if_none_match: IfNoneMatch = None
    ) -> Response:
        result = await service.read(service.store.result, kind, result_id)
        if result is None:
            raise ServiceError("not-found", f"there is no {kind} {result_id!r}")
        tables = await service.read(service.store.frame_names, kind, result_id)
        names = [each for each in tables if sees_frame(each, client, service.system)]
        body = body_text(seen_view(result_view(result, names), kind, client, service.system))
        tag = strong(tag_of(body.decode()))
        headers = {"ETag": tag, "Vary": "Authorization, X-API-Key", "Cache-Control": IMMUTABLE}
        if is_unchanged(if_none_match, tag):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=JSON, headers=headers)

    def rows(
        request: Request,
        service: ServiceDep,
        result_id: ResultId,
        name: FrameName,
        where: Where = [],  # noqa: B006  # FastAPI copies it
        limit: Rows = None,
        cursor: Cursor = None,
    ) -> Response:
        return frame_answer(request, service, kind, result_id, name, where=where, limit=limit, cursor=cursor)

    if has_tables:
        routes.add_api_route(
            "/{result_id}/frames/{name}",
            rows,
            name=f"read_{kind}_frame",
            description=f"Rows of a table of a {kind}: JSON, NDJSON, CSV, Arrow or Parquet.",
            response_class=Response,
            responses=ROWS_RESPONSES,
        )
    return routes
