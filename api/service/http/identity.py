"""Identity: who is asking, and whether they may do what they ask. Nothing inside is reached by anyone who is not known.

A credential that was found good is remembered for `key_seconds`, so that a key is looked up, or a signature checked, once in
that time and not at every request; a key that is revoked is refused at once by the process that revoked it and after that time
by others. Once half of the time is over, one request looks again while the others go on, so that they never all wait together.

Until the first key is issued, and where no token issuer is set, whoever shows the token that `capitation serve` keeps in a file
of its user may act as `local`, an analyst of the system: enough to try things, not to approve or to export. Where the request
comes from, which host it names and who passed it on do not count: a gate in front of others comes from this machine, too.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from api.service.http.rate_limit import Allowance
from api.service.security.access import ROLE_SCOPES, RULES, AccessError, Caller, refusal
from api.service.security.addresses import VERB_OF, is_guarded, resource_of
from api.service.security.audit import event
from api.service.security.callers import caller_of
from api.service.security.proofs.api_keys import holder
from api.service.security.proofs.credentials import AuthenticationError, masked
from api.service.security.proofs.local_token import COOKIE, LocalToken
from api.service.security.proofs.sessions import SESSION_COOKIE, cookies_of
from api.service.security.proofs.tokens import KeySet, key_set
from api.service.security.refusals import Refusals
from api.service.security.visibility import view_of
from api.service.settings import Settings
from api.service.store import Store
from capitation.records.identity import digest

_MOST_REMEMBERED = 10_000
_READS = frozenset({"GET", "HEAD"})
_UNLIMITED = ("/livez", "/readyz")

Given = Mapping[str, str]
"""What a request says in its headers, by their names in small letters."""


@dataclass
class _Known:
    """Who a credential belongs to, until when that holds, and from when on one request looks again."""

    caller: Caller
    until: float
    again: float


class Identity:
    """Knows callers by their credentials, and what they may do.

    Args:
        store: where keys are kept.
        settings: which tokens are accepted, and whether there is local access.
        system: code of the organisation that runs the system.
        clock: seconds that only go forward.
    """

    def __init__(
        self, store: Store, settings: Settings, system: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.store, self.settings, self.system, self.clock = store, settings, system, clock
        self.rules = settings.token_rules
        self.keys: KeySet | None = key_set(settings.token_keys) if settings.token_keys else None
        self.local = Caller("local", system, "analyst", ROLE_SCOPES["analyst"], "local")
        self.local_token = LocalToken(settings.local_token_file)
        self._known: dict[bytes, _Known] = {}
        self._forgotten = 0
        self._lock = threading.Lock()

    def known(self, given: Given) -> Caller | None:
        """Who asks, where that was found out a moment ago; never waits."""
        mark = mark_of(given)
        return None if mark is None else self.remembered(mark)

    def remembered(self, mark: bytes) -> Caller | None:
        """Whose credential a mark is of, where that was found out a moment ago; never waits."""
        now = self.clock()
        found = self._known.get(mark)
        if found is None or now >= found.until:
            return None
        if now >= found.again:
            found.again = found.until
            return None
        return found.caller

    def find_out(self, given: Given) -> Caller:
        """Who asks; may wait for the store or for the issuer's keys.

        Raises:
            AuthenticationError: nobody we know.
            KeySetError: tokens cannot be checked now.
            StoreError: keys cannot be looked up now.
        """
        mark = mark_of(given)
        forgotten = self._forgotten
        try:
            caller = self._looked_up(given)
        except AuthenticationError:
            if mark is not None:
                self._known.pop(mark, None)
            raise
        seconds = self.settings.key_seconds
        if mark is not None and seconds > 0:
            now = self.clock()
            with self._lock:
                if len(self._known) >= _MOST_REMEMBERED:
                    self._known.clear()
                if forgotten == self._forgotten:  # else a key was taken back while this one was looked up
                    self._known[mark] = _Known(caller, now + seconds, now + seconds / 2)
        return caller

    def forget(self) -> None:
        """Look every credential up again, since keys changed."""
        with self._lock:
            self._known.clear()
            self._forgotten += 1

    def refusal(self, caller: Caller, method: str, path: str) -> AccessError | None:
        """Why the caller may not do this; nothing where they may, or where there is nothing at the address to do."""
        resource, verb = resource_of(path), VERB_OF.get(method)
        if resource is None or verb is None or (resource, verb) not in RULES:
            return None  # no route is there: the application refuses to start with one that has no rule
        return refusal(caller, resource, verb, self.system)

    def is_local_token(self, text: str) -> bool:
        """Whether a text is the token of local access, and there still is such access."""
        is_open = self.settings.local_access and self.rules is None
        return is_open and self.local_token.is_this(text) and not self.store.has_keys()

    def _looked_up(self, given: Given) -> Caller:
        authorization, key = given.get("authorization"), given.get("x-api-key")
        shown = [each for each in (_bearer(authorization), key) if each]
        if (
            authorization is None and not shown
        ):  # a credential that is no Bearer token is refused, whatever a cookie says
            shown = [_cookie(given.get("cookie", ""))]
        if len(shown) == 1 and self.is_local_token(shown[0].strip()):
            return self.local
        now = dt.datetime.fromtimestamp(self.store.clock(), dt.UTC)
        session = _cookie(given.get("cookie", ""), SESSION_COOKIE) if is_by_cookie(given) else ""
        if session:
            record = self.store.session_key(digest(session))
            if record is None:
                raise AuthenticationError("session-over", "the session of this browser is over; sign in again")
            return holder(record, now)
        return caller_of(
            authorization,
            key,
            find=self.store.key,
            now=now,
            rules=self.rules,
            keys=self.keys,
        )


class IdentityLayer:
    """The layer that knows who asks, takes the request from their allowance, and refuses what they may not do.

    Args:
        app: the layers inside.
        identity: knows callers.
    """

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self.app, self.identity, self.refusals = app, identity, Refusals()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            ProblemError: nobody we know, no allowance left, or not theirs to do.
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state, path, method = scope["state"], scope["path"], scope["method"]
        host = (scope.get("client") or ("unknown", 0))[0]
        allowance: Allowance = state["allowance"]
        client = f"address {host}"
        caller = await self._caller(state["headers"], allowance, client) if is_guarded(path) else None
        if path not in _UNLIMITED:
            allowance.take(client if caller is None else caller.client)
        if caller is not None:
            if (
                is_by_cookie(state["headers"])
                and caller.means == "key"
                and path.startswith("/v1/")
                and method not in _READS
            ):
                raise AuthenticationError(
                    "session-reads",
                    "a browser's session reads /v1 and changes things by the forms of pages only; send a key or token",
                )
            state["caller"], state["view"] = caller, view_of(caller, self.identity.system)
            refused = self.identity.refusal(caller, method, path)
            if refused is not None:
                if method not in _READS:  # refused reads are in the access log only
                    count = self.refusals.to_record(caller.client, refused.code)
                    if count is not None:
                        await run_in_threadpool(self._note_refusal, caller, method, path, refused.code, state, count)
                raise refused
        await self.app(scope, receive, send)

    async def _caller(self, given: Given, allowance: Allowance, address: str) -> Caller:
        known = self.identity.known(given)
        if known is not None:
            return known
        allowance.check(address)
        try:
            return await run_in_threadpool(self.identity.find_out, given)
        except AuthenticationError:
            allowance.limit.take(address)  # who guesses at keys is counted where they are
            raise

    def _note_refusal(
        self, caller: Caller, method: str, path: str, code: str, state: Mapping[str, str], count: int
    ) -> None:
        """Add to the audit log that a known caller was refused a change, and how many since the last record."""
        store = self.identity.store
        at = dt.datetime.fromtimestamp(store.clock(), dt.UTC)
        action, subject = f"{resource_of(path)}.{VERB_OF[method]}", masked(path.removeprefix("/v1/"))[:200]
        correlation = state["correlation_id"]
        since = {"times": str(count)} if count > 1 else {}
        store.note(
            event(at, caller.subject, caller.organisation, action, subject, code, correlation=correlation, **since)
        )


def mark_of(given: Given) -> bytes | None:
    """What a credential is remembered by; None where none was sent."""
    authorization, key = given.get("authorization"), given.get("x-api-key")
    if authorization is None and key is None:
        cookies = given.get("cookie", "")
        local, session = _cookie(cookies), _cookie(cookies, SESSION_COOKIE)
        return hashlib.sha256(f"{COOKIE}\n{local}\n{session}".encode()).digest() if local or session else None
    return hashlib.sha256(f"{authorization}\n{key}".encode()).digest()


def _bearer(authorization: str | None) -> str:
    kind, _, text = (authorization or "").strip().partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""


def is_by_cookie(given: Given) -> bool:
    """Whether a request shows neither key nor token, so that a browser's cookies say who asks."""
    return given.get("authorization") is None and given.get("x-api-key") is None


def _cookie(cookies: str, wanted: str = COOKIE) -> str:
    """A cookie among those of a browser, by default the token of local access; empty where there is none."""
    return cookies_of(cookies).get(wanted, "") if wanted in cookies else ""
