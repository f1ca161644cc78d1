"""`capitation workbook`: a written run as a workbook for people, or in full."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.options import DataOption
from api.cli.outputs import WORKBOOK, check_outputs
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.run.run import load_run


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("workbook")(workbook)


def workbook(
    run: Annotated[Path, typer.Argument(help="Folder of a written run.")],
    out: Annotated[Path, typer.Option(help="File to write, .xlsx.")],
    everything: Annotated[
        bool, typer.Option("--all", help="A sheet for every table in the run, with a data dictionary.")
    ] = False,
    data: DataOption = None,
) -> None:
    """Write a run as a workbook: the summary first, names beside codes, ready to print; `--all` writes every table."""
    from api.exports.workbook import export_xlsx
    from api.workbooks.people_workbook import workbook_of
    from contracts.options.evaluate import SCHEMAS as OF_OPTIONS
    from contracts.options.study import STUDY
    from optimiser.links.plan import SCHEMAS

    check_outputs([out], [], WORKBOOK)
    found = load_run(run)
    if everything:
        export_xlsx(found, out, {**OF_OPTIONS, **STUDY, **SCHEMAS})
    else:
        workbook_of(found, out, DataPack(pack_folder(data)), run)
    typer.echo(f"written: {out}")
