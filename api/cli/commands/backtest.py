"""`capitation backtest`: the plan against the outturn, as growth from the first year, with a sentence on each measure."""

from __future__ import annotations

import typer

from api.boards.tables import console, print_json, show, write_frame
from api.cli.options import DataOption, JsonOption, RunFolder, TableOption
from capitation.errors import SourceError
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.run.aims.backtest import FILE, backtest, paragraph
from capitation.run.run import load_run


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backtest")(backtest_command)


def backtest_command(
    run: RunFolder, out: TableOption = None, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Compare a run's plan with the outturn published since: attendances, emergency admissions, allocations."""
    pack = DataPack(pack_folder(data))
    found = load_run(run)
    rows = backtest(pack, found)
    if rows.is_empty():
        message = f"{pack.root}: found no {FILE}; expected the rows of sources that say what happened"
        raise SourceError(message)
    said = paragraph(rows)
    if out is not None:
        write_frame(rows, out)
    if as_json:
        print_json({"run": found.id, "says": said, "rows": rows})
        return
    for sentence in said:
        console.print(sentence, markup=False)
    columns = ["measure", "year", "happened", "planned", "happened_growth", "trend_growth", "plan_growth"]
    show(rows.select(columns), "The plan against what happened")
