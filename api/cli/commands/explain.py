"""`capitation explain`: why the mix is what it is, what each limit is worth, and why another solution is left out."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.boards.outcome import mix_of, show_what_must_give
from api.boards.tables import console, notices, print_json
from api.cli.options import GapOption, JsonOption, ProblemFile, TimeOption
from optimiser.answers.explain import WhyNot, why_not
from optimiser.answers.optimise import Outcome
from optimiser.answers.optimise import optimise as best_mix
from optimiser.answers.report import outcome_report
from optimiser.engines.series import STOPPED, Series
from optimiser.problem.document import read_problem


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    problem: ProblemFile,
    why_not_solution: Annotated[
        str | None, typer.Option("--why-not", help="A solution left out of the mix: what would including it cost?")
    ] = None,
    gap: GapOption = None,
    time_limit: TimeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why the mix is what it is: prices in plain words, which limits bind, and what departing from it would cost."""
    document = read_problem(problem)
    gap = float(document.gap) if gap is None else gap
    series = Series(time_limit)
    outcome = best_mix(document, gap=gap, time_limit=series.left())
    report = outcome_report(outcome)
    if why_not_solution is None:
        asked = [s for s, scale in outcome.scales().items() if scale < _BOUGHT] if outcome.answer.has_mix else []
    else:
        mix_of(outcome)
        asked = [why_not_solution]
    reasons = _reasons(outcome, asked, gap, series)
    if as_json:
        keys = (
            "problem",
            "status",
            "meaning",
            "objective",
            "unit",
            "headline",
            "mix",
            "knife_edges",
            "price_sentences",
            "prices",
            "binding",
            "infeasible",
        )
        content: dict[str, Any] = {key: report[key] for key in keys}
        content["why_not"] = [
            {"solution": r.solution, "loss": r.loss, "sentence": r.sentence, "mix": r.scales} for r in reasons
        ]
        print_json(content)
        return
    console.print(f"{document.title}: {report['meaning']}", markup=False)
    show_what_must_give(report)
    if outcome.answer.has_mix:
        bought = [f"{m['title']} {m['scale']:.3g}" for m in report["mix"].values() if m["scale"] >= _BOUGHT]
        console.print(f"  {report['headline']}", markup=False, soft_wrap=True)
        console.print(f"  the mix: {', '.join(bought) or 'nothing is bought'}", markup=False, soft_wrap=True)
        for sentence in report["knife_edges"]:
            console.print(f"  finely balanced: {sentence}", markup=False, soft_wrap=True)
    for sentence in report["price_sentences"] or _no_prices(report):
        console.print(f"  {sentence}", markup=False, soft_wrap=True)
    for reason in reasons:
        console.print(f"  {'' if reason.because else 'why not '}{reason.sentence}", markup=False, soft_wrap=True)


_BOUGHT = 1e-6
"""A scale below this is none."""


def _no_prices(report: dict[str, Any]) -> list[str]:
    """What to say where no limit has a price: that none is known, or that none is in the way."""
    if not report["mix"]:
        return []
    if report["no_prices_because"]:
        return [f"prices not available: {report['no_prices_because']}"]
    if report["binding"]:
        return [f"one more of these limits, which leave no room, changes nothing: {', '.join(report['binding'])}"]
    return ["every stated limit leaves room, so one more of any of them changes nothing"]


def _reasons(outcome: Outcome, asked: list[str], gap: float, series: Series) -> list[WhyNot]:
    """Why not each of `asked`; Ctrl-C or the end of the time limit keeps those that are done."""
    done: list[WhyNot] = []
    try:
        for name in asked:
            if outcome.answer.stopped_by_user or not series.goes_on():
                break
            reason = why_not(outcome, name, gap=gap, time_limit=series.left())
            if reason.stopped:
                break
            done.append(reason)
    except KeyboardInterrupt:
        series.ended = STOPPED
    if len(done) < len(asked):
        notices.print(f"note: {series.ended or STOPPED}: {len(done)} of {len(asked)} solutions explained", markup=False)
    return done
