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
from optimiser.engines.answer import relative_gap
from optimiser.futures.play import RobustMix, robust_mix
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
        worth = {
            "as_planned": found.as_planned,
            "worst": found.worst,
            "bound": answer.best_possible,
            "gap": _gap(found),
        }
        print_json(
            {
                **head,
                **worth,
                "mix": mix_report(found.outcome),
                "claimed": dict(zip(("as_planned", "worst"), found.claimed, strict=True)),
                "worst_solutions": [] if found.exact is None else list(found.exact.solutions),
                "losses": found.losses.to_dicts(),
                "note": None if document.blocks and found.exact else overlap_note(answer),
            }
        )
        return
    unit = answer.matrix.unit
    named = {s.id: s.name for s in document.solutions}
    console.print(
        f"{document.title}: {answer.status}. Worth {amount(found.as_planned, unit)} as planned, and {amount(found.worst, unit)} if the "
        f"worst {disappoint:g} disappoint",
        markup=False,
    )
    if found.exact is not None and found.exact.solutions:
        who = ", ".join(named.get(name, name) for name in found.exact.solutions)
        console.print(f"  the worst to disappoint: {who}", markup=False, soft_wrap=True)
    planned, worst = found.claimed
    if abs(worst - found.worst) > _SAME * max(1.0, abs(worst)):
        console.print(
            f"  that is by the exact product of effects, with blocks open whose activity stays; as the search counts it, with every "
            f"planned block closed, {amount(planned, unit)} and {amount(worst, unit)}",
            markup=False,
            soft_wrap=True,
        )
    gap_left = _gap(found)
    if gap_left and answer.best_possible is not None:
        bound = amount(answer.best_possible, unit)
        console.print(f"  no mix's worst case passes {bound}: gap {gap_left:.3%}", markup=False)
    for note in answer.notes:
        notices.print(f"note: {note}", markup=False)
    rows = [{"solution": m["title"], "scale": m["scale"]} for m in mix_report(found.outcome).values()]
    show(pl.DataFrame(rows), "The mix")
    if found.losses.height:
        lost = found.losses.with_columns(pl.col("solution").replace(named)).filter(pl.col("loss") > 0)
        show(lost, f"What is lost if one solution disappoints, {unit}")
    else:
        console.print("  no solution states a low end of its effects or savings, so none can disappoint", markup=False)
    if overlap_note(answer) and not (document.blocks and found.exact):
        notices.print(f"note: {overlap_note(answer)}", markup=False)


_SAME = 1e-4
"""A worst case this near to the search's own count, as a share of it, is the same."""


def _gap(found: RobustMix) -> float | None:
    """How far the bound lies from the worst case, as a share of it; none where contract pieces, counted at the dearest, put it below."""
    bound = found.outcome.headline.best_possible
    if bound is None or bound < found.worst - _SAME * max(1.0, abs(found.worst)):
        return None
    return relative_gap(found.worst, bound)
