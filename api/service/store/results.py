"""Results: what jobs led to, with their frames and files; added once and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from api.service.records.stored import StoredFile, StoredFrame
from api.service.store.kept.kept_bytes import KEPT, KeptBytes, opened, with_bytes
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


class Results(KeptBytes):
    """The part of the store that keeps results."""

    def result(self, kind: str, result_id: str) -> Result | None:
        """One result; None where there is none."""
        query = _query(_result, _result.c.kind == kind, _result.c.id == result_id)
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _read_result(row)

    def results(self, kind: str, after: int, limit: int) -> list[Result]:
        """Results of a kind whose number is above `after`, in the order in which they were stored."""
        query = _query(_result, _result.c.kind == kind, _result.c.seq > after)
        with self._read() as connection:
            rows = connection.execute(query.order_by(_result.c.seq).limit(limit)).mappings().all()
        return [_read_result(row) for row in rows]

    def newest(self, kind: str) -> Result | None:
        """The result of a kind that was stored last; None where there is none."""
        query = _query(_result, _result.c.kind == kind).order_by(_result.c.seq.desc()).limit(1)
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _read_result(row)

    def frame(self, kind: str, result_id: str, name: str) -> StoredFrame | None:
        """One frame of a result; None where there is none."""
        query = _query(_frame, _frame.c.kind == kind, _frame.c.id == result_id, _frame.c.name == name)
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else StoredFrame(row["name"], row["rows"], row["sha256"], opened(row))

    def frame_names(self, kind: str, result_id: str) -> list[str]:
        """Names of a result's frames, in order."""
        query = sa.select(_frame.c.name).where(_frame.c.kind == kind, _frame.c.id == result_id).order_by(_frame.c.name)
        with self._read() as connection:
            return list(connection.execute(query).scalars())

    def file(self, kind: str, result_id: str, name: str) -> StoredFile | None:
        """One file of a result; None where there is none."""
        query = _query(_file, _file.c.kind == kind, _file.c.id == result_id, _file.c.name == name)
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else StoredFile(row["name"], row["media"], row["sha256"], opened(row))


def _query(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(table, *KEPT).select_from(with_bytes(table)).where(*conditions)


def _read_result(row: RowMapping) -> Result:
    parts = {name: row[name] for name in ("seq", "kind", "id", "job", "author", "created")}
    return Result(content=opened(row).decode(), **parts)
