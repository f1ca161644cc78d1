"""`capitation solution`: start a solution: one investment that moves care to another setting."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.templates.begin import NAME, begin
from api.cli.templates.documents import SOLUTION


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Start a solution.", no_args_is_help=True)
    group.callback()(lambda: None)  # one command alone would otherwise take the word of the group
    group.command("new")(new)
    app.add_typer(group, name="solution")


def new(file: Annotated[Path, typer.Argument(help="The file to write (.toml), or the solution's id.")]) -> None:
    """Write a complete, commented solution to start from; its file name becomes its id."""
    written = begin(file, SOLUTION, NAME)
    typer.echo(f"written: {written}")
    typer.echo(
        "put it in the folder solutions of a data pack; `capitation check --data PACK` says what is wrong with it"
    )
