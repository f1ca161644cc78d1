"""Positions: what every party of a settlement, or every organisation of a comparison, gains or bears.

The route has more than eight parameters because each is one of the query, which the framework reads from its signature.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.service.runtime.parameters import ResultId, Rows
from api.service.runtime.request import Cursor, ServiceDep
from api.service.views.rows import ROWS_RESPONSES, filters, frame_answer

router = APIRouter(prefix="/v1/positions", tags=["positions"])


# Reason: each query parameter of an address is a parameter of its route.
@router.get("/{result_id}", response_class=Response, responses=ROWS_RESPONSES)
async def read_positions(
    request: Request,
    service: ServiceDep,
    result_id: ResultId,
    organisation: Annotated[
        str | None,
        Query(max_length=128, description="Organisation of a comparison, party of a settlement", examples=["X01"]),
    ] = None,
    year: Annotated[
        str | None,
        Query(
            pattern=r"^[0-9]{4}(/[0-9]{2})?$", description="Year of a comparison or settlement", examples=["2018/19"]
        ),
    ] = None,
    option: Annotated[
        str | None, Query(max_length=128, description="Contract option, of a comparison", examples=["blended"])
    ] = None,
    case: Annotated[
        str | None, Query(max_length=128, description="Activity case, of a comparison", examples=["plan-plus-5"])
    ] = None,
    role: Annotated[
        str | None,
        Query(max_length=128, description="commissioner or provider, of a comparison", examples=["provider"]),
    ] = None,
    output: Annotated[
        str | None, Query(max_length=128, description="What is settled, of a settlement", examples=["block_pence"])
    ] = None,
    limit: Rows = None,
    cursor: Cursor = None,
) -> Response:
    """Positions of organisations under each contract option, or of the parties to a settlement."""
    settled = await service.read(service.store.result, "settlement", result_id) is not None
    kind, frame = ("settlement", "positions") if settled else ("comparison", "position")
    asked = {
        "organisation": organisation,
        "year": year,
        "option": option,
        "case": case,
        "role": role,
        "output": output,
    }
    where = filters(asked, {"organisation": "party" if settled else "organisation_code", "case": "activity_case"})
    return await frame_answer(request, service, kind, result_id, frame, where=where, limit=limit, cursor=cursor)
