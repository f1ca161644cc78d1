"""`capitation trace`: explain one figure of a run down to printed cells."""

from __future__ import annotations

from typing import Annotated

import typer

from api.boards.tables import print_json
from api.cli.options import DataOption, JsonOption, RunFolder
from api.cli.shipped import pack_for
from capitation.pack.sources import DataPack
from capitation.run.formulas import FORMULAS
from capitation.run.run import load_run, require_same_inputs
from capitation.run.trace import Context, explain, parse_figure
from contracts.options.formulas import FORMULAS as COMPARED
from optimiser.links.plan_formulas import FORMULAS as PLANNED


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("trace")(trace)


def trace(
    run: RunFolder,
    figure: Annotated[
        list[str],
        typer.Argument(help="table.column key=value ...; if the key is incomplete, the message says what is missing."),
    ],
    data: DataOption = None,
    depth: Annotated[int, typer.Option(help="How many levels to open.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """Explain a figure as a tree of named figures, recomputed in plain Python, down to printed cells and choices."""
    made, pack = load_run(run), DataPack(pack_for(run, data))
    of_scenario = "allocation" in made.frames  # a plan is a scenario's run with its comparison beside it
    compared = COMPARED if {"position", "payment"} <= made.frames.keys() else {}
    planned = PLANNED if "plan_position" in made.frames else {}
    formulas = {**planned, **compared, **(FORMULAS if of_scenario or not compared else {})}
    if of_scenario or not compared:
        require_same_inputs(made, pack)  # a comparison explains itself by its own tables
    context = Context(made, pack)
    tree = explain(context, parse_figure(" ".join(figure), context.run), formulas, depth=depth)
    if as_json:
        print_json(tree.as_dict())
        return
    for line in tree.lines():
        typer.echo(line)
    if tree.closed:
        typer.echo(f"{tree.closed} more parts lie deeper: --depth {depth + 3} opens them")
