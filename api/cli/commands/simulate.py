"""`capitation simulate`: how likely each locality is to overspend, from draws of what a plan cannot know."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.progress import Progress

from api.boards.tables import notices, print_json, show, write_frame
from api.cli.options import DataOption, JsonOption, ResultsOption
from api.cli.shipped import shipped
from capitation.chance.answers import OVER, SYSTEM, layer_variances, locality_chances, pool_sizes
from capitation.chance.book import book_of
from capitation.chance.document import LAYERS, read_uncertainty
from capitation.chance.model import model
from capitation.chance.scores.draws import Method
from capitation.chance.simulate import Request, Simulation, SimulationWork, simulate
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.records.years import FinancialYear
from capitation.run.evaluate import evaluate
from capitation.run.scenario import Scenario, read_scenario


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate_command)


# Reason: each of its parameters is an option of the command line
def simulate_command(
    scenario: Annotated[Path, typer.Argument(help="Scenario document, or the id of one that ships.")],
    draws: Annotated[int, typer.Option(help="Draws; 100,000 give chances to a tenth of a percent.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Seed; the same one gives the same draws on any machine.")] = 1,
    layers: Annotated[
        str, typer.Option(help=f"Layers to draw, of {', '.join(LAYERS)}; all for every one with figures.")
    ] = "chance",
    uncertainty: Annotated[
        Path | None, typer.Option(help="Uncertainty document; the shipped one of the scenario's id by default.")
    ] = None,
    year: Annotated[str | None, typer.Option(help="Year to simulate; the year of the need data by default.")] = None,
    method: Annotated[
        Method, typer.Option(help="monte-carlo, or sobol (16 times a power of two draws).")
    ] = "monte-carlo",
    threads: Annotated[int, typer.Option(help="Threads; they change no figure.", min=1)] = 1,
    state: Annotated[
        Path | None, typer.Option(help="File that keeps the draws if you stop it (Ctrl-C); run again to go on.")
    ] = None,
    out: ResultsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw what a plan cannot know and say how likely each locality is to overspend, and what pool covers them.

    The plan before any contract: positions of the parties under contract options are not among the answers.
    """
    pack = DataPack(pack_folder(data))
    document = read_scenario(shipped(scenario, "scenarios", data))
    figures = read_uncertainty(_uncertainty(uncertainty, document, pack))
    shown = FinancialYear(year) if year else FinancialYear(document.need_year)
    chosen = None if layers == "all" else [name.strip() for name in layers.split(",") if name.strip()]
    request = Request(draws, seed, method)
    with Progress(console=notices, transient=True) as progress:
        task = progress.add_task(f"evaluating {document.title}", total=None)
        book = book_of(evaluate(document, pack), shown)
        progress.update(task, description="drawing", total=draws)
        work = SimulationWork(threads, state=state, progress=lambda done, _: progress.update(task, completed=done))
        found = simulate(model([book], figures, chosen), request, work)
    _report(found, document, out, as_json)


def _report(found: Simulation, document: Scenario, out: Path | None, as_json: bool) -> None:
    chances, pools = locality_chances(found), pool_sizes(found)
    variances = layer_variances(found) if len(found.model.layers) > 1 else None
    answers: dict[str, pl.DataFrame] = {"locality_chance": chances, "pool_size": pools}
    if variances is not None:
        answers["layer_variance"] = variances
    written = [write_frame(frame, out / f"{name}.csv") for name, frame in answers.items()] if out is not None else []
    persons = pl.col("persons").round(0).cast(pl.Int64)
    short = ["code", "persons", "sd_share", *(f"over_{percent}" for percent in OVER)]
    errors = ["sd_share_error", *(f"over_{percent}_error" for percent in OVER)]
    rows = chances.with_columns(persons).select(*short, *errors)
    if as_json:
        print_json(
            {
                "scenario": document.id,
                "year": str(found.model.books[0].year),
                "uncertainty": found.model.document.id,
                "layers": list(found.model.layers),
                "draws": found.draws,
                "seed": found.request.seed,
                "localities": rows.filter(pl.col("code") != SYSTEM),
                "system": rows.filter(pl.col("code") == SYSTEM).row(0, named=True),
                "pools": pools,
                "layer_variances": variances,
                "written": [str(path) for path in written],
            }
        )
        return
    title = f"{document.title}: {found.model.books[0].year}, {', '.join(found.model.layers)}, {found.draws:,} draws"
    show(_in_percent(rows.select(short)), title)
    if variances is not None:
        show(
            _in_percent(variances.filter(pl.col("code") == SYSTEM).drop("year", "code")),
            "What the system's variance is made of",
        )
    for row in pools.iter_rows(named=True):
        typer.echo(
            f"pool, {row['basis']}: £{row['pool_pence'] / 1e8:.1f}m covers {row['cover']:.0%} of years; "
            f"£{row['mean_pence'] / 1e8:.1f}m is drawn on average"
        )
    for path in written:
        typer.echo(f"written: {path}")


def _in_percent(rows: pl.DataFrame) -> pl.DataFrame:
    """Shares and chances as text in percent with two decimals."""
    shares = [name for name, dtype in rows.schema.items() if dtype == pl.Float64]
    texts = [
        pl.Series(name, ["" if value is None else f"{value:.2%}" for value in rows.get_column(name)], dtype=pl.String)
        for name in shares
    ]
    return rows.with_columns(texts)


def _uncertainty(given: Path | None, document: Scenario, pack: DataPack) -> Path:
    return pack.path(f"uncertainty/{document.id}.toml") if given is None else shipped(given, "uncertainty", pack.root)
