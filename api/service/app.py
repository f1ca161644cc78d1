"""The application: settings in, a service out, with its routes found by scanning `api/service/routes`."""

from __future__ import annotations

import importlib
import pkgutil
import signal
import threading
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version
from types import FrameType

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

import api.service.routes
from api.pages.problem_pages import problem_page
from api.pages.signing.kept import KeptForms
from api.pages.site import page_routes
from api.service.describe.openapi import describe
from api.service.documents.kinds import SHIPPED, seed
from api.service.http.access_log import AccessLog
from api.service.http.body_limit import BodyLimit
from api.service.http.correlation import Correlation
from api.service.http.error_answers import ErrorAnswers, log_unavailable
from api.service.http.etag_layer import EtagLayer
from api.service.http.given_again import GivenAgain
from api.service.http.head import HeadLayer
from api.service.http.identity import IdentityLayer
from api.service.http.local_access import LocalAccess
from api.service.http.metrics import Metrics
from api.service.http.preconditions import Preconditions
from api.service.http.problems import MEDIA_TYPE, Problem, encoded, headers_of, problem_of
from api.service.http.rate_limit import RateLimit, RateLimitHeaders, rate_limit
from api.service.http.response_cache import ResponseCache
from api.service.http.security_headers import SecurityHeaders
from api.service.jobs.worker import Worker
from api.service.packs.packs import Packs, keep
from api.service.records.failures import ServiceError
from api.service.records.pack import pack_at
from api.service.runtime.queries import check_query
from api.service.runtime.request_faults import no_such_address, no_such_method, parameter_faults
from api.service.runtime.service import Service
from api.service.security.access import RULES
from api.service.security.addresses import VERB_OF, is_guarded, resource_of
from api.service.settings import Settings
from api.service.store import Store
from capitation.errors import CapitationError

_STATUS_KINDS = {404: "not-found", 405: "method-not-allowed", 400: "bad-request", 406: "not-acceptable"}
_STOP_SECONDS = 5.0
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""The framework's own would send the messages of faults, which may hold what was asked, to wherever the environment says."""


def create_app(settings: Settings | None = None) -> Application:
    """The service, ready to be served: its store is migrated and filled with the data pack's documents.

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
    limit = rate_limit(setting.rate_requests, setting.rate_seconds, setting.rate_counts)
    again = GivenAgain(service.identity, limit, service.metrics.request)
    app = addresses(layers(service, limit, again), again)
    app.state.service = service
    app.add_exception_handler(CapitationError, handle_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _status)
    return app


def layers(service: Service, limit: RateLimit, again: GivenAgain) -> list[Middleware]:
    """What every request and answer goes through, the outermost layer first; `again` gives what the memory of answers keeps."""
    setting = service.settings
    return [
        Middleware(Correlation),
        Middleware(AccessLog, count=service.metrics.request),
        Middleware(HeadLayer),
        Middleware(SecurityHeaders),
        Middleware(RateLimitHeaders, limit=limit),
        Middleware(ErrorAnswers, page=problem_page),
        Middleware(BodyLimit, most_bytes=setting.body_bytes),
        Middleware(KeptForms),
        Middleware(LocalAccess, is_token=service.identity.is_local_token),
        Middleware(IdentityLayer, identity=service.identity),
        Middleware(ResponseCache, most_bytes=setting.remembered_bytes, mark=service.store.mark, made=again.look_in),
        Middleware(Preconditions),
        Middleware(EtagLayer),
    ]


class Application(FastAPI):
    """The application; what is kept is given again before any layer is gone through."""

    again: GivenAgain | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self.again is None or not await self.again.is_given(scope, send):
            await super().__call__(scope, receive, send)


def addresses(layers: Sequence[Middleware] = (), again: GivenAgain | None = None) -> Application:
    """The application with its routes and its description; by default without layers, for there is no service behind it yet."""
    app = Application(
        middleware=layers,
        dependencies=[Depends(check_query)],
        telemetry=_NO_TELEMETRY,
        title="Capitation",
        version=version("capitation"),
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,  # an answer may leave out what has a default, as a request may
        generate_unique_id_function=lambda route: route.name,
    )
    app.again = again
    for router in routers():
        app.include_router(router)
    describe(app)
    app.router.routes.extend(page_routes())
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
    service.webhooks.start(stop)
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

    def stopped(number: int, frame: FrameType | None) -> None:
        stop.set()
        before = earlier[signal.Signals(number)]
        if callable(before):
            before(number, frame)

    earlier = {number: signal.signal(number, stopped) for number in (signal.SIGTERM, signal.SIGINT)}


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


def _answer(request: Request, problem: Problem, headers: dict[str, str] | None = None) -> Response:
    shown = problem_page(request.scope, problem)
    if shown is not None:
        return Response(shown[0], problem.status, {**shown[1], **(headers or {})})
    return Response(encoded(problem), problem.status, headers, MEDIA_TYPE)


def handle_error(request: Request, error: Exception) -> Response:
    """The answer for an error that was raised on purpose."""
    if not isinstance(error, CapitationError):
        raise error
    body = getattr(request.state, "content", None)
    problem = problem_of(error, request.state.correlation_id, body)
    log_unavailable(problem, error)
    return _answer(request, problem, headers_of(error))


def _invalid(request: Request, error: Exception) -> Response:
    """The answer for a path, query or header that does not fit its description."""
    if not isinstance(error, RequestValidationError):
        raise error
    faults = parameter_faults(error.errors(), request.scope.get("route"))
    problem = ServiceError("invalid", "The request does not fit its description", faults)
    return _answer(request, problem_of(problem, request.state.correlation_id))


def _status(request: Request, error: Exception) -> Response:
    """The answer for an address or method that does not exist."""
    if not isinstance(error, HTTPException):
        raise error
    kind = _STATUS_KINDS.get(error.status_code, "internal" if error.status_code >= 500 else "bad-request")
    detail = f"{request.method} {request.url.path}: {error.detail}"
    headers = dict(error.headers or {})
    if error.status_code == 405:
        allowed = _methods(request)
        headers["Allow"] = ", ".join(allowed)
        detail = no_such_method(request.method, request.url.path, allowed)
    if error.status_code == 404:
        detail = no_such_address(request.method, request.url.path, _paths())
    return _answer(request, problem_of(ServiceError(kind, detail), request.state.correlation_id), headers)


@cache
def _paths() -> tuple[str, ...]:
    """Every address of the service, with the names of its parts."""
    return tuple(sorted({each.path for router in routers() for each in router.routes if isinstance(each, APIRoute)}))


def _methods(request: Request) -> list[str]:
    """All methods of the address; the framework names only those of the first route that has it."""
    known = ("GET", "POST", "PUT", "DELETE")
    found = [
        method
        for method in known
        if any(r.matches({**request.scope, "method": method})[0] is Match.FULL for r in request.app.routes)
    ]
    return [*found, "HEAD"] if "GET" in found else found
