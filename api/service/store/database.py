"""The database itself: connections, transactions, version, and the audit record that a change is written together with.

A change and its audit record stand in one transaction, so neither is there without the other. The head of the audit
log is locked last, so writers queue for it in one order. What is done inside `transaction` stands in one transaction too.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.sql.dml import ReturningInsert

from api.service.records.failures import ProblemError
from api.service.security.audit import AuditEvent, AuditRecord, Head, link
from api.service.store import tables
from api.service.store.writers import Disk, Turns

_MIGRATIONS = Path(__file__).parent.parent / "migrations"
_BUSY_MILLISECONDS = 30_000
_LOCK_SECONDS, _STOPPED_SECONDS, _MIGRATION_SECONDS = 30, 60, 900
"""How long a PostgreSQL store lets one wait for another's lock, lets one who stopped in mid-change keep theirs, and both while it is migrated."""

_REACHED: Mapping[str, int] = {
    "connect_timeout": 10, "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000,
}  # fmt: skip
"""When a connection to a PostgreSQL store counts as lost (seconds, the last one milliseconds), unless its URL says otherwise."""

_LOOK_AGAIN_SECONDS = 0.02
_FULL: tuple[int | str, ...] = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE, "53100")
"""What the databases say where there is no room; the second is SQLite's word where it cannot even open its files."""

Mark = tuple[int, int]
"""What is the same at two moments only if nobody changed the store between them."""

Added = Literal["document", "result"]
"""Tables that rows are only ever added to, and that answers depend on alone."""

CLOCKS_DIFFER_SECONDS = 60.0
"""By how much clocks may differ between machines; a hold from further in the future was given before a clock went back."""


class StoreError(ProblemError):
    """The store cannot be reached, or has other tables than this version needs.

    Args:
        message: what is wrong, for callers of the service.
        driver: what the database's driver says, which may name hosts and users: for logs and the command line only.
    """

    kind = "store-unavailable"

    def __init__(self, message: str, driver: str = "") -> None:
        self.driver = driver
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message}: {self.driver}" if self.driver else self.message


class StoreFullError(StoreError):
    """There is no room left where the store is; nothing of the change was kept."""

    kind = "store-full"


class ChangedError(ProblemError):
    """A document changed since the caller read it, or the name is taken by other content."""

    kind = "changed-meanwhile"


class _Joint(threading.local):
    """The changes of one thread that are to be kept together, and their connection from the first of them on."""

    changes: ExitStack | None = None
    is_one: bool = False
    connection: Connection | None = None


class Database:
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
        self._turns = Turns() if self.is_sqlite else None
        file = self._engine.url.database if self.is_sqlite else None
        self._file = Path(file) if file and file != ":memory:" else None
        self._disk = None if self._file is None else Disk(self._file)
        self._file_was: tuple[int, int] | None = None
        self._joint = _Joint()
        self._marker: sqlite3.Connection | None = None
        self._marked, self._markers = (0, 0), 0
        self._last: dict[str, tuple[Mark, Mark]] = {}

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded store."""
        return self._engine.dialect.name == "sqlite"

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()
        self._unmark()

    def mark(self, only: Added | None = None) -> Mark | None:
        """What differs once anyone has changed the store; None where that cannot be said at once.

        It never waits. Only the event loop asks, over a connection of its own, which sees the changes of all others.

        Args:
            only: a table that rows are only ever added to: the mark differs once a row was added there, whatever else changes.
        """
        if self._file is None:
            return None
        try:
            found = os.stat(self._file)  # noqa: PTH116  # on every request: a Path would take longer than the call
            if self._marker is None or self._marked != (found.st_dev, found.st_ino):
                self._unmark()
                uri = f"{self._file.absolute().as_uri()}?mode=rw"
                self._marker = sqlite3.connect(uri, timeout=0, isolation_level=None, check_same_thread=False, uri=True)
                self._marked = found.st_dev, found.st_ino
                self._markers += 1
            whole = self._markers, self._marker.execute("PRAGMA data_version").fetchone()[0]
            return whole if only is None else self._mark_of(only, whole, self._marker)
        except (OSError, sqlite3.Error):
            self._unmark()
            return None

    def _mark_of(self, name: Added, whole: Mark, marker: sqlite3.Connection) -> Mark:
        """The mark of one table, looked up anew only where the store has another mark than at the last look."""
        known = self._last.get(name)
        if known is None or known[0] != whole:
            last = marker.execute(f"SELECT coalesce(max(seq), 0) FROM {name}").fetchone()[0]  # one of `Added`
            known = self._last[name] = whole, (self._markers, last)
        return known[1]

    def _unmark(self) -> None:
        if self._marker is not None:
            self._marker.close()
            self._marker = None

    @contextmanager
    def transaction(self, *, is_one: bool = False) -> Iterator[None]:
        """Keep all changes that this thread makes inside, or none; other writers wait from the first change on, not before.

        Args:
            is_one: whether the first change that fails ends it, so that no change need be undone alone.

        Raises:
            StoreError: they cannot be kept.
        """
        joint = self._joint
        if joint.changes is not None:  # part of a larger whole
            yield
            return
        with ExitStack() as changes:
            joint.changes, joint.is_one = changes, is_one
            try:
                yield
            finally:
                joint.changes = joint.connection = None

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        self._check_file()
        if self._joint.connection is not None:
            with _store_errors():
                yield self._joint.connection
        else:
            with _store_errors(), self._engine.connect() as connection:
                yield connection

    @contextmanager
    def _write(self, *, waits: bool = True) -> Iterator[Connection]:
        """A change; `waits` says whether it has to outlast a loss of power once it is made, as whatever somebody is answered with."""
        self._check_file()
        joint = self._joint
        if joint.changes is None:
            with self._begun(waits=waits) as connection:
                yield connection
        else:
            if joint.connection is None:
                joint.connection = joint.changes.enter_context(self._begun())
            with _store_errors(), nullcontext() if joint.is_one else joint.connection.begin_nested():
                yield joint.connection

    @contextmanager
    def _begun(self, *, waits: bool = True) -> Iterator[Connection]:
        turns = self._turns or nullcontext()  # fairer to the threads of one process than SQLite's own waiting
        with turns, _store_errors(), self._writing.begin() as connection:
            yield connection
        if waits and self._disk is not None:
            try:
                self._disk.has_all()
            except OSError as error:
                kind = StoreFullError if error.errno == errno.ENOSPC else StoreError
                raise kind("the disk did not take what was written; look at it, and ask again", str(error)) from error

    def _check_file(self) -> None:
        """Refuse to write into a file that was taken away: its open connections would go on as if nothing had happened."""
        if self._file is None or self._file_was is None:
            return
        try:
            now = os.stat(self._file)  # noqa: PTH116  # on every transaction: a Path would take longer than the call
        except OSError as error:
            self._engine.dispose()
            raise StoreError(
                f"the store cannot be used: its file {self._file.name} is gone. Put it back, or restore a backup"
            ) from error
        found = (now.st_dev, now.st_ino)
        if found != self._file_was:  # another file stands there, such as a backup that was put back
            self._engine.dispose()
            self._file_was = found

    def migrate(self) -> None:
        """Migrate the tables to what this version needs; nothing happens where they are at it.

        Raises:
            StoreError: the store was written by a newer version, or cannot be reached.
        """
        known, head = _versions()
        if self._file is not None:
            _make_private(self._file)
        with self._write() as connection:
            if not self.is_sqlite:
                connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_MIGRATION_SECONDS}s'"))
                connection.execute(sa.text(f"SET LOCAL idle_in_transaction_session_timeout = '{_MIGRATION_SECONDS}s'"))
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7264920151)"))
            current = _version(connection)
            if current is not None and current not in known:
                raise StoreError(
                    f"the store is at version {current!r}, which this version does not know (it knows up to "
                    f"{head!r}). Start the newer version, or restore a backup of this one"
                )
            if current != head:
                _upgrade(connection)
        if self._file is not None:
            made = self._file.stat()
            self._file_was = (made.st_dev, made.st_ino)

    def self_test(self) -> str:
        """The version of the store, once a write and a read of it worked.

        Raises:
            StoreError: the store cannot be reached or written.
        """
        with self._write() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = version_num"))
            return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one())

    # --- what all parts of the store use ----------------------------------------------------------------------------

    def _lock(self, connection: Connection, name: str) -> None:
        """Let no other writer pass under this name until the transaction ends; SQLite has one writer anyway."""
        if not self.is_sqlite:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": name})

    def _add_if_absent(self, connection: Connection, table: sa.Table, row: Mapping[str, Any]) -> bool:
        """Whether the row was added; one that any unique index has already is left as it is."""
        return connection.execute(_added_if_absent(table, is_sqlite=self.is_sqlite), row).first() is not None

    def _add_guarded(
        self, connection: Connection, table: sa.Table, row: Mapping[str, Any], there: sa.ColumnElement[bool]
    ) -> bool:
        """Whether the row was added to a table that is only ever added to; one that is there already is left as it is.

        The embedded store, which has one writer, is asked first: its guards refuse even a row that would be left out.
        """
        if connection.execute(sa.select(sa.literal(1)).select_from(table).where(there).limit(1)).first() is not None:
            return False
        return self._add_if_absent(connection, table, row)

    @contextmanager
    def at_one_moment(self) -> Iterator[None]:
        """All looks of this thread inside are at one moment, whatever is written meanwhile; nothing is changed inside.

        Raises:
            StoreError: the store cannot be used.
        """
        if self._joint.connection is not None:  # part of a larger whole
            yield
            return
        with self._moment() as connection:
            self._joint.connection = connection
            try:
                yield
            finally:
                self._joint.connection = None

    @contextmanager
    def _moment(self) -> Iterator[Connection]:
        """A connection whose every look is at one moment, whatever is written meanwhile."""
        self._check_file()
        options = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with _store_errors(), self._engine.execution_options(**options).connect() as connection:
            yield connection

    def _record(self, connection: Connection, audit_event: AuditEvent | None) -> None:
        """Chain an event to the audit log, in the transaction of the change."""
        if audit_event is not None:
            self._chain(connection, link(self._head(connection, lock=True), audit_event))

    def _head(self, connection: Connection, *, lock: bool = False) -> Head:
        number, sha256 = connection.execute(_HEAD_TO_MOVE if lock else _HEAD).one()
        return Head(number=number, sha256=sha256)

    def _chain(self, connection: Connection, record: AuditRecord) -> None:
        row = {"number": record.number, "previous": record.previous, "sha256": record.sha256}
        connection.execute(sa.insert(tables.audit_record), {**row, "event": record.event.model_dump_json()})
        connection.execute(_HEAD_MOVED, {"number": record.number, "sha256": record.sha256})


_HEAD = sa.select(tables.audit_head.c.number, tables.audit_head.c.sha256)
_HEAD_TO_MOVE = _HEAD.with_for_update()
_HEAD_MOVED = sa.update(tables.audit_head)


def _make_private(store: Path) -> None:
    """Give a new embedded store to its user alone: it holds what others of this machine may not see."""
    with suppress(OSError):  # it is there, or cannot be made, which its first use says better
        os.close(os.open(store, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


@lru_cache(maxsize=64)
def _added_if_absent(table: sa.Table, *, is_sqlite: bool) -> ReturningInsert[tuple[int]]:
    insert = sqlite_insert if is_sqlite else postgresql_insert
    return insert(table).on_conflict_do_nothing().returning(sa.literal(1))


def _upgrade(connection: Connection) -> None:
    """Bring the tables to the newest version; the tool that does so is imported where there is something to do."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _version(connection: Connection) -> str | None:
    """The version that a store is at; None where it has no tables yet."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


@cache
def _versions() -> tuple[frozenset[str], str]:
    """All versions that a store may be at, and the newest; they are in the names of the files that lead to them."""
    found = sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
    return frozenset(found), found[-1]


def _engine(url: str) -> Engine:
    try:
        made = make_url(url)
        if made.get_backend_name() == "postgresql":
            made = made.set(drivername="postgresql+psycopg")
            reached = {name: value for name, value in _REACHED.items() if name not in made.query}
            engine = sa.create_engine(made, pool_size=10, max_overflow=50, pool_pre_ping=True, connect_args=reached)
            sa.event.listen(engine, "connect", _limit_waiting)
            return engine
        if made.get_backend_name() != "sqlite":
            raise StoreError(f"the store is a {made.get_backend_name()} database; expected sqlite or postgresql")
        engine = sa.create_engine(made, pool_size=10, max_overflow=50, connect_args={"check_same_thread": False})
    except (ArgumentError, ImportError) as error:
        raise StoreError(f"the store's URL cannot be used: {error}") from error
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _limit_waiting(raw: Any, _record: object) -> None:  # noqa: ANN401  # a driver's connection
    """Nobody waits for ever: neither for a lock that another holds, nor for one who stopped in the middle of a change."""
    with raw.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{_STOPPED_SECONDS}s'")
    raw.commit()


def _set_up(raw: Any, _record: object) -> None:  # noqa: ANN401  # a driver's connection
    raw.isolation_level = None  # the driver begins nothing by itself; `_begin` does
    raw.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}").fetchall()
    _write_ahead(raw)  # with which NORMAL loses no order; `writers.Disk` waits for the disk
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        raw.execute(f"PRAGMA {pragma}").fetchall()


def _write_ahead(raw: Any) -> None:  # noqa: ANN401  # a driver's connection
    """Give a new file its write-ahead log; SQLite does not wait by itself for another process that has just begun to write to it."""
    last = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL").fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= last:
                raise
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', '')}".rstrip())


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise ChangedError("another request changed the same thing at the same moment; ask again") from error
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        driver = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        if getattr(cause, "sqlite_errorcode", None) in _FULL or getattr(cause, "sqlstate", None) in _FULL:
            raise StoreFullError(
                "the store is full and nothing was changed; make room where it is, and ask again", driver
            ) from error
        raise StoreError("the store cannot be used at the moment", driver) from error
