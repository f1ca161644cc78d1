"""Which resource an address belongs to, what a method does to it, and which addresses anyone may read."""

from __future__ import annotations

from api.service.security.access import RESOURCES, Resource, Verb

PUBLIC = frozenset({"/livez", "/readyz", "/openapi.json"})
"""Addresses that anyone may read."""

OPEN_PAGES = frozenset({"/sign-in", "/sign-out"})
"""Pages that anyone may read; so are the files below /static/."""

PAGE_WORDS: dict[str, Resource] = {
    "": "runs",
    "fair-share": "runs",
    "assumptions": "runs",
    "activity-shift": "runs",
    "risk": "runs",
    "investment": "runs",
    "places": "scenarios",
    "data-checks": "data-packs",
    "what-if": "scenarios",
    "first-key": "runs",
    "help": "catalogue",
}
"""Pages that stand for no word of /v1, each with the resource whose readers may read it."""

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
        "/v1/runs/f10e0a9b83f73e51/frames/pace" and its page, which has no /v1, belong to runs, and "/metrics" to metrics.
    """
    if path == "/metrics":
        return "metrics"
    if not path.startswith("/v1/"):
        page = path[1:].partition("/")[0]
        return PAGE_WORDS.get(page, page if page in RESOURCES - {"metrics"} else None)
    word = path[4:].partition("/")[0]
    return word if word in RESOURCES else None


def is_guarded(path: str) -> bool:
    """Whether callers must say who they are: for everything but what anyone may read."""
    return path not in PUBLIC and path not in OPEN_PAGES and not path.startswith("/static/")
