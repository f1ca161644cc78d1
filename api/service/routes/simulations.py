"""Simulations: the best mix of a problem on many draws of its effects: what it is worth, and whether it keeps its promises."""

from __future__ import annotations

from fastapi import Request, Response

from api.service.jobs.pack_choice import chosen_pack
from api.service.jobs.requests import accepted
from api.service.jobs.work import SIMULATION
from api.service.runtime.request import BodyDep, ClientDep, KeyHeader, ServiceDep, takes
from api.service.views.models import JobView, SimulationRequest
from api.service.views.results import result_routes

router = result_routes(SIMULATION)


@router.post("", status_code=202, response_model=JobView, openapi_extra=takes(SimulationRequest))
async def request_simulation(
    request: Request, service: ServiceDep, client: ClientDep, sent: BodyDep, key: KeyHeader = None
) -> Response:
    """Ask for the best mix of a problem to be tried on many draws; the job's address is in Location."""
    return await accepted(
        request,
        service,
        client,
        sent,
        key,
        SIMULATION,
        SimulationRequest,
        "problem",
        lambda asked, _content: {
            "data_pack": chosen_pack(service, asked.data_pack),
            "gap": asked.gap,
            "draws": asked.draws,
            "seed": asked.seed,
        },
    )
