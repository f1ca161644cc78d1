"""Runs: a scenario evaluated, named by the hash of its inputs; the same as the command line makes."""

from __future__ import annotations

from fastapi import Request, Response

from api.service.jobs.pack_choice import chosen_pack
from api.service.jobs.requests import accepted
from api.service.jobs.work import RUN
from api.service.runtime.request import BodyDep, ClientDep, KeyHeader, ServiceDep, takes
from api.service.views.models import JobView, RunRequest
from api.service.views.results import result_routes

router = result_routes(RUN)


@router.post("", status_code=202, response_model=JobView, openapi_extra=takes(RunRequest))
async def request_run(
    request: Request, service: ServiceDep, client: ClientDep, sent: BodyDep, key: KeyHeader = None
) -> Response:
    """Ask for the run of a scenario; the job's address is in Location."""
    return await accepted(
        request,
        service,
        client,
        sent,
        key,
        RUN,
        RunRequest,
        "scenario",
        lambda asked, _content: {"data_pack": chosen_pack(service, asked.data_pack)},
    )
