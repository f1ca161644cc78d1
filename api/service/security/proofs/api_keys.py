"""API keys, kept only as checksums: `cap_<id>_<secret>`; the id finds the record, the secret is compared by SHA-256 in constant time.

A refusal says what to mend, has a stable code, and never repeats what was sent.
"""

from __future__ import annotations

import datetime as dt
import hmac
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

from pydantic import Field, SecretStr

from api.service.security.access import ROLE_SCOPES, ROLES, SCOPES, Caller, Role, Scope
from api.service.security.proofs.credentials import (
    LARGEST_CREDENTIAL,
    LONGEST_ORGANISATION,
    LONGEST_SUBJECT,
    AuthenticationError,
)
from capitation.errors import CapitationError, Faults, suggest
from capitation.records.documents import Document
from capitation.records.identity import digest

_KEY = re.compile(r"cap_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


class KeyRequestError(CapitationError):
    """A key that cannot be issued was asked for."""


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
    if not given and role in ROLES:
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
        sha256=digest(text),
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
    if match is None and text.startswith("cap_local_"):
        raise AuthenticationError(
            "local-token",
            "found a one-time token that does not count: it ends with the service that made it, and once a first key is issued. "
            "Send a key",
        )
    if match is None:
        raise AuthenticationError(
            "key-malformed", "API key: found text of another form; expected cap_<16 digits>_<43 characters>"
        )
    record = find(match[1])
    is_same = hmac.compare_digest(digest(text), "0" * 64 if record is None else record.sha256)
    if record is None or not is_same:
        raise AuthenticationError(
            "key-unknown", "API key: found one that was not issued here; check that it is copied whole"
        )
    return holder(record, now)


def holder(record: KeyRecord, now: dt.datetime) -> Caller:
    """Who holds a key that was shown.

    Raises:
        AuthenticationError: it ended or was revoked.
    """
    if record.revoked is not None:
        raise AuthenticationError("key-revoked", f"API key {record.key_id}: revoked on {_day(record.revoked)}")
    if record.expires is not None and now >= record.expires:
        raise AuthenticationError(
            "key-expired", f"API key {record.key_id}: ended on {_day(record.expires)}; ask for a new one"
        )
    return Caller(record.subject, record.organisation, record.role, frozenset(record.scopes), "key", record.key_id)


def _day(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
