"""A run as files: the run itself, then CSV and a workbook where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from api.exports.csv import export_csv
from capitation.run.run import Run, save_run


def write_run(run: Run, out: Path, names: Mapping[str, str] | None = None, *, csv: bool, xlsx: bool) -> list[Path]:
    """Write a run below a folder.

    Args:
        run: the run.
        out: the folder.
        names: names of codes that the run itself does not name, for the workbook.
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
        from api.exports.people_workbook import people_workbook

        written.append(people_workbook(run, out / f"{run.id}.xlsx", names))
    return written
