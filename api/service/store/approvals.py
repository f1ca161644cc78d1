"""Approvals: one that stands for each result. It can be withdrawn, with its reason, until a journal rests on it; both are only added."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from api.service.security.audit import AuditEvent
from api.service.store.database import ChangedError, Database
from api.service.store.tables import approval as _approval
from api.service.store.tables import approval_withdrawal as _withdrawal
from api.service.store.tables import journal as _journal


@dataclass(frozen=True)
class Withdrawal:
    """That an approval was taken back, by whom, when and why."""

    withdrawn_by: str
    organisation: str
    reason: str
    created: float


@dataclass(frozen=True)
class StoredApproval:
    """That a result was approved, by whom and when; `round` counts the approvals of one result."""

    seq: int
    id: str
    kind: str
    result: str
    made_by: str
    approved_by: str
    organisation: str
    note: str
    created: float
    round: int = 1
    withdrawal: Withdrawal | None = None


class Approvals(Database):
    """The part of the store that keeps approvals."""

    # Reason: an approval is one row, and each of its columns is named.
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
        in_round: int = 1,
    ) -> StoredApproval:
        """The approval of a result that stands: this one, or the one that was there before."""
        row = {"id": approval_id, "kind": kind, "result": result_id, "made_by": made_by, "approved_by": approved_by}
        more = {"organisation": organisation, "note": note, "created": self.clock(), "round": in_round}
        with self._write() as connection:
            self._lock(connection, f"approval {kind} {result_id}")
            there = self._standing(connection, kind, result_id)
            if there is not None:
                return there
            if not self._add_guarded(
                connection, _approval, {**row, **more}, (_approval.c.id == approval_id) | self._in_round(row, in_round)
            ):
                raise ChangedError(f"the approval of {kind} {result_id} was withdrawn meanwhile; ask again")
            self._record(connection, audit_event)
            made = self._standing(connection, kind, result_id)
            if made is None:
                raise ChangedError(f"the approval of {kind} {result_id} was written but cannot be read")
            return made

    def withdraw_approval(
        self, approval_id: str, withdrawn_by: str, organisation: str, reason: str, audit_event: AuditEvent | None = None
    ) -> StoredApproval | None:
        """The approval, withdrawn now or before; None where there is none.

        Raises:
            ChangedError: a journal rests on it.
        """
        with self._write() as connection:
            found = self._found(connection, _approval.c.id == approval_id)
            if not found or found[0].withdrawal is not None:
                return found[0] if found else None
            self._lock(connection, f"approval {found[0].kind} {found[0].result}")
            self._lock(connection, "postings")  # so that no journal is kept between the look and the withdrawal
            query = sa.select(_journal.c.id).where(_journal.c.result == found[0].result).order_by(_journal.c.seq)
            rests = connection.execute(query.limit(1)).scalar()
            if rests is not None:
                raise ChangedError(
                    f"journal {rests} rests on this approval, so it cannot be withdrawn any more. "
                    "Restate the journal with figures that are right"
                )
            row = {"approval": approval_id, "withdrawn_by": withdrawn_by, "organisation": organisation}
            if self._add_guarded(
                connection,
                _withdrawal,
                {**row, "reason": reason, "created": self.clock()},
                _withdrawal.c.approval == approval_id,
            ):
                self._record(connection, audit_event)
            return self._found(connection, _approval.c.id == approval_id)[0]

    def approval_of(self, kind: str, result_id: str) -> StoredApproval | None:
        """The approval of a result that stands; None where there is none, or the last was withdrawn."""
        with self._read() as connection:
            return self._standing(connection, kind, result_id)

    def newest_approval(self, kind: str) -> StoredApproval | None:
        """The last approval of any result of a kind that stands; None where there is none."""
        withdrawn = sa.select(_withdrawal.c.approval)
        query = sa.select(sa.func.max(_approval.c.seq)).where(
            _approval.c.kind == kind, _approval.c.id.not_in(withdrawn)
        )
        with self._read() as connection:
            found = self._found(connection, _approval.c.seq == connection.execute(query).scalar_one())
            return found[0] if found else None

    def rounds_of(self, kind: str, result_id: str) -> int:
        """How often a result was approved, withdrawn approvals among them."""
        query = sa.select(sa.func.count()).where(_approval.c.kind == kind, _approval.c.result == result_id)
        with self._read() as connection:
            return int(connection.execute(query).scalar_one())

    def approval(self, approval_id: str) -> StoredApproval | None:
        """One approval; None where there is none."""
        with self._read() as connection:
            found = self._found(connection, _approval.c.id == approval_id)
            return found[0] if found else None

    def approvals(self, after: int, limit: int) -> list[StoredApproval]:
        """Approvals whose number is above `after`, in the order in which they were given; withdrawn ones too."""
        with self._read() as connection:
            return self._found(connection, _approval.c.seq > after, limit)

    def _standing(self, connection: Connection, kind: str, result_id: str) -> StoredApproval | None:
        found = self._found(connection, (_approval.c.kind == kind) & (_approval.c.result == result_id))
        return next((each for each in found if each.withdrawal is None), None)

    def _found(
        self, connection: Connection, condition: sa.ColumnElement[bool], limit: int | None = None
    ) -> list[StoredApproval]:
        query = sa.select(_approval).where(condition).order_by(_approval.c.seq).limit(limit)
        given = [StoredApproval(**row) for row in connection.execute(query).mappings()]
        names = [each.id for each in given]
        taken = sa.select(
            _withdrawal.c.approval,
            _withdrawal.c.withdrawn_by,
            _withdrawal.c.organisation,
            _withdrawal.c.reason,
            _withdrawal.c.created,
        ).where(_withdrawal.c.approval.in_(names))
        back = {row[0]: Withdrawal(*row[1:]) for row in connection.execute(taken)} if names else {}
        return [replace(each, withdrawal=back.get(each.id)) for each in given]

    def _in_round(self, row: dict[str, str], in_round: int) -> sa.ColumnElement[bool]:
        return (
            (_approval.c.kind == row["kind"]) & (_approval.c.result == row["result"]) & (_approval.c.round == in_round)
        )
