"""Which resource an address belongs to, what a method does to it, and which addresses anyone may read."""

from __future__ import annotations

from api.service.security.access import RESOURCES, Resource, Verb

PUBLIC = frozenset({"/livez", "/readyz", "/openapi.json"})
"""Addresses that anyone may read."""

VERB_OF: dict[str, Verb] = {
    "GET": "read",
    "HEAD": "read",
    "POST": "create",
    "PUT": "change",
    "PATCH": "change",
    "DELETE": "delete",
}
"""What each method does."""


def resource_of(path: str) -> Resource | None:
    """The resource an address belongs to; None where there is none.

    Example:
        "/v1/runs/f10e0a9b83f73e51/frames/pace" belongs to runs, and "/metrics" to metrics.
    """
    if path == "/metrics":
        return "metrics"
    if not path.startswith("/v1/"):
        return None
    word = path[4:].partition("/")[0]
    return word if word in RESOURCES else None


def is_guarded(path: str) -> bool:
    """Whether callers must say who they are: for everything but what anyone may read."""
    return path not in PUBLIC
