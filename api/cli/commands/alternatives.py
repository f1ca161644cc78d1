"""`capitation alternatives`: mixes that are nearly as good as the best."""

from __future__ import annotations

from typing import Annotated

import typer

from api.boards.outcome import mix_of, overlap_note
from api.boards.tables import notices, print_json, show, write_frame
from api.cli.options import GapOption, JsonOption, ProblemFile, ResultsOption, StartOption, TimeOption, number
from optimiser.answers.alternatives import alternatives as near_optimal
from optimiser.answers.optimise import optimise as best_mix
from optimiser.answers.whole.former import read_former
from optimiser.answers.whole.merging import alike_localities
from optimiser.answers.whole.search import Search, solve_whole
from optimiser.blocks.start import starts
from optimiser.engines.answer import Answer
from optimiser.engines.series import Series
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import Problem, read_problem
from optimiser.problem.tables import tables_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("alternatives")(alternatives)


def alternatives(
    problem: ProblemFile,
    within: Annotated[
        float,
        typer.Option(
            help="Percent of the best that may be given up, such as 2.",
            callback=number(
                "a percentage of the best above 0 and below 100, such as 2", 0, 100, above=True, below=True
            ),
        ),
    ] = 2.0,
    gap: GapOption = None,
    time_limit: TimeOption = None,
    start: StartOption = None,
    out: ResultsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mixes that are nearly as good: how far each solution can go up or down, and whole mixes that differ.

    Reason: seven options, each a choice of whoever searches.
    """
    document = read_problem(problem)
    gap = float(document.gap) if gap is None else gap
    series = Series(time_limit)
    former = None if start is None else read_former(start)
    outcome = best_mix(document, gap=gap, time_limit=series.left(), former=former)
    answer = mix_of(outcome)
    if len(document.goals) == 1 and any(len(s.curve) > 1 for s in document.solutions):
        answer = _in_order(document, answer, gap, series.left())
    weights = starts(tables_of(document)).select("solution", "place", "weight")
    like = alike_localities(document)
    found = near_optimal(
        answer.matrix, answer, weights, within=within / 100, gap=gap, time_limit=series.left(), like=like
    )
    wide = found.mixes.pivot("solution", index=["mix", "objective"], values="scale")
    if out is not None:
        write_frame(found.ranges, out / "ranges.csv")
        write_frame(wide, out / "alternatives.csv")
    if as_json:
        print_json(
            {
                "problem": document.id,
                "within_percent": within,
                "ranges": found.ranges,
                "mixes": wide,
                "ended": found.ended,
                "note": overlap_note(answer),
            }
        )
        return
    show(found.ranges, f"How far each solution can go within {within:g}% of the best: scale in {document.years[-1]}")
    if found.ended:
        notices.print(f"note: {found.ended}", markup=False)
    show(wide, "Whole mixes that differ (mix 0 is the best)")
    if overlap_note(answer):
        notices.print(f"note: {overlap_note(answer)}", markup=False)


def _in_order(document: Problem, answer: Answer, gap: float, time_limit: float | None) -> Answer:
    """The same mix in the programme in which every curve of returns is filled in order, so that near ones are in order too."""
    every = frozenset(starts(tables_of(document)).select("solution", "place").iter_rows())
    matrix = programme_matrix(document, in_order=every).aim(answer.matrix.objective)
    found = solve_whole(matrix, alike_localities(document), Search(gap=gap, time_limit=time_limit))
    return found if found.has_mix else answer
