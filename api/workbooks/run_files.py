"""A run as files: the run itself, then CSV and a workbook where they are asked for."""

from __future__ import annotations

from pathlib import Path

from api.exports.csv import export_csv
from capitation.pack.sources import DataPack
from capitation.run.run import Run, save_run


def write_run(run: Run, out: Path, pack: DataPack | None = None, *, csv: bool, xlsx: bool) -> list[Path]:
    """Write a run below a folder.

    Args:
        run: the run.
        out: the folder.
        pack: the data that it was made from, for names and assumptions in the workbook.
        csv: export every frame as CSV as well.
        xlsx: write a workbook for people as well; `capitation workbook RUN --all` writes one of every table.

    Returns:
        What was written, the run first.
    """
    written = [save_run(run, out)]
    if csv:
        written.append(export_csv(run, out))
    if xlsx:
        # what writes workbooks is loaded for those who want one
        from api.workbooks.people_workbook import people_workbook, workbook_of

        path = out / f"{run.id}.xlsx"
        written.append(people_workbook(run, path) if pack is None else workbook_of(run, path, pack))
    return written
