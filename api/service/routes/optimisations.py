"""Optimisations: the best mix of a problem, with the prices of its limits, or which limits would have to give."""

from __future__ import annotations

from fastapi import Request, Response

from api.service.asking import accepted
from api.service.deps import BodyDep, ClientDep, KeyHeader, ServiceDep, takes
from api.service.pack_choice import chosen_pack
from api.service.results import result_routes
from api.service.wire import JobView, OptimisationRequest
from api.service.work import OPTIMISATION

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
