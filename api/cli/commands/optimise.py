"""`capitation optimise`: the best mix of channel-shift investments, or which limits would have to give."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from api.boards.outcome import progress_lines, show_outcome
from api.boards.tables import console, notices, print_json
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
from api.exports.mix_files import write_mix
from capitation.errors import CapitationError
from capitation.pack.layers import pack_of
from capitation.pack.sources import DataPack
from capitation.records.whole_files import write_text
from capitation.run.aims.checks import refuse_early_starts
from optimiser.answers.optimise import optimise as best_mix
from optimiser.answers.report import outcome_report
from optimiser.answers.whole.closures import near_plans
from optimiser.answers.whole.former import read_former
from optimiser.futures.play import mix_in_futures
from optimiser.links.stale import stale_problem
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
        Path | None, typer.Option(help="Write the programme as an LP file (MPS if the name ends in .mps).")
    ] = None,
) -> None:
    """The best mix of channel-shift investments, with prices of the limits; or which limits would have to give.

    Reason: nine options, each a choice of whoever searches.
    """
    if solver is not None and engine is not EngineName.PULP:
        raise CapitationError(
            f"--solver: found {solver!r} with --engine {engine.value}; expected --engine pulp, which runs other solvers"
        )
    document, began = read_problem(problem), time.perf_counter()
    for said in stale_problem(problem):
        notices.print(f"note: {said}", markup=False)
    if (folder := pack_of(problem)) is not None:
        refuse_early_starts(document.solutions, DataPack(folder), min(document.years, default=None))
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
    ends = began + max(float(time_limit), outcome.seconds["total"] + 2.0) if time_limit is not None else None

    def left(most: float) -> float:
        return most if ends is None else min(most, max(1.0, ends - time.perf_counter()))

    report["futures"] = mix_in_futures(outcome, time_limit=left(20.0)).to_dicts()
    plans = near_plans(document, outcome.answer, seconds=left(10.0))
    unit = outcome.answer.matrix.unit
    report["near_plans"] = [{**asdict(plan), "sentence": plan.sentence(unit)} for plan in plans]
    if out is not None:
        write_mix(out, outcome, report)
    if as_json:
        print_json(report)
        return
    show_outcome(document.title, outcome, report)
    for path in (write_lp, out):
        if path is not None:
            console.print(f"written: {path}", markup=False)
