"""Home: the six questions of a board with their answers, and what waits for somebody."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.pages.answers import questions_of
from api.pages.asking import ask, caller_of, may, new_once, service_of
from api.pages.outcomes import made_of, said_kind
from api.pages.rendering import page
from api.pages.seen import SeenRun, run_of
from api.service.store import Result
from capitation.records.identity import plain


def home(request: Request) -> Response:
    """The first page."""
    service, caller = service_of(request), caller_of(request)
    named = request.query_params.get("run")
    can_start = may(request, "POST", "/v1/runs")
    scenarios = ask(request, "/v1/scenarios").content["items"]
    newest = service.store.newest("run")
    last = None if newest is None else run_of(request, newest.id)
    tasks = _tasks(request, last)
    is_first = caller.means == "local"
    seen = last if named is None else run_of(request, named)
    if seen is None:
        return page("home.html", request, title="Home", seen=None, questions=(), tasks=tasks, can_start=can_start,
                    scenarios=scenarios, once=new_once(), is_first=is_first, can_issue=may(request, "POST", "/v1/keys"))  # fmt: skip
    questions, is_waiting = questions_of(request, seen)
    approved = approved_before(request, seen.result) if named is None else None
    return page("home.html", request, title="Home", seen=seen, approved=approved, questions=questions, tasks=tasks, can_start=can_start,
                scenarios=scenarios, once=new_once(), is_first=is_first, can_issue=False, refresh=3 if is_waiting else None)  # fmt: skip


def approved_before(request: Request, shown: Result) -> SeenRun | None:
    """The run that was approved last, where the one that is shown is not approved; None where there is none."""
    store = service_of(request).store
    last = store.newest_approval("run") if store.approval_of("run", shown.id) is None else None
    return None if last is None else run_of(request, last.result)


def _tasks(request: Request, last: SeenRun | None) -> list[tuple[str, str, str]]:
    """What waits for somebody: a tag, words, and where it is done."""
    service = service_of(request)
    found: list[tuple[str, str, str]] = []
    for status, tag in (("running", "running"), ("queued", "waiting"), ("failed", "failed")):
        for job in service.store.jobs(0, 5, status):
            of = made_of(request, plain(job.request), job.kind)
            found.append((tag, f"{said_kind(job.kind)}, {of}, asked for by {job.author}", f"/jobs/{job.id}"))
    if last is not None:
        if last.stale:
            found.append(
                (
                    "stale",
                    f"the run of {last.title}: {'; '.join(last.stale)}; run it again",
                    f"/scenarios/{last.run.manifest.scenario['id']}",
                )
            )
        if service.store.approval_of("run", last.id) is None:
            found.append(("awaiting approval", f"the run of {last.title}", f"/runs/{last.id}"))
    return found


ROUTES = [Route("/", home)]
