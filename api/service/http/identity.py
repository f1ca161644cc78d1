"""The door: who is asking, and whether they may do what they ask. Nothing behind it is reached by anyone it does not know.

A credential that was found good is remembered for `key_seconds`, so that a key is looked up, or a signature checked, once in
that time and not at every request; a key that is revoked is refused at once by the process that revoked it and after that time
by others. Once half of the time is over, one request looks again while the others go on, so that they never all wait together.

Until the first key is issued, and where no token issuer is set, a request that comes from this machine and names this machine
as its host may act as `local`, an analyst of the system: enough to try things, not to approve or to export.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast, get_args

from starlette.types import Scope

from api.service.security.access import ROLE_SCOPES, RULES, AccessError, Caller, Resource, Verb, refusal
from api.service.security.credentials import AuthenticationError, KeySet, caller_of, key_set
from api.service.settings import Settings
from api.service.store import Store

PUBLIC = frozenset({"/livez", "/readyz", "/openapi.json"})
"""Addresses that anyone may read."""

VERB_OF: dict[str, Verb] = {
    "GET": "read",
    "HEAD": "read",
    "POST": "create",
    "PUT": "change",
    "PATCH": "change",
    "DELETE": "delete",
}
"""What each method does."""

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost", "[::1]"})
_RESOURCES = frozenset(get_args(Resource))
_MOST_REMEMBERED = 10_000
_LOOK_AGAIN_SECONDS = 1.0

Given = Mapping[str, str]
"""What a request says in its headers, by their names in small letters."""


@dataclass
class _Known:
    """Who a credential belongs to, until when that holds, and from when on one request looks again."""

    caller: Caller
    until: float
    again: float


class Door:
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
        self._known: dict[bytes, _Known] = {}
        self._forgotten = 0
        self._local_until = 0.0
        self._lock = threading.Lock()

    def known(self, given: Given, host: str) -> Caller | None:
        """Who asks, where that was found out a moment ago; never waits."""
        now = self.clock()
        mark = _mark(given)
        if mark is None:
            return self.local if now < self._local_until and self._is_here(given, host) else None
        found = self._known.get(mark)
        if found is None or now >= found.until:
            return None
        if now >= found.again:
            found.again = found.until
            return None
        return found.caller

    def find_out(self, given: Given, host: str) -> Caller:
        """Who asks; may wait for the store or for the issuer's keys.

        Raises:
            AuthenticationError: nobody we know.
            KeySetError: tokens cannot be checked now.
            StoreError: keys cannot be looked up now.
        """
        mark = _mark(given)
        if mark is None and self._has_local_access() and self._is_here(given, host):
            return self.local
        forgotten = self._forgotten
        try:
            caller = caller_of(
                given.get("authorization"),
                given.get("x-api-key"),
                find=self.store.key,
                now=dt.datetime.fromtimestamp(self.store.clock(), dt.UTC),
                rules=self.rules,
                keys=self.keys,
            )
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
            self._local_until = 0.0

    def refusal(self, caller: Caller, method: str, path: str) -> AccessError | None:
        """Why the caller may not do this; nothing where they may, or where there is nothing at the address to do."""
        resource, verb = resource_of(path), VERB_OF.get(method)
        if resource is None or verb is None or (resource, verb) not in RULES:
            return None  # no route is there: the application refuses to start with one that has no rule
        return refusal(caller, resource, verb, self.system)

    def _has_local_access(self) -> bool:
        if not self.settings.local_access or self.rules is not None:
            return False
        if self.clock() >= self._local_until:
            if self.store.has_keys():
                return False
            self._local_until = self.clock() + _LOOK_AGAIN_SECONDS
        return True

    def _is_here(self, given: Given, host: str) -> bool:
        """Whether the caller is at this machine, and not a page of another site or a gate in front of others."""
        named = given.get("host", "")
        name = named if named.endswith("]") else named.rpartition(":")[0] or named
        return host in _LOOPBACK and name in _LOOPBACK and "x-forwarded-for" not in given and "forwarded" not in given


def given_in(scope: Scope) -> dict[str, str]:
    """The headers of a request; of those that are there twice, the first."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def resource_of(path: str) -> Resource | None:
    """The resource an address belongs to; None where there is none.

    Example:
        "/v1/runs/f10e0a9b83f73e51/frames/pace" belongs to runs, and "/metrics" to metrics.
    """
    if path == "/metrics":
        return "metrics"
    if not path.startswith("/v1/"):
        return None
    word = path[4:].partition("/")[0]
    return cast("Resource", word) if word in _RESOURCES else None


def is_guarded(path: str) -> bool:
    """Whether an address is behind the door: everything but what anyone may read."""
    return path not in PUBLIC


def _mark(given: Given) -> bytes | None:
    """What a credential is remembered by; None where none was sent."""
    authorization, key = given.get("authorization"), given.get("x-api-key")
    if authorization is None and key is None:
        return None
    return hashlib.sha256(f"{authorization}\n{key}".encode()).digest()
