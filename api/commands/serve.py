"""`capitation serve`, `worker`, `backup`, `restore`: the web service, further workers, and copies of the embedded store.

The web framework and the database are imported by the command that needs them, so that the other commands start without them.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from api.tables import print_json
from capitation.errors import DocumentError, Fault

if TYPE_CHECKING:
    from api.service.settings import Settings

StoreOption = Annotated[
    str | None, typer.Option(help="Database URL; an SQLite file in this folder by default, or CAPITATION_STORE.")
]
DataOption = Annotated[Path | None, typer.Option("--data", help="Folder of the data pack.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("serve")(serve)
    app.command("worker")(worker)
    app.command("backup")(backup_command)
    app.command("restore")(restore_command)


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on; only this machine by default.")] = "127.0.0.1",
    workers: Annotated[int | None, typer.Option(min=0, max=64, help="Workers inside the server.")] = None,
    store: StoreOption = None,
    data: DataOption = None,
) -> None:
    """Serve the API; the store is made in this folder, or brought to the shape this version needs."""
    import uvicorn

    from api.service.app import create_app

    setting = settings_of(store=store, data=data, workers=workers)
    _log_as_json()
    print_json({"settings": setting.shown(), "host": host, "port": port})
    uvicorn.run(
        create_app(setting),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


def worker(store: StoreOption = None, data: DataOption = None) -> None:
    """Work on jobs of the service, beside it, until stopped."""
    from api.service.packs import pack_at
    from api.service.store import Store
    from api.service.worker import Worker

    setting = settings_of(store=store, data=data)
    _log_as_json()
    opened = Store(setting.store_url)
    opened.migrate()
    working, stop = Worker(opened, pack_at(setting.data), setting), threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: stop.set())
    working.work_until(stop)
    opened.close()


def backup_command(
    to: Annotated[Path, typer.Argument(help="File of the copy.")],
    store: StoreOption = None,
) -> None:
    """Copy the embedded store, whole and checked; the service may run meanwhile."""
    from api.service.store import backup

    typer.echo(f"written: {backup(settings_of(store=store).store_url, to)}")


def restore_command(
    copy: Annotated[Path, typer.Argument(help="File that `capitation backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of a store that is there.")] = False,
    store: StoreOption = None,
) -> None:
    """Put the embedded store back from a copy; the service must be stopped."""
    from api.service.store import restore

    typer.echo(f"written: {restore(copy, settings_of(store=store).store_url, replace=replace)}")


def settings_of(**given: str | Path | int | None) -> Settings:
    """The settings from the environment, with what was given on the command line put over them.

    Raises:
        DocumentError: every setting that is wrong.
    """
    from api.service.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # checked by the model
    except ValidationError as error:
        faults = [
            Fault(f"CAPITATION_{str(each['loc'][0]).upper()}", repr(each["input"]), str(each["msg"]))
            for each in error.errors()
        ]
        message = "the settings cannot be used"
        raise DocumentError(message, faults) from error


def _log_as_json() -> None:
    from api.service.habits import JsonLines

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("capitation", "uvicorn.error"):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(logging.INFO)
