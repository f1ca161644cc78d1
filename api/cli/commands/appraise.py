"""`capitation appraise`: the best mix over a thousand draws of its effects: what it avoids, what it is worth and how certain that is."""

from __future__ import annotations

from typing import Annotated

import polars as pl
import typer

from api.boards.outcome import mix_of, named_parties
from api.boards.tables import console, print_json, show, write_frame
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
from optimiser.answers.optimise import optimise
from optimiser.answers.report import mix_report
from optimiser.answers.whole.former import read_former
from optimiser.futures.appraisal import appraise as score
from optimiser.futures.appraisal.draws import DRAWS, SEED
from optimiser.futures.appraisal.green_book import green_book
from optimiser.problem.document import read_problem

MOST_DRAWS = 1_000_000
"""More draws than this do not fit into memory and move no figure that is shown."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("appraise")(appraise)


def appraise(
    problem: ProblemFile,
    draws: Annotated[
        int,
        typer.Option(
            help="How many draws.", callback=number(f"a whole number from 1 to {MOST_DRAWS:,}", 1, MOST_DRAWS)
        ),
    ] = DRAWS,
    seed: Annotated[
        int,
        typer.Option(
            help="Seed of the draws; the same seed gives the same draws.",
            callback=number("a whole number, 0 or more", 0),
        ),
    ] = SEED,
    uncertainty: UncertaintyOption = None,
    gap: GapOption = None,
    time_limit: TimeOption = None,
    start: StartOption = None,
    out: ResultsOption = None,
    as_json: JsonOption = False,
) -> None:
    """The best mix scored on fresh draws of its effects and savings: money, activity, promises kept, regret.

    Reason: nine options, each a choice that the reader of the appraisal makes.
    """
    document = read_problem(problem)
    figures = None if uncertainty is None else shipped_uncertainty(uncertainty)
    gap = float(document.gap) if gap is None else gap
    former = None if start is None else read_former(start)
    outcome = optimise(document, gap=gap, time_limit=time_limit, former=former)
    mix_of(outcome)
    scored = score(outcome, draws=draws, seed=seed, uncertainty=figures)
    frames: dict[str, pl.DataFrame] = {
        "money": scored.money,
        "organisations": scored.organisations,
        "activity": scored.activity,
        "chances": scored.chances,
        "regret": scored.regret,
    }
    book = green_book(outcome, gap=max(gap, 0.005))
    frames |= {
        "solutions": book.parts.by_solution,
        "localities": book.parts.by_locality,
        "fifths": book.parts.by_fifth,
        "switching": book.switching,
        "floors": book.floors,
        "optimism": book.optimism,
        "tornado": book.tornado,
        "unmonetised": book.unmonetised,
        "layers": scored.layers,
    }
    if out is not None:
        for name, frame in {**frames, "draws": scored.draws}.items():
            write_frame(frame, out / f"{name}.csv")
    if as_json:
        content = {name: frame.to_dicts() for name, frame in frames.items()}
        head = {"problem": document.id, "status": outcome.status, "draws": scored.count, "seed": seed}
        head |= {} if figures is None else {"uncertainty": figures.id}
        worth = {
            "prices": book.prices,
            "npv": book.npv,
            "exact_npv": book.npv if book.exact_npv is None else book.exact_npv,
            "benefits": book.benefits,
            "costs": book.costs,
            "bcr": book.bcr,
            "payback_year": book.payback_year,
            "do_nothing": 0.0,
            "do_minimum": book.do_minimum,
            "benefits_may_fall": book.benefits_may_fall,
            "costs_may_rise": book.costs_may_rise,
            "npv_after_bias": book.npv_after_bias,
            "sentences": book.sentences(),
        }
        print_json({**head, "green_book": worth, "mix": mix_report(outcome), **content})
        return
    console.print(f"{document.title}: {scored.count:,} draws, seed {seed}; mix: {outcome.status}", markup=False)
    for sentence in book.sentences():
        console.print(f"  {sentence}", markup=False, soft_wrap=True)
    titles = {
        "money": "Pounds over all years",
        "organisations": "Discounted cash of each organisation, pounds",
        "activity": f"Units avoided in {document.years[-1]}",
        "chances": "Share of draws in which a promise is kept",
        "regret": "What each choice loses against the better one",
        "solutions": "Net present value by solution, pounds; the rows add up",
        "localities": "Net present value by locality, pounds",
        "fifths": "Net present value by deprivation fifth, pounds: within a locality by persons",
        "switching": "How far one thing of a solution may move before it leaves the mix (empty: no movement takes it out)",
        "floors": "What floors cost, pounds of net present value",
        "layers": "Net present value with one thing drawn at a time, pounds",
        "optimism": "Optimism bias on costs, discounted pounds: assumed rates",
        "tornado": "One thing at a time at its bad end, pounds",
        "unmonetised": "Unpriced benefits, and spend per unit",
    }
    shown = frames | {"organisations": named_parties(scored.organisations, "organisation")}
    for name, frame in shown.items():
        if frame.height:
            show(frame, titles[name])
