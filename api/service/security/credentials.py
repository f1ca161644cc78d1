"""Who is asking: an API key kept only as a checksum, or a signed access token of an OAuth2 client-credentials grant.

    key:    cap_<id>_<secret>      the id finds the record, the secret is compared by SHA-256 in constant time
    token:  header.claims.signature, RS256 or ES256 with a key of a published key set (JWKS)

A token passes when its algorithm is one we pinned and the one its key is for, its signature holds, its issuer and
audience are ours, it has begun and not ended, and it does not live longer than we accept. A refusal says what to mend,
has a stable code, and never repeats what was sent: neither messages, representations nor logs carry a secret.

Rules followed: RFC 7517 (key sets), RFC 7519 and RFC 8725 (tokens), RFC 9068 (access tokens), RFC 6750 (refusals).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import jwt
from pydantic import Field, SecretStr

from api.service.security.access import ROLE_SCOPES, ROLES, SCOPES, Caller, Role, Scope
from capitation.errors import CapitationError, Fault, Faults, suggest
from capitation.records.documents import Document

Algorithm = Literal["RS256", "ES256"]
"""Signatures accepted: RSA with SHA-256, or the P-256 curve with SHA-256."""

LARGEST_CREDENTIAL = 8_192
"""Characters of the longest key or token read; longer ones are refused unread."""

LONGEST_SUBJECT, LONGEST_ORGANISATION = 200, 64
"""Characters of the longest subject and organisation's code accepted."""

SMALLEST_RSA = 2_048
"""Bits of the smallest RSA key accepted (NIST SP 800-131A)."""

_KEY = re.compile(r"cap_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_SECRETS = re.compile(
    r"cap_[0-9a-f]{16}_[A-Za-z0-9_-]+"
    r"|eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*"
    r"|(?i:(?<=bearer )|(?<=basic ))[^\s,;\"']+"
    r"|(?<=://)[^/\s:@]*:[^/\s@]*(?=@)"
)


class AuthenticationError(CapitationError):
    """The caller is not known: no credential, or one that is not good; `code` is stable and says which."""

    def __init__(self, code: str, message: str, faults: Iterable[Fault] = ()) -> None:
        self.code = code
        super().__init__(message, faults)

    @property
    def challenge(self) -> str:
        """The WWW-Authenticate header of the refusal."""
        return "Bearer" if self.code == "no-credential" else 'Bearer error="invalid_token"'


class KeyRequestError(CapitationError):
    """A key that cannot be issued was asked for."""


class KeySetError(CapitationError):
    """The issuer's key set cannot be read or is not one we can rely on, so no token can be checked."""


class KeyRecord(Document):
    """What the store keeps of an API key; the key itself is shown once and kept nowhere."""

    key_id: str
    """Public part, by which it is found and named in logs."""
    sha256: str = Field(repr=False)
    """Checksum of the whole key."""
    subject: str = Field(min_length=1)
    """The person or system that holds it; the same for all their keys."""
    organisation: str = Field(min_length=1)
    """Code of the organisation they act for."""
    role: Role
    """What they are."""
    scopes: tuple[Scope, ...]
    """What the key may be used for."""
    created: dt.datetime
    """When it was issued, with its time zone."""
    expires: dt.datetime | None = None
    """When it ends, if it does."""
    revoked: dt.datetime | None = None
    """When it was taken back, if it was."""


@dataclass(frozen=True)
class IssuedKey:
    """A new key: its text, to be shown once, and the record to be kept."""

    text: SecretStr
    record: KeyRecord


def issue_key(
    subject: str,
    organisation: str,
    role: Role,
    scopes: Iterable[str],
    *,
    now: dt.datetime,
    lives: dt.timedelta | None = None,
) -> IssuedKey:
    """A new API key of 256 random bits, with the record that is kept of it.

    The secret is as random as the checksum is long, so a plain SHA-256 holds against guessing and costs microseconds;
    slow hashes are for passwords that people choose.

    Raises:
        KeyRequestError: an unknown role or scope, a scope the role may not hold, or no scope.
    """
    faults, given = Faults(), sorted(set(scopes))
    if role not in ROLES:
        faults.add("role", repr(role), f"one of {', '.join(ROLES)}", suggest(role, ROLES))
    for scope in given:
        if scope not in SCOPES:
            faults.add("scopes", repr(scope), f"one of {', '.join(SCOPES)}", suggest(scope, SCOPES))
        elif role in ROLES and scope not in ROLE_SCOPES[role]:
            faults.add("scopes", scope, f"what the role {role} may hold: {', '.join(sorted(ROLE_SCOPES[role]))}")
    if not given:
        faults.add("scopes", "none", "at least one")
    for name, text, longest in (
        ("subject", subject, LONGEST_SUBJECT),
        ("organisation", organisation, LONGEST_ORGANISATION),
    ):
        if not text.strip():
            faults.add(name, "nothing", "a name or code")
        elif len(text) > longest or not text.isprintable():
            faults.add(name, repr(text[:40]), f"at most {longest} printable characters")
    if now.tzinfo is None:
        faults.add("now", "a time without a zone", "one with a zone")
    if len(faults):
        raise KeyRequestError("this key cannot be issued", faults)
    key_id = secrets.token_hex(8)
    text = f"cap_{key_id}_{secrets.token_urlsafe(32)}"
    record = KeyRecord(
        key_id=key_id,
        sha256=_digest(text),
        subject=subject,
        organisation=organisation,
        role=role,
        scopes=cast("tuple[Scope, ...]", tuple(given)),
        created=now,
        expires=None if lives is None else now + lives,
    )
    return IssuedKey(SecretStr(text), record)


def caller_of_key(text: str, find: Callable[[str], KeyRecord | None], now: dt.datetime) -> Caller:
    """Who holds an API key.

    Args:
        text: the key as sent.
        find: the record of a key id, or nothing.
        now: the time, with its zone.

    Raises:
        AuthenticationError: not a key, not one of ours (an unknown id and a wrong secret read alike), ended or revoked.
    """
    match = _KEY.fullmatch(text) if len(text) <= LARGEST_CREDENTIAL else None
    if match is None:
        raise AuthenticationError(
            "key-malformed", "API key: found text of another form; expected cap_<16 digits>_<43 characters>"
        )
    record = find(match[1])
    is_same = hmac.compare_digest(_digest(text), "0" * 64 if record is None else record.sha256)
    if record is None or not is_same:
        raise AuthenticationError(
            "key-unknown", "API key: found one that was not issued here; check that it is copied whole"
        )
    if record.revoked is not None:
        raise AuthenticationError("key-revoked", f"API key {record.key_id}: revoked on {_day(record.revoked)}")
    if record.expires is not None and now >= record.expires:
        raise AuthenticationError(
            "key-expired", f"API key {record.key_id}: ended on {_day(record.expires)}; ask for a new one"
        )
    return Caller(record.subject, record.organisation, record.role, frozenset(record.scopes), "key", record.key_id)


class TokenRules(Document):
    """Which access tokens are accepted."""

    issuer: str = Field(min_length=1)
    """Who must have issued it (claim iss), exactly."""
    audience: str = Field(min_length=1)
    """Whom it must be meant for (claim aud): this service."""
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256", "ES256"), min_length=1)
    """Signatures accepted; what the token says of itself is never enough."""
    organisation_claim: str = "organisation"
    """Claim with the code of the client's organisation."""
    role_claim: str = "role"
    """Claim with the client's role."""
    leeway_seconds: int = Field(default=30, ge=0, le=300)
    """By how much clocks may differ."""
    longest_life_seconds: int = Field(default=3_600, ge=60)
    """The longest time from issue to end that is accepted."""


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
        if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise KeySetError(f"{where}: found http; expected https, so that nobody between can change the keys")
        return KeySet(where, lambda: _fetch(where))
    if "://" in where:
        raise KeySetError(f"{where}: found an address of kind {parts.scheme!r}; expected a file or an https address")
    return KeySet(where, Path(where).read_bytes)


def parse_key_set(content: bytes, where: str) -> dict[str, SigningKey]:
    """The signing keys of a JWKS by their id; keys for encryption and of other kinds are left out.

    Raises:
        KeySetError: not a key set, no key we can use, or a key that must not be there: a private or shared one, a weak
            one, or two of one id; all together.
    """
    try:
        listed = json.loads(content)["keys"]
    except (ValueError, KeyError, TypeError):
        raise KeySetError(f"{where}: found no key set; expected JSON with a list 'keys' (RFC 7517)") from None
    faults, found = Faults(), dict[str, SigningKey]()
    for number, entry in enumerate(listed if isinstance(listed, list) else [], start=1):
        place = f"key {number}"
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            continue
        if "d" in entry or entry.get("kty") == "oct":
            faults.add(place, "a private or shared key", "public keys only", "Take it out and replace it: it is known.")
            continue
        algorithm = _algorithm_of(entry)
        if algorithm is None:
            continue
        key_id = entry.get("kid")
        if not isinstance(key_id, str) or not key_id:
            faults.add(place, "no 'kid'", "an id, which tokens name")
            continue
        if key_id in found:
            faults.add(place, f"id {key_id!r} a second time", "each id once")
            continue
        try:
            key = jwt.PyJWK(entry, algorithm).key
        except (jwt.PyJWTError, ValueError, TypeError):
            faults.add(place, "numbers that make no key", f"a public key for {algorithm}")
            continue
        if algorithm == "RS256" and key.key_size < SMALLEST_RSA:
            faults.add(place, f"an RSA key of {key.key_size} bits", f"at least {SMALLEST_RSA} bits")
            continue
        found[key_id] = SigningKey(key_id, algorithm, key)
    faults.raise_if_any(KeySetError, f"{where}: the key set cannot be relied on")
    if not found:
        raise KeySetError(f"{where}: found no key for RS256 or ES256; expected at least one")
    return found


def caller_of_token(text: str, rules: TokenRules, keys: KeySet) -> Caller:
    """Who an access token was issued to.

    Raises:
        AuthenticationError: why the token is not accepted.
        KeySetError: the issuer's keys cannot be had, so no token can be checked.
    """
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
    life = int(claims["exp"]) - int(claims["iat"])
    if life > rules.longest_life_seconds:
        raise AuthenticationError(
            "token-life", f"access token: lives {life} seconds; expected at most {rules.longest_life_seconds}"
        )
    return _caller(claims, rules)


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
        raise AuthenticationError("no-credential", "found no credential; expected an API key or a Bearer token")
    kind, _, text = authorization.strip().partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        raise AuthenticationError("scheme", "Authorization: found another scheme; expected Bearer and a key or token")
    text = text.strip()
    if text.startswith("cap_"):
        return caller_of_key(text, find, now)
    if rules is None or keys is None:
        raise AuthenticationError("tokens-not-taken", "access token: this service takes API keys only")
    return caller_of_token(text, rules, keys)


def masked(text: str) -> str:
    """`text` with every API key, token, credential of a header and password of an address as ***, for logs."""
    return _SECRETS.sub("***", text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _day(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _fetch(address: str) -> bytes:
    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object, **__: object) -> None:
            """Follow no redirection: the keys come from the address given or not at all."""

    with urllib.request.build_opener(NoRedirect).open(address, timeout=5) as answer:
        content = bytes(answer.read(1_000_001))
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
    subject, organisation = claims["sub"], claims.get(rules.organisation_claim)
    role = claims.get(rules.role_claim)
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
    if role not in ROLES:
        raise AuthenticationError(
            "token-role", f"access token: claim {rules.role_claim} holds no role; expected one of {', '.join(ROLES)}"
        )
    given = claims.get("scope", claims.get("scp", ""))
    words = given.split() if isinstance(given, str) else [w for w in given if isinstance(w, str)] if given else []
    scopes = frozenset(scope for scope in SCOPES if scope in words)  # scopes of other services are none of ours
    token_id = claims.get("jti")
    return Caller(subject, organisation, role, scopes, "token", token_id if isinstance(token_id, str) else "")


__all__ = [
    "AuthenticationError",
    "IssuedKey",
    "KeyRecord",
    "KeyRequestError",
    "KeySet",
    "KeySetError",
    "SigningKey",
    "TokenRules",
    "caller_of",
    "caller_of_key",
    "caller_of_token",
    "issue_key",
    "key_set",
    "masked",
    "parse_key_set",
]
