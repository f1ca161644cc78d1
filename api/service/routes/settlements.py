"""Settlements: rows through a contract, with every step, the positions of the parties, and what a reader should know."""

from __future__ import annotations

from fastapi import Request, Response

from api.service.jobs.pack_choice import chosen_pack
from api.service.jobs.requests import accepted
from api.service.jobs.work import SETTLEMENT
from api.service.runtime.request import BodyDep, ClientDep, KeyHeader, ServiceDep, takes
from api.service.views.models import JobView, SettlementRequest
from api.service.views.results import result_routes

router = result_routes(SETTLEMENT)


@router.post("", status_code=202, response_model=JobView, openapi_extra=takes(SettlementRequest))
async def request_settlement(
    request: Request, service: ServiceDep, client: ClientDep, sent: BodyDep, key: KeyHeader = None
) -> Response:
    """Ask for the settlement of rows under a contract; the job's address is in Location."""
    return await accepted(
        request,
        service,
        client,
        sent,
        key,
        SETTLEMENT,
        SettlementRequest,
        "contract",
        lambda asked, content: {
            "data_pack": chosen_pack(service, asked.data_pack),
            "rows": content["rows"],  # as sent, so that numbers keep their digits
        },
    )
