"""`capitation import mssp`: a published results file of the Medicare Shared Savings Program as rows for `settle`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.boards.tables import notices, print_json, write_frame
from api.cli.options import DataOption, JsonOption
from api.cli.outputs import check_outputs
from api.cli.shipped import shipped
from capitation.pack.layers import files_of, layers, pack_folder
from contracts.document.contract import read_contract
from contracts.document.published_file import read_published


def import_mssp(
    file: Annotated[Path, typer.Argument(help="Public use file of performance year results, as CMS publishes it.")],
    year: Annotated[int, typer.Option(help="Performance year of the file.", min=2013, max=2024)],
    out: Annotated[Path, typer.Option(help="CSV or parquet file for the rows.")],
    months: Annotated[
        int, typer.Option(help="Months of the performance period; 6 for the part years of 2019.", min=1, max=12)
    ] = 12,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a published file of any performance year, matching headings by name, into rows for `capitation settle mssp`."""
    check_outputs([out], [file])
    agreed = read_contract(shipped(Path("mssp"), "contracts", data))
    found_in = layers(pack_folder(data))
    name = "contracts/tables/mssp-headings.csv"
    done = read_published(
        file, files_of(found_in, name)[name], agreed, {"performance_year": str(year), "months": str(months)}
    )
    write_frame(done.rows, out)
    if as_json:
        print_json({"rows": done.rows.height, "headings": done.used, "notes": list(done.notes), "written": [str(out)]})
        return
    typer.echo(f"{done.rows.height} accounts of performance year {year}, {len(done.used)} columns read by name")
    for note in done.notes:
        notices.print(f"note: {note}", markup=False)
    typer.echo(f"written: {out}")
    typer.echo(f"next: capitation settle mssp {out} --out settled.csv")


__all__ = ["import_mssp"]
