"""The command line: finds the words in `api/cli/commands`, and turns errors into one message and exit code 2."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

import typer

from api.cli.misuse import MISUSE, misuse
from api.cli.words import Words
from capitation.errors import CapitationError

app = typer.Typer(
    name="capitation",
    cls=Words,
    help="Weighted-capitation allocations, risk-share contracts and channel-shift investment, exact to the penny.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


GARBAGE = (50_000, 20, 100)
"""How seldom garbage is looked for: what a command imports stays, and looking through it again and again takes a tenth of its start."""

STOPPED = 130
"""Exit code where the user stopped the command."""


@app.callback(invoke_without_command=True)
def _root(
    show_version: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True),
) -> None:
    if show_version:
        from importlib.metadata import version

        typer.echo(f"capitation {version('capitation')}")
        raise typer.Exit


def _refuse(message: str) -> NoReturn:
    """Print what is wrong and end with exit code 2."""
    from rich.console import Console

    if message:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {message}", markup=False)
    sys.exit(2)


def main() -> None:
    """Run the command line: exit code 0 on success, 2 where the input is at fault, 130 where the user stopped it."""
    gc.set_threshold(*GARBAGE)
    try:
        code = app(prog_name="capitation", standalone_mode=False) or 0
        if code == STOPPED:  # typer has taken the interruption and kept only its exit code
            raise KeyboardInterrupt
        sys.exit(code)
    except CapitationError as error:
        _refuse(str(error))
    except MISUSE as error:
        _refuse(misuse(error))
    except typer.Abort:
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("stopped by the user", err=True)
        sys.exit(STOPPED)
