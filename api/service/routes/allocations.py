"""Allocations: the money of a run by year, stream, level and code.

The route has more than eight parameters because each is one of the query, which the framework reads from its signature.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.service.runtime.parameters import ResultId, Rows
from api.service.runtime.request import Cursor, ServiceDep
from api.service.views.rows import ROWS_RESPONSES, filters, frame_answer

router = APIRouter(prefix="/v1/allocations", tags=["allocations"])


# Reason: each query parameter of an address is a parameter of its route.
@router.get("/{result_id}", response_class=Response, responses=ROWS_RESPONSES)
async def read_allocations(
    request: Request,
    service: ServiceDep,
    result_id: ResultId,
    year: Annotated[
        str | None, Query(pattern=r"^[0-9]{4}/[0-9]{2}$", description="Financial year", examples=["2018/19"])
    ] = None,
    stream: Annotated[str | None, Query(max_length=64, description="Stream of money", examples=["ccg"])] = None,
    level: Annotated[
        str | None, Query(max_length=64, description="system, place, locality or practice", examples=["locality"])
    ] = None,
    code: Annotated[
        str | None, Query(max_length=64, description="Code of an area or practice", examples=["V1"])
    ] = None,
    limit: Rows = None,
    cursor: Cursor = None,
) -> Response:
    """Allocations of a run, every level adding up to the penny."""
    asked = {"year": year, "stream": stream, "level": level, "code": code}
    where = filters(asked)
    return await frame_answer(request, service, "run", result_id, "allocation", where=where, limit=limit, cursor=cursor)
