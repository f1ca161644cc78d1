"""Approvals: one for each result, never taken back; what was approved wrongly is put right by a restatement."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from api.service.security.audit import AuditEvent
from api.service.store.database import Database
from api.service.store.tables import approval as _approval


@dataclass(frozen=True)
class StoredApproval:
    """That a result was approved, by whom and when."""

    seq: int
    id: str
    kind: str
    result: str
    made_by: str
    approved_by: str
    organisation: str
    note: str
    created: float


class Approvals(Database):
    """The part of the store that keeps approvals."""

    def approve(
        self,
        approval_id: str,
        kind: str,
        result_id: str,
        made_by: str,
        approved_by: str,
        organisation: str,
        note: str,
        audit_event: AuditEvent | None = None,
    ) -> StoredApproval:
        """The approval of a result: this one, or the one that was there before."""
        row = {"id": approval_id, "kind": kind, "result": result_id, "made_by": made_by, "approved_by": approved_by}
        more = {"organisation": organisation, "note": note, "created": self.clock()}
        with self._write() as connection:
            if self._add_if_absent(connection, _approval, {**row, **more}):
                self._record(connection, audit_event)
            query = sa.select(_approval).where(_approval.c.kind == kind, _approval.c.result == result_id)
            return StoredApproval(**connection.execute(query).mappings().one())

    def approval_of(self, kind: str, result_id: str) -> StoredApproval | None:
        """The approval of a result; None where there is none."""
        return self._one(_approval.c.kind == kind, _approval.c.result == result_id)

    def approval(self, approval_id: str) -> StoredApproval | None:
        """One approval; None where there is none."""
        return self._one(_approval.c.id == approval_id)

    def approvals(self, after: int, limit: int) -> list[StoredApproval]:
        """Approvals whose number is above `after`, in the order in which they were given."""
        query = sa.select(_approval).where(_approval.c.seq > after).order_by(_approval.c.seq).limit(limit)
        with self._read() as connection:
            return [StoredApproval(**row) for row in connection.execute(query).mappings()]

    def _one(self, *conditions: sa.ColumnElement[bool]) -> StoredApproval | None:
        with self._read() as connection:
            row = connection.execute(sa.select(_approval).where(*conditions)).mappings().first()
            return None if row is None else StoredApproval(**row)
