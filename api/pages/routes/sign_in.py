"""Signing in and out, and the first key: a key, or the one-time token of a service without keys, is exchanged for a session."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.pages.asking import caller_of, form_of, service_of
from api.pages.rendering import moved_to, page, static_file
from api.pages.signing.kept import KeptForm, kept_of
from api.service.http.etags import strong
from api.service.records.failures import ServiceError
from api.service.runtime.service import Service
from api.service.security.access import ROLE_SCOPES
from api.service.security.audit import event
from api.service.security.proofs.api_keys import caller_of_key, issue_key
from api.service.security.proofs.credentials import AuthenticationError
from api.service.security.proofs.local_token import COOKIE as LOCAL_COOKIE
from api.service.security.proofs.sessions import (
    FORM_COOKIE,
    SESSION_COOKIE,
    SESSION_SECONDS,
    cookies_of,
    form_mark,
    new_session,
    set_cookie,
)
from capitation.errors import CapitationError
from capitation.records.identity import digest


def _here(text: str) -> str:
    """An address of this service to go on to; Home where it is another's."""
    return text if text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() else "/"


def sign_in(request: Request) -> Response:
    """The form, and what it does."""
    if request.method == "POST":
        return _signed_in(request)
    return _form(request, _here(request.query_params.get("next", "/")))


def _form(
    request: Request,
    wanted: str,
    faults: tuple[tuple[str, str], ...] = (),
    status: int = 200,
    kept: KeptForm | None = None,
) -> Response:
    cookies, headers = cookies_of(request.headers.get("cookie", "")), {"Cache-Control": "no-store"}
    more: dict[str, Any] = {}
    if not form_mark(cookies):
        cookies = {FORM_COOKIE: secrets.token_urlsafe(24)}
        headers["Set-Cookie"] = set_cookie(
            FORM_COOKIE, cookies[FORM_COOKIE], is_secure=service_of(request).settings.secure_cookies
        )
        more = {"mark": form_mark(cookies)}
    return page(
        "sign_in.html", request, status, headers, title="Sign in", wanted=wanted, faults=faults, kept=kept, **more
    )


def _signed_in(request: Request) -> Response:
    service, form = service_of(request), form_of(request)
    wanted, key = _here(form.text("next", "/")), form.text("key")
    secure = service.settings.secure_cookies
    kept = kept_of(form.text("again"), form.text("kept"))
    if service.identity.is_local_token(key):
        cookie = set_cookie(LOCAL_COOKIE, key, is_secure=secure)
        return moved_to(wanted, {"Set-Cookie": cookie}) if kept is None else _once_more(request, kept, cookie)
    try:
        caller = caller_of_key(key, service.store.key, _now(service))
    except AuthenticationError as error:
        request.state.allowance.limit.take(f"address {request.client.host if request.client else 'unknown'}")
        return _form(request, wanted, (("key", error.message),), 401, kept)
    cookie = _opened(service, caller.credential)
    if kept is None:
        return moved_to(wanted, {"Set-Cookie": cookie})
    request.state.caller = caller
    return _once_more(request, kept, cookie)


def _once_more(request: Request, kept: KeptForm, cookie: str) -> Response:
    """What was typed before the session had ended, to be looked at and sent once more under the new one."""
    name, _, value = cookie.partition(";")[0].partition("=")
    headers = {"Set-Cookie": cookie, "Cache-Control": "no-store"}
    return page(
        "kept.html", request, 200, headers, title="Send what you typed", kept=kept, mark=form_mark({name: value})
    )


def _now(service: Service) -> dt.datetime:
    return dt.datetime.fromtimestamp(service.store.clock(), dt.UTC)


def _opened(service: Service, key_id: str) -> str:
    """A new session of a key, as the header that gives it to the browser."""
    text = new_session()
    service.store.open_session(digest(text), key_id, service.store.clock() + SESSION_SECONDS)
    return set_cookie(SESSION_COOKIE, text, is_secure=service.settings.secure_cookies, seconds=SESSION_SECONDS)


def sign_out(request: Request) -> Response:
    """End the session."""
    form_of(request)
    service = service_of(request)
    text = cookies_of(request.headers.get("cookie", "")).get(SESSION_COOKIE, "")
    if text:
        service.store.end_session(digest(text))
        service.identity.forget()
    answer = moved_to("/sign-in")
    for name in (SESSION_COOKIE, LOCAL_COOKIE):
        answer.headers.append("Set-Cookie", set_cookie(name, "", is_secure=service.settings.secure_cookies, seconds=0))
    return answer


def first_key(request: Request) -> Response:
    """The form that makes the first key, for whoever showed the token of this start; nobody once there is a key."""
    service, caller = service_of(request), caller_of(request)
    if caller.means != "local" or service.store.has_keys():
        raise ServiceError("forbidden", "the first key has already been made; an administrator issues the others")
    shown: dict[str, Any] = {"title": "Make the first key", "issued": "", "faults": (), "subject": ""}
    if request.method == "GET":
        return page("first_key.html", request, **shown)
    form = form_of(request)
    name, now = form.text("subject"), _now(service)
    try:
        issued = issue_key(name, service.system, "administrator", ROLE_SCOPES["administrator"], now=now)
    except CapitationError as error:
        said = "; ".join(f"{f.where}: found {f.found}; expected {f.expected}" for f in error.faults)
        return page("first_key.html", request, 422, **{**shown, "faults": (("subject", said),), "subject": name})
    made = event(
        now,
        name,
        service.system,
        "keys.create",
        f"keys/{issued.record.key_id}",
        correlation=request.state.correlation_id,
    )
    service.store.add_key(issued.record, made)
    service.identity.forget()
    text = issued.text.get_secret_value()
    cookie = _opened(service, issued.record.key_id)
    request.state.caller = caller_of_key(text, service.store.key, now)
    session = cookie.partition(";")[0].partition("=")[2]
    made_shown = {**shown, "title": "Your key", "issued": text, "mark": form_mark({SESSION_COOKIE: session})}
    return page("first_key.html", request, 201, {"Set-Cookie": cookie, "Cache-Control": "no-store"}, **made_shown)


def static(request: Request) -> Response:
    """A file that pages are made with."""
    content, packed, media, tag = static_file(request.path_params["name"])
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": strong(tag), "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers = packed, {**headers, "Content-Encoding": "gzip", "ETag": strong(f"{tag}-gzip")}
    return Response(content, headers=headers, media_type=media)


ROUTES = [
    Route("/sign-in", sign_in, methods=["GET", "POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
    Route("/first-key", first_key, methods=["GET", "POST"]),
    Route("/static/{name}", static),
]
