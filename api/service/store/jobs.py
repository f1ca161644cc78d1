"""Jobs on a lease table, what happened to them, the results they end with, and messages that they have, in one transaction each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from api.service.records.stored import StoredFile, StoredFrame
from api.service.security.audit import AuditEvent
from api.service.store.database import CLOCKS_DIFFER_SECONDS, Database
from api.service.store.kept.kept_bytes import KeptBytes, sha256_of
from api.service.store.tables import asker as _asker
from api.service.store.tables import job as _job
from api.service.store.tables import job_event as _event
from api.service.store.tables import message as _message
from api.service.store.tables import result as _result
from api.service.store.tables import result_file as _file
from api.service.store.tables import result_frame as _frame

TERMINAL = ("done", "failed", "cancelled")
"""States that a job does not leave by itself."""


@dataclass(frozen=True)
class Job:
    """A piece of work and how far it is."""

    seq: int
    id: str
    kind: str
    request: str
    status: str
    result: str | None
    problem: str | None
    attempts: int
    owner: str | None
    author: str
    created: float
    changed: float


_LONGEST_WAIT = 3_600.0
"""A message that is due later than this was put off by a clock that was wrong."""


@dataclass(frozen=True)
class Message:
    """That a job has ended, and how often it was sent in vain."""

    seq: int
    job: str
    kind: str
    status: str
    result: str | None
    ended: float
    attempts: int


class Messages(Database):
    """The part of the store that keeps them."""

    announces: bool = False
    """Whether there is somebody to send them to; nothing is kept otherwise."""

    def _announce(self, connection: Connection, job_id: str) -> None:
        """Keep that a job has ended, in the transaction in which it does."""
        if not self.announces:
            return
        now = self.clock()
        query = sa.select(_job.c.kind, _job.c.status, _job.c.result).where(_job.c.id == job_id)
        row = dict(connection.execute(query).mappings().one())
        connection.execute(sa.insert(_message).values(job=job_id, ended=now, attempts=0, due=now, **row))

    def claim_message(self, lease_seconds: float) -> Message | None:
        """A message that is due, which nobody else sends for so long; None where none is."""
        now = self.clock()
        is_due = (_message.c.due <= now) | (_message.c.due > now + _LONGEST_WAIT)
        query = sa.select(_message).where(is_due).order_by(_message.c.due, _message.c.seq).limit(1)
        with self._read() as connection:  # an idle sender takes no write lock
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        mine = sa.update(_message).where(_message.c.seq == row["seq"], _message.c.due == row["due"])
        with self._write() as connection:
            if connection.execute(mine.values(due=now + lease_seconds)).rowcount == 0:
                return None  # another sender has it
        return Message(**{name: value for name, value in row.items() if name != "due"})

    def forget_message(self, seq: int) -> None:
        """A message was taken, or is given up."""
        with self._write() as connection:
            connection.execute(sa.delete(_message).where(_message.c.seq == seq))

    def put_off(self, seq: int, attempts: int, seconds: float) -> None:
        """A message was not taken: it is sent again after so many seconds."""
        with self._write() as connection:
            later = sa.update(_message).where(_message.c.seq == seq)
            connection.execute(later.values(attempts=attempts, due=self.clock() + seconds))

    def messages_waiting(self) -> int:
        """How many were not taken yet."""
        with self._read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(_message)).scalar_one())


class Jobs(Messages, KeptBytes):
    """The part of the store that keeps jobs."""

    def ask(self, job_id: str, kind: str, request: str, author: str, audit_event: AuditEvent | None = None) -> Job:
        """The job with this id, queued if it is new or was failed or cancelled before; otherwise as it stands.

        Everyone who asks is kept with the job: none of them may approve what it leads to.
        """
        now = self.clock()
        with self._write() as connection:
            row = {"id": job_id, "kind": kind, "request": request, "status": "queued", "attempts": 0}
            added = self._add_if_absent(connection, _job, {**row, "author": author, "created": now, "changed": now})
            is_queued = added or connection.execute(_AGAIN, {"same": job_id, "now": now}).rowcount > 0
            if is_queued:
                self._say(connection, job_id, "queued", f"{kind} waits for a worker")
            is_new_asker = self._add_if_absent(connection, _asker, {"job": job_id, "subject": author})
            if is_queued or is_new_asker:
                self._record(connection, audit_event)
            return self._job(connection, job_id)

    def job(self, job_id: str) -> Job | None:
        """One job; None where there is none."""
        with self._read() as connection:
            row = connection.execute(_JOB, {"same": job_id}).mappings().first()
            return None if row is None else Job(**row)

    def jobs_of(self, kind: str, result_id: str) -> list[Job]:
        """Every job that led to a result, in the order in which they were asked for."""
        query = _job_query().where(_job.c.kind == kind, _job.c.result == result_id).order_by(_job.c.seq)
        with self._read() as connection:
            return [Job(**row) for row in connection.execute(query).mappings()]

    def askers(self, job_id: str) -> list[str]:
        """Subjects of everyone who asked for a job, in order."""
        query = sa.select(_asker.c.subject).where(_asker.c.job == job_id).order_by(_asker.c.subject)
        with self._read() as connection:
            return list(connection.execute(query).scalars())

    def jobs(self, after: int, limit: int, status: str | None = None) -> list[Job]:
        """Jobs whose number is above `after`, in the order in which they were asked for."""
        query = _job_query().where(_job.c.seq > after).order_by(_job.c.seq).limit(limit)
        if status is not None:
            query = query.where(_job.c.status == status)
        with self._read() as connection:
            return [Job(**row) for row in connection.execute(query).mappings()]

    def claim(self, owner: str, lease_seconds: float, attempts: int) -> Job | None:
        """The next job that waits or whose worker gave no sign of life in time, now leased to `owner`.

        A job that was started `attempts` times without an end is marked failed instead of being started again.
        """
        with self._read() as connection:  # an idle worker takes no write lock
            if connection.execute(sa.select(_job.c.seq).where(self._free()).limit(1)).first() is None:
                return None
        with self._write(waits=False) as connection:
            query = _job_query().where(self._free()).order_by(_job.c.seq).limit(1)
            row = connection.execute(query.with_for_update(skip_locked=True)).mappings().first()
            if row is None:
                return None
            now = self.clock()
            mine = sa.update(_job).where(_job.c.id == row["id"])
            if row["attempts"] >= attempts:
                says = json.dumps({"type": "urn:capitation:problem:internal", "lost_workers": row["attempts"]})
                connection.execute(mine.values(status="failed", problem=says, owner=None, changed=now))
                self._say(connection, row["id"], "failed", f"given up after {row['attempts']} lost workers")
                self._announce(connection, row["id"])
                return None
            connection.execute(
                mine.values(
                    status="running",
                    owner=owner,
                    attempts=row["attempts"] + 1,
                    leased_at=now,
                    lease_until=now + lease_seconds,
                    changed=now,
                )
            )
            self._say(connection, row["id"], "running", f"attempt {row['attempts'] + 1}")
            return self._job(connection, row["id"])

    def _free(self) -> sa.ColumnElement[bool]:
        now = self.clock()
        is_over = (_job.c.lease_until < now) | (_job.c.leased_at > now + CLOCKS_DIFFER_SECONDS)
        return (_job.c.status == "queued") | ((_job.c.status == "running") & is_over)

    def keep_lease(self, job_id: str, owner: str, lease_seconds: float) -> bool:
        """Whether the job is still the owner's to work on; if so, for `lease_seconds` more."""
        with self._write(waits=False) as connection:
            now = self.clock()
            longer = self._owned(job_id, owner).values(leased_at=now, lease_until=now + lease_seconds)
            kept = connection.execute(longer)
            return kept.rowcount > 0

    def give_back(self, job_id: str, owner: str) -> None:
        """Put the job back into the queue, as if it had not been started."""
        with self._write(waits=False) as connection:
            back = self._owned(job_id, owner).values(
                status="queued", owner=None, lease_until=None, attempts=_job.c.attempts - 1, changed=self.clock()
            )
            if connection.execute(back).rowcount > 0:
                self._say(connection, job_id, "queued", "the worker stopped; the job waits again")

    def finish(
        self,
        job: Job,
        owner: str,
        result_id: str,
        content: str,
        frames: Mapping[str, StoredFrame],
        files: Mapping[str, StoredFile] | None = None,
        audit_event: AuditEvent | None = None,
    ) -> bool:
        """Whether the owner still had the job; if so, its result is stored and the job is done, in one step.

        A result that is there already is left as it is.
        """
        now = self.clock()
        packed = self._packed(_labelled(job.kind, content, frames, files or {}))
        with self._write() as connection:
            done = self._owned(job.id, owner).values(
                status="done", result=result_id, owner=None, lease_until=None, changed=now
            )
            if connection.execute(done).rowcount == 0:
                return False
            row = {"kind": job.kind, "id": result_id, "job": job.id, "author": job.author, "created": now}
            if self._add_if_absent(connection, _result, {**row, "bytes": sha256_of(content.encode())}):
                self._keep(connection, packed)
                _name_parts(connection, {"kind": job.kind, "id": result_id}, frames, files or {})
            self._say(connection, job.id, "done", result_id)
            self._record(connection, audit_event)
            return True

    def fail(self, job_id: str, owner: str, problem: str, message: str, audit_event: AuditEvent | None = None) -> bool:
        """Whether the owner still had the job; if so, it is failed, with the problem it met."""
        with self._write() as connection:
            failed = self._owned(job_id, owner).values(
                status="failed", problem=problem, owner=None, lease_until=None, changed=self.clock()
            )
            if connection.execute(failed).rowcount == 0:
                return False
            self._say(connection, job_id, "failed", message)
            self._record(connection, audit_event)
            return True

    def cancel(self, job_id: str, audit_event: AuditEvent | None = None) -> Job:
        """The job, cancelled if it had not ended; a worker that has it finds out and stores nothing."""
        with self._write() as connection:
            stopped = connection.execute(
                sa.update(_job)
                .where(_job.c.id == job_id, _job.c.status.in_(("queued", "running")))
                .values(status="cancelled", owner=None, lease_until=None, changed=self.clock())
            )
            if stopped.rowcount > 0:
                self._say(connection, job_id, "cancelled", "stopped on request")
                self._record(connection, audit_event)
            return self._job(connection, job_id)

    def say(self, job_id: str, owner: str, message: str) -> None:
        """Note how far a job is, if it is still the owner's: nothing is said of a job after its end."""
        owned = sa.select(_job.c.seq).where(_is_owned(job_id, owner)).with_for_update()  # keeps events in order
        with self._write(waits=False) as connection:
            if connection.execute(owned).first() is not None:
                self._say(connection, job_id, "progress", message)

    def events(self, job_id: str, after: int) -> list[tuple[int, str, str, float]]:
        """What happened to a job after the event numbered `after`: number, name, words, time."""
        query = (
            sa.select(_event.c.seq, _event.c.name, _event.c.says, _event.c.created)
            .where(_event.c.job == job_id, _event.c.seq > after)
            .order_by(_event.c.seq)
        )
        with self._read() as connection:
            return [(seq, name, says, created) for seq, name, says, created in connection.execute(query)]

    def counts(self) -> dict[str, int]:
        """How many jobs stand in each state."""
        query = sa.select(_job.c.status, sa.func.count()).group_by(_job.c.status)
        with self._read() as connection:
            return {status: count for status, count in connection.execute(query)}  # noqa: C416  # rows are not pairs to the checker

    def _owned(self, job_id: str, owner: str) -> sa.Update:
        return sa.update(_job).where(_is_owned(job_id, owner))

    def _job(self, connection: Connection, job_id: str) -> Job:
        return Job(**connection.execute(_JOB, {"same": job_id}).mappings().one())

    def _say(self, connection: Connection, job_id: str, name: str, message: str) -> None:
        row = {"job": job_id, "name": name, "says": message, "created": self.clock()}
        connection.execute(sa.insert(_event), row)
        if name in TERMINAL:
            self._announce(connection, job_id)


def _is_owned(job_id: str, owner: str) -> sa.ColumnElement[bool]:
    return (_job.c.id == job_id) & (_job.c.owner == owner) & (_job.c.status == "running")


def _job_query() -> sa.Select[Any]:
    return sa.select(*(c for c in _job.c if c.name not in {"lease_until", "leased_at"}))


_JOB = _job_query().where(_job.c.id == sa.bindparam("same"))
_AGAIN = (
    sa.update(_job)
    .where(_job.c.id == sa.bindparam("same"), _job.c.status.in_(("failed", "cancelled")))
    .values(status="queued", attempts=0, problem=None, owner=None, lease_until=None, changed=sa.bindparam("now"))
)


def _labelled(
    kind: str, content: str, frames: Mapping[str, StoredFrame], files: Mapping[str, StoredFile]
) -> list[tuple[str, bytes]]:
    """All bytes of a result, each labelled by what it is of a result of its kind."""
    parts = [("", content.encode())]
    parts += [(f.name, f.parquet) for f in frames.values()] + [(f.name, f.content) for f in files.values()]
    return [(f"{kind}/{name}", each) for name, each in parts]


def _name_parts(
    connection: Connection, of: Mapping[str, str], frames: Mapping[str, StoredFrame], files: Mapping[str, StoredFile]
) -> None:
    """Keep which frames and files a result has, and by which digests their bytes are kept."""
    named: dict[sa.Table, list[dict[str, Any]]] = {
        _frame: [
            {**of, "name": f.name, "sha256": f.sha256, "rows": f.rows, "bytes": sha256_of(f.parquet)}
            for f in frames.values()
        ],
        _file: [
            {**of, "name": f.name, "media": f.media, "sha256": f.sha256, "bytes": sha256_of(f.content)}
            for f in files.values()
        ],
    }
    for table, rows in named.items():
        if rows:
            connection.execute(sa.insert(table), rows)
