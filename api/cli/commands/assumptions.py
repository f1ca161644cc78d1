"""`capitation assumptions`: every assumption in a plan, ranked by how far its low and high values move each headline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.boards.tables import console, notices, print_json, show
from api.cli.options import DataOption, JsonOption, RunFolder
from api.cli.outputs import JSON, check_outputs
from capitation.money.pence import decimal_text
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.run.run import Run, load_run, require_same_inputs
from optimiser.links.assumed.inputs import PlanInputs, inputs_of
from optimiser.links.assumed.kept import FILE, AssumptionLog, KeptAssumption, keep, kept_in
from optimiser.links.assumed.shown import names_in_log
from optimiser.links.assumed.study import SECONDS, study
from optimiser.links.assumed.words import sentences

STAGES = ("allocations", "contract options", "mix")
"""Stages that a whole plan has."""

_WITHOUT = {
    "contract options": "no contract options of its scenario (capitation plan --options, or --options here)",
    "mix": "no problem of its scenario (capitation plan --problem, or --problem here)",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("assumptions")(assumptions)


# Reason: typer makes an option of each parameter, so the command's function has as many as the command has options.
def assumptions(
    run: RunFolder,
    top: Annotated[int, typer.Option(help="How many to show, the largest first; 0 shows all.", min=0)] = 10,
    options: Annotated[
        Path | None, typer.Option(help="Contract options; by default the pack's for this scenario.")
    ] = None,
    problem: Annotated[Path | None, typer.Option(help="Problem; by default the pack's for this scenario.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Work it out again even if a log is already stored.")] = False,
    seconds: Annotated[
        float, typer.Option(help="Seconds after which it stops; whatever was not reached is marked.", min=1)
    ] = SECONDS,
    out: Annotated[Path | None, typer.Option("--out", help="JSON file for what is shown, as well.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every assumption in a plan with its owner, evidence, range and how far each end of the range moves each headline; the largest first."""
    check_outputs([out], [], JSON)
    found = load_run(run)
    pack = DataPack(pack_folder(data))
    require_same_inputs(_of_scenario(found), pack)
    inputs = inputs_of(found, pack, options, problem)
    log = None if again else kept_in(run, inputs.content_key(found))
    if log is None:
        log = _made(inputs, found, seconds, quiet=as_json)
        keep(log, run / FILE)
    if out is not None:
        keep(log, out, top or None)
    shown = log.assumptions[: top or None]
    if as_json:
        print_json(_as_json(found, log, shown, names_in_log(found, inputs)))
        return
    _show(log, shown, names_in_log(found, inputs))


def _of_scenario(run: Run) -> Run:
    """The run without those inputs that are no files of the pack."""
    inputs = {name: sha for name, sha in run.manifest.inputs.items() if "/" in name}
    return Run(run.manifest.model_copy(update={"inputs": inputs}), run.frames)


def _made(inputs: PlanInputs, run: Run, seconds: float, *, quiet: bool) -> AssumptionLog:
    if quiet:
        return study(inputs, run, seconds=seconds)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=notices, transient=True) as progress:
        task = progress.add_task("running every assumption at both ends of its range", total=None)
        return study(inputs, run, seconds=seconds, say=lambda done, of: progress.update(task, completed=done, total=of))


def _lacking(log: AssumptionLog) -> list[str]:
    return [_WITHOUT[stage] for stage in STAGES if stage not in log.stages]


def _show(log: AssumptionLog, shown: tuple[KeptAssumption, ...], names: dict[str, str]) -> None:
    console.print(
        f"{log.count} assumptions over {log.figures} marked figures; {log.weak} on weak evidence or without a mark; {log.stand_ins} state no "
        f"range and are tested within a stand-in one. Covered: {', '.join(log.stages)}.",
        markup=False,
    )
    for lack in _lacking(log):
        console.print(f"Not covered: {lack}.", markup=False)
    table = pl.DataFrame(
        {"headline": list(log.titles.values()), "amount_pence": [log.base[name] for name in log.titles]}
    )
    show(table, "Headlines as the plan stands")
    for number, said in enumerate(sentences(log, names, len(shown)), start=1):
        console.print(f"{number}. {said}", markup=False)


def _as_json(run: Run, log: AssumptionLog, shown: tuple[KeptAssumption, ...], names: dict[str, str]) -> dict[str, Any]:
    said = sentences(log, names, len(shown))
    return {
        "run": run.id,
        "key": log.key,
        "stages": list(log.stages),
        "lacking": _lacking(log),
        "seconds": log.seconds,
        "count": log.count,
        "marked_figures": log.figures,
        "headlines": [{"id": k, "title": t, "amount_gbp": decimal_text(log.base[k])} for k, t in log.titles.items()],
        "assumptions": [
            {
                **each.model_dump(exclude={"effects"}, mode="json"),
                "says": words,
                "effects": [
                    {
                        "headline": e.headline,
                        "base_gbp": decimal_text(e.base_pence),
                        "low_gbp": None if e.low_pence is None else decimal_text(e.low_pence),
                        "high_gbp": None if e.high_pence is None else decimal_text(e.high_pence),
                        "method": e.method,
                    }
                    for e in each.effects
                ],
            }
            for each, words in zip(shown, said, strict=True)
        ],
    }
