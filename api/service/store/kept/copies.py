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
        StoreError: the store is no SQLite file, is missing or damaged, or the copy cannot be written.
    """
    source = _sqlite_path(url)
    if not source.is_file():
        raise StoreError(f"{source}: no such store. Start the service there once, or set CAPITATION_STORE")
    return _copy(source, target)


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


def _copy(source: Path, target: Path, before: Callable[[], None] = lambda: None) -> Path:
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
                raise StoreError(f"{source}: the store is damaged: {said}")
            new.execute("SELECT version_num FROM alembic_version").fetchone()
        before()
        partial.replace(target)
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
