"""The application: settings in, a service out, with its routes found by scanning `api/service/routes`."""

from __future__ import annotations

import importlib
import logging
import pkgutil
import signal
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import version
from types import FrameType

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.routing import Match

import api.service.routes
from api.service.describe.openapi import describe
from api.service.documents.kinds import SHIPPED, seed
from api.service.http.etag_layer import Tagged
from api.service.http.identity import VERB_OF, is_guarded, resource_of
from api.service.http.metrics import Metrics
from api.service.http.middleware import Habits
from api.service.http.problems import MEDIA_TYPE, Problem, ServiceError, encoded, headers_of, problem_of
from api.service.http.response_cache import Remembered
from api.service.jobs.worker import Worker
from api.service.packs.packs import Packs, keep, pack_at
from api.service.runtime.request import Service
from api.service.security.access import RULES
from api.service.settings import Settings
from api.service.store import Store
from capitation.errors import CapitationError, Fault

log = logging.getLogger("capitation.service")

_STATUS_KINDS = {404: "not-found", 405: "method-not-allowed", 400: "bad-request", 406: "not-acceptable"}
_STOP_SECONDS = 5.0
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""The framework's own would send the messages of faults, which may hold what was asked, to wherever the environment says."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service, ready to be served: its store is brought to shape and filled with the data pack's documents.

    Args:
        settings: how it is set up; from the environment where not given.

    Raises:
        StoreError: the store cannot be reached, or a newer version wrote it.
        CapitationError: the data pack cannot be used.
    """
    setting = settings or Settings()
    store = Store(setting.store_url)
    store.migrate()
    packs = Packs(pack_at(setting.data), setting.packs_folder, store.pack_archive)
    service = Service(setting, store, packs, Metrics())
    seed(store, service.pack)
    keep(store, service.pack, SHIPPED)
    app = addresses()
    app.state.service = service
    app.add_exception_handler(ServiceError, _told)
    app.add_exception_handler(CapitationError, _told)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _status)
    app.add_middleware(Tagged)
    app.add_middleware(Remembered, most_bytes=setting.remembered_bytes)
    app.add_middleware(Habits, service=service)
    return app


def addresses() -> FastAPI:
    """The application with its routes and its description, and no service behind it yet."""
    app = FastAPI(
        telemetry=_NO_TELEMETRY,
        title="Capitation",
        version=version("capitation"),
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in routers():
        app.include_router(router)
    describe(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    stop = service.stopping
    _stop_on_signal(stop)
    workers = [Worker(service.store, service.packs, service.settings) for _ in range(service.settings.workers)]
    threads = [threading.Thread(target=worker.work_until, args=(stop,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for worker, thread in zip(workers, threads, strict=True):
        thread.join(_STOP_SECONDS)
        if thread.is_alive():
            worker.stop_work()
    service.store.close()


def _stop_on_signal(stop: threading.Event) -> None:
    """Let those who wait go as soon as the process is asked to stop; the server's own handlers follow."""
    if threading.current_thread() is not threading.main_thread():
        return  # signals reach the main thread only; there the server that runs this one takes them

    def told(number: int, frame: FrameType | None) -> None:
        stop.set()
        before = earlier[signal.Signals(number)]
        if callable(before):
            before(number, frame)

    earlier = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT)}


def routers() -> list[APIRouter]:
    """The routers of `api/service/routes`, each route of which has a rule of access.

    Raises:
        RuntimeError: a route is not named by the table of access: it would be open to everyone who is known.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(api.service.routes.__path__))
    found: list[APIRouter] = [importlib.import_module(f"api.service.routes.{name}").router for name in names]
    lost = [each for each in operations(found) if not _has_rule(*each)]
    if lost:
        said = ", ".join(f"{method} {path}" for method, path in lost)
        raise RuntimeError(f"routes without a rule of access: {said}. Name their resource and verb in access.RULES")
    return found


def operations(found: Iterable[APIRouter]) -> list[tuple[str, str]]:
    """Method and path of every route, in order.

    Raises:
        RuntimeError: a router holds something else than routes, so that not all of them can be seen.
    """
    listed = []
    for router in found:
        for route in router.routes:
            if not isinstance(route, APIRoute):
                raise RuntimeError(
                    f"{type(route).__name__} in a router; expected routes only, so that each can be checked"
                )
            listed += [(method, route.path) for method in sorted(route.methods or ())]
    return listed


def _has_rule(method: str, path: str) -> bool:
    return not is_guarded(path) or (resource_of(path), VERB_OF.get(method)) in RULES


def _answer(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    return Response(encoded(problem), problem.status, headers, MEDIA_TYPE)


def _told(request: Request, error: Exception) -> Response:
    """The answer for an error that was raised on purpose."""
    if not isinstance(error, ServiceError | CapitationError):
        raise error
    body = getattr(request.state, "content", None)
    problem = problem_of(error, request.state.correlation_id, body)
    if problem.status >= 500:
        fields = {"correlation_id": problem.correlation_id, "error": str(error)}
        log.warning("unavailable", extra={"fields": fields})
    return _answer(problem, headers_of(error))


def _invalid(request: Request, error: Exception) -> Response:
    """The answer for a path, query or header that does not fit its description."""
    if not isinstance(error, RequestValidationError):
        raise error
    faults = []
    for each in error.errors():
        place = " ".join(str(part) for part in each["loc"])
        faults.append(Fault(place, repr(each.get("input"))[:80], str(each["msg"])))
    problem = ServiceError("invalid", "The request does not fit its description", faults)
    return _answer(problem_of(problem, request.state.correlation_id))


def _status(request: Request, error: Exception) -> Response:
    """The answer for an address or method that does not exist."""
    if not isinstance(error, HTTPException):
        raise error
    kind = _STATUS_KINDS.get(error.status_code, "internal" if error.status_code >= 500 else "bad-request")
    detail = f"{request.method} {request.url.path}: {error.detail}"
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    return _answer(problem_of(ServiceError(kind, detail), request.state.correlation_id), headers)


def _methods(request: Request) -> list[str]:
    """All methods of the address; the framework names only those of the first route that has it."""
    known = ("GET", "POST", "PUT", "DELETE")
    return [
        method
        for method in known
        if any(r.matches({**request.scope, "method": method})[0] is Match.FULL for r in request.app.routes)
    ]
