"""`capitation policy`: start a pace-of-change policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.templates.begin import begin
from api.cli.templates.documents import POLICY


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Start a pace-of-change policy.", no_args_is_help=True)
    group.callback()(lambda: None)  # one command alone would otherwise take the word of the group
    group.command("new")(new)
    app.add_typer(group, name="policy")


def new(file: Annotated[Path, typer.Argument(help="The file to write (.toml), or the policy's id.")]) -> None:
    """Write a complete, commented policy to start from; its file name becomes its id."""
    written = begin(file, POLICY)
    typer.echo(f"written: {written}")
    typer.echo(f'put it in the folder policies of a data pack and name it in a scenario: policy = "{written.stem}"')
