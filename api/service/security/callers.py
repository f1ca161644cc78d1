"""Who is asking, from the headers that carry an API key or an access token."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from api.service.security.access import Caller
from api.service.security.proofs.api_keys import KeyRecord, caller_of_key
from api.service.security.proofs.credentials import AuthenticationError
from api.service.security.proofs.tokens import KeySet, TokenRules, caller_of_token


def caller_of(
    authorization: str | None,
    api_key: str | None,
    *,
    find: Callable[[str], KeyRecord | None],
    now: dt.datetime,
    rules: TokenRules | None = None,
    keys: KeySet | None = None,
) -> Caller:
    """Who is asking, from the headers Authorization (Bearer with a key or token) and X-API-Key.

    Args:
        authorization: the header Authorization, if sent.
        api_key: the header X-API-Key, if sent.
        find: the record of a key id, or nothing.
        now: the time, with its zone.
        rules: which tokens are accepted; none where the service takes keys only.
        keys: the issuer's keys.

    Raises:
        AuthenticationError: no credential, two of them, or one that is not good.
        KeySetError: the issuer's keys cannot be had.
    """
    if authorization and api_key:
        raise AuthenticationError("two-credentials", "found both Authorization and X-API-Key; expected one of them")
    if api_key:
        return caller_of_key(api_key.strip(), find, now)
    if not authorization:
        raise AuthenticationError(
            "no-credential",
            "found no credential; expected an API key in X-API-Key, or a key or access token in Authorization",
        )
    kind, _, text = authorization.strip().partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        raise AuthenticationError(
            "scheme", "Authorization: found another scheme; expected a key or token after the word Bearer"
        )
    text = text.strip()
    if text.startswith("cap_"):
        return caller_of_key(text, find, now)
    if rules is None or keys is None:
        raise AuthenticationError("tokens-not-taken", "access token: this service takes API keys only")
    return caller_of_token(text, rules, keys)
