"""`capitation robust`: the mix that holds up best when some solutions disappoint, whichever hurt most."""

from __future__ import annotations

from typing import Annotated

import polars as pl
import typer

from api.boards.outcome import amount, overlap_note, progress_lines
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
from optimiser.answers.report import mix_report
from optimiser.answers.whole.former import read_former
from optimiser.futures.play import robust_mix
from optimiser.problem.document import read_problem


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("robust")(robust)


def robust(
    problem: ProblemFile,
    disappoint: Annotated[
        float,
        typer.Option(
            help="How many solutions may fall to their low effects and savings at the same time.",
            callback=number("a number of solutions, 0 or more", 0),
        ),
    ] = 2.0,
    uncertainty: UncertaintyOption = None,
    gap: GapOption = None,
    time_limit: TimeOption = None,
    start: StartOption = None,
    out: ResultsOption = None,
    as_json: JsonOption = False,
) -> None:
    """The mix with the best worst case over a number of disappointments.

    Reason: nine options, each a choice of whoever searches.
    """
    document = read_problem(problem)
    figures = None if uncertainty is None else shipped_uncertainty(uncertainty)
    gap = float(document.gap) if gap is None else gap
    found = robust_mix(
        document,
        gamma=disappoint,
        gap=gap,
        time_limit=time_limit,
        uncertainty=figures,
        former=None if start is None else read_former(start),
        progress=None if as_json else progress_lines(),
    )
    answer = found.outcome.headline
    if out is not None:
        write_frame(found.losses, out / "losses.csv")
        write_frame(found.outcome.mix(), out / "mix.csv")
    if as_json:
        head = {"problem": document.id, "status": answer.status, "meaning": answer.meaning, "unit": answer.matrix.unit}
        head |= {} if figures is None else {"uncertainty": figures.id}
        worth = {"as_planned": found.as_planned, "worst": found.worst, "bound": answer.best_possible, "gap": answer.gap}
        print_json(
            {
                **head,
                **worth,
                "mix": mix_report(found.outcome),
                "losses": found.losses.to_dicts(),
                "note": overlap_note(answer),
            }
        )
        return
    unit = answer.matrix.unit
    console.print(
        f"{document.title}: {answer.status}. Worth {amount(found.as_planned, unit)} as planned, and {amount(found.worst, unit)} if the "
        f"worst {disappoint:g} disappoint",
        markup=False,
    )
    if answer.gap and answer.best_possible is not None:
        console.print(
            f"  no mix's worst case passes {amount(answer.best_possible, unit)}: gap {answer.gap:.3%}", markup=False
        )
    for note in answer.notes:
        notices.print(f"note: {note}", markup=False)
    rows = [{"solution": m["title"], "scale": m["scale"]} for m in mix_report(found.outcome).values()]
    show(pl.DataFrame(rows), "The mix")
    if found.losses.height:
        titles = {s.id: s.name for s in document.solutions}
        lost = found.losses.with_columns(pl.col("solution").replace(titles)).filter(pl.col("loss") > 0)
        show(lost, f"What is lost if one solution disappoints, {unit}")
    else:
        console.print("  no solution states a low end of its effects or savings, so none can disappoint", markup=False)
    if overlap_note(answer):
        notices.print(f"note: {overlap_note(answer)}", markup=False)
