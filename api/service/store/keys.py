"""API keys, kept as checksums."""

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
