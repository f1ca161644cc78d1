"""`capitation plan`: scenario, mix and contract options as one run, with the bridge from the opening deficit to each position."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from api.boards.chain.stages import beyond_the_chain, show_chain, show_mix_lines, show_plan_positions, show_who_gains
from api.boards.tables import notices, print_json
from api.cli.options import DataOption, JsonOption
from api.cli.shipped import pack_for, shipped
from api.workbooks.run_files import write_run
from capitation.errors import CapitationError, DocumentError, Faults, suggest
from capitation.money.pence import decimal_text
from capitation.pack.layers import files_of, layers, pack_folder
from capitation.pack.sources import DataPack
from capitation.run.evaluate import evaluate
from capitation.run.scenario import Scenario, read_scenario
from capitation.run.unread import changed_without_effect, edited_tables
from contracts.options.document import ContractOptions, read_options
from optimiser.answers.optimise import Outcome
from optimiser.answers.whole.former import read_former
from optimiser.links.mix_to_buy import mix_to_buy
from optimiser.links.on_run import on_run
from optimiser.links.plan import document_inputs, whole_plan
from optimiser.links.under_contracts import mix_under_contracts
from optimiser.problem.document import Problem, read_problem


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
    return mix_to_buy(problem, former)


@dataclass(frozen=True)
class _Asked:
    """The documents of a plan, and the files that they were read from."""

    scenario: Scenario
    options: ContractOptions
    problem: Problem
    files: tuple[Path, Path, Path]


def _asked(scenario: Path, options: Path, problem: Path, data: Path | None, year: str | None) -> _Asked:
    """The three documents of a plan: files of their own, or names in the data pack.

    Raises:
        DocumentError: everything that is not there or wrong with them, and a year that the scenario does not have, together.
    """
    faults, files, read = Faults(), list[Path](), list[Any]()
    for given, room, kind, reader in (
        (scenario, "scenarios", "a scenario", read_scenario),
        (options, "options", "contract options", read_options),
        (problem, "problems", "a problem", read_problem),
    ):
        file = shipped(given, room, data)
        files.append(file)
        if not file.is_file():
            known = sorted(Path(name).stem for name in files_of(layers(pack_folder(data)), f"{room}/*.toml"))
            word = "scenario" if room == "scenarios" else f"--{room.removesuffix('s') if room == 'problems' else room}"
            faults.add(word, repr(str(given)), f"{kind} of the data pack, or a file", suggest(given.stem, known))
            continue
        try:
            read.append(reader(file))
        except CapitationError as error:
            faults.extend(error.faults)
            if not error.faults:
                faults.add(str(given), error.message, f"{kind} that can be read")
            continue
        if room == "scenarios" and year is not None and year not in read[0].years:
            faults.add("--year", repr(year), f"a year of the chain: {', '.join(read[0].years)}")
    faults.raise_if_any(DocumentError, "this plan cannot be made")
    return _Asked(read[0], read[1], read[2], (files[0], files[1], files[2]))


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
    asked = _asked(scenario, options, problem, data, year)
    of_scenario, of_options, of_problem = asked.files
    pack = DataPack(pack_for(of_scenario, data))
    run = evaluate(asked.scenario, pack)
    standing = on_run(asked.problem, of_problem, run, pack)
    outcome = mix_of_problem(standing.problem, of_problem)
    used = document_inputs(pack, {"options": of_options, "problems": of_problem})
    done = whole_plan(asked.scenario, run, outcome, asked.options, pack, used).run
    same = changed_without_effect(done, out)
    written = write_run(done, out, csv=False, xlsx=False)
    said = [*standing.says, *edited_tables(pack)]
    if same is not None:
        said.append(f"no figure moved since run {same[0]}, though these inputs changed: {', '.join(same[1])}")
    for note in said:
        notices.print(f"note: {note}", markup=False, soft_wrap=True)
    shown = year or str(done.bridge.get_column("year").max())
    gains = mix_under_contracts(outcome, run, asked.options, pack, folder=of_options.parent) if who_gains else None
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
                "beyond_the_chain": {
                    option: decimal_text(pence) for option, pence in beyond_the_chain(done, shown).items()
                },
                "notes": said,
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
