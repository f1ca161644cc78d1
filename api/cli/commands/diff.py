"""`capitation diff`: two written runs of any kind, and every figure that moved between them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from api.boards.tables import print_json, show
from api.cli.options import JsonOption, RunFolder
from api.cli.outputs import check_outputs
from api.exports.run_difference import run_difference
from capitation.records.whole_files import write_whole
from capitation.run.run import load_run

SHOWN = 30
"""Figures printed on the terminal, the largest changes first; the file has all of them."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("diff")(diff)


def diff(
    before: RunFolder,
    after: Annotated[Path, typer.Argument(help="Folder of the other written run.")],
    out: Annotated[Path | None, typer.Option(help="CSV or parquet file for every figure that moved.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two runs of any kind: the choices and data that differ, and which figures moved and by how much."""
    check_outputs([out], [])
    one, two = load_run(before), load_run(after)
    found = run_difference(one, two)
    if out is not None:
        moved = found.moved
        write_whole(
            out,
            lambda partial: moved.write_csv(partial) if out.suffix.lower() == ".csv" else moved.write_parquet(partial),
        )
    if as_json:
        print_json(
            {
                "before": one.id, "after": two.id, "same": found.same, "document": found.document.to_dicts(),
                "inputs": found.inputs.to_dicts(), "frames": found.summary.to_dicts(), "moved": found.moved.to_dicts(),
            }
        )  # fmt: skip
        return
    typer.echo(f"{one.id} -> {two.id}")
    if found.document.height:
        show(found.document, "Choices that differ")
    if found.inputs.height:
        show(found.inputs, "Data that differs")
    if found.same:
        typer.echo("every frame is the same")
    else:
        show(found.summary, "Frames that differ (money is the sum of the frame's first amount)")
        largest = found.moved.sort(pl.col("change").abs(), descending=True, nulls_last=True).head(SHOWN)
        if largest.height:
            show(largest, f"Largest changes: {largest.height} of {found.moved.height} figures")
    if out is not None:
        typer.echo(f"written: {out}")


__all__ = ["diff", "register"]
