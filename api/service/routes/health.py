"""`/livez` and `/readyz`: whether the process answers, and whether store and solver do their work."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Request, Response

from api.service.jobs.self_test import solver_says
from api.service.records.failures import ServiceError
from api.service.runtime.request import ServiceDep
from api.service.views.models import Liveness, Readiness
from api.service.views.respond import respond

router = APIRouter(tags=["health"])


@router.get("/livez", response_model=Liveness)
def read_liveness(request: Request) -> Response:
    """Whether the process answers."""
    return respond(Liveness(status="alive"), request)


@router.get("/readyz", response_model=Readiness)
def read_readiness(request: Request, service: ServiceDep) -> Response:
    """Whether the store can be written and the solver solves a small programme right."""
    said = solver_says(service.pack)
    if said != "optimal":
        raise ServiceError("not-ready", f"the solver said {said!r} to its test programme; expected 'optimal'")
    view = Readiness(
        status="ready",
        version=version("capitation"),
        store=service.store.self_test(),
        solver=said,
        data_pack=service.pack.digest,
        jobs=service.store.counts(),
    )
    return respond(view, request)
