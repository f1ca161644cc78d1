"""Journals as they were made: added once, never changed, and never two for what may be posted once.

slot     original | organisation | period | source          one first posting of a period
         reversal | id, replacement | id                    one reversal and one replacement of a journal
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from api.service.security.audit import AuditEvent
from api.service.store.database import ChangedError, Database
from api.service.store.tables import journal as _journal


@dataclass(frozen=True, kw_only=True)
class StoredJournalHead:
    """What names a journal and says where it comes from; `slot` is what it is the only one of."""

    id: str
    slot: str
    result: str
    organisation: str
    period: str
    source: str
    kind: str
    linked_to: str
    total_pence: int
    lines: int


@dataclass(frozen=True, kw_only=True)
class NewJournal(StoredJournalHead):
    """A journal to be kept; `content` is its JSON, from which its CSV is written."""

    content: bytes


@dataclass(frozen=True, kw_only=True)
class StoredJournal(StoredJournalHead):
    """A journal that is kept, without its content."""

    seq: int
    author: str
    created: float


class JournalRecords(Database):
    """The part of the store that keeps journals."""

    def add_journals(
        self, journals: Sequence[NewJournal], author: str, audit_event: AuditEvent | None = None
    ) -> list[StoredJournal]:
        """The journals, all of them kept or none; those that are there already are left as they are.

        Raises:
            ChangedError: another journal stands for the same as one of them.
        """
        with self._write() as connection:
            added = 0
            for each in journals:
                row = {**vars(each), "author": author, "created": self.clock()}
                if not self._add_if_absent(connection, _journal, row):
                    there = (_journal.c.slot == each.slot) | (_journal.c.id == each.id)
                    found = connection.execute(sa.select(_journal.c.id, _journal.c.slot).where(there)).all()
                    if found != [(each.id, each.slot)]:
                        raise ChangedError(
                            f"journal {found[0].id} stands for the same as this one ({each.slot.replace('|', ', ')})"
                        )
                else:
                    added += 1
            if added:
                self._record(connection, audit_event)
            return [self._stored(connection, each.id) for each in journals]

    def journal(self, journal_id: str) -> StoredJournal | None:
        """One journal's head; None where there is none."""
        return self._found(_journal.c.id == journal_id)

    def journal_in(self, slot: str) -> StoredJournal | None:
        """The journal of a slot; None where there is none."""
        return self._found(_journal.c.slot == slot)

    def journal_content(self, journal_id: str) -> bytes | None:
        """A journal's JSON as it was made; None where there is none."""
        with self._read() as connection:
            found = connection.execute(sa.select(_journal.c.content).where(_journal.c.id == journal_id)).scalar()
            return None if found is None else bytes(found)

    def journals(self, after: int, limit: int, result: str | None = None) -> list[StoredJournal]:
        """Journals whose number is above `after`, in the order in which they were made."""
        query = sa.select(*_head()).where(_journal.c.seq > after).order_by(_journal.c.seq).limit(limit)
        if result is not None:
            query = query.where(_journal.c.result == result)
        with self._read() as connection:
            return [StoredJournal(**row) for row in connection.execute(query).mappings()]

    def _stored(self, connection: sa.Connection, journal_id: str) -> StoredJournal:
        query = sa.select(*_head()).where(_journal.c.id == journal_id)
        return StoredJournal(**connection.execute(query).mappings().one())

    def _found(self, condition: sa.ColumnElement[bool]) -> StoredJournal | None:
        with self._read() as connection:
            row = connection.execute(sa.select(*_head()).where(condition)).mappings().first()
            return None if row is None else StoredJournal(**row)


def _head() -> list[sa.Column[object]]:
    return [column for column in _journal.c if column.name != "content"]
