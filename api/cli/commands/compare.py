"""`capitation compare`: two to six contract options side by side, to the position of everyone in every year."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.boards.options import opening_gap_sentence, show_options, who_pays_by_role
from api.boards.tables import print_json
from api.cli.options import CsvOption, DataOption, JsonOption, RunsOption, XlsxOption
from api.cli.shipped import shipped
from api.exports.run_files import write_run
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from contracts.options.document import read_options
from contracts.options.evaluate import SCHEMAS, evaluate_options


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def compare(
    options: Annotated[
        Path, typer.Argument(help="Document of contract options (TOML, JSON or YAML), or the name of one that ships.")
    ],
    out: RunsOption,
    option: Annotated[
        list[str] | None, typer.Option(help="Id of an option to compare, the base among them; give it again for each.")
    ] = None,
    case: Annotated[str | None, typer.Option(help="Activity case to show; the document's own by default.")] = None,
    csv: CsvOption = False,
    xlsx: XlsxOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare contract options on one allocation: opening gap, who pays, positions, differences; written as a run."""
    pack = DataPack(pack_folder(data))
    chosen = shipped(options, "options", data)
    document = read_options(chosen)
    if case is not None:
        document = document.model_copy(update={"shown_case": case})
    done = evaluate_options(document, pack, folder=chosen.parent, only=tuple(option or ()))
    written = write_run(done, out, SCHEMAS, csv=csv, xlsx=xlsx)
    if as_json:
        names = ["expected_gap", "position", "option_difference", "option_terms", "contract_notice", "set_aside"]
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
    show_options(done, document, pack)
    for path in written:
        typer.echo(f"written: {path}")
