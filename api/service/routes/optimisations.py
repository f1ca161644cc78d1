"""Optimisations: the best mix of a problem, with the prices of its limits, or which limits would have to give."""

from __future__ import annotations

from fastapi import Request, Response

from api.service.jobs.pack_choice import chosen_pack
from api.service.jobs.requests import accepted
from api.service.jobs.work import OPTIMISATION
from api.service.runtime.request import BodyDep, ClientDep, KeyHeader, ServiceDep, takes
from api.service.views.models import JobView, OptimisationRequest
from api.service.views.results import result_routes

router = result_routes(OPTIMISATION)


@router.post("", status_code=202, response_model=JobView, openapi_extra=takes(OptimisationRequest))
async def request_optimisation(
    request: Request, service: ServiceDep, client: ClientDep, sent: BodyDep, key: KeyHeader = None
) -> Response:
    """Ask for the best mix of a problem; the job's address is in Location."""
    return await accepted(
        request,
        service,
        client,
        sent,
        key,
        OPTIMISATION,
        OptimisationRequest,
        "problem",
        lambda asked, _content: {"data_pack": chosen_pack(service, asked.data_pack), "gap": asked.gap},
    )
