"""`capitation compare`: two to six contract options side by side, to the position of everyone in every year."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.boards.options import opening_gap_sentence, show_options, who_pays_by_role
from api.boards.tables import print_json
from api.exports.exports import export_csv, export_xlsx
from capitation.pack.sources import DataPack, default_data_folder
from capitation.run.run import save_run
from contracts.options.document import read_options
from contracts.options.evaluate import SCHEMAS, evaluate_options


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def find_options(given: Path, data: Path | None = None) -> Path:
    """The options' file: the path as given, or options of the data pack by their name, such as `blmk`."""
    if given.is_file() or given.suffix:
        return given
    named = (data or default_data_folder()) / "options" / f"{given.name}.toml"
    return named if named.is_file() else given


def compare(
    options: Annotated[
        Path, typer.Argument(help="Document of contract options (TOML, JSON or YAML), or the name of one that ships.")
    ],
    out: Annotated[Path, typer.Option(help="Folder below which the run is written, in a folder named by its id.")],
    option: Annotated[
        list[str] | None, typer.Option(help="Id of an option to compare, the base among them; give it again for each.")
    ] = None,
    case: Annotated[str | None, typer.Option(help="Activity case to show; the document's own by default.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Export every frame as CSV as well.")] = False,
    xlsx: Annotated[bool, typer.Option("--xlsx", help="Export one accessible workbook as well.")] = False,
    data: Annotated[Path | None, typer.Option("--data", help="Folder of the data pack.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Compare contract options on one allocation: opening gap, who pays, positions, differences; written as a run."""
    pack = DataPack(data or default_data_folder())
    path = find_options(options, data)
    document = read_options(path)
    if case is not None:
        document = document.model_copy(update={"shown_case": case})
    done = evaluate_options(document, pack, folder=path.parent, only=tuple(option or ()))
    written = [save_run(done, out)]
    if csv:
        written.append(export_csv(done, out))
    if xlsx:
        written.append(export_xlsx(done, out / f"{done.id}.xlsx", SCHEMAS))
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
    for place in written:
        typer.echo(f"written: {place}")
