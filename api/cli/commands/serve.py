"""`capitation serve`: the web service, in one process or several that share a port."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from api.boards.tables import notices, print_json
from api.cli.options import DataOption, StoreOption
from api.cli.service_store import STOP_SECONDS, opened_store, settings_of
from api.service.serving import application, log_as_json
from api.service.settings import Settings, unknown_variables
from capitation.errors import DocumentError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


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
    """Serve the API; the store is made in this folder, or migrated to this version."""
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
