"""`capitation plan`: scenario, mix and contract options as one run, with the bridge from the opening deficit to each position."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.boards.chain.stages import show_chain, show_mix_lines, show_plan_positions, show_who_gains
from api.boards.tables import notices, print_json
from api.cli.options import DataOption, JsonOption
from api.cli.shipped import pack_for, shipped
from api.workbooks.run_files import write_run
from capitation.money.pence import decimal_text
from capitation.pack.sources import DataPack
from capitation.run.evaluate import evaluate
from capitation.run.scenario import read_scenario
from contracts.options.document import read_options
from optimiser.answers.optimise import Outcome, optimise
from optimiser.answers.whole.former import read_former
from optimiser.links.on_run import on_run
from optimiser.links.plan import document_inputs, whole_plan
from optimiser.links.under_contracts import mix_under_contracts
from optimiser.problem.document import Problem, read_problem

GAP = 0.005
"""Relative gap at which the search for the mix stops."""
STARTED, UNSTARTED = 0.5, 60.0
"""Seconds that the search may take from a mix that is kept beside the problem, and without one."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


def mix_of_problem(problem: Problem, path: Path) -> Outcome:
    """The mix of a problem, from the one that is kept beside it where there is one.

    Args:
        problem: the problem.
        path: the file it was read from.
    """
    start = path.with_suffix("") / "start.json"
    former = read_former(start) if start.is_file() else None
    return optimise(problem, gap=GAP, time_limit=UNSTARTED if former is None else STARTED, former=former)


def plan(
    scenario: Annotated[
        Path, typer.Argument(help="Scenario document (TOML, JSON or YAML), or the id of one in the data pack.")
    ],
    options: Annotated[Path, typer.Option(help="Document of contract options, or the name of one that ships.")],
    problem: Annotated[Path, typer.Option(help="Problem document of the mix, or the name of one that ships.")],
    out: Annotated[Path, typer.Option(help="Folder under which the run is written, in a folder named by its id.")],
    year: Annotated[str | None, typer.Option(help="Year to show; the bridge's last by default.")] = None,
    who_gains: Annotated[
        bool,
        typer.Option(
            "--who-gains",
            help="Also show what each organisation gains or loses from the mix under each option, against doing nothing, and what the "
            "activity moved is worth at tariff and as each contract pays for it.",
        ),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Combine scenario, mix and contract options in one run: from the opening deficit to the gap that is left and each organisation's position."""
    asked = shipped(scenario, "scenarios", data)
    pack = DataPack(pack_for(asked, data))
    document = read_scenario(asked)
    chosen, of_problem = shipped(options, "options", data), shipped(problem, "problems", data)
    contract_options, mix_problem = read_options(chosen), read_problem(of_problem)
    run = evaluate(document, pack)
    standing = on_run(mix_problem, of_problem, run, pack)
    outcome = mix_of_problem(standing.problem, of_problem)
    used = document_inputs(pack, {"options": chosen, "problems": of_problem})
    done = whole_plan(document, run, outcome, contract_options, pack, used).run
    written = write_run(done, out, csv=False, xlsx=False)
    for note in standing.says:
        notices.print(f"note: {note}", markup=False, soft_wrap=True)
    shown = year or str(done.bridge.get_column("year").max())
    gains = mix_under_contracts(outcome, run, contract_options, pack, folder=chosen.parent) if who_gains else None
    if as_json:
        lines = done.bridge.filter((done.bridge["year"] == shown) & (done.bridge["level"] == "system"))
        print_json(
            {
                "run_id": done.id,
                "written": [str(path) for path in written],
                "year": shown,
                "bridge": {
                    line: decimal_text(pence) for line, pence in lines.select("line", "amount_pence").iter_rows()
                },
                "mix_lines": done.frame("mix_line"),
                "positions": done.frame("plan_position"),
                **({"gains": gains.parties, "worth": gains.worth} if gains else {}),
            }
        )
        return
    show_chain(done, shown)
    show_mix_lines(done, shown)
    show_plan_positions(done, shown)
    if gains:
        show_who_gains(gains, shown)
    for path in written:
        typer.echo(f"written: {path}")
    notices.print(f"the chain of any year: capitation bridge {written[0]} --year {shown}", markup=False)
