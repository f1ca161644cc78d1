"""`capitation frontier`: what more of one goal costs in another: the best of the first at each level of the others."""

from __future__ import annotations

from typing import Annotated

import typer

from api.boards.outcome import overlap_note
from api.boards.tables import notices, print_json, show, write_frame
from api.cli.options import GapOption, JsonOption, ProblemFile, ResultsOption, StartOption, TimeOption, number
from optimiser.answers.frontier import Frontier
from optimiser.answers.frontier import frontier as goal_frontier
from optimiser.answers.in_order import Pairs, kept_in_order
from optimiser.answers.whole.former import read_former
from optimiser.answers.whole.merging import alike_localities
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import read_problem

MOST_POINTS = 1_000
"""More levels of a goal than this say nothing more, and take hours."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("frontier")(frontier)


def frontier(
    problem: ProblemFile,
    goals: Annotated[
        str, typer.Option(help="Two or three measures; the first goes on the vertical axis.")
    ] = "npv,avoided",
    points: Annotated[
        int,
        typer.Option(
            help="Number of levels of each goal after the first.",
            callback=number(f"a whole number from 2 to {MOST_POINTS}", 2, MOST_POINTS),
        ),
    ] = 15,
    gap: GapOption = None,
    time_limit: TimeOption = None,
    start: StartOption = None,
    out: ResultsOption = None,
    as_json: JsonOption = False,
) -> None:
    """The frontier between goals: the best of the first at each level of the others, with exchange rates.

    Reason: eight options, each a choice of whoever searches.
    """
    document = read_problem(problem)
    gap = float(document.gap) if gap is None else gap
    names = tuple(name.strip() for name in goals.split(",") if name.strip())
    like, former = alike_localities(document), None if start is None else read_former(start)

    def solved(forced: Pairs) -> Frontier:
        matrix = programme_matrix(document, in_order=forced)
        return goal_frontier(matrix, names, points=points, gap=gap, time_limit=time_limit, like=like, start=former)

    found = kept_in_order(document, solved, lambda points: points.answers)
    if out is not None:
        write_frame(found.points, out / "frontier.csv")
    note = overlap_note(found.answers[0]) if found.answers else None
    if as_json:
        print_json(
            {"problem": document.id, "goals": list(names), "points": found.points, "ended": found.ended, "note": note}
        )
        return
    if found.ended:
        notices.print(f"note: {found.ended}", markup=False)
    show(found.points, f"Frontier of {document.title}: {' against '.join(names)}")
    if note:
        notices.print(f"note: {note}", markup=False)
