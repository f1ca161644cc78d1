"""Runs and jobs: start one, watch it to its end, read its record, approve it, take out its journal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.pages.asking import Form, RefusedError, ask, caller_of, form_of, may, new_once, service_of
from api.pages.outcomes import made_of, said_kind
from api.pages.rendering import moved_to, page, page_address
from api.pages.routes.lists import FIELDS, LISTS, results_page
from api.pages.routes.settling import settlement_page
from api.pages.seen import SeenRun, run_of
from api.pages.tables import said_moment
from api.service.kinds import BY_ADDRESS
from api.service.security.access import ROLE_SCOPES, Role
from api.service.security.visibility import EVERYTHING, view_of
from api.service.store import TERMINAL
from capitation.records.identity import plain
from capitation.sentences import capital

_MENDED = frozenset({404, 409, 422})
"""Refusals of a form that are put right by changing what was typed."""

_HAPPENED = {
    "queued": "Asked for",
    "running": "Begun",
    "progress": "",
    "done": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
"""What happened to a job, in words."""

_EXPECTED = {"period": "a financial year such as 2018/19, or a period of the settlement's entries"}
"""What is expected in fields whose rule is a pattern."""


def started(request: Request) -> Response:
    """Start work that a form asks for; the browser goes on to its progress."""
    address, form = request.url.path.strip("/"), form_of(request)
    fields = BY_ADDRESS[address].request.model_fields
    body: dict[str, Any] = {
        name: _plain(fields[name].annotation, form.text(name)) for name in fields if form.text(name)
    }
    for name in fields:
        if str(fields[name].annotation).startswith("list") and form.all(name):
            body[name] = form.all(name)
    try:
        reply = ask(request, f"/v1/{address}", method="POST", body=body, headers=form.key)
    except RefusedError as error:
        if address not in LISTS or error.problem["status"] not in _MENDED:
            raise
        faults = [_beside(f) for f in error.problem.get("faults", ())] or [("", f"{capital(error.message)}.")]
        typed = {name: form.text(name) for name in fields}
        return results_page(request, address, typed, faults, int(error.problem["status"]))
    return moved_to(page_address(reply.headers["location"]))


def _plain(kind: Any, text: str) -> Any:  # noqa: ANN401  # a type, and any plain value
    """What a field of a form means in a request: a number where one is asked for."""
    try:
        return kind(text) if kind in {int, float} else text
    except ValueError:
        return text  # the request's own model says what is wrong with it


def job(request: Request) -> Response:
    """How far a job is; the page looks again by itself until it has ended, with or without scripts."""
    path = f"/v1/jobs/{request.path_params['job']}"
    view = ask(request, path).content
    is_over = view["status"] in TERMINAL
    result = page_address(view["result"] or "")
    events = service_of(request).store.events(view["id"], 0)
    is_open = view_of(caller_of(request), service_of(request).system) == EVERYTHING  # as streams of events are
    hidden = {"failed"} if is_open else {"failed", "progress"}
    said = [
        (_HAPPENED.get(name, name), _reported(name, "" if name in hidden else text), said_moment(at))
        for _, name, text, at in events
    ][-12:]
    words = {
        "queued": "waiting for a worker",
        "running": "being worked on",
        "done": "done",
        "failed": "failed",
        "cancelled": "cancelled",
    }
    lead = f"{said_kind(view['kind'])}: {words[view['status']]}"
    stored = service_of(request).store.job(view["id"])
    of = "" if stored is None else made_of(request, plain(stored.request), view["kind"])
    return page("job.html", request, title=lead, lead="" if is_over else "You may close this page; the work carries on, and this address shows its progress.",
                view=view, of=of, said=said, result=result, is_over=is_over, refresh=None if is_over else 2,
                can_cancel=not is_over and may(request, "DELETE", path))  # fmt: skip


def _reported(name: str, text: str) -> str:
    """What a job reported, where it says more than that it goes on."""
    if name in {"queued", "done", "cancelled"}:
        return ""
    if name == "running":
        number = text.removeprefix("attempt ")
        return "" if number == "1" else f"for the {'second' if number == '2' else number + 'th'} time"
    return text


def cancelled(request: Request) -> Response:
    """Cancel a job."""
    form_of(request)
    ask(request, f"/v1/jobs/{request.path_params['job']}", method="DELETE")
    return moved_to(f"/jobs/{request.path_params['job']}")


def run(request: Request) -> Response:
    """The record of a run: what it is made of, who made and approved it, and what can be done with it."""
    return _run_page(request, request.path_params["run"], {}, ())


def _run_page(request: Request, name: str, typed: Mapping[str, str], faults: Sequence[tuple[str, str]], status: int = 200) -> Response:  # fmt: skip
    seen = run_of(request, name)
    view = ask(request, f"/v1/runs/{seen.id}").content
    approval = service_of(request).store.approval_of("run", seen.id)
    return page("run.html", request, status, title=f"Run of {seen.title}", lead=f"{capital(seen.status)}.", seen=seen, view=view, approval=approval,
                can_approve=approval is None and may(request, "POST", "/v1/approvals"), can_post=may(request, "POST", "/v1/journals"), once=new_once(),
                faults=faults, typed=typed, by_path={path: said for path, said in faults if path}, years=_journal_years(seen), inputs=seen.run.manifest.inputs, scenario=json.dumps(seen.run.manifest.scenario, indent=2, ensure_ascii=False), result=f"/v1/runs/{seen.id}", what="run")  # fmt: skip


def _refused(request: Request, error: RefusedError, form: Form) -> Response:
    """The page of a result again, with what was typed into its forms and what is wrong with it, field by field.

    Raises:
        RefusedError: the form names no run and no settlement.
    """
    _, _, word, name = (*form.text("result").split("/"), "", "", "", "")[:4]
    faults = [_beside(f) for f in error.problem.get("faults", ())] or [("", f"{capital(error.message)}.")]
    typed = {field: form.text(field) for field in ("note", "period")}
    status = int(error.problem["status"])
    if word == "runs":
        return _run_page(request, name, typed, faults, status)
    if word == "settlements":
        return settlement_page(request, name, typed, faults, status)
    raise error


def _journal_years(seen: SeenRun) -> list[str]:
    """The years of a run for which a journal can be made: those in which its providers are paid."""
    paid = seen.run.frames.get("provider_allocation")
    return [] if paid is None or paid.is_empty() else paid["year"].unique().sort().to_list()


def _beside(fault: Mapping[str, Any]) -> tuple[str, str]:
    """The field of a form that a fault is of, and what is said beside it."""
    where = fault["where"].removeprefix("request body: ")
    field = str(fault.get("pointer", "")).strip("/") or where
    expected = _EXPECTED.get(field, fault["expected"])
    return (
        field,
        f"{FIELDS.get(where, capital(where))}: found {fault['found']}; expected {expected}. {fault.get('remedy', '')}".strip(),
    )


def approved(request: Request) -> Response:
    """Approve a result, or say why not."""
    form = form_of(request)
    body = {"result": form.text("result"), "note": form.text("note")}
    try:
        reply = ask(request, "/v1/approvals", method="POST", body=body, headers=form.key)
    except RefusedError as error:
        return _refused(request, error, form)
    return moved_to(page_address(reply.content["result"]))


def journal(request: Request) -> Response:
    """Make a journal; the browser goes on to its page."""
    form = form_of(request)
    body = {name: form.text(name) for name in ("result", "period", "part") if form.text(name)}
    try:
        reply = ask(request, "/v1/journals", method="POST", body=body, headers=form.key)
    except RefusedError as error:
        made = _already_made(request, error, body)
        return _refused(request, error, form) if made is None else moved_to(made)
    return moved_to(page_address(reply.headers["location"]))


def _already_made(request: Request, error: RefusedError, body: Mapping[str, str]) -> str | None:
    """The page of the journal that a form asks for again; None where there is none."""
    if error.problem["status"] != 409:
        return None
    _, _, _, result = (*body.get("result", "").split("/"), "", "", "", "")[:4]
    of_period = [
        each for each in service_of(request).store.journals(0, 1_000, result) if each.period == body.get("period")
    ]
    return f"/journals/{of_period[-1].id}" if of_period else None


def key_issued(request: Request) -> Response:
    """Issue a key; it is shown once, on the answer to the form."""
    if request.method == "GET":
        listed = ask(request, "/v1/keys").content["items"]
        return page("keys.html", request, title="Keys", listed=listed, issued="", faults=(), typed={}, once=new_once())
    form = form_of(request)
    typed = {name: form.text(name) for name in ("subject", "organisation", "role")}
    scopes = sorted(ROLE_SCOPES.get(cast("Role", typed["role"]), ()))
    body = {**typed, "organisation": typed["organisation"] or service_of(request).system, "scopes": scopes}
    listed = ask(request, "/v1/keys").content["items"]
    try:
        made = ask(request, "/v1/keys", method="POST", body=body, headers=form.key).content
    except RefusedError as error:
        faults = [
            (f.get("pointer", "").strip("/"), f"{f['where']}: found {f['found']}; expected {f['expected']}")
            for f in error.problem.get("faults", ())
        ]
        return page(
            "keys.html",
            request,
            error.problem["status"],
            title="Keys",
            listed=listed,
            issued="",
            faults=faults or [("", error.message)],
            typed=typed,
            once=new_once(),
        )
    return page(
        "keys.html",
        request,
        201,
        {"Cache-Control": "no-store"},
        title="Keys",
        listed=listed,
        issued=made.get("key", ""),
        faults=(),
        typed={},
        once=new_once(),
    )


ROUTES = [
    *(Route(f"/{address}", started, methods=["POST"]) for address in BY_ADDRESS if address != "settlements"),
    Route("/jobs/{job}/cancel", cancelled, methods=["POST"]),
    Route("/jobs/{job}", job),
    Route("/runs/{run}", run),
    Route("/approvals", approved, methods=["POST"]),
    Route("/journals", journal, methods=["POST"]),
    Route("/keys", key_issued, methods=["GET", "POST"]),
]
