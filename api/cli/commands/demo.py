"""`capitation demo`: run the scenario that ships, compare its contract options and find its best mix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from api.boards.chain.stages import show_chain, show_mix_lines, show_plan_positions
from api.boards.mix import mix_story, show_mix
from api.boards.options import show_options
from api.boards.questions import WholePlan, show_questions
from api.boards.risk.paragraph import risk_paragraph, shown_paragraph
from api.boards.run import show_run
from api.boards.tables import console, notices, say
from api.cli.options import DataOption
from api.exports.csv import export_csv
from api.exports.mix_files import write_mix
from api.workbooks.people_workbook import workbook_of
from capitation.chance.document import read_uncertainty
from capitation.pack.layers import default_pack, pack_folder
from capitation.pack.sources import DataPack
from capitation.run.plausible_run import evaluate_plausibly
from capitation.run.run import save_run
from capitation.run.scenario import read_scenario
from contracts.options.document import read_options
from optimiser.answers.report import outcome_report
from optimiser.answers.whole.former import read_former
from optimiser.links.on_run import on_run
from optimiser.links.plan import document_inputs, whole_plan
from optimiser.problem.document import read_problem


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    out: Annotated[Path, typer.Option(help="Folder under which the run is written.")] = Path("demo"),
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Every table: providers, waterfalls, options, the mix, its frontier, near-optimal mixes; and every party's risk.",
        ),
    ] = False,
    opened: Annotated[
        bool,
        typer.Option("--open", help="Serve the web pages from that folder, run the scenario there, and open Home."),
    ] = False,
    data: DataOption = None,
) -> None:
    """Answer a board's six questions for the system that ships: its money, its deficit, its contracts, its best mix."""
    pack = DataPack(pack_folder(data))
    name = next(iter(pack.names("scenarios")), default_pack())
    if opened:
        from api.cli.commands.serve import serve  # the service takes a second to load, and only --open serves
        from api.cli.opened_pages import open_pages

        open_pages(out, name, lambda port: serve(port=port, data=data))
        return
    scenario = read_scenario(pack.path(f"scenarios/{name}.toml"))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=notices, transient=True) as progress:
        task = progress.add_task(f"evaluating {scenario.title}")
        done = evaluate_plausibly(scenario, pack)
        progress.update(task, description="looking for the best mix, a few seconds from the one found before")
        chosen, problem = pack.path(f"options/{name}.toml"), pack.path(f"problems/{name}.toml")
        document = read_options(chosen)
        start = problem.with_suffix("") / "start.json"
        former = read_former(start) if start.is_file() else None
        standing = on_run(read_problem(problem), problem, done, pack)
        story = mix_story(standing.problem, done, pack, former, short=not full)
        progress.update(task, description="trying the contract options on the mix")
        used = document_inputs(pack, {"options": chosen, "problems": problem})
        plan = whole_plan(scenario, done, story.outcome, document, pack, used)
        progress.update(task, description="writing the run")
        tables = replace(plan.run, frames={name: plan.run.frames[name] for name in done.frames})
        written = [
            save_run(plan.run, out),
            export_csv(tables, out),
            workbook_of(plan.run, out / f"{plan.run.id}.xlsx", pack),
        ]
    for note in [*plan.run.manifest.notes, *standing.says]:
        notices.print(f"note: {note}", markup=False)
    show_questions(WholePlan(done, scenario.need_year, pack, document, story, plan.run.bridge))
    uncertain = pack.files("uncertainty/*.toml").get(f"uncertainty/{name}.toml")
    figures = None if uncertain is None else read_uncertainty(uncertain)
    if figures is not None and not full:
        console.print("\nHow likely is each party to miss its total?", style="bold", markup=False)
        for line in shown_paragraph(document, pack, done, figures):
            say(line)
    show_run(tables, pack, scenario.need_year, short=not full)
    if full:
        last = str(plan.run.bridge.get_column("year").max())
        show_chain(plan.run, last)
        show_options(plan.options, document, pack, differences=False)
        show_mix(story, pack)
        show_mix_lines(plan.run, last)
        show_plan_positions(plan.run, last)
        if figures is not None:
            typer.echo(risk_paragraph(document, pack, done, figures))
    mix = write_mix(out / f"{name}-mix", story.outcome, outcome_report(story.outcome))
    for path in [*written, mix]:
        typer.echo(f"written: {path}")
    code = done.allocation.filter(level="practice")["code"].sort()[0]
    typer.echo(
        f"to explain any figure: capitation trace {written[0]} 'allocation.allocation_pence year={scenario.need_year} "
        f"stream={scenario.streams[0].stream} level=practice code={code}'"
    )
    if not full:
        typer.echo("for every table of the run, the options and the mix: capitation demo --full")
