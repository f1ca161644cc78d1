"""A scenario evaluated and written with a sign of life on the terminal, for the commands that make runs."""

from __future__ import annotations

from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from api.boards.tables import notices
from api.exports.run_files import write_run
from capitation.pack.sources import DataPack
from capitation.run.evaluate import evaluate
from capitation.run.run import Run
from capitation.run.scenario import Scenario
from capitation.run.tables import SCHEMAS


def evaluate_and_write(
    document: Scenario, pack: DataPack, out: Path, *, csv: bool, xlsx: bool
) -> tuple[Run, list[Path]]:
    """The run of a scenario, and what was written of it below `out`: the run itself, then CSV and workbook where asked for."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=notices, transient=True) as progress:
        task = progress.add_task(f"evaluating {document.title}")
        done = evaluate(document, pack)
        progress.update(task, description="writing the run")
        return done, write_run(done, out, SCHEMAS, csv=csv, xlsx=xlsx)
