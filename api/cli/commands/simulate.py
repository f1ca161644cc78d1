"""`capitation simulate`: how likely each locality and each party is to overspend, from draws of what a plan cannot know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.progress import Progress

from api.boards.risk.kept import keep as keep_paragraph
from api.boards.risk.paragraph import kept_paragraph
from api.boards.risk.parties import charted, files_of, party_sentences, pictures
from api.boards.tables import notices, print_json, show
from api.charts.material import names_of
from api.cli.commands.plan import mix_of_problem
from api.cli.options import DataOption, JsonOption, ResultsOption
from api.cli.outputs import check_results_folder, says_where
from api.cli.shipped import named, shipped
from capitation.chance.answers import OVER, SYSTEM, layer_variances, locality_chances, pool_sizes
from capitation.chance.book import book_of
from capitation.chance.distances import distance_chances
from capitation.chance.document import LAYERS, Uncertainty, read_uncertainty
from capitation.chance.model import ChanceModel, model
from capitation.chance.scores.draws import Method, source
from capitation.chance.simulate import Request, Simulation, SimulationWork, simulate
from capitation.errors import Faults, ScenarioError, SourceError, UnknownNameError
from capitation.pack.layers import files_of as pack_files
from capitation.pack.layers import layers as pack_layers
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.records.documents import read_mapping
from capitation.records.whole_files import write_all_whole
from capitation.records.years import FinancialYear
from capitation.run.evaluate import evaluate
from capitation.run.run import Run
from capitation.run.scenario import Scenario, read_scenario
from capitation.workers.crew import crew, scheduler_of_environment
from contracts.options.document import ContractOptions, read_options, with_cost_behaviour
from contracts.risk.mix import MixInDraws
from contracts.risk.parties import PartySimulation, party_model
from contracts.risk.study import party_risk
from optimiser.answers.optimise import Outcome
from optimiser.answers.report import mix_report
from optimiser.links.drawn_mix import drawn_mix
from optimiser.links.on_run import on_run
from optimiser.problem.document import read_problem

PARTY_DRAWS = 10_000
"""Draws of parties, at most, unless the caller says otherwise."""


@dataclass(frozen=True)
class Subject:
    """What is simulated: a scenario, and the options on it where there are some."""

    scenario: Scenario
    options: ContractOptions | None
    folder: Path | None
    """Where the options stand, for contracts beside them."""


@dataclass(frozen=True)
class Asked:
    """What is simulated, with what."""

    subject: Subject
    pack: DataPack
    run: Run
    figures: Uncertainty
    layers: Sequence[str] | None
    """The layers to draw; all where none are named."""
    outcome: Outcome | None
    """A mix that is bought."""

    @cached_property
    def mix(self) -> MixInDraws | None:
        """The mix as draws see it."""
        if self.outcome is None or self.subject.options is None:
            return None
        return drawn_mix(self.outcome, self.run, with_cost_behaviour(self.subject.options, self.pack))


@dataclass(frozen=True)
class Parties:
    """What was found of the parties under the options."""

    found: PartySimulation
    frames: Mapping[str, pl.DataFrame]
    drawn: Mapping[str, str]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate_command)


# Reason: each of its parameters is an option of the command line
def simulate_command(
    scenario: Annotated[
        Path, typer.Argument(help="Scenario or contract options document, or the id of one that ships.")
    ],
    draws: Annotated[int, typer.Option(help="Draws; 100,000 give chances to a tenth of a percent.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Seed; the same seed gives the same draws on any machine.")] = 1,
    layers: Annotated[
        str | None,
        typer.Option(
            help=f"Layers to draw, of {', '.join(LAYERS)}, or all; by default chance for localities and all for parties."
        ),
    ] = None,
    uncertainty: Annotated[
        Path | None, typer.Option(help="Uncertainty document; by default the one that ships for the scenario.")
    ] = None,
    year: Annotated[str | None, typer.Option(help="Year for localities; that of the need data by default.")] = None,
    method: Annotated[
        Method, typer.Option(help="monte-carlo, or sobol (16 times a power of two draws).")
    ] = "monte-carlo",
    party_draws: Annotated[
        int | None, typer.Option(help=f"Draws for parties; by default as --draws, at most {PARTY_DRAWS:,}.")
    ] = None,
    party: Annotated[
        list[str] | None, typer.Option(help="Code of a party to chart; by default the largest of each role.")
    ] = None,
    standard_error: Annotated[
        float | None,
        typer.Option(help="Stop early once the standard error of mean positions, as a share, is this small."),
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads; the number changes no figure.", min=1)] = 1,
    state: Annotated[
        Path | None, typer.Option(help="File that stores the draws if you stop it (Ctrl-C); run again to continue.")
    ] = None,
    problem: Annotated[
        Path | None,
        typer.Option(
            help="Problem (or the id of one that ships) whose mix is bought and drawn with the contracts, including under-delivery."
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="JSON file for the paragraph on risk, with what it rests on; demo shows the pack's."),
    ] = None,
    out: ResultsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw what a plan cannot know, and report how likely each locality is to overspend, and each party under each contract option.

    Localities are shown before any contract; parties are the options' commissioners and providers.
    """
    pack = DataPack(pack_folder(data))
    subject = _subject(scenario, data)
    figures = read_uncertainty(_uncertainty(uncertainty, subject.scenario, pack))
    chosen = None if layers in {None, "all"} else [name.strip() for name in str(layers).split(",") if name.strip()]
    request = Request(draws, seed, method, standard_error)
    check_results_folder(out)
    _check_doors(subject, problem, keep)
    of = _party_draws(draws, party_draws, method)
    _check_draws({"--draws": draws} | ({} if party_draws is None else {"--party-draws": of}), request)
    scheduler = scheduler_of_environment()
    own = None if state is None else state.with_name(f"{state.name}.parties")
    with says_where(state, own), crew(scheduler) as workers, Progress(console=notices, transient=True) as progress:
        task = progress.add_task(f"evaluating {subject.scenario.title}", total=None)
        run = evaluate(subject.scenario, pack)
        outcome = None
        if problem is not None:
            progress.update(task, description="looking for the mix")
            of_problem = named(problem, "problems", "problem", data)
            standing = on_run(read_problem(of_problem), of_problem, run, pack)
            outcome = mix_of_problem(standing.problem, of_problem)
        asked = Asked(subject, pack, run, figures, chosen, outcome)
        shown = FinancialYear(year) if year else FinancialYear(subject.scenario.need_year)
        progress.update(task, description="drawing", total=draws)
        cluster = workers if scheduler is not None else None
        work = SimulationWork(
            threads, crew=cluster, state=state, progress=lambda done, _: progress.update(task, completed=done)
        )
        found = simulate(_localities(asked, shown, is_chance_alone=layers is None), request, work)
        frames = _locality_frames(found, run, figures)
        parties = None
        if subject.options is not None:
            progress.update(task, description="settling", total=of, completed=0)

            def settled(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            parties = _parties(
                asked, replace(request, draws=of), party or (), SimulationWork(threads, state=own, progress=settled)
            )
            if keep is not None:
                progress.update(task, description="looking for terms that are safe", total=None)
                keep_paragraph(kept_paragraph(subject.options, pack, run, figures, seed=seed), keep)
    _report(found, frames, parties, asked, out, as_json)


def _check_doors(subject: Subject, problem: Path | None, keep: Path | None) -> None:
    """Refuse what needs contract options where there are none."""
    faults = Faults()
    if subject.options is None:
        for name, given in (("--problem", problem), ("--keep", keep)):
            if given is not None:
                faults.add(
                    name, f"{given}, and no contract options on {subject.scenario.id}",
                    "options on the scenario, under which parties are drawn",
                )  # fmt: skip
    if keep is not None and keep.suffix != ".json":
        faults.add("--keep", f"the ending {keep.suffix!r}", ".json")
    faults.raise_if_any(SourceError, "simulate: this cannot be drawn")


def _party_draws(draws: int, asked: int | None, method: Method) -> int:
    """Draws of parties; Sobol points cannot be cut short."""
    if asked is not None:
        return asked
    return draws if method == "sobol" else min(draws, PARTY_DRAWS)


def _check_draws(wanted: Mapping[str, int], request: Request) -> None:
    """Refuse draws that cannot be before anything is worked out."""
    faults = Faults()
    for name, draws in wanted.items():
        try:
            source(request.method, request.seed, draws, ())
        except ScenarioError as error:
            found, _, expected = error.message.partition("; expected ")
            if not found.startswith("draws"):  # which is not of these draws alone
                raise
            faults.add(name, found.partition("found ")[2], expected)
    faults.raise_if_any(ScenarioError, "simulate: this cannot be drawn")


def _localities(asked: Asked, year: FinancialYear, *, is_chance_alone: bool) -> ChanceModel:
    """The localities of a year; with a mix, what it is to save as well."""
    book = book_of(asked.run, year)
    if asked.mix is not None:
        (book,) = asked.mix.books([book])
    return model([book], asked.figures, ["chance"] if is_chance_alone else asked.layers)


def _subject(given: Path, data: Path | None) -> Subject:
    """The scenario and its options: the argument is either's name or file."""
    folder = pack_folder(data)
    known = pack_files(pack_layers(folder), "options/*.toml")
    document = shipped(given, "scenarios", data)
    if document.is_file() and "options" not in read_mapping(document):
        scenario = read_scenario(document)
        found = known.get(f"options/{scenario.id}.toml")
        options = read_options(found) if found is not None else None
        if options is None or options.scenario != scenario.id:
            return Subject(scenario, None, None)
        return Subject(scenario, options, found.parent if found is not None else None)
    chosen = shipped(given, "options", data)
    if not chosen.is_file():
        if not given.suffix:
            rooms = (f"{room}/*.toml" for room in ("scenarios", "options"))
            names = sorted({Path(name).stem for room in rooms for name in pack_files(pack_layers(folder), room)})
            raise UnknownNameError("scenario or options", str(given), names)
        return Subject(read_scenario(document), None, None)  # which says that there is no such file
    options = read_options(chosen)
    scenarios = pack_files(pack_layers(folder), "scenarios/*.toml")
    if f"scenarios/{options.scenario}.toml" not in scenarios:
        names = [Path(name).stem for name in scenarios]
        raise UnknownNameError("scenario", options.scenario, names, where=f"options {options.id}")
    return Subject(read_scenario(shipped(Path(options.scenario), "scenarios", data)), options, chosen.parent)


def _locality_frames(found: Simulation, run: Run, figures: Uncertainty) -> dict[str, pl.DataFrame]:
    frames: dict[str, pl.DataFrame] = {
        "distance_chance": distance_chances(run, found.model.books, figures),
        "locality_chance": locality_chances(found),
        "pool_size": pool_sizes(found),
    }
    if len(found.model.layers) > 1:
        frames["layer_variance"] = layer_variances(found)
    return frames


def _parties(asked: Asked, request: Request, pictured: Sequence[str], work: SimulationWork) -> Parties | None:
    subject, pack = asked.subject, asked.pack
    if subject.options is None:
        return None
    made = party_model(subject.options, pack, asked.run, asked.figures, asked.layers, subject.folder, mix=asked.mix)
    shown = charted(made, pictured)
    found, frames = party_risk(made, request, work)
    return Parties(found, frames, pictures(found, frames, shown, pack))


def _report(
    found: Simulation,
    frames: Mapping[str, pl.DataFrame],
    parties: Parties | None,
    asked: Asked,
    out: Path | None,
    as_json: bool,
) -> None:
    subject = asked.subject
    every = {**frames, **(parties.frames if parties is not None else {})}
    drawn = parties.drawn if parties is not None else {}
    written = write_all_whole(files_of(every, drawn, out)) if out is not None else []
    chances, pools, variances = frames["locality_chance"], frames["pool_size"], frames.get("layer_variance")
    persons = pl.col("persons").round(0).cast(pl.Int64)
    short = ["code", "persons", "sd_share", *(f"over_{percent}" for percent in OVER)]
    errors = ["sd_share_error", *(f"over_{percent}_error" for percent in OVER)]
    rows = chances.with_columns(persons).select(*short, *errors)
    if as_json:
        content: dict[str, Any] = {
            "scenario": subject.scenario.id,
            "year": str(found.model.books[0].year),
            "uncertainty": found.model.document.id,
            "layers": list(found.model.layers),
            "draws": found.draws,
            "seed": found.request.seed,
            "localities": rows.filter(pl.col("code") != SYSTEM),
            "system": rows.filter(pl.col("code") == SYSTEM).row(0, named=True),
            "distances": frames["distance_chance"],
            "pools": pools,
            "layer_variances": variances,
        }
        if parties is not None:
            content |= {
                "options": list(parties.found.model.options),
                "mix": None if asked.outcome is None else mix_report(asked.outcome),
                "party_layers": list(parties.found.model.chance.layers),
                "party_draws": parties.found.draws,
                "parties": parties.frames["party_chance"],
                **{name: frame for name, frame in parties.frames.items() if name != "party_chance"},
                "says": party_sentences(parties.found.model.document, parties.frames, names_of(asked.run, asked.pack)),
            }
        print_json({**content, "written": [str(path) for path in written]})
        return
    title = (
        f"{subject.scenario.title}: {found.model.books[0].year}, {', '.join(found.model.layers)}, {found.draws:,} draws"
    )
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
    if parties is not None:
        _show_parties(parties, names_of(asked.run, asked.pack))
    for path in written:
        typer.echo(f"written: {path}")


def _show_parties(parties: Parties, names: Mapping[str, str]) -> None:
    made = parties.found.model
    first = str(made.document.first_year)
    columns = ["option", "organisation_code", "miss", "deficit", "over_1", "over_2", "over_5"]
    rows = parties.frames["party_chance"].filter(pl.col("year") == first, pl.col("sd_pence") > 0)
    title = f"Chance of missing the control total, and of a deficit, {first}, {', '.join(made.chance.layers)}, {parties.found.draws:,} draws"
    show(_in_percent(rows.select(columns)), title)
    for sentence in party_sentences(made.document, parties.frames, names):
        typer.echo(sentence)


def _in_percent(rows: pl.DataFrame) -> pl.DataFrame:
    """Shares and chances as text in percent with two decimals."""
    shares = [name for name, dtype in rows.schema.items() if dtype == pl.Float64]
    texts = [
        pl.Series(name, ["" if value is None else f"{value:.2%}" for value in rows.get_column(name)], dtype=pl.String)
        for name in shares
    ]
    return rows.with_columns(texts)


def _uncertainty(given: Path | None, document: Scenario, pack: DataPack) -> Path:
    """The document that is named, or the one that ships for the scenario."""
    if given is not None:
        return named(given, "uncertainty", "uncertainty document", pack.root)
    relative = f"uncertainty/{document.id}.toml"
    found = pack.files(relative)
    if relative not in found:
        faults = Faults()
        faults.add(
            "--uncertainty", f"none, and no {relative} in the data pack", "a document of what is uncertain",
            "Name one, or write one: `capitation schema uncertainty` prints every key.",
        )  # fmt: skip
        faults.raise_if_any(SourceError, "simulate: this cannot be drawn")
    return found[relative]
