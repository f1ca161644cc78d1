"""`capitation optimise`: the best mix of channel-shift investments, or which limits would have to give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from api.boards.outcome import progress_lines, show_outcome
from api.boards.tables import console, print_json, write_frame
from api.cli.options import (
    EngineName,
    EngineOption,
    GapOption,
    JsonOption,
    ProblemFile,
    ResultsOption,
    SolverOption,
    StartOption,
    TimeOption,
)
from capitation.records.whole_files import write_text
from optimiser.answers.mix_run import mix_frames
from optimiser.answers.optimise import Outcome
from optimiser.answers.optimise import optimise as best_mix
from optimiser.answers.report import outcome_report
from optimiser.answers.whole.former import former_mix, former_text, read_former
from optimiser.futures.play import mix_in_futures
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import read_problem
from optimiser.programme.lp_text import lp_text
from optimiser.programme.mps_text import mps_text


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("optimise")(optimise)


def optimise(
    problem: ProblemFile,
    engine: EngineOption = EngineName.HIGHS,
    solver: SolverOption = None,
    gap: GapOption = None,
    time_limit: TimeOption = None,
    start: StartOption = None,
    out: ResultsOption = None,
    as_json: JsonOption = False,
    write_lp: Annotated[
        Path | None, typer.Option(help="Write the programme as an LP file (MPS where the name ends in .mps).")
    ] = None,
) -> None:
    """The best mix of channel-shift investments, with prices of the limits; or which limits would have to give.

    Reason: nine options, each a choice of whoever searches.
    """
    document = read_problem(problem)
    gap = float(document.gap) if gap is None else gap
    if write_lp is not None:
        as_text = mps_text if write_lp.suffix.lower() == ".mps" else lp_text
        write_text(write_lp, as_text(programme_matrix(document)))
    outcome = best_mix(
        document,
        engine=engine.value,
        solver=solver,
        gap=gap,
        time_limit=time_limit,
        progress=None if as_json else progress_lines(),
        former=None if start is None else read_former(start),
    )
    report = outcome_report(outcome)
    left = 20.0 if time_limit is None else min(20.0, max(1.0, time_limit - outcome.seconds["total"]))
    report["futures"] = mix_in_futures(outcome, time_limit=left).to_dicts()
    if out is not None:
        _write_results(out, outcome, report)
    if as_json:
        print_json(report)
        return
    show_outcome(document.title, outcome, report)
    for path in (write_lp, out):
        if path is not None:
            console.print(f"written: {path}", markup=False)


def _write_results(folder: Path, outcome: Outcome, report: dict[str, Any]) -> None:
    write_text(folder / "outcome.json", json.dumps(report, ensure_ascii=False, indent=2, default=str) + "\n")
    if outcome.answer.has_mix:
        write_frame(outcome.mix(), folder / "mix.csv")
        for name, frame in mix_frames(outcome).items():
            if frame.width:
                write_frame(frame, folder / "mix" / f"{name}.csv")
        former = former_mix(outcome.headline)
        if former is not None:
            write_text(folder / "mix" / "start.json", former_text(former))
        if report["activity"]:
            write_frame(pl.DataFrame(report["activity"]), folder / "activity.csv")
        if report["credit"]:
            write_frame(pl.DataFrame(report["credit"]), folder / "credit.csv")
    if report["prices"]:
        write_frame(pl.DataFrame(report["prices"]), folder / "prices.csv")
