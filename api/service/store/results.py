"""Results: what jobs led to, with their frames and files; added once and never changed."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from api.service.records.stored import StoredFile, StoredFrame
from api.service.store.database import Database
from api.service.store.tables import result as _result
from api.service.store.tables import result_file as _file
from api.service.store.tables import result_frame as _frame


@dataclass(frozen=True)
class Result:
    """What a job led to: its content as canonical JSON; frames are read one at a time."""

    seq: int
    kind: str
    id: str
    job: str
    content: str
    author: str
    created: float


class Results(Database):
    """The part of the store that keeps results."""

    def result(self, kind: str, result_id: str) -> Result | None:
        """One result; None where there is none."""
        with self._read() as connection:
            row = (
                connection.execute(sa.select(_result).where(_result.c.kind == kind, _result.c.id == result_id))
                .mappings()
                .first()
            )
            return None if row is None else Result(**row)

    def results(self, kind: str, after: int, limit: int) -> list[Result]:
        """Results of a kind whose number is above `after`, in the order in which they were stored."""
        query = sa.select(_result).where(_result.c.kind == kind, _result.c.seq > after)
        with self._read() as connection:
            return [Result(**r) for r in connection.execute(query.order_by(_result.c.seq).limit(limit)).mappings()]

    def frame(self, kind: str, result_id: str, name: str) -> StoredFrame | None:
        """One frame of a result; None where there is none."""
        query = sa.select(_frame.c.name, _frame.c.rows, _frame.c.sha256, _frame.c.parquet).where(
            _frame.c.kind == kind, _frame.c.id == result_id, _frame.c.name == name
        )
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
            return None if row is None else StoredFrame(**row)

    def frame_names(self, kind: str, result_id: str) -> list[str]:
        """Names of a result's frames, in order."""
        query = sa.select(_frame.c.name).where(_frame.c.kind == kind, _frame.c.id == result_id).order_by(_frame.c.name)
        with self._read() as connection:
            return list(connection.execute(query).scalars())

    def file(self, kind: str, result_id: str, name: str) -> StoredFile | None:
        """One file of a result; None where there is none."""
        query = sa.select(_file.c.name, _file.c.media, _file.c.sha256, _file.c.content).where(
            _file.c.kind == kind, _file.c.id == result_id, _file.c.name == name
        )
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
            return None if row is None else StoredFile(**row)
