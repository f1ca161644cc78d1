"""`capitation settle`: settle a file of accounts or lines under a contract, one result per row, with every step on request."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from api.boards.tables import notices, print_json, show, write_frame
from api.cli.given import GivenTables
from api.cli.options import ContractFile, DataOption, HeadingOption, JsonOption, MapOption, SheetOption
from api.cli.outputs import check_outputs
from api.cli.shipped import shipped
from contracts.document.contract import read_contract
from contracts.settlement.settle import settle

SHOWN = 20
"""Rows printed on the terminal; the file has all of them."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("settle")(settle_command)


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def settle_command(
    contract: ContractFile,
    rows: Annotated[Path, typer.Argument(help="CSV, Excel or parquet file, one row per account, line or period.")],
    out: Annotated[Path, typer.Option(help="CSV or parquet file for the results, one row each, in the same order.")],
    explain: Annotated[
        Path | None, typer.Option(help="CSV or parquet file for every step of every row: before, after, rule, clause.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Write the full key and the detailed outputs too.")] = False,
    sheet: SheetOption = None,
    heading: HeadingOption = None,
    column_map: MapOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Settle a file of rows under a contract; nothing is written if any row is at fault."""
    document = shipped(contract, "contracts", data)
    check_outputs([out, explain], [document, rows])
    agreed = read_contract(document)
    tables = GivenTables(sheet, heading, column_map)
    table = tables.read(rows)
    tables.done()
    done = settle(agreed, table.cells, explain=explain is not None, where=table.where, lines=table.lines)
    results = done.results if everything else done.short()
    written = [write_frame(results, out)]
    if explain is not None and done.steps is not None:
        written.append(write_frame(done.steps, explain))
    totals = results.select(
        pl.col(o.name).sum() for o in agreed.outputs if o.name in results.columns and o.rounded_to is not None
    )
    if as_json:
        print_json(
            {
                "contract": agreed.id,
                "version": agreed.version,
                "rows": results.height,
                "totals": {name: str(value) for name, value in totals.row(0, named=True).items()}
                if totals.width
                else {},
                "notices": done.notices.to_dicts(),
                "written": [str(path) for path in written],
            }
        )
        return
    title = f"{agreed.title}, version {agreed.version}"
    more = f": the first {SHOWN} of {results.height} rows" if results.height > SHOWN else ""
    show(_years_as_text(results.head(SHOWN)), title + more)
    for output in agreed.outputs:
        if output.name in totals.columns:
            typer.echo(f"{output.name}: {totals.item(0, output.name):,} {output.rounded_to} over {results.height} rows")
    for notice in done.notices.iter_rows(named=True):
        notices.print(f"note: {notice['rows']} row(s), {notice['name']}: {notice['says']}", markup=False)
    for path in written:
        typer.echo(f"written: {path}")


def _years_as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Years without separators of thousands."""
    return frame.with_columns(pl.col(name).cast(pl.String) for name in frame.columns if name.endswith("year"))
