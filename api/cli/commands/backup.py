"""`capitation backup`: a complete, checked copy of the embedded store, taken while the service runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import StoreOption
from api.cli.service_store import settings_of
from api.service.store import backup


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backup")(backup_command)


def backup_command(
    to: Annotated[Path, typer.Argument(help="File of the copy.")],
    store: StoreOption = None,
) -> None:
    """Copy the embedded store, complete and checked; the service may keep running."""
    typer.echo(f"written: {backup(settings_of(store=store).store_url, to)}")
