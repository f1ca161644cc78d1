"""API keys and the sessions of browsers that were opened with them, both kept as checksums."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from api.service.security.audit import AuditEvent
from api.service.security.proofs.api_keys import KeyRecord
from api.service.store.database import Database
from api.service.store.tables import api_key as _key
from api.service.store.tables import browser_session as _session


class Keys(Database):
    """The part of the store that keeps API keys."""

    def add_key(self, record: KeyRecord, audit_event: AuditEvent | None = None) -> None:
        """Keep the record of a new key."""
        with self._write() as connection:
            connection.execute(
                sa.insert(_key).values(
                    key_id=record.key_id,
                    sha256=record.sha256,
                    subject=record.subject,
                    organisation=record.organisation,
                    role=record.role,
                    scopes=json.dumps(record.scopes),
                    created=record.created.timestamp(),
                    expires=None if record.expires is None else record.expires.timestamp(),
                )
            )
            self._record(connection, audit_event)

    def key(self, key_id: str) -> KeyRecord | None:
        """The record of a key; None where there is none."""
        with self._read() as connection:
            row = connection.execute(sa.select(_key).where(_key.c.key_id == key_id)).mappings().first()
            return None if row is None else _record_of(row)

    def keys(self, after: int, limit: int) -> list[tuple[int, KeyRecord]]:
        """Keys whose number is above `after`, in the order in which they were issued, each with its number."""
        query = sa.select(_key).where(_key.c.seq > after).order_by(_key.c.seq).limit(limit)
        with self._read() as connection:
            return [(int(row["seq"]), _record_of(row)) for row in connection.execute(query).mappings()]

    def revoke_key(self, key_id: str, audit_event: AuditEvent | None = None) -> KeyRecord | None:
        """The record of a key, taken back if it was not before; None where there is none."""
        with self._write() as connection:
            ended = connection.execute(
                sa.update(_key).where(_key.c.key_id == key_id, _key.c.revoked.is_(None)).values(revoked=self.clock())
            )
            if ended.rowcount > 0:
                self._record(connection, audit_event)
            row = connection.execute(sa.select(_key).where(_key.c.key_id == key_id)).mappings().first()
            return None if row is None else _record_of(row)

    def open_session(self, sha256: str, key_id: str, expires: float) -> None:
        """Keep a session of a browser by its checksum; those that are over are forgotten."""
        with self._write() as connection:
            connection.execute(sa.delete(_session).where(_session.c.expires < self.clock()))
            connection.execute(sa.insert(_session).values(sha256=sha256, key_id=key_id, expires=expires))

    def session_key(self, sha256: str) -> KeyRecord | None:
        """The record of the key that a session was opened with; None where there is no such session, or it is over."""
        query = sa.select(_session.c.key_id).where(_session.c.sha256 == sha256, _session.c.expires > self.clock())
        with self._read() as connection:
            key_id = connection.execute(query).scalar()
        return None if key_id is None else self.key(str(key_id))

    def end_session(self, sha256: str) -> None:
        """Forget a session."""
        with self._write() as connection:
            connection.execute(sa.delete(_session).where(_session.c.sha256 == sha256))

    def has_keys(self) -> bool:
        """Whether any key was ever issued."""
        with self._read() as connection:
            return connection.execute(sa.select(_key.c.seq).limit(1)).first() is not None


def _record_of(row: RowMapping) -> KeyRecord:
    content: dict[str, Any] = {name: row[name] for name in ("key_id", "sha256", "subject", "organisation", "role")}
    times = {
        name: None if row[name] is None else dt.datetime.fromtimestamp(row[name], dt.UTC)
        for name in ("created", "expires", "revoked")
    }
    return KeyRecord(**content, **times, scopes=tuple(json.loads(row["scopes"])))
