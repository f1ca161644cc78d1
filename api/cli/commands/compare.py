"""`capitation compare`: two to six contract options side by side, down to every party's position in every year."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.boards.choice import show_choice
from api.boards.options import opening_gap_sentence, show_differences, show_options, who_pays_by_role
from api.boards.tables import print_json
from api.cli.options import CsvOption, DataOption, JsonOption, XlsxOption
from api.cli.shipped import named
from api.workbooks.run_files import write_run
from capitation.errors import SourceError
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from contracts.options.document import read_options
from contracts.options.evaluate import evaluate_options
from contracts.options.study import STUDY


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def compare(
    options: Annotated[
        Path, typer.Argument(help="Document of contract options (TOML, JSON or YAML), or the name of one that ships.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder under which the run is written, in a folder named by its id; optional with --json.",
        ),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="Id of an option to compare; repeat for each, and include the base.")
    ] = None,
    case: Annotated[str | None, typer.Option(help="Activity case to show; the document's default otherwise.")] = None,
    differences: Annotated[
        bool, typer.Option("--differences", help="Show only what differs between the options.")
    ] = False,
    csv: CsvOption = False,
    xlsx: XlsxOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare contract options on one allocation: a sentence on each, where their ranking changes, worst cases, who pays, positions; written as a run."""
    if out is None and (not as_json or csv or xlsx):
        message = "found no --out; expected a folder for the run, or --json alone to print it and write nothing"
        raise SourceError(message)
    pack = DataPack(pack_folder(data))
    chosen = named(options, "options", "contract options", data)
    document = read_options(chosen)
    if case is not None:
        document = document.model_copy(update={"shown_case": case})
    done = evaluate_options(document, pack, folder=chosen.parent, only=tuple(option or ()), studied=True)
    written = [] if out is None else write_run(done, out, pack, csv=csv, xlsx=xlsx)
    if as_json:
        names = [
            "expected_gap",
            "position",
            "body_account",
            "body_locality",
            "option_difference",
            "option_terms",
            "contract_notice",
            "set_aside",
            *STUDY,
        ]
        if differences:
            names = ["option_difference", "option_terms"]
        print_json(
            {
                "run_id": done.id,
                "opening_gap": opening_gap_sentence(done, document),
                "who_pays": who_pays_by_role(done),
                **{name: done.frame(name) for name in names if name in done.frames},
                "written": [str(p) for p in written],
            }
        )
        return
    show_choice(done, document, pack)
    if differences:
        show_differences(done, document, pack)
    else:
        show_options(done, document, pack)
    for path in written:
        typer.echo(f"written: {path}")
