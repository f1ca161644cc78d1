"""A run as files: the run itself, then CSV and a workbook where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from api.exports.csv import export_csv
from api.exports.workbook import export_xlsx
from capitation.records.frames import Schema
from capitation.run.run import Run, save_run


def write_run(run: Run, out: Path, schemas: Mapping[str, type[Schema]], *, csv: bool, xlsx: bool) -> list[Path]:
    """Write a run below a folder.

    Args:
        run: the run.
        out: the folder.
        schemas: schema by frame name, for the workbook's dictionary.
        csv: export every frame as CSV as well.
        xlsx: export one workbook as well.

    Returns:
        What was written, the run first.
    """
    written = [save_run(run, out)]
    if csv:
        written.append(export_csv(run, out))
    if xlsx:
        written.append(export_xlsx(run, out / f"{run.id}.xlsx", schemas))
    return written
