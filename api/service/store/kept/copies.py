"""Backup and restore of the embedded store: whole copies of one moment, checked, under their final name only once whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from api.service.store.database import StoreError


def backup(url: str, target: Path) -> Path:
    """A copy of the embedded store at one moment, whole and checked; the service may run meanwhile.

    Raises:
        StoreError: the store is no SQLite file, is missing or damaged; or the copy cannot be written, or would take the place of
            anything but an earlier copy.
    """
    source = _sqlite_path(url)
    check_is_there(url)
    if target.is_dir():
        raise StoreError(f"{target}: is a folder; expected the file of the copy, such as {target / 'copy.db'}")
    if target.exists() and target.samefile(source):
        raise StoreError(f"{target}: is the store itself; name another file for its copy")
    if target.exists() and not _is_copy(target):
        raise StoreError(
            f"{target}: is no earlier copy of a store, and is not replaced. Name another file, or remove it"
        )
    return _copy(source, target)


def check_is_there(url: str) -> None:
    """Refuse to look into an embedded store that is not there: an empty one would be made, and nothing found in it.

    Raises:
        StoreError: there is no file of the store.
    """
    made = make_url(url)
    if made.get_backend_name() == "sqlite" and made.database and not Path(made.database).is_file():
        raise StoreError(
            f"{made.database}: no such store. Start the service there once, or say where it is by --store or CAPITATION_STORE"
        )


def restore(copy: Path, url: str, *, replace: bool = False) -> Path:
    """The embedded store, put back from a backup; the service must not run meanwhile.

    Raises:
        StoreError: the backup is damaged or no store; or there is a store already, and `replace` was not asked for or
            the store is in use.
    """
    target = _sqlite_path(url)
    if target.exists() and not replace:
        raise StoreError(f"{target}: there is a store already. Say --replace to put the backup in its place")
    if not copy.is_file():
        raise StoreError(f"{copy}: no such backup")
    if target.exists() and copy.samefile(target):
        raise StoreError(f"{copy}: is the store itself; name a file that capitation backup wrote")
    return _copy(copy, target, before=lambda: _set_aside(target))


def _set_aside(store: Path) -> None:
    """Leave nothing beside a store that is to be replaced: SQLite would take its write-ahead log for the new one's."""
    if store.exists():
        try:
            with closing(sqlite3.connect(store, timeout=0)) as old:
                old.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise StoreError(f"{store}: the store is in use. Stop the service and its workers first") from error
        except sqlite3.DatabaseError:
            pass  # it is damaged, which is why it is replaced
    for ending in ("-wal", "-shm"):
        store.with_name(store.name + ending).unlink(missing_ok=True)


def _is_copy(file: Path) -> bool:
    """Whether a file is a database that nobody works on, as copies are."""
    with file.open("rb") as opened:
        is_database = opened.read(len(_MAGIC)) == _MAGIC
    return is_database and not file.with_name(f"{file.name}-wal").exists()


_MAGIC = b"SQLite format 3\x00"


def _copy(source: Path, target: Path, before: Callable[[], None] = lambda: None) -> Path:
    place = target.resolve()
    partial = place.with_name(f".{place.name}.partial")
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
                raise StoreError(f"{source}: the store is damaged: {said}")
            new.execute("SELECT version_num FROM alembic_version").fetchone()
        before()
        partial.replace(place)
    except (sqlite3.Error, OSError) as error:
        partial.unlink(missing_ok=True)
        raise StoreError(f"{source}: cannot be copied to {target}: {error}") from error
    except StoreError:
        partial.unlink(missing_ok=True)
        raise
    return target


def _sqlite_path(url: str) -> Path:
    made = make_url(url)
    if made.get_backend_name() != "sqlite" or not made.database:
        raise StoreError("backup and restore are for the embedded store; use pg_dump and pg_restore for PostgreSQL")
    return Path(made.database)
