"""The terms of a contract in a form made from their schema, with the payoff redrawn; kept as a new version with a reason and an owner."""

from __future__ import annotations

import datetime as dt
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.pages.asking import Form, RefusedError, ask, form_of, may
from api.pages.rendering import moved_to, page
from api.pages.terms.form import clauses, faults_by_path, figures, origins, paths_of, read
from api.pages.terms.redrawn import redrawn
from capitation.errors import CapitationError, Fault
from capitation.sentences import small
from contracts.document.contract import parse_contract
from contracts.terms import all_terms


def terms(request: Request) -> Response:
    """The form of a contract as it is stored, with its payoff."""
    reply = ask(request, f"/v1/contracts/{request.path_params['name']}")
    return _shown(request, reply.content, {}, reply.headers["etag"])


def changed(request: Request) -> Response:
    """What was typed: redrawn, or kept as a new version."""
    name, form = request.path_params["name"], form_of(request)
    path = f"/v1/contracts/{name}"
    reply = ask(request, path)
    typed = {key: form.text(key) for key in form.values if key not in {"mark"}}
    made = read(reply.content, typed)
    request.state.origins = origins(reply.content, typed)
    if form.text("do") != "keep":
        return _shown(request, made, typed, form.text("etag") or reply.headers["etag"], given=True)
    lacking = [(key, f"{words}: found nothing; expected a few words") for key, words in (("reason", "Why"), ("owner", "Who answers for it")) if len(form.text(key)) < 3]  # fmt: skip
    if lacking:
        return _shown(request, made, typed, form.text("etag"), lacking, given=True)
    kept = {**made, "about": _about(made, form)}
    try:
        ask(request, path, method="PUT", body=kept, headers={"If-Match": form.text("etag")})
    except RefusedError as error:
        if error.problem["status"] == 412:
            said = "Somebody changed the contract since you opened it. What you typed is kept here; open the contract in another window to compare."
            return _shown(request, made, typed, reply.headers["etag"], [("", said)], given=True, status=412)
        return _shown(
            request,
            made,
            typed,
            form.text("etag"),
            [("", error.message)] if not error.faults else [],
            error.faults,
            given=True,
        )
    return moved_to(f"/contracts/{name}/terms")


def _about(made: dict[str, Any], form: Form) -> str:
    on = dt.datetime.now(dt.UTC).strftime("%-d %B %Y")
    return f"{made.get('about', '')} Terms changed on {on}, because {form.text('reason').rstrip('.')} ({form.text('owner')}).".strip()


def _shown(
    request: Request, content: dict[str, Any], typed: dict[str, str], etag: str, more: list[tuple[str, str]] | None = None,
    refused: Any = (), *, given: bool = False, status: int = 422,  # noqa: ANN401  # faults
) -> Response:  # fmt: skip
    name = request.path_params["name"]
    contract, faults = None, list(refused)
    if not faults:
        try:
            contract = parse_contract(content, where=f"contract {name}")
        except CapitationError as error:
            faults = list(error.faults) or [Fault("the contract", error.message, "a contract without faults")]
    known = set(paths_of(figures(content, {}), clauses(content, {})))
    by_path, listed = faults_by_path(faults, known)
    listed += more or []
    by_path |= {key: said for key, said in more or [] if key}
    curve = None if contract is None else redrawn(contract, typed.get("varied", ""), typed.get("output", ""))
    is_part = bool(request.headers.get("hx-request"))
    lead = _lead(listed, (curve is not None and curve.figure is not None and curve.figure.title) or "", given)
    return page(
        "contract_terms_part.html" if is_part else "contract_terms.html", request, status if listed and not is_part else 200,
        title=f"Terms of {content.get('title', name)}", lead=lead, name=name, figures=figures(content, by_path), clauses=clauses(content, by_path),
        faults=listed, typed=typed, etag=etag, curve=curve, kinds=sorted(all_terms()), may_change=may(request, "PUT", f"/v1/contracts/{name}"),
        by_path=by_path, version=content.get("version", ""), origins=getattr(request.state, "origins", None) or [str(n) for n in range(len(content.get("terms") or ()))],
    )  # fmt: skip


def _lead(faults: list[tuple[str, str]], title: str, given: bool) -> str:
    if faults:
        return f"{len(faults)} {'things are' if len(faults) > 1 else 'thing is'} wrong; nothing was changed, and what you typed is kept."
    if given:
        return (
            f"As typed: {small(title)}. Nothing is kept until you keep it."
            if title
            else "Nothing is kept until you keep it."
        )
    return f"{title}." if title else "This contract has no worked case to draw its payoff from."


ROUTES = [
    Route("/contracts/{name}/terms", terms, methods=["GET"]),
    Route("/contracts/{name}/terms", changed, methods=["POST"]),
]
