"""The audit log in the store: records that are only ever added, and the head that says where they end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from api.service.security.audit import AuditEvent, AuditRecord, Head, NumberTakenError
from api.service.store.database import ChangedError, Database
from api.service.store.tables import audit_record as _record

_BATCH = 1_000


class AuditTrail(Database):
    """The part of the store that keeps the audit log; `audit.AuditLog` is what it can do."""

    def head(self) -> Head:
        """The head as it is kept beside the records."""
        with self._read() as connection:
            return self._head(connection)

    def append(self, record: AuditRecord) -> None:
        """Add a record and move the head to it, both or neither.

        Raises:
            NumberTakenError: a record of this number is there already.
        """
        try:
            with self._write() as connection:
                if self._head(connection, lock=True).number >= record.number:
                    raise NumberTakenError(f"audit log: record {record.number} is there already")
                self._chain(connection, record)
        except ChangedError as error:
            raise NumberTakenError(f"audit log: record {record.number} is there already") from error

    def note(self, audit_event: AuditEvent) -> None:
        """Record an event that changes nothing else in the store, such as a refusal."""
        with self._write() as connection:
            self._record(connection, audit_event)

    @contextmanager
    def moment(self) -> Iterator[tuple[Head, Iterator[AuditRecord]]]:
        """The head and all records as they are at one moment, whatever is added meanwhile."""
        with self._moment() as connection:
            yield self._head(connection), self._walk(connection)

    def _walk(self, connection: Connection) -> Iterator[AuditRecord]:
        after = 0
        while rows := connection.execute(_after(after, _BATCH)).mappings().all():
            yield from map(_record_of, rows)
            after = rows[-1]["number"]

    def read(self) -> Iterator[AuditRecord]:
        """All records, by number."""
        after = 0
        while records := self.audit_records(after, _BATCH):
            yield from records
            after = records[-1].number

    def audit_records(self, after: int, limit: int) -> list[AuditRecord]:
        """Records with numbers above `after`, by number."""
        with self._read() as connection:
            return [_record_of(row) for row in connection.execute(_after(after, limit)).mappings()]


def _after(number: int, limit: int) -> sa.Select[Any]:
    return sa.select(_record).where(_record.c.number > number).order_by(_record.c.number).limit(limit)


def _record_of(row: RowMapping) -> AuditRecord:
    event = AuditEvent.model_validate_json(row["event"])
    return AuditRecord(number=row["number"], previous=row["previous"], event=event, sha256=row["sha256"])
