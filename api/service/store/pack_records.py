"""Data packs that were sent: whole archives, named by the digest of their files."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from api.service.security.audit import AuditEvent
from api.service.store.database import Database
from api.service.store.tables import data_pack as _pack


@dataclass(frozen=True)
class StoredPack:
    """A data pack without its archive."""

    seq: int
    digest: str
    name: str
    title: str
    about: str
    author: str
    size: int
    created: float


class PackRecords(Database):
    """The part of the store that keeps data packs."""

    def add_pack(
        self,
        digest: str,
        name: str,
        title: str,
        about: str,
        archive: bytes,
        author: str,
        audit_event: AuditEvent | None = None,
    ) -> tuple[StoredPack, bool]:
        """The data pack of this digest, and whether it was added."""
        row = {"digest": digest, "name": name, "title": title, "about": about, "archive": archive, "author": author}
        with self._write() as connection:
            more = {"size": len(archive), "created": self.clock()}
            is_new = self._add_if_absent(connection, _pack, {**row, **more})
            if is_new:
                self._record(connection, audit_event)
            query = sa.select(*_head()).where(_pack.c.digest == digest)
            return StoredPack(**connection.execute(query).mappings().one()), is_new

    def pack(self, digest: str) -> StoredPack | None:
        """One data pack; None where there is none."""
        with self._read() as connection:
            row = connection.execute(sa.select(*_head()).where(_pack.c.digest == digest)).mappings().first()
            return None if row is None else StoredPack(**row)

    def pack_archive(self, digest: str) -> bytes | None:
        """The archive of a data pack; None where there is none."""
        with self._read() as connection:
            found = connection.execute(sa.select(_pack.c.archive).where(_pack.c.digest == digest)).scalar()
            return None if found is None else bytes(found)

    def packs(self, after: int, limit: int) -> list[StoredPack]:
        """Data packs whose number is above `after`, in the order in which they were sent."""
        query = sa.select(*_head()).where(_pack.c.seq > after).order_by(_pack.c.seq).limit(limit)
        with self._read() as connection:
            return [StoredPack(**row) for row in connection.execute(query).mappings()]


def _head() -> list[sa.Column[object]]:
    return [column for column in _pack.c if column.name != "archive"]
