"""The pages' addresses: found by scanning `api/pages/routes`, with the files that the pages are made with."""

from __future__ import annotations

import importlib
import pkgutil

from starlette.routing import Route

import api.pages.routes


def page_routes() -> list[Route]:
    """The addresses of all pages; a page of its own goes before the plain page of any resource."""
    names = sorted(
        (m.name for m in pkgutil.iter_modules(api.pages.routes.__path__)), key=lambda n: (n == "any_resource", n)
    )
    found: list[Route] = []
    for name in names:
        found += importlib.import_module(f"api.pages.routes.{name}").ROUTES
    return found
