"""`capitation contract payoff`: what a contract pays as one figure varies, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from api.boards.tables import print_json, show
from api.charts.curve import around, as_number, default_input
from api.cli.options import ContractFile, DataOption, JsonOption
from api.cli.outputs import check_outputs
from api.cli.shipped import shipped
from capitation.errors import ContractError
from capitation.pack.tables import read_table
from capitation.records.whole_files import write_all_whole
from contracts.document.contract import Contract, read_contract
from contracts.settlement.payoff import payoff


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def payoff_command(
    contract: ContractFile,
    vary: Annotated[
        str | None, typer.Option(help="The input that varies; by default the last one of the first gap.")
    ] = None,
    low: Annotated[float | None, typer.Option(help="Its lowest value; four fifths of the row's by default.")] = None,
    high: Annotated[float | None, typer.Option(help="Its highest value; six fifths of the row's by default.")] = None,
    output: Annotated[str | None, typer.Option(help="Output to follow; the first by default.")] = None,
    rows: Annotated[
        Path | None,
        typer.Option(help="CSV or parquet whose first row gives the other figures; otherwise the first worked case."),
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="SVG file for the curve, with its table.")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV or parquet file for the table.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a contract pays as one figure varies: every kink and jump, in the unit the output declares.

    Rows that settle together (a pool) stay together: only the first row's figure varies.
    """
    document = shipped(contract, "contracts", data)
    check_outputs([out], [document, rows])
    check_outputs([svg], [document, rows, out], frozenset({".svg"}))
    agreed = read_contract(document)
    given = first_figures(agreed, rows)
    varied = vary or default_input(agreed, given[0])
    heading = agreed.input_map()[varied].heading if varied in agreed.input_map() else varied
    middle = as_number(given[0].get(heading))
    if (low is None or high is None) and not middle and varied in agreed.input_map():
        message = f"contract {agreed.id}: found no value of {varied!r} to vary around; give --low and --high"
        raise ContractError(message)
    ends = around(agreed, varied, middle)
    curve = payoff(agreed, given, varied, ends[0] if low is None else low, ends[1] if high is None else high, output)
    files: dict[Path, Callable[[Path], object]] = {}
    if svg is not None:
        from api.charts.curve import curve_figure
        from api.charts.render import svg as drawn

        picture = drawn(curve_figure(curve, agreed))
        files[svg] = lambda partial: partial.write_text(picture, encoding="utf-8")
    if out is not None:
        kind = out.suffix.lower()
        files[out] = lambda partial: (
            curve.table.write_csv(partial) if kind == ".csv" else curve.table.write_parquet(partial, compression="zstd")
        )
    if files:
        write_all_whole(files)
    if as_json:
        stated = curve.stated
        print_json(
            {
                "contract": curve.contract,
                "varied": curve.varied,
                "output": curve.output,
                "unit": curve.unit,
                "kind": curve.kind,
                "note": curve.note,
                "breakpoints": list(curve.bends),
                "slopes": list(stated.slopes),
                "jumps": [{"at": at, "leap": leap} for at, leap in stated.jumps if at in curve.bends],
                "table": curve.table.to_dicts(),
            }
        )
        return
    unit = "pounds" if curve.output.endswith("_pence") and curve.unit == "pence" else curve.unit
    shown = curve.table
    if varied.endswith("_pence"):
        shown = shown.with_columns(pl.col(varied).round().cast(pl.Int64))
    show(shown, f"{agreed.title}: {curve.output} as {curve.varied} varies ({unit}); kind {curve.kind}")
    if curve.note:
        typer.echo(f"note: {curve.note}")
    for path in (svg, out):
        if path is not None:
            typer.echo(f"written: {path}")


def first_figures(agreed: Contract, rows: Path | None) -> Sequence[dict[str, Any]]:
    """The rows that a contract is tried on: those of a file, or its first worked case.

    Raises:
        ContractError: the file has no row, or there is none and no worked case either.
    """
    if rows is not None:
        read = read_table(rows).frame
        if read.is_empty():
            message = f"{rows}: found no rows; expected at least one"
            raise ContractError(message)
        return read.to_dicts()
    if not agreed.cases:
        message = f"contract {agreed.id}: it ships no worked case to start from; give --rows"
        raise ContractError(message)
    return [dict(row) for row in agreed.cases[0].rows]


__all__ = ["first_figures", "payoff_command"]
