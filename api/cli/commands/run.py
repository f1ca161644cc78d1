"""`capitation run`, `capitation demo`: from a scenario to a written run, with its tables on the screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from api.boards.mix import mix_story, show_mix
from api.boards.options import show_options
from api.boards.run import show_run
from api.boards.tables import notices, print_json
from api.exports.exports import export_csv, export_xlsx
from capitation.errors import ScenarioError
from capitation.pack.sources import DataPack, default_data_folder
from capitation.records.years import FinancialYear
from capitation.run.evaluate import evaluate
from capitation.run.run import Run, save_run
from capitation.run.scenario import Scenario, read_scenario
from capitation.run.tables import SCHEMAS
from contracts.options.document import read_options
from contracts.options.evaluate import evaluate_options
from optimiser.problem.document import read_problem

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the data pack; the one that ships by default.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run)
    app.command("demo")(demo)


def run(
    scenario: Annotated[Path, typer.Argument(help="Scenario document (TOML, JSON or YAML).")],
    out: Annotated[Path, typer.Option(help="Folder below which the run is written, in a folder named by its id.")],
    data: DataOption = None,
    year: Annotated[str | None, typer.Option(help="Year to show; the last one by default.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Export every frame as CSV as well.")] = False,
    xlsx: Annotated[bool, typer.Option("--xlsx", help="Export one accessible workbook as well.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Evaluate a scenario and write the run: all frames as parquet, with a manifest, named by the hash of its inputs."""
    pack = DataPack(data or default_data_folder())
    document = read_scenario(scenario)
    shown = FinancialYear(year) if year else document.years[-1]
    if shown not in document.years:
        message = f"--year: found {shown}; expected a year of the scenario: {', '.join(document.years)}"
        raise ScenarioError(message)
    done, written = _evaluate_and_write(document, pack, out, csv=csv, xlsx=xlsx)
    if as_json:
        frames = {name: record.model_dump() for name, record in done.manifest.frames.items()}
        print_json({"run_id": done.id, "written": [str(p) for p in written], "frames": frames})
        return
    show_run(done, pack, shown)
    for path in written:
        typer.echo(f"written: {path}")


def demo(
    out: Annotated[Path, typer.Option(help="Folder below which the run is written.")] = Path("demo"),
    data: DataOption = None,
) -> None:
    """Run the Bedfordshire, Luton and Milton Keynes scenario, show 2018/19, try its four contract options, find its best mix."""
    pack = DataPack(data or default_data_folder())
    done, written = _evaluate_and_write(
        read_scenario(pack.root / "scenarios" / "blmk.toml"), pack, out, csv=True, xlsx=True
    )
    show_run(done, pack, "2018/19")
    document = read_options(pack.path("options/blmk.toml"))
    options = evaluate_options(document, pack, run=done)
    show_options(options, document, pack, differences=False)
    story = mix_story(
        read_problem(pack.path("problems/blmk.toml")), done, document, pack, ("do-minimum", "capitation-corridor")
    )
    show_mix(story, document, pack)
    for path in [*written, save_run(options, out)]:
        typer.echo(f"written: {path}")
    typer.echo(
        f"explain any figure: capitation trace {written[0]} "
        "'allocation.allocation_pence year=2018/19 stream=ccg level=practice code=E81002'"
    )


def _evaluate_and_write(
    document: Scenario, pack: DataPack, out: Path, *, csv: bool, xlsx: bool
) -> tuple[Run, list[Path]]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=notices, transient=True) as progress:
        task = progress.add_task(f"evaluating {document.title}")
        done = evaluate(document, pack)
        progress.update(task, description="writing the run")
        written = [save_run(done, out)]
        if csv:
            written.append(export_csv(done, out))
        if xlsx:
            written.append(export_xlsx(done, out / f"{done.id}.xlsx", SCHEMAS))
    return done, written
