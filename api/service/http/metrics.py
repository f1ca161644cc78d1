"""Numbers about the service for a monitoring system, in Prometheus's text format; one registry a running instance."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from api.service.security.addresses import PUBLIC, resource_of

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper ends of the classes in which durations of requests are counted."""


class Metrics:
    """Counts what one server process does; jobs are counted in the store when they are asked for."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "capitation_requests", "Requests answered", ["method", "resource", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "capitation_request_seconds",
            "Time to the end of the answer",
            ["resource"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._jobs = Gauge("capitation_jobs", "Jobs by status, of all workers", ["status"], registry=self._registry)
        self._counted: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one request."""
        resource = path if path in PUBLIC else (resource_of(path) or "other")
        named = method if method in _METHODS else "other"
        counted = self._counted.get((named, resource, status))
        if counted is None:  # looking labels up takes longer than counting
            counted = self._requests.labels(named, resource, str(status)), self._seconds.labels(resource)
            self._counted[named, resource, status] = counted
        counted[0].inc()
        counted[1].observe(seconds)

    def text(self, jobs: Mapping[str, int]) -> bytes:
        """All numbers, with jobs by status."""
        for status in ("queued", "running", "done", "failed", "cancelled"):
            self._jobs.labels(status).set(jobs.get(status, 0))
        return generate_latest(self._registry)


_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"})
