"""`capitation design`: the terms within a family that keep the strongest incentive while every party can bear its risk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from api.boards.risk.design import design_sentences, trade_off_picture
from api.boards.risk.parties import files_of
from api.boards.tables import notices, print_json, show
from api.cli.options import DataOption, JsonOption, ResultsOption
from api.cli.outputs import check_results_folder, says_where
from api.cli.shipped import named, shipped, shipped_uncertainty
from capitation.chance.simulate import SimulationWork
from capitation.errors import ScenarioError, UnknownNameError
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.records.whole_files import write_all_whole
from capitation.run.evaluate import evaluate
from capitation.run.scenario import read_scenario
from contracts.risk.design.family import read_family
from contracts.risk.design.study import VERIFIED, design_family
from optimiser.links.terms.finder import linear_terms

FEWEST = 1_000
"""Fresh draws by which an answer can be verified at all."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("design")(design_command)


# Reason: each of its parameters is an option of the command line
def design_command(
    family: Annotated[Path, typer.Argument(help="Family of terms, or the id of one that ships, such as corridor.")],
    draws: Annotated[int, typer.Option(help="Fresh draws used to verify the answer.")] = VERIFIED,
    seed: Annotated[int, typer.Option(help="Seed; the same seed gives the same draws on any machine.")] = 1,
    uncertainty: Annotated[
        Path | None, typer.Option(help="Uncertainty document; by default the one that ships for the scenario.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads; the number changes no figure.", min=1)] = 1,
    state: Annotated[
        Path | None, typer.Option(help="File that stores progress if you stop it (Ctrl-C); run again to continue.")
    ] = None,
    out: ResultsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the terms that leave localities the strongest incentive while every party can bear the risk it carries.

    If no terms in the family do, the message names the limit that prevents it and how far it would have to give.
    """
    pack = DataPack(pack_folder(data))
    if draws < FEWEST:
        message = f"draws: found {draws:,}; expected at least {FEWEST:,} fresh draws to verify the answer on"
        raise ScenarioError(message)
    if seed < 0:
        message = f"--seed: found {seed}; expected a whole number from 0 upwards"
        raise ScenarioError(message)
    sought, contract = read_family(named(family, "families", "family of terms", data))
    known = pack.names("scenarios")
    if sought.scenario not in known:
        raise UnknownNameError("scenario", sought.scenario, known, where=f"family {sought.id}")
    name = Path(sought.scenario) if uncertainty is None else uncertainty
    figures = shipped_uncertainty(name, data)
    check_results_folder(out)
    with says_where(state), Progress(console=notices, transient=True) as progress:
        task = progress.add_task(f"evaluating {sought.scenario}", total=None)
        run = evaluate(read_scenario(shipped(Path(sought.scenario), "scenarios", data)), pack)
        progress.update(task, description="drawing")
        found, frames = design_family(
            sought, contract, run, figures, seed, draws, SimulationWork(threads, state=state),
            lambda words: progress.update(task, description=words), finder=linear_terms,
        )  # fmt: skip
    picture = {"trade-off.svg": trade_off_picture(sought, frames)}
    written = write_all_whole(files_of(frames, picture, out)) if out is not None else []
    said = design_sentences(sought, found, frames)
    if as_json:
        print_json(
            {
                "family": sought.id,
                "scenario": sought.scenario,
                "year": str(sought.year),
                "layers": list(sought.layers),
                "draws": draws,
                "seed": seed,
                "method": found.method,
                "terms": dict(found.figures),
                "incentive": found.incentive.value,
                "incentive_error": found.incentive.error,
                **frames,
                "says": said,
                "written": [str(path) for path in written],
            }
        )
        return
    for name_of, title in (("designed_figure", "Terms"), ("limit_met", "Limits"), ("trade_off", "Trade-off")):
        show(frames[name_of], f"{sought.title}: {title.lower()}")
    for sentence in said:
        typer.echo(sentence)
    typer.echo(f"Found by {found.method}, verified on {draws:,} fresh draws.")
    for path in written:
        typer.echo(f"written: {path}")
