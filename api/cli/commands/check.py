"""`capitation check`: every fault of a data pack at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.boards.tables import print_json
from capitation.pack.sources import DataPack, default_data_folder
from capitation.run.checks import check_pack


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the data pack; the one that ships by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Validate a data pack and say every fault; exit code 2 where there is one."""
    folder = data or default_data_folder()
    pack = DataPack(folder)
    faults = check_pack(pack)
    if as_json:
        print_json({"data": str(folder), "faults": [vars(f) for f in faults]})
    else:
        for fault in faults:
            typer.echo(f"- {fault}", err=True)
        typer.echo(f"{folder}: {len(faults)} fault{'' if len(faults) == 1 else 's'}, {len(pack.sources)} sources")
    if faults:
        raise typer.Exit(2)
