"""A scenario evaluated and written with a sign of life on the terminal, for the commands that make runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from api.boards.tables import notices
from api.workbooks.run_files import write_run
from capitation.pack.plausibility import accepted
from capitation.pack.sources import DataPack
from capitation.run.plausible_run import evaluate_plausibly
from capitation.run.run import Run
from capitation.run.scenario import Scenario


def evaluate_and_write(
    document: Scenario, pack: DataPack, out: Path, *, csv: bool, xlsx: bool, accept: Sequence[str] = ()
) -> tuple[Run, list[Path]]:
    """The run of a scenario, and what was written of it below `out`: the run itself, then CSV and workbook where asked for.

    Implausible numbers are printed and stand in the manifest; those far from anything plausible are refused before anything
    is written, unless `accept` (texts NAME=REASON) names them.
    """
    reasons = accepted(accept)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=notices, transient=True) as progress:
        task = progress.add_task(f"evaluating {document.title}")
        done = evaluate_plausibly(document, pack, reasons)
        progress.update(task, description="writing the run")
        written = write_run(done, out, pack, csv=csv, xlsx=xlsx)
    for note in done.manifest.notes:
        notices.print(f"note: {note}", markup=False)
    return done, written
