"""`capitation template`: Excel templates of lists, places and assumptions, written and read back."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.boards.tables import notices
from api.cli.options import DataOption
from api.cli.outputs import WORKBOOK, check_outputs
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack


class Kind(StrEnum):
    """What a template is of."""

    LISTS = "lists"
    PLACES = "places"
    ASSUMPTIONS = "assumptions"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    template = typer.Typer(
        help="Excel templates of lists, places and assumptions: write one, fill it, read it back.", no_args_is_help=True
    )
    template.command("write")(write)
    template.command("read")(read)
    app.add_typer(template, name="template")


def write(
    kind: Annotated[Kind, typer.Argument(help="What the template is for.")],
    out: Annotated[Path, typer.Option(help="Workbook to write, .xlsx.")],
    empty: Annotated[bool, typer.Option("--empty", help="Leave out the data pack's rows.")] = False,
    data: DataOption = None,
) -> None:
    """Write a template with the data pack's rows, or an empty one."""
    from api.forms.kinds import TEMPLATES
    from api.forms.sheet import write_template

    check_outputs([out], [], WORKBOOK)
    found = TEMPLATES[kind.value]
    rows = [] if empty else found.first(DataPack(pack_folder(data)))
    typer.echo(f"written: {write_template(found, rows, out)}")


def read(
    filled: Annotated[Path, typer.Argument(help="The completed workbook.")],
    out: Annotated[
        Path, typer.Option(help="File for lists or the place map (.csv), or folder for changed assumptions.")
    ],
    data: DataOption = None,
) -> None:
    """Read a completed template; if it has faults, only FILE-faults.xlsx is written, with each fault beside its cell."""
    from api.forms.filled import read_template

    notes: list[str] = []
    made = read_template(filled, out, DataPack(pack_folder(data)), is_own_pack=data is not None, notes=notes)
    for note in notes:
        notices.print(f"note: {note}", markup=False, soft_wrap=True)
    for path in made:
        typer.echo(f"written: {path}")
    if not made:
        typer.echo("the template says what the data pack says; nothing was written")
