"""`capitation allocate`: share one total over the rows of a file, exact to the penny at every level."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.boards.tables import print_json, show, write_frame
from api.cli.options import JsonOption
from capitation.allocation.tree import allocate_file
from capitation.money.pence import pence_of, pounds_text
from capitation.records.years import FinancialYear


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("allocate")(allocate)


def allocate(
    total: Annotated[str, typer.Option(help="Total in pounds, such as 1535741000.00.")],
    weights: Annotated[
        Path, typer.Option(help="CSV or parquet file, one row a leaf, with the level and weight columns.")
    ],
    levels: Annotated[str, typer.Option(help="Level columns from coarsest to leaf, such as ccg19_code,practice_code.")],
    out: Annotated[Path | None, typer.Option(help="CSV or parquet file for all levels.")] = None,
    weight: Annotated[str, typer.Option(help="Name of the weight column.")] = "weighted_persons",
    year: Annotated[str, typer.Option(help="Financial year of the total.")] = "2018/19",
    as_json: JsonOption = False,
) -> None:
    """Share a total over places, localities and practices by weight, to the penny."""
    names = [name.strip() for name in levels.split(",") if name.strip()]
    found = allocate_file(pence_of(total), weights, names, weight=weight, year=FinancialYear(year))
    if out is not None:
        write_frame(found, out)
    if as_json:
        print_json({"total_gbp": total, "rows": found})
        return
    for name in ["system", *names]:
        rows = found.filter(found["level"] == name).select("code", "parent_code", "weight_micro", "allocation_pence")
        if rows.height <= 60:
            show(rows, f"Allocation by {name}, {year}")
        else:
            show(rows.head(10), f"Allocation by {name}, {year}: the first 10 of {rows.height} rows")
        typer.echo(f"{name}: {rows.height} rows, {pounds_text(int(rows['allocation_pence'].sum()))} pounds")
    if out is not None:
        typer.echo(f"written: {out}")
