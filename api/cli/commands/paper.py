"""`capitation paper`: a board paper of a written run as PDF/UA, HTML or slides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.boards.tables import notices
from api.cli.options import DataOption
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.run.run import load_run


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("paper")(paper)


def paper(
    run: Annotated[
        Path, typer.Argument(help="Folder of a written run; a run of `capitation plan` covers every section.")
    ],
    out: Annotated[
        list[Path],
        typer.Option(help="File to write: .pdf, .html, .pptx, or .typ with its charts beside it; repeat for more."),
    ],
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            "--with", help="Another folder whose results the paper may use, such as the --out folder of simulate."
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Write a run's board paper: decisions sought, the six answers with charts, options, risks, assumptions, method."""
    from api.papers import board_paper, write_papers
    from api.papers.write import checked_kind

    for path in out:
        checked_kind(path)
    made = board_paper(load_run(run), DataPack(pack_folder(data)), run, beside or ())
    for asked, lacks in made.lacking:
        notices.print(f"{asked} This run lacks {lacks}.", markup=False, soft_wrap=True)
    for path in write_papers(made, out):
        typer.echo(f"written: {path}")
