"""`capitation allocate`: share one total over the rows of a file, exact to the penny at every level."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.boards.tables import print_json, show, write_frame
from api.cli.given import GivenTables
from api.cli.options import HeadingOption, JsonOption, MapOption, NoTotalOption, SheetOption
from capitation.allocation.shared_file import allocate_file
from capitation.money.pence import pence_of, pounds_text
from capitation.records.years import FinancialYear


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("allocate")(allocate)


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def allocate(
    total: Annotated[str, typer.Option(help="Total in pounds, such as 1535741000.00.")],
    weights: Annotated[
        Path, typer.Option(help="CSV, Excel or parquet file, one row a leaf, with the level and weight columns.")
    ],
    levels: Annotated[str, typer.Option(help="Level columns from coarsest to leaf, such as ccg19_code,practice_code.")],
    out: Annotated[Path | None, typer.Option(help="CSV or parquet file for all levels.")] = None,
    weight: Annotated[str, typer.Option(help="Name of the weight column.")] = "weighted_persons",
    year: Annotated[str, typer.Option(help="Financial year of the total.")] = "2018/19",
    sheet: SheetOption = None,
    heading: HeadingOption = None,
    column_map: MapOption = None,
    no_total_row: NoTotalOption = False,
    as_json: JsonOption = False,
) -> None:
    """Share a total over places, localities and practices by weight, to the penny."""
    names = [name.strip() for name in levels.split(",") if name.strip()]
    tables = GivenTables(sheet, heading, column_map, may_total=no_total_row)
    given = tables.read(weights)
    tables.done()
    found = allocate_file(pence_of(total), given, names, weight=weight, year=FinancialYear(year))
    if out is not None:
        write_frame(found, out)
    if as_json:
        print_json({"total_gbp": total, "rows": found})
        return
    for name in [*set(found["level"]) - set(names), *names]:
        rows = found.filter(found["level"] == name).select("code", "parent_code", "weight", "allocation_pence")
        if rows.height <= 60:
            show(rows, f"Allocation by {name}, {year}")
        else:
            show(rows.head(10), f"Allocation by {name}, {year}: the first 10 of {rows.height} rows")
        typer.echo(f"{name}: {rows.height} rows, {pounds_text(int(rows['allocation_pence'].sum()))} pounds")
    if out is not None:
        typer.echo(f"written: {out}")
