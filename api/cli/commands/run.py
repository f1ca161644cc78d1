"""`capitation run`: from a scenario to a written run, with its tables on the screen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from api.boards.run import show_run
from api.boards.tables import print_json
from api.cli.options import AcceptOption, CsvOption, DataOption, JsonOption, RunsOption, XlsxOption
from api.cli.shipped import named, pack_for
from api.cli.written_run import evaluate_and_write
from capitation.errors import ScenarioError
from capitation.pack.sources import DataPack
from capitation.records.years import FinancialYear
from capitation.run.scenario import read_scenario
from capitation.run.unread import changed_without_effect, edited_tables, unread_parameters


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    scenario: Annotated[
        Path, typer.Argument(help="Scenario document (TOML, JSON or YAML), or the id of one in the data pack.")
    ],
    out: RunsOption,
    data: DataOption = None,
    year: Annotated[str | None, typer.Option(help="Year to show; the last one by default.")] = None,
    csv: CsvOption = False,
    xlsx: XlsxOption = False,
    accept: AcceptOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate a scenario and write the run: all frames as parquet, with a manifest, named by the hash of its inputs."""
    given = named(scenario, "scenarios", "scenario", data)
    pack = DataPack(pack_for(given, data))
    document = read_scenario(given)
    shown = FinancialYear(year) if year else document.years[-1]
    if shown not in document.years:
        message = f"--year: found {shown}; expected a year of the scenario: {', '.join(document.years)}"
        raise ScenarioError(message)
    done, written = evaluate_and_write(document, pack, out, csv=csv, xlsx=xlsx, accept=accept or ())
    unread, same = unread_parameters(done, pack), changed_without_effect(done, out)
    if as_json:
        frames = {name: record.model_dump() for name, record in done.manifest.frames.items()}
        print_json(
            {
                "run_id": done.id, "written": [str(p) for p in written], "frames": frames, "notes": done.manifest.notes,
                "unread_parameters": unread, "edited_tables": edited_tables(pack), "changed_without_effect": [] if same is None else same[1],
            }
        )  # fmt: skip
        return
    show_run(done, pack, shown)
    if unread:
        topics = Counter(name.partition(".")[0] for name in unread)
        many = ", ".join(f"{topic} ({count})" for topic, count in topics.items())
        typer.echo(
            f"To note: {len(unread)} parameters of the pack change no figure of this run: {many}; --json names them."
        )
    for said in edited_tables(pack):
        typer.echo(f"To note: {said}.")
    if same is not None:
        typer.echo(f"To note: no figure moved since run {same[0]}, though these inputs changed: {', '.join(same[1])}.")
    for path in written:
        typer.echo(f"written: {path}")
