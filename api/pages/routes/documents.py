"""Scenarios, contracts, options and problems: read, copied, changed with a reason and an owner, taken back, and run."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.pages.asking import Form, RefusedError, ask, caller_of, form_of, may, new_once, service_of
from api.pages.documents import FieldOf, changed, copied, field_at, fields_of, with_option
from api.pages.outcomes import asked_of, said_kind
from api.pages.rendering import moved_to, page
from api.pages.routes.lists import LISTS
from api.pages.seen import approved_words
from api.pages.tables import said_moment
from api.service.documents.kinds import DOCUMENT_KINDS
from api.service.kinds import BY_ADDRESS
from capitation.errors import CapitationError

RUNS = {
    "scenarios": (
        ("runs", "scenario", "Run it"),
        ("chances", "scenario", "Work out how likely totals are to be missed"),
    ),
    "options": (
        ("comparisons", "options", "Compare its options"),
        ("party-chances", "options", "Work out how likely each party is to miss its total"),
    ),
    "problems": (
        ("optimisations", "problem", "Find the best mix"),
        ("simulations", "problem", "Draw its effects and delivery"),
        ("futures", "problem", "Play its futures"),
    ),
}
"""What can be started from a document: the address, the name of the document in the request, and words."""

TITLES = {"options": "Contract options", "problems": "What may be invested in", "formulas": "Formulas of need"}
"""Titles of lists of documents that are not called by the word of their address."""

ABOUT = {
    "scenarios": "Which money, people and rules a run is made from.",
    "contracts": "Who pays whom for what, and who bears the risk when activity or cost moves.",
    "options": "Each is two to six contract options compared on one allocation.",
    "problems": "What may be invested in, with what money and staff, and to what end.",
    "formulas": "How need is weighted.",
}
"""What each kind of document is."""


_LABELS = {"option": "Short name", "option_title": "Title", "groups": "Providers", "option_reason": "Why", "option_owner": "Who answers for it",
           "reason": "Why", "owner": "Who answers for it", "path": "Which value", "value": "New value", "new_id": "Short name of the copy", "like": "As which option"}  # fmt: skip
"""What fields of the forms are called."""


_MOST = 400
"""Values of a document that a page shows; those that contain a word are found among all of them."""


def listed(request: Request) -> Response:
    """The documents of a kind, newest versions."""
    plural = request.url.path.strip("/")
    items = ask(request, f"/v1/{plural}", {"limit": "1000"}).content["items"]
    lead = f"{ABOUT[plural]} {'One is' if len(items) == 1 else f'{len(items)} are'} stored."
    made = [(f"/{address}", LISTS[address].title) for address, _, _ in RUNS.get(plural, ())]
    return page(
        "documents.html",
        request,
        title=TITLES.get(plural, plural.capitalize()),
        lead=lead,
        items=items,
        plural=plural,
        made=made,
    )


def one(request: Request) -> Response:
    """A document: its words, its values, what can be done with it."""
    return _shown(request, {}, ())


def _shown(request: Request, typed: dict[str, str], faults: Any, status: int = 200) -> Response:  # noqa: ANN401  # pairs
    plural, name = request.url.path.split("/")[1], request.path_params["name"]
    reply = ask(request, f"/v1/{plural}/{name}")
    versions = ask(request, f"/v1/{plural}/{name}/versions", {"limit": "200"}).content["items"]
    content = reply.content
    fields = list(fields_of(content))
    path = (typed.get("path") or request.query_params.get("path", "")).strip()
    chosen, like = _chosen(fields, path)
    find = request.query_params.get("find", "").strip()[:100]
    if path and chosen is None and like and not find:
        find = path[:100]
    if find:
        fields = [
            each for each in fields if find.lower() in f"{each.words} {each.path} {each.value} {each.shown}".lower()
        ]
    lead = str(content.get("about", "")).split(". ")[0].rstrip(".")
    is_options = plural == "options"
    contracts = ask(request, "/v1/contracts", {"limit": "1000"}).content["items"] if is_options else ()
    used = (
        {c["contract"] for option in content.get("options", ()) for c in option["contracts"]} if is_options else set()
    )
    contracts = sorted(
        contracts, key=lambda each: (each["author"] == "data-pack", each["id"] not in used, each["title"])
    )
    results = _results(request, plural, name)
    if path and chosen is None and not faults:
        faults = [
            (
                "path",
                f"{_LABELS['path']}: {len(like)} values have “{path[:80]}” in their names; choose one from the table below.",
            )
            if like
            else (
                "path",
                f"{_LABELS['path']}: found {path[:80]!r}; expected a value of this document. Choose one from the table below.",
            )
        ]
        typed = {**typed, "path": path}
    return page(
        "document.html", request, status, title=str(content.get("title", name)), lead=f"{lead}." if lead else "", about=content.get("about", ""),
        plural=plural, name=name, fields=fields, find=find, most=_MOST, versions=list(reversed(versions)), etag=reply.headers["etag"], runs=RUNS.get(plural, ()),
        may_change=may(request, "PUT", f"/v1/{plural}/{name}"), once=new_once(), typed=typed, faults=faults, chosen=chosen, kind=DOCUMENT_KINDS[plural].kind,
        first_year=max((str(each["since"]) for each in content.get("options", ()) if each.get("since")), default="") if is_options else "", contracts=contracts, options=content.get("options", ()) if is_options else (), groups=content.get("groups", ()) if is_options else (),
        results=results, by_path={field: said for field, said in faults if field},
    )  # fmt: skip


def _chosen(fields: list[FieldOf], path: str) -> tuple[FieldOf | None, list[FieldOf]]:
    """The value that is meant, by its path, its words, or a part of them that no other has; and all that have the part."""
    exact = next((each for each in fields if path in {each.path, each.words}), None)
    like = [each for each in fields if path and path.lower() in each.words.lower()]
    return exact or (like[0] if len(like) == 1 else None), like


def _results(request: Request, plural: str, name: str) -> list[tuple[str, str]]:
    """The newest results that were made from a document: where each stands, and words."""
    service, found = service_of(request), []
    for address, _, _ in RUNS.get(plural, ()):
        kind = BY_ADDRESS[address]
        last = service.store.newest(kind.name)
        if last is None or service.identity.refusal(caller_of(request), "GET", f"/v1/{address}") is not None:
            continue
        for stored in reversed(service.store.results(kind.name, last.seq - 50, 50)):
            asked = asked_of(service, stored)
            if asked.get(kind.document) == name:
                status = approved_words(service, kind.name, stored.id, "not approved")
                words = f"{said_kind(kind.name)} of {said_moment(stored.created)}, by {stored.author}, {status}"
                found.append((f"/{address}/{stored.id}", words))
    return found[:10]


def acted(request: Request) -> Response:
    """Copy a document, change a value of it, or take a version back."""
    plural, name = request.url.path.split("/")[1], request.path_params["name"]
    form = form_of(request)
    typed = {key: form.text(key) for key in form.values if key not in {"mark", "once"}}
    try:
        return _done(request, plural, name, form)
    except RefusedError as error:
        content = ask(request, f"/v1/{plural}/{name}").content
        named = [
            (
                _field(f),
                f"{_called(f, content)}: found {f['found']}; expected {f['expected']}. {f.get('remedy', '')}".strip(),
            )
            for f in error.problem.get("faults", ())
        ]
        if error.problem["status"] == 409 and form.text("do") == "copy":
            name_used = f"found {form.text('new_id')[:80]!r}, which another document has; expected a name that is free."
            named = [("new_id", f"{_LABELS['new_id']}: {name_used}")]
        return _shown(request, typed, named or [("", error.message)], int(error.problem["status"]))
    except CapitationError as error:
        return _shown(
            request,
            typed,
            [
                (f.where, f"{_LABELS.get(f.where, f.where.capitalize())}: found {f.found}; expected {f.expected}.")
                for f in error.faults
            ]
            or [("", error.message)],
            422,
        )


def _field(fault: dict[str, Any]) -> str:
    return "new_id" if str(fault.get("pointer", "")).endswith("/id") else "value"


def _called(fault: dict[str, Any], content: dict[str, Any]) -> str:
    """What a field at fault is called on the page; as it is written in the document where it is no value of it."""
    if _field(fault) == "new_id":
        return _LABELS["new_id"]
    where = str(fault["where"]).removeprefix("request body: ")
    found = field_at(content, str(fault.get("pointer", ""))) or field_at(content, where)
    return where if found is None else found.words


def _done(request: Request, plural: str, name: str, form: Form) -> Response:
    path = f"/v1/{plural}/{name}"
    content = ask(request, path).content
    what = form.text("do")
    if what == "copy":
        made = copied(content, form.text("new_id"), form.text("new_title"))
        ask(request, f"/v1/{plural}", method="POST", body=made, headers=form.key)
        return moved_to(f"/{plural}/{made['id']}")
    if what == "option":
        names, why = (
            (form.text("option"), form.text("option_title"), form.text("since")),
            (form.text("option_reason"), form.text("option_owner")),
        )
        made = with_option(content, names, form.text("like"), form.text("contract"), form.all("groups"), why)
        ask(request, path, method="PUT", body=made, headers={"If-Match": form.text("etag")})
        return moved_to(f"/{plural}/{name}")
    if what == "back":
        made = ask(request, f"{path}/versions/{form.text('digest')}").content
    else:
        made = changed(content, form.text("path"), form.text("value"), form.text("reason"), form.text("owner"))
    ask(request, path, method="PUT", body=made, headers={"If-Match": form.text("etag")})
    return moved_to(f"/{plural}/{name}")


ROUTES = [
    route
    for plural in DOCUMENT_KINDS
    for route in (
        Route(f"/{plural}", listed, methods=["GET"]),
        Route(f"/{plural}/{{name}}", one, methods=["GET"]),
        Route(f"/{plural}/{{name}}", acted, methods=["POST"]),
    )
]
