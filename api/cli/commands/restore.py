"""`capitation restore`: restore the embedded store from a copy that `capitation backup` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import StoreOption
from api.cli.service_store import settings_of
from api.service.store import restore


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("restore")(restore_command)


def restore_command(
    copy: Annotated[Path, typer.Argument(help="File that `capitation backup` wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace a store that already exists.")] = False,
    store: StoreOption = None,
) -> None:
    """Restore the embedded store from a copy; the service must be stopped."""
    typer.echo(f"written: {restore(copy, settings_of(store=store).store_url, replace=replace)}")
