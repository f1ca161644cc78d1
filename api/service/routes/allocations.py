"""Allocations: the money of a run by year, stream, level and code."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.service.deps import Cursor, ServiceDep
from api.service.results import ROWS_RESPONSES, ResultId, Rows
from api.service.rows import frame_answer
from api.service.work import RUN

router = APIRouter(prefix="/v1/allocations", tags=["allocations"])

Choice = Annotated[str | None, Query(max_length=64)]


@router.get("/{result_id}", response_class=Response, responses=ROWS_RESPONSES)
def allocations(
    request: Request,
    service: ServiceDep,
    result_id: ResultId,
    year: Annotated[str | None, Query(pattern=r"^\d{4}/\d{2}$", description="Financial year, such as 2018/19")] = None,
    stream: Choice = None,
    level: Choice = None,
    code: Choice = None,
    limit: Rows = None,
    cursor: Cursor = None,
) -> Response:
    """Allocations of a run, every level adding up to the penny."""
    asked = {"year": year, "stream": stream, "level": level, "code": code}
    where = [f"{column}={value}" for column, value in asked.items() if value is not None]
    return frame_answer(request, service, RUN, result_id, "allocation", where=where, limit=limit, cursor=cursor)
