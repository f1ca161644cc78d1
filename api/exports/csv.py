"""A run as CSV files, one a frame, money in pounds, with the manifest beside them."""

from __future__ import annotations

from pathlib import Path

from api.exports.plain_cells import plain_cells
from api.exports.pounds import in_pounds
from capitation.records.whole_files import write_whole_folder
from capitation.run.run import Run, write_manifest


def export_csv(run: Run, folder: Path) -> Path:
    """Write every frame of a run as CSV below `folder`, with the manifest; nothing stays behind if writing fails.

    Returns:
        The folder `<folder>/<run id>-csv`.
    """

    def fill(partial: Path) -> None:
        for name, frame in run.frames.items():
            plain_cells(in_pounds(frame)).write_csv(partial / f"{name}.csv")
        write_manifest(run, partial)

    return write_whole_folder(folder / f"{run.id}-csv", fill)
