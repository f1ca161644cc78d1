"""`/metrics`: numbers about this server process and the jobs of all workers, for a monitoring system."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.service.runtime.request import ServiceDep

router = APIRouter(tags=["health"])

MEDIA = "text/plain; version=0.0.4"


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Numbers in Prometheus's text format",
            "content": {
                "text/plain": {"schema": {"type": "string"}, "example": 'capitation_jobs{status="done"} 12.0\n'}
            },
        }
    },
)
def read_metrics(service: ServiceDep) -> Response:
    """Requests by resource and status, their durations, and jobs by status."""
    return Response(service.metrics.text(service.store.counts()), media_type=f"{MEDIA}; charset=utf-8")
