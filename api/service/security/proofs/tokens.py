"""Signed access tokens of an OAuth2 client-credentials grant: RS256 or ES256, with a key of the issuer's published key set (JWKS).

A token passes when its algorithm is one we pinned and the one its key is for, its signature holds, its issuer and
audience are ours, it has begun and not ended, and it does not live longer than we accept. A refusal says what to mend,
has a stable code, and never repeats what was sent: neither messages, representations nor logs carry a secret.

Rules followed: RFC 7517 (key sets), RFC 7519 and RFC 8725 (tokens), RFC 9068 (access tokens), RFC 6750 (refusals).
"""

from __future__ import annotations

import base64
import json
import math
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from pydantic import Field, model_validator

from api.service.records.addresses import answer_of, is_local_or_https
from api.service.records.failures import ProblemError
from api.service.security.access import ROLES, SCOPES, Caller, Role
from api.service.security.proofs.credentials import (
    LARGEST_CREDENTIAL,
    LONGEST_ORGANISATION,
    LONGEST_SUBJECT,
    AuthenticationError,
)
from capitation.errors import Faults
from capitation.records.documents import Document
from capitation.records.identity import KeyTwiceError, plain

if TYPE_CHECKING:
    import jwt

Algorithm = Literal["RS256", "ES256"]
"""Signatures accepted: RSA with SHA-256, or the P-256 curve with SHA-256."""

SMALLEST_RSA = 2_048
"""Bits of the smallest RSA key accepted (NIST SP 800-131A)."""


class KeySetError(ProblemError):
    """The issuer's key set cannot be read or is not one we can rely on, so no token can be checked."""

    kind = "keys-unavailable"


class TokenRules(Document):
    """Which access tokens are accepted."""

    issuer: str = Field(min_length=1)
    """Who must have issued it (claim iss), exactly."""
    audience: str = Field(min_length=1)
    """Whom it must be meant for (claim aud): this service."""
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256", "ES256"), min_length=1)
    """Signatures accepted; what the token says of itself is never enough."""
    organisation_claim: str = "organisation"
    """Claim with the code of the client's organisation, or a list of that one code; `a.b` is the claim b inside the claim a."""
    role_claim: str = "role"
    """Claim with the client's role, or a list that holds it; `a.b` is the claim b inside the claim a."""
    roles: Mapping[str, str] = Field(default_factory=dict)
    """The issuer's words for roles, each with ours; ours stand for themselves."""
    leeway_seconds: int = Field(default=30, ge=0, le=300)
    """By how much clocks may differ."""
    longest_life_seconds: int = Field(default=3_600, ge=60)
    """The longest time from issue to end that is accepted."""

    @model_validator(mode="after")
    def _maps_to_our_roles(self) -> Self:
        for word, role in self.roles.items():
            if role not in ROLES:
                raise ValueError(f"token role {word!r} stands for {role!r}; expected one of {', '.join(ROLES)}")
        return self


@dataclass(frozen=True)
class SigningKey:
    """A public key of the issuer and the one algorithm it is for."""

    key_id: str
    algorithm: Algorithm
    key: Any = field(repr=False)


@dataclass
class KeySet:
    """The issuer's public keys, read again when old or when a token names one that is not there.

    Args:
        where: the file or address, for messages.
        load: its bytes; called at most once in `cooldown_seconds` for keys that are not known.
        clock: seconds that only go forward.
        lifespan_seconds: how long keys are used before they are read again.
        longest_stale_seconds: how long old keys are used after that while the set cannot be read.
        cooldown_seconds: least time between two readings while there are keys to use.
        retry_seconds: least time between two readings while there are none, so that requests do not queue at a dead issuer.

    A key taken out of the set is thus refused after at most lifespan and stale time together.
    """

    where: str
    load: Callable[[], bytes] = field(repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    lifespan_seconds: float = 300
    longest_stale_seconds: float = 3_600
    cooldown_seconds: float = 30
    retry_seconds: float = 1
    _keys: dict[str, SigningKey] = field(default_factory=dict, init=False, repr=False)
    _read_at: float | None = field(default=None, init=False, repr=False)
    _tried_at: float | None = field(default=None, init=False, repr=False)
    _failure: str = field(default="", init=False, repr=False)

    def find(self, key_id: str) -> SigningKey:
        """The key of this id.

        Raises:
            KeySetError: the set cannot be read, and what was read before is too old.
            AuthenticationError: the set has no such key.
        """
        now = self.clock()
        age = None if self._read_at is None else now - self._read_at
        if age is None or age > self.lifespan_seconds or (key_id not in self._keys and self._may_try(now)):
            self._refresh(now)
        if key_id not in self._keys:
            raise AuthenticationError("token-key", "access token: signed with a key that the issuer does not publish")
        return self._keys[key_id]

    def _may_try(self, now: float) -> bool:
        return self._tried_at is None or now - self._tried_at >= self.cooldown_seconds

    def _refresh(self, now: float) -> None:
        is_usable = self._read_at is not None and now - self._read_at <= (
            self.lifespan_seconds + self.longest_stale_seconds
        )
        if is_usable and not self._may_try(now):
            return
        if not is_usable and self._failure and self._tried_at is not None and now - self._tried_at < self.retry_seconds:
            raise KeySetError(self._failure)
        self._tried_at = now
        try:
            self._keys = parse_key_set(self.load(), self.where)
            self._read_at, self._failure = now, ""
        except (OSError, KeySetError) as error:
            if is_usable:
                return
            self._keys = {}
            self._failure = (
                str(error)
                if isinstance(error, KeySetError)
                else f"{self.where}: the key set cannot be read ({type(error).__name__}); no access token can be checked until it can"
            )
            raise KeySetError(self._failure) from None


def key_set(where: str) -> KeySet:
    """The key set in a file, or at an https address (http only on this machine).

    Raises:
        KeySetError: an address of another kind, or one with a password in it.
    """
    parts = urllib.parse.urlsplit(where)
    if parts.scheme in {"http", "https"}:
        if parts.username or parts.password:
            raise KeySetError("key set: found an address with a user or password in it; expected one without")
        if not is_local_or_https(where):
            raise KeySetError(
                f"{where}: found http, or an address that cannot be asked; expected https, so that nobody between can change the keys"
            )
        return KeySet(where, lambda: _fetch(where))
    if "://" in where:
        raise KeySetError(f"{where}: found an address of kind {parts.scheme!r}; expected a file or an https address")
    return KeySet(where, Path(where).read_bytes)


def parse_key_set(content: bytes, where: str) -> dict[str, SigningKey]:
    """The signing keys of a JWKS by their id; keys for encryption, of other kinds and that cannot be used are left out.

    An issuer's set may hold keys for others: one without an id, a weak one or one that cannot be read makes no difference to
    those that can be used.

    Raises:
        KeySetError: not a key set, no key we can use (with the reasons), or what must not be there: a private or shared key, or
            two keys of one id; all together.
    """
    import jwt

    try:
        listed = json.loads(content)["keys"]
    except (ValueError, KeyError, TypeError):
        raise KeySetError(f"{where}: found no key set; expected JSON with a list 'keys' (RFC 7517)") from None
    faults, unusable, found = Faults(), Faults(), dict[str, SigningKey]()
    for number, entry in enumerate(listed if isinstance(listed, list) else [], start=1):
        entry_name = f"key {number}"
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            continue
        if "d" in entry or entry.get("kty") == "oct":
            faults.add(
                entry_name, "a private or shared key", "public keys only", "Take it out and replace it: it is known."
            )
            continue
        algorithm = _algorithm_of(entry)
        if algorithm is None:
            continue
        key_id = entry.get("kid")
        if not isinstance(key_id, str) or not key_id:
            unusable.add(entry_name, "no 'kid'", "an id, which tokens name")
            continue
        if key_id in found:
            faults.add(entry_name, f"id {key_id!r} a second time", "each id once")
            continue
        try:
            key = jwt.PyJWK(entry, algorithm).key
        except (jwt.PyJWTError, ValueError, TypeError):
            unusable.add(entry_name, "numbers that make no key", f"a public key for {algorithm}")
            continue
        if algorithm == "RS256" and key.key_size < SMALLEST_RSA:
            unusable.add(entry_name, f"an RSA key of {key.key_size} bits", f"at least {SMALLEST_RSA} bits")
            continue
        found[key_id] = SigningKey(key_id, algorithm, key)
    faults.raise_if_any(KeySetError, f"{where}: the key set cannot be relied on")
    if not found:
        unusable.raise_if_any(KeySetError, f"{where}: the key set has no key that can be used")
        raise KeySetError(f"{where}: found no key for RS256 or ES256; expected at least one")
    return found


def caller_of_token(text: str, rules: TokenRules, keys: KeySet) -> Caller:
    """Who an access token was issued to.

    Raises:
        AuthenticationError: why the token is not accepted.
        KeySetError: the issuer's keys cannot be had, so no token can be checked.
    """
    import jwt

    key = keys.find(_key_id_of(text, rules))
    if key.algorithm not in rules.algorithms:
        raise AuthenticationError("token-algorithm", _pinned(rules))
    try:
        claims: dict[str, Any] = jwt.decode(
            text,
            key=key.key,
            algorithms=[key.algorithm],
            audience=rules.audience,
            issuer=rules.issuer,
            leeway=rules.leeway_seconds,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise _refused(error, rules) from None
    except (ValueError, TypeError, OverflowError):
        raise AuthenticationError("token-malformed", "access token: cannot be read") from None
    _check_times(text, claims)
    life = int(claims["exp"]) - int(claims["iat"])
    if life > rules.longest_life_seconds:
        raise AuthenticationError(
            "token-life",
            f"access token: lives {str(life)[:20]} seconds; expected at most {rules.longest_life_seconds} (token_life_seconds)",
        )
    return _caller(claims, rules)


def _check_times(text: str, claims: Mapping[str, Any]) -> None:
    """Refuse a token whose times are no numbers, or that names a claim or a part of its header twice, so that readers differ in which counts.

    Raises:
        AuthenticationError: 401.
    """
    for name in ("exp", "iat", "nbf"):
        found = claims.get(name)
        if found is None and name not in claims:  # pyjwt requires the first two
            continue
        if isinstance(found, bool) or not isinstance(found, int | float) or found != found or abs(found) == math.inf:
            raise AuthenticationError(
                "token-claims", f"access token: claim {name} is unusable; expected seconds since 1970 as a number"
            )
    try:
        for part in text.split(".")[:2]:
            plain(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode(), keys_once=True)
    except KeyTwiceError:
        raise AuthenticationError("token-claims", "access token: names a claim more than once") from None
    except (ValueError, RecursionError):
        raise AuthenticationError("token-malformed", "access token: cannot be read") from None


def _fetch(address: str) -> bytes:
    # some issuers refuse the name that the library gives itself
    asked = {"Accept": "application/json", "User-Agent": "capitation"}
    try:
        status, content = answer_of(address, headers=asked, seconds=5, most_bytes=1_000_001)
    except ValueError as error:  # the address was checked, the answer is none of HTTP
        raise OSError(str(error)) from error
    if status != 200:
        raise OSError(f"status {status}")
    if len(content) > 1_000_000:
        raise KeySetError(f"{address}: found more than 1,000,000 bytes; expected a key set")
    return content


def _algorithm_of(entry: dict[str, Any]) -> Algorithm | None:
    """The one algorithm that a key is for, or nothing where it is not one of ours."""
    kind: Algorithm | None = None
    if entry.get("kty") == "RSA":
        kind = "RS256"
    elif entry.get("kty") == "EC" and entry.get("crv") == "P-256":
        kind = "ES256"
    return kind if entry.get("alg", kind) == kind else None


def _key_id_of(text: str, rules: TokenRules) -> str:
    """The key id a token names, once its header says one of our algorithms and a kind of token that we take."""
    import jwt

    malformed = AuthenticationError(
        "token-malformed", "access token: cannot be read; expected three parts joined by dots (RFC 7519)"
    )
    if len(text) > LARGEST_CREDENTIAL:
        raise AuthenticationError("token-long", f"access token: longer than {LARGEST_CREDENTIAL:,} characters")
    try:
        header = jwt.get_unverified_header(text)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise malformed from None
    if header.get("alg") not in rules.algorithms:
        raise AuthenticationError("token-algorithm", _pinned(rules))
    if str(header.get("typ", "JWT")).lower().removeprefix("application/") not in {"jwt", "at+jwt"}:
        raise AuthenticationError("token-kind", "access token: found a token of another kind; expected an access token")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise AuthenticationError("token-key", "access token: names no key; expected 'kid' in its header")
    return key_id


def _pinned(rules: TokenRules) -> str:
    return f"access token: found another signature algorithm; expected {' or '.join(rules.algorithms)}"


def _refused(error: jwt.PyJWTError, rules: TokenRules) -> AuthenticationError:
    import jwt

    said: list[tuple[type[jwt.PyJWTError], str, str]] = [
        (jwt.ExpiredSignatureError, "token-expired", "has ended; ask the issuer for a new one"),
        (jwt.ImmatureSignatureError, "token-early", "is not valid yet; check the clocks"),
        (jwt.InvalidIssuedAtError, "token-early", "is not valid yet; check the clocks"),
        (jwt.InvalidAudienceError, "token-audience", f"is for another audience; expected {rules.audience}"),
        (jwt.InvalidIssuerError, "token-issuer", f"is from another issuer; expected {rules.issuer}"),
        (jwt.MissingRequiredClaimError, "token-claims", "lacks a claim; expected exp, iat, iss, aud and sub"),
        (jwt.InvalidSignatureError, "token-signature", "has a signature that does not hold"),
        (jwt.InvalidAlgorithmError, "token-algorithm", "has another signature algorithm than its key is for"),
    ]
    for kind, code, words in said:
        if isinstance(error, kind):
            return AuthenticationError(code, f"access token: {words}")
    return AuthenticationError("token-malformed", "access token: cannot be read")


def _caller(claims: dict[str, Any], rules: TokenRules) -> Caller:
    if claims.get("act") is not None:  # RFC 8693: somebody else acts for the subject
        raise AuthenticationError(
            "token-delegated",
            "access token: somebody acts for another with it; expected one of their own, so that two hands are two people",
        )
    subject, organisation = claims["sub"], _claim(claims, rules.organisation_claim)
    if isinstance(organisation, list) and len(organisation) == 1:
        organisation = organisation[0]
    role = _role(_claim(claims, rules.role_claim), rules)
    if not (isinstance(subject, str) and subject.strip()):
        raise AuthenticationError("token-claims", "access token: claim sub is empty; expected who it was issued to")
    if not (isinstance(organisation, str) and organisation.strip()):
        raise AuthenticationError(
            "token-organisation",
            f"access token: claim {rules.organisation_claim} is missing; expected an organisation's code",
        )
    for name, text, longest in (
        ("sub", subject, LONGEST_SUBJECT),
        (rules.organisation_claim, organisation, LONGEST_ORGANISATION),
    ):
        if len(text) > longest or not text.isprintable():
            raise AuthenticationError(
                "token-claims",
                f"access token: claim {name} is unusable; expected at most {longest} printable characters",
            )
    given = claims.get("scope", claims.get("scp"))
    if not isinstance(given, str | list | None):
        raise AuthenticationError(
            "token-claims", "access token: claim scope is unusable; expected words or a list of them"
        )
    words = given.split() if isinstance(given, str) else [word for word in given or () if isinstance(word, str)]
    scopes = frozenset(scope for scope in SCOPES if scope in words)  # scopes of other services are none of ours
    token_id = claims.get("jti")
    return Caller(subject, organisation, role, scopes, "token", token_id if isinstance(token_id, str) else "")


def _claim(claims: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401  # any JSON
    """A claim by its name, or by the names on the way to it; None where it is missing."""
    if name in claims:
        return claims[name]
    here: Any = claims
    for part in name.split("."):
        if not isinstance(here, dict) or part not in here:
            return None
        here = here[part]
    return here


def _role(given: Any, rules: TokenRules) -> Role:  # noqa: ANN401  # any JSON
    """The one role of ours that a claim names, by its own word or the issuer's.

    Raises:
        AuthenticationError: none, or more than one, so that it is not known as what its holder comes.
    """
    listed = given if isinstance(given, list) else [given]
    words = [word for word in listed if isinstance(word, str)]
    found = {rules.roles.get(word, word) for word in words} & set(ROLES)
    if len(found) == 1:
        return cast("Role", found.pop())
    what = (
        f"holds the roles {', '.join(sorted(found))}; expected one of them"
        if found
        else "holds no role; expected one of"
    )
    raise AuthenticationError(
        "token-role", f"access token: claim {rules.role_claim} {what} {', '.join(ROLES) if not found else ''}".rstrip()
    )
