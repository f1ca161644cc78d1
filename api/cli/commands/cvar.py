"""`capitation cvar`: the mix that balances the average of the named futures against the average of the worst of them."""

from __future__ import annotations

from typing import Annotated

import polars as pl
import typer

from api.boards.outcome import amount
from api.boards.tables import console, notices, print_json, show, write_frame
from api.cli.options import (
    GapOption,
    JsonOption,
    ProblemFile,
    ResultsOption,
    StartOption,
    TimeOption,
    UncertaintyOption,
    number,
)
from api.cli.shipped import shipped_uncertainty
from optimiser.answers.whole.former import read_former
from optimiser.futures.appraisal.documented import FUTURES, MOST_FUTURES, drawn_futures, without_promises
from optimiser.futures.named import without_futures
from optimiser.futures.play import cvar_mix
from optimiser.problem.document import read_problem


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cvar")(cvar)


def cvar(
    problem: ProblemFile,
    worst: Annotated[
        float,
        typer.Option(
            help="Share of futures, counted from the worst, that is averaged: above 0 and up to 1.",
            callback=number("a share above 0 and up to 1, such as 0.1 for the worst tenth", 0, 1, above=True),
        ),
    ] = 0.1,
    weight: Annotated[
        float,
        typer.Option(
            help="0: the average only; 1: the worst futures only.",
            callback=number("a number from 0 (the mean alone) to 1 (the worst alone)", 0, 1),
        ),
    ] = 0.5,
    without: Annotated[str, typer.Option(help="Futures to leave out, such as those no mix can meet: a,b.")] = "",
    uncertainty: UncertaintyOption = None,
    draws: Annotated[
        int,
        typer.Option(
            help="How many futures are drawn with --uncertainty.",
            callback=number(f"a whole number from 1 to {MOST_FUTURES}", 1, MOST_FUTURES),
        ),
    ] = FUTURES,
    seed: Annotated[
        int, typer.Option(help="Seed of those draws.", callback=number("a whole number, 0 or more", 0))
    ] = 1,
    gap: GapOption = None,
    time_limit: TimeOption = None,
    start: StartOption = None,
    out: ResultsOption = None,
    as_json: JsonOption = False,
) -> None:
    """The mix that balances the average of all futures against the average of the worst share of them.

    Reason: eleven options, each a choice of whoever weighs the futures.
    """
    written = read_problem(problem)
    figures = None if uncertainty is None else shipped_uncertainty(uncertainty)
    notes: tuple[str, ...] = ()
    if figures is not None:
        futures = drawn_futures(written, figures, draws, seed)
        written, notes = without_promises(written.model_copy(update={"futures": futures}))
    document = without_futures(written, [name.strip() for name in without.split(",") if name.strip()])
    gap = float(document.gap) if gap is None else gap
    mix = cvar_mix(
        document,
        alpha=worst,
        weight=weight,
        gap=gap,
        time_limit=time_limit,
        former=None if start is None else read_former(start),
        report=lambda line: notices.print(f"  {line}", markup=False),
    )
    if out is not None:
        write_frame(mix.values, out / "values.csv")
    if as_json:
        head = {"problem": document.id, "status": mix.found.answer.status, "mean": mix.found.mean}
        head |= {} if figures is None else {"uncertainty": figures.id, "draws": draws, "seed": seed}
        tail = {"mix": mix.scales, "futures": mix.values.to_dicts(), "notes": [*notes, *mix.notes]}
        weighed = {"weighed": mix.weighed, "bound": mix.found.answer.best_possible, "gap": mix.gap}
        print_json({**head, "worst_mean": mix.found.cvar, "worst": worst, "weight": weight, **weighed, **tail})
        return
    answer, titles = mix.found.answer, {s.id: s.name for s in document.solutions}
    unit = answer.matrix.unit
    console.print(
        f"{document.title}: averages {amount(mix.found.mean, unit)} over all futures and "
        f"{amount(mix.found.cvar, unit)} over the worst {worst:.0%}",
        markup=False,
        soft_wrap=True,
    )
    if mix.gap is not None:
        console.print(
            f"  weighed together {amount(mix.weighed, unit)}, and no mix weighs more than "
            f"{amount(mix.found.answer.best_possible or 0.0, unit)}: gap {mix.gap:.1%}",
            markup=False,
            soft_wrap=True,
        )
    rows = [{"solution": titles[name], "scale": scale} for name, scale in mix.scales.items()]
    show(pl.DataFrame(rows), "The mix")
    show(mix.values, f"What it is worth in each future, {unit}")
    for note in (*notes, *mix.notes):
        notices.print(f"note: {note}", markup=False)
