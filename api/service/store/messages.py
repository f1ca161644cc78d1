"""Messages that wait to be sent: that a job has ended, written with its end in one transaction and kept until it is taken or given up."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from api.service.store.database import Database
from api.service.store.tables import job as _job
from api.service.store.tables import message as _message

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
