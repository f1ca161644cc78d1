"""The command line: finds the command groups in `api/cli/commands`, and turns errors into one message and exit code 2."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from functools import cache
from importlib.metadata import version

import typer
from rich.console import Console

import api.cli.commands
from capitation.errors import CapitationError

app = typer.Typer(
    name="capitation",
    help="Weighted-capitation allocations, risk-share contracts and channel-shift investment, exact to the penny.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _root(
    show_version: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True),
) -> None:
    if show_version:
        typer.echo(f"capitation {version('capitation')}")
        raise typer.Exit


@cache
def _register_all() -> None:
    for module in sorted(m.name for m in pkgutil.iter_modules(api.cli.commands.__path__)):
        importlib.import_module(f"api.cli.commands.{module}").register(app)


def main() -> None:
    """Run the command line: exit code 0 on success, 2 where the input is at fault, 130 where the user stopped it."""
    _register_all()
    try:
        app()
    except CapitationError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {error}", markup=False)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
