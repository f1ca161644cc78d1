"""The store: documents, jobs, results and idempotency keys in SQLite or PostgreSQL; the only place that meets SQLAlchemy.

Nothing is updated in place except the state of a job and of a key: documents and results are only ever added. A result
and the end of its job are written in one transaction, and a result that is there already is left as it is, so work
that was done twice leaves one result.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from capitation.errors import CapitationError

TERMINAL = ("done", "failed", "cancelled")
"""States that a job does not leave by itself."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MILLISECONDS = 30_000

_meta = sa.MetaData()
_serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_document = sa.Table(
    "document",
    _meta,
    sa.Column("seq", _serial, primary_key=True),
    *(sa.Column(name, sa.Text) for name in ("kind", "name", "digest", "title", "content", "author")),
    sa.Column("version", sa.Integer),
    sa.Column("created", sa.Float(53)),
)
_job = sa.Table(
    "job",
    _meta,
    sa.Column("seq", _serial, primary_key=True),
    *(sa.Column(n, sa.Text) for n in ("id", "kind", "request", "status", "result", "problem", "owner", "author")),
    sa.Column("attempts", sa.Integer),
    *(sa.Column(name, sa.Float(53)) for name in ("lease_until", "created", "changed")),
)
_event = sa.Table(
    "job_event",
    _meta,
    sa.Column("seq", _serial, primary_key=True),
    *(sa.Column(name, sa.Text) for name in ("job", "name", "says")),
    sa.Column("created", sa.Float(53)),
)
_result = sa.Table(
    "result",
    _meta,
    sa.Column("seq", _serial, primary_key=True),
    *(sa.Column(name, sa.Text) for name in ("kind", "id", "job", "content", "author")),
    sa.Column("created", sa.Float(53)),
)
_frame = sa.Table(
    "result_frame",
    _meta,
    *(sa.Column(name, sa.Text) for name in ("kind", "id", "name", "sha256")),
    sa.Column("rows", sa.Integer),
    sa.Column("parquet", sa.LargeBinary),
)
_key = sa.Table(
    "idempotency",
    _meta,
    *(sa.Column(name, sa.Text) for name in ("client", "key", "fingerprint", "holder", "headers")),
    *(sa.Column(name, sa.Float(53)) for name in ("held_until", "created")),
    sa.Column("status", sa.Integer),
    sa.Column("body", sa.LargeBinary),
)


class StoreError(CapitationError):
    """The store cannot be reached, is full, or has another shape than this version needs."""


class ChangedError(CapitationError):
    """A document changed since the caller read it, or the name is taken by other content."""


@dataclass(frozen=True)
class StoredDocument:
    """One version of a document; `digest` names its content."""

    seq: int
    kind: str
    name: str
    version: int
    digest: str
    title: str
    content: str
    author: str
    created: float


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


@dataclass(frozen=True)
class StoredFrame:
    """One frame of a result as parquet bytes, with the checksum of its content."""

    name: str
    rows: int
    sha256: str
    parquet: bytes


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


@dataclass(frozen=True)
class KeptAnswer:
    """An idempotency key: whose body it goes with, and the answer once there is one."""

    fingerprint: str
    status: int | None
    headers: str | None
    body: bytes | None


class Store:
    """One database; safe to share between threads.

    Args:
        url: an SQLite or PostgreSQL URL.
        clock: seconds since 1970.

    Raises:
        StoreError: the URL cannot be used.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._engine = _engine(url)
        self._writing = self._engine.execution_options(sqlite_begin="IMMEDIATE")
        self._one_writer = threading.RLock() if self._engine.dialect.name == "sqlite" else None

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded store."""
        return self._engine.dialect.name == "sqlite"

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with _told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        if self._one_writer is None:
            with _told(), self._writing.begin() as connection:
                yield connection
        else:  # threads of one process queue here, which is fairer than SQLite's own waiting
            with self._one_writer, _told(), self._writing.begin() as connection:
                yield connection

    # --- shape ------------------------------------------------------------------------------------------------------

    def migrate(self) -> None:
        """Bring the tables to the shape that this version needs; nothing happens where they have it.

        Raises:
            StoreError: the store was written by a newer version, or cannot be reached.
        """
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        script = ScriptDirectory.from_config(config)
        known = {revision.revision for revision in script.walk_revisions()}
        with self._write() as connection:
            if not self.is_sqlite:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7264920151)"))
            current = MigrationContext.configure(connection).get_current_revision()
            if current is not None and current not in known:
                message = (
                    f"the store has the shape {current!r}, which this version does not know (it knows up to "
                    f"{script.get_current_head()!r}). Start the newer version, or restore a backup of this one"
                )
                raise StoreError(message)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def self_test(self) -> str:
        """The shape of the store, once a write and a read of it worked.

        Raises:
            StoreError: the store cannot be reached or written.
        """
        with self._write() as connection:
            connection.execute(sa.update(_job).where(_job.c.seq == -1).values(attempts=0))
            return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one())

    # --- documents --------------------------------------------------------------------------------------------------

    def add_document(
        self, kind: str, name: str, title: str, content: str, content_digest: str, author: str, expected: str | None
    ) -> tuple[StoredDocument, bool]:
        """The newest version of a document after adding `content`, and whether a version was added.

        Args:
            kind: kind of document.
            name: its name among its kind.
            title: its title for people.
            content: canonical JSON.
            content_digest: hash of the content.
            author: who adds it.
            expected: digest of the version that is to be followed; None where there must be none yet, or the same.

        Raises:
            ChangedError: the newest version is another than expected.
            StoreError: the store cannot be reached.
        """
        with self._write() as connection:
            if not self.is_sqlite:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:k))"), {"k": f"{kind}/{name}"})
            newest = self._newest(connection, kind, name)
            if newest is not None and newest.digest == content_digest:
                return newest, False
            found = None if newest is None else newest.digest
            if found != expected:
                message = (
                    f"{kind} {name!r} has another content already"
                    if expected is None
                    else f"{kind} {name!r} is at version {found}, not {expected}"
                )
                raise ChangedError(message)
            connection.execute(
                sa.insert(_document).values(
                    kind=kind,
                    name=name,
                    version=1 if newest is None else newest.version + 1,
                    digest=content_digest,
                    title=title,
                    content=content,
                    author=author,
                    created=self.clock(),
                )
            )
            added = self._newest(connection, kind, name)
            if added is None:
                message = f"{kind} {name!r} was written but cannot be read"
                raise StoreError(message)
            return added, True

    def document(self, kind: str, name: str, content_digest: str | None = None) -> StoredDocument | None:
        """The newest version of a document, or the one with the digest; None where there is none."""
        with self._read() as connection:
            return self._newest(connection, kind, name, content_digest)

    def _newest(
        self, connection: Connection, kind: str, name: str, content_digest: str | None = None
    ) -> StoredDocument | None:
        query = sa.select(_document).where(_document.c.kind == kind, _document.c.name == name)
        if content_digest is not None:
            query = query.where(_document.c.digest == content_digest)
        row = connection.execute(query.order_by(_document.c.version.desc()).limit(1)).mappings().first()
        return None if row is None else StoredDocument(**row)

    def document_names(self, kind: str) -> list[str]:
        """Names of all documents of a kind, in order."""
        query = sa.select(_document.c.name).where(_document.c.kind == kind).distinct().order_by(_document.c.name)
        with self._read() as connection:
            return list(connection.execute(query).scalars())

    def documents(self, kind: str, after: str, limit: int) -> list[StoredDocument]:
        """The newest versions of documents of a kind whose names follow `after`, by name."""
        newest = (
            sa.select(_document.c.name, sa.func.max(_document.c.version).label("version"))
            .where(_document.c.kind == kind, _document.c.name > after)
            .group_by(_document.c.name)
            .order_by(_document.c.name)
            .limit(limit)
            .subquery()
        )
        query = (
            sa.select(_document)
            .join(newest, (_document.c.name == newest.c.name) & (_document.c.version == newest.c.version))
            .where(_document.c.kind == kind)
            .order_by(_document.c.name)
        )
        with self._read() as connection:
            return [StoredDocument(**row) for row in connection.execute(query).mappings()]

    def versions(self, kind: str, name: str, after: int, limit: int) -> list[StoredDocument]:
        """Versions of one document with numbers above `after`, oldest first."""
        query = (
            sa.select(_document)
            .where(_document.c.kind == kind, _document.c.name == name, _document.c.version > after)
            .order_by(_document.c.version)
            .limit(limit)
        )
        with self._read() as connection:
            return [StoredDocument(**row) for row in connection.execute(query).mappings()]

    # --- jobs -------------------------------------------------------------------------------------------------------

    def ask(self, job_id: str, kind: str, request: str, author: str) -> Job:
        """The job with this id, queued if it is new or was failed or cancelled before; otherwise as it stands."""
        now = self.clock()
        with self._write() as connection:
            row = {"id": job_id, "kind": kind, "request": request, "status": "queued", "attempts": 0}
            added = self._add_if_absent(
                connection, _job, {**row, "author": author, "created": now, "changed": now}, ["id"]
            )
            again = connection.execute(
                sa.update(_job)
                .where(_job.c.id == job_id, _job.c.status.in_(("failed", "cancelled")))
                .values(status="queued", attempts=0, problem=None, owner=None, lease_until=None, changed=now)
            )
            if added or again.rowcount > 0:
                self._say(connection, job_id, "queued", f"{kind} waits for a worker")
            return self._job(connection, job_id)

    def job(self, job_id: str) -> Job | None:
        """One job; None where there is none."""
        with self._read() as connection:
            row = connection.execute(_job_query().where(_job.c.id == job_id)).mappings().first()
            return None if row is None else Job(**row)

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
        with self._write() as connection:
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
                return None
            connection.execute(
                mine.values(
                    status="running",
                    owner=owner,
                    attempts=row["attempts"] + 1,
                    lease_until=now + lease_seconds,
                    changed=now,
                )
            )
            self._say(connection, row["id"], "running", f"attempt {row['attempts'] + 1}")
            return self._job(connection, row["id"])

    def _free(self) -> sa.ColumnElement[bool]:
        lost = (_job.c.status == "running") & (_job.c.lease_until < self.clock())
        return (_job.c.status == "queued") | lost

    def keep_lease(self, job_id: str, owner: str, lease_seconds: float) -> bool:
        """Whether the job is still the owner's to work on; if so, for `lease_seconds` more."""
        with self._write() as connection:
            kept = connection.execute(self._owned(job_id, owner).values(lease_until=self.clock() + lease_seconds))
            return kept.rowcount > 0

    def give_back(self, job_id: str, owner: str) -> None:
        """Put the job back into the queue, as if it had not been started."""
        with self._write() as connection:
            back = self._owned(job_id, owner).values(
                status="queued", owner=None, lease_until=None, attempts=_job.c.attempts - 1, changed=self.clock()
            )
            if connection.execute(back).rowcount > 0:
                self._say(connection, job_id, "queued", "the worker stopped; the job waits again")

    def finish(self, job: Job, owner: str, result_id: str, content: str, frames: Mapping[str, StoredFrame]) -> bool:
        """Whether the owner still held the job; if so, its result is stored and the job is done, in one step."""
        now = self.clock()
        with self._write() as connection:
            done = self._owned(job.id, owner).values(
                status="done", result=result_id, owner=None, lease_until=None, changed=now
            )
            if connection.execute(done).rowcount == 0:
                return False
            row = {"kind": job.kind, "id": result_id, "job": job.id, "content": content, "author": job.author}
            added = self._add_if_absent(connection, _result, {**row, "created": now}, ["kind", "id"])
            if added and frames:
                connection.execute(
                    sa.insert(_frame),
                    [
                        {
                            "kind": job.kind,
                            "id": result_id,
                            "name": f.name,
                            "sha256": f.sha256,
                            "rows": f.rows,
                            "parquet": f.parquet,
                        }
                        for f in frames.values()
                    ],
                )
            self._say(connection, job.id, "done", result_id)
            return True

    def fail(self, job_id: str, owner: str, problem: str, says: str) -> bool:
        """Whether the owner still held the job; if so, it is failed, with the problem it met."""
        with self._write() as connection:
            failed = self._owned(job_id, owner).values(
                status="failed", problem=problem, owner=None, lease_until=None, changed=self.clock()
            )
            if connection.execute(failed).rowcount == 0:
                return False
            self._say(connection, job_id, "failed", says)
            return True

    def cancel(self, job_id: str) -> Job:
        """The job, cancelled if it had not ended; a worker that has it finds out and stores nothing."""
        with self._write() as connection:
            stopped = connection.execute(
                sa.update(_job)
                .where(_job.c.id == job_id, _job.c.status.in_(("queued", "running")))
                .values(status="cancelled", owner=None, lease_until=None, changed=self.clock())
            )
            if stopped.rowcount > 0:
                self._say(connection, job_id, "cancelled", "stopped on request")
            return self._job(connection, job_id)

    def say(self, job_id: str, name: str, says: str) -> None:
        """Note something that happened to a job."""
        with self._write() as connection:
            self._say(connection, job_id, name, says)

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
        return sa.update(_job).where(_job.c.id == job_id, _job.c.owner == owner, _job.c.status == "running")

    def _job(self, connection: Connection, job_id: str) -> Job:
        return Job(**connection.execute(_job_query().where(_job.c.id == job_id)).mappings().one())

    def _say(self, connection: Connection, job_id: str, name: str, says: str) -> None:
        connection.execute(sa.insert(_event).values(job=job_id, name=name, says=says, created=self.clock()))

    def _add_if_absent(
        self, connection: Connection, table: sa.Table, row: Mapping[str, Any], unique: list[str]
    ) -> bool:
        """Whether the row was added; one with the same unique columns is left as it is."""
        insert = sqlite_insert if self.is_sqlite else postgresql_insert
        statement = insert(table).values(**row).on_conflict_do_nothing(index_elements=unique)
        return connection.execute(statement.returning(table.c[unique[0]])).first() is not None

    # --- results ----------------------------------------------------------------------------------------------------

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

    # --- idempotency keys -------------------------------------------------------------------------------------------

    def take_key(
        self, client: str, key: str, fingerprint: str, hold_seconds: float, keep_seconds: float
    ) -> tuple[str, KeptAnswer | None]:
        """A holder's mark and None where the key is the caller's to answer; otherwise what is known of the key.

        A key whose holder gave no answer in time, or whose answer is too old to keep, is taken over.
        """
        now, holder = self.clock(), uuid.uuid4().hex
        row = {"client": client, "key": key, "fingerprint": fingerprint, "holder": holder}
        mine = (_key.c.client == client) & (_key.c.key == key)
        with self._write() as connection:
            unanswered = _key.c.status.is_(None) & (_key.c.held_until < now)
            too_old = _key.c.status.is_not(None) & (_key.c.created < now - keep_seconds)
            connection.execute(
                sa.delete(_key).where(mine & ((unanswered & (_key.c.fingerprint == fingerprint)) | too_old))
            )
            added = self._add_if_absent(
                connection, _key, {**row, "held_until": now + hold_seconds, "created": now}, ["client", "key"]
            )
            if added:
                return holder, None
            kept = connection.execute(
                sa.select(_key.c.fingerprint, _key.c.status, _key.c.headers, _key.c.body).where(mine)
            )
            return holder, KeptAnswer(**kept.mappings().one())

    def keep_answer(self, client: str, key: str, holder: str, status: int, headers: str, body: bytes) -> None:
        """Keep the answer that later requests with the key receive."""
        with self._write() as connection:
            connection.execute(
                sa.update(_key)
                .where(_key.c.client == client, _key.c.key == key, _key.c.holder == holder)
                .values(status=status, headers=headers, body=body)
            )

    def drop_key(self, client: str, key: str, holder: str) -> None:
        """Forget a key whose request changed nothing, so that a corrected one may use it."""
        with self._write() as connection:
            connection.execute(
                sa.delete(_key).where(_key.c.client == client, _key.c.key == key, _key.c.holder == holder)
            )


def backup(url: str, target: Path) -> Path:
    """A copy of the embedded store at one moment, whole and checked; the service may run meanwhile.

    Raises:
        StoreError: the store is no SQLite file, is missing or damaged, or the copy cannot be written.
    """
    source = _sqlite_path(url)
    if not source.is_file():
        message = f"{source}: no such store. Start the service there once, or set CAPITATION_STORE"
        raise StoreError(message)
    return _copy(source, target)


def restore(copy: Path, url: str, *, replace: bool = False) -> Path:
    """The embedded store, put back from a backup; the service must not run meanwhile.

    Raises:
        StoreError: the backup is damaged or no store, or there is a store already and `replace` was not asked for.
    """
    target = _sqlite_path(url)
    if target.exists() and not replace:
        message = f"{target}: there is a store already. Say --replace to put the backup in its place"
        raise StoreError(message)
    if not copy.is_file():
        message = f"{copy}: no such backup"
        raise StoreError(message)
    made = _copy(copy, target)
    for ending in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            target.with_name(target.name + ending).unlink()
    return made


def _copy(source: Path, target: Path) -> Path:
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(partial)) as new,
        ):
            old.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")
            said = new.execute("PRAGMA integrity_check").fetchone()[0]
            if said != "ok":
                message = f"{source}: the store is damaged: {said}"
                raise StoreError(message)
            new.execute("SELECT version_num FROM alembic_version").fetchone()
        partial.replace(target)
    except (sqlite3.Error, OSError) as error:
        partial.unlink(missing_ok=True)
        message = f"{source}: cannot be copied to {target}: {error}"
        raise StoreError(message) from error
    except StoreError:
        partial.unlink(missing_ok=True)
        raise
    return target


def _sqlite_path(url: str) -> Path:
    made = make_url(url)
    if made.get_backend_name() != "sqlite" or not made.database:
        message = "backup and restore are for the embedded store; use pg_dump and pg_restore for PostgreSQL"
        raise StoreError(message)
    return Path(made.database)


def _engine(url: str) -> Engine:
    try:
        made = make_url(url)
        if made.get_backend_name() == "postgresql":
            made = made.set(drivername="postgresql+psycopg")
            return sa.create_engine(made, pool_size=10, max_overflow=50, pool_pre_ping=True)
        if made.get_backend_name() != "sqlite":
            message = f"the store is a {made.get_backend_name()} database; expected sqlite or postgresql"
            raise StoreError(message)
        engine = sa.create_engine(made, pool_size=10, max_overflow=50, connect_args={"check_same_thread": False})
    except (ArgumentError, ImportError) as error:
        message = f"the store's URL cannot be used: {error}"
        raise StoreError(message) from error
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _set_up(raw: Any, _record: object) -> None:  # noqa: ANN401  # a driver's connection
    raw.isolation_level = None  # the driver begins nothing by itself; `_begin` does
    for pragma in (
        f"busy_timeout={_BUSY_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        raw.execute(f"PRAGMA {pragma}").fetchall()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', '')}".rstrip())


def _job_query() -> sa.Select[Any]:
    return sa.select(*(c for c in _job.c if c.name != "lease_until"))


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        message = "another request changed the same thing at the same moment; ask again"
        raise ChangedError(message) from error
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        message = f"the store cannot be used: {str(cause).splitlines()[0]}"
        raise StoreError(message) from error
