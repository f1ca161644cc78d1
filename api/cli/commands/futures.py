"""`capitation futures`: the best mix in each future a problem names, and what the plan's mix would lose there."""

from __future__ import annotations

import typer

from api.boards.outcome import overlap_note
from api.boards.tables import console, notices, print_json, show, write_frame
from api.cli.options import GapOption, JsonOption, ProblemFile, ResultsOption, StartOption, TimeOption
from optimiser.answers.report import mix_report
from optimiser.answers.whole.former import read_former
from optimiser.futures.play import play_futures
from optimiser.problem.document import read_problem


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("futures")(futures)


def futures(
    problem: ProblemFile,
    gap: GapOption = None,
    time_limit: TimeOption = None,
    start: StartOption = None,
    out: ResultsOption = None,
    as_json: JsonOption = False,
) -> None:
    """The best mix for every future, and what each of those mixes loses in every other (regret)."""
    document = read_problem(problem)
    gap = float(document.gap) if gap is None else gap
    former = None if start is None else read_former(start)
    played = play_futures(
        document,
        gap=gap,
        time_limit=time_limit,
        former=former,
        report=lambda line: notices.print(f"  {line}", markup=False),
    )
    if out is not None:
        write_frame(played.futures, out / "futures.csv")
        write_frame(played.regret, out / "regret.csv")
    if as_json:
        content = {"futures": played.futures.to_dicts(), "regret": played.regret.to_dicts(), "notes": played.notes}
        print_json({"problem": document.id, "mix": mix_report(played.plan), **content})
        return
    goal = played.plan.headline.matrix
    console.print(f"{document.title}: {goal.objective} in {goal.unit}", markup=False)
    show(played.futures, "Each future: its own best mix, and the plan's mix there")
    show(played.regret, "What each mix loses in each future (regret); empty where it breaks a limit")
    said = overlap_note(played.plan.headline)
    for note in (*played.notes, *([said] if said else [])):
        notices.print(f"note: {note}", markup=False)
