"""`capitation serve`, `worker`, `backup`, `restore`: the web service, further workers, and copies of the embedded store.

The web framework and the database are imported by the command that needs them, so that the other commands start without them.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from api.boards.tables import notices, print_json
from capitation.errors import DocumentError, Fault

if TYPE_CHECKING:
    from api.service.settings import Settings
    from api.service.store import Store

STOP_SECONDS = 10
"""How long requests may go on once the server is asked to stop."""

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
    workers: Annotated[
        int | None, typer.Option(min=0, max=64, help="Workers for jobs inside each server process; 1 by default.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Server processes that share the port.")] = 1,
    store: StoreOption = None,
    data: DataOption = None,
) -> None:
    """Serve the API; the store is made in this folder, or brought to the shape this version needs."""
    import uvicorn

    from api.service.serving import application, log_as_json
    from api.service.settings import unknown_variables

    setting = settings_of(store=store, data=data, workers=workers)
    for note in unknown_variables():
        notices.print(f"note: {note}")
    with opened_store(setting) as kept:
        access = _access(setting, has_keys=kept.has_keys())
    log_as_json()
    print_json({"settings": setting.shown(), "host": host, "port": port, "processes": processes, "access": access})
    if processes > 1 and port == 0:
        message = "--port 0 gives each process a port of its own; name one port for several processes"
        raise DocumentError(message)
    os.environ |= {name: str(value) for name, value in _given(store=store, data=data, workers=workers).items()}
    uvicorn.run(
        application() if processes == 1 else "api.service.serving:application",
        factory=processes > 1,
        workers=processes,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def worker(store: StoreOption = None, data: DataOption = None) -> None:
    """Work on jobs of the service, beside it, until stopped."""
    from api.service.jobs.worker import Worker
    from api.service.packs.packs import Packs, pack_at
    from api.service.serving import log_as_json

    setting = settings_of(store=store, data=data)
    log_as_json()
    with opened_store(setting) as kept:
        packs = Packs(pack_at(setting.data), setting.packs_folder, kept.pack_archive)
        working, stop = Worker(kept, packs, setting), threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda _number, _frame: stop.set())
        thread = threading.Thread(target=working.work_until, args=(stop,), daemon=True)
        thread.start()
        stop.wait()
        thread.join(STOP_SECONDS / 2)
        if thread.is_alive():
            working.stop_work()


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
    """The settings from file and environment, with what was given on the command line put over them.

    Raises:
        DocumentError: every setting that is wrong.
    """
    from api.service.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # checked by the model
    except ValidationError as error:
        faults = [
            Fault(
                f"CAPITATION_{str(each['loc'][0]).upper()}" if each["loc"] else "settings",
                repr(each["input"]) if each["loc"] else "one without the other",
                str(each["msg"]).removeprefix("Value error, "),
            )
            for each in error.errors()
        ]
        message = "the settings cannot be used"
        raise DocumentError(message, faults) from error


@contextmanager
def opened_store(setting: Settings) -> Iterator[Store]:
    """The store, brought to the shape that this version needs, and closed afterwards.

    Raises:
        StoreError: it cannot be reached, or a newer version wrote it.
    """
    from api.service.store import Store

    kept = Store(setting.store_url)
    try:
        kept.migrate()
        yield kept
    finally:
        kept.close()


def _given(**given: str | Path | int | None) -> dict[str, object]:
    """What was given on the command line, as variables of the environment, for processes that are started."""
    return {f"CAPITATION_{name.upper()}": value for name, value in given.items() if value is not None}


def _access(setting: Settings, *, has_keys: bool) -> str:
    """Who may enter, in words."""
    ways = ["API keys"] if has_keys else []
    if setting.token_issuer:
        ways.append(f"access tokens of {setting.token_issuer}")
    if ways:
        return " and ".join(ways)
    if setting.local_access:
        return "no key was issued yet: from this machine anyone, as an analyst; from elsewhere nobody"
    return "nobody: no key was issued yet. Issue one with capitation keys issue"
