"""`capitation optimise`, `frontier`, `alternatives` and `explain`: which mix to buy, what it trades, and why."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from api.boards.tables import console, notices, print_json, show, write_frame
from capitation.errors import CapitationError
from capitation.records.whole_files import write_text
from optimiser.answers.alternatives import alternatives as near_optimal
from optimiser.answers.explain import why_not
from optimiser.answers.frontier import frontier as goal_frontier
from optimiser.answers.optimise import Outcome
from optimiser.answers.optimise import optimise as best_mix
from optimiser.answers.report import outcome_report
from optimiser.engines.answer import Answer
from optimiser.engines.highs import Progress
from optimiser.problem.document import read_problem
from optimiser.problem.tables import tables_of
from optimiser.programme.lp_text import lp_text
from optimiser.programme.programme import programme_matrix


class EngineName(StrEnum):
    """The engines."""

    HIGHS = "highs"
    PULP = "pulp"


ProblemFile = Annotated[Path, typer.Argument(help="A problem document (.toml, .json or .yaml).")]
EngineOption = Annotated[EngineName, typer.Option(help="highs: highspy directly; pulp: any solver PuLP can run.")]
SolverOption = Annotated[str | None, typer.Option(help="With --engine pulp: which solver, such as HiGHS or COIN_CMD.")]
GapOption = Annotated[
    float | None,
    typer.Option(
        help="Relative gap at which the search may stop; 0 proves the best. The problem's own by default.", min=0
    ),
]
TimeOption = Annotated[float | None, typer.Option(help="Seconds after which the search stops.", min=0)]
OutOption = Annotated[Path | None, typer.Option(help="Folder for the results.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("optimise")(optimise)
    app.command("frontier")(frontier)
    app.command("alternatives")(alternatives)
    app.command("explain")(explain)


def optimise(
    problem: ProblemFile,
    engine: EngineOption = EngineName.HIGHS,
    solver: SolverOption = None,
    gap: GapOption = None,
    time_limit: TimeOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
    write_lp: Annotated[Path | None, typer.Option(help="Write the programme as an LP file.")] = None,
) -> None:
    """The best mix of channel-shift investments, with prices of the limits; or which limits would have to give."""
    document = read_problem(problem)
    gap = float(document.gap) if gap is None else gap
    if write_lp is not None:
        write_text(write_lp, lp_text(programme_matrix(document)))
    outcome = best_mix(
        document,
        engine=engine.value,
        solver=solver,
        gap=gap,
        time_limit=time_limit,
        progress=None if as_json else _say_progress(),
    )
    report = outcome_report(outcome)
    if out is not None:
        _write_results(out, outcome, report)
    if as_json:
        print_json(report)
        return
    _print_outcome(document.title, outcome, report)
    for path in (write_lp, out):
        if path is not None:
            console.print(f"written: {path}", markup=False)


def frontier(
    problem: ProblemFile,
    goals: Annotated[str, typer.Option(help="Two or three measures, the first on the upright axis.")] = "npv,avoided",
    points: Annotated[int, typer.Option(help="Levels of each held goal.", min=2)] = 15,
    gap: GapOption = None,
    time_limit: TimeOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """The frontier between goals: the best of the first for each level of the others, with the exchange rates."""
    document = read_problem(problem)
    gap = float(document.gap) if gap is None else gap
    names = tuple(name.strip() for name in goals.split(",") if name.strip())
    found = goal_frontier(programme_matrix(document), names, points=points, gap=gap, time_limit=time_limit)
    if out is not None:
        write_frame(found.points, out / "frontier.csv")
    if as_json:
        print_json({"problem": document.id, "goals": list(names), "points": found.points})
        return
    show(found.points, f"Frontier of {document.title}: {' against '.join(names)}")


def alternatives(
    problem: ProblemFile,
    within: Annotated[float, typer.Option(help="Percent of the best that may be given up.", min=0, max=100)] = 2.0,
    gap: GapOption = None,
    time_limit: TimeOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mixes that are nearly as good: how far each solution can go up or down, and whole mixes that differ."""
    document = read_problem(problem)
    gap = float(document.gap) if gap is None else gap
    outcome = best_mix(document, gap=gap, time_limit=time_limit)
    answer = _with_mix(outcome)
    weights = tables_of(document).units.select("solution", "place", "weight")
    found = near_optimal(answer.matrix, answer, weights, within=within / 100, gap=gap, time_limit=time_limit)
    wide = found.mixes.pivot("solution", index=["mix", "objective"], values="scale")
    if out is not None:
        write_frame(found.ranges, out / "ranges.csv")
        write_frame(wide, out / "alternatives.csv")
    if as_json:
        print_json({"problem": document.id, "within_percent": within, "ranges": found.ranges, "mixes": wide})
        return
    show(found.ranges, f"How far each solution can go within {within:g}% of the best: scale in {document.years[-1]}")
    show(wide, "Whole mixes that differ (mix 0 is the best)")


def explain(
    problem: ProblemFile,
    why_not_solution: Annotated[
        str | None, typer.Option("--why-not", help="A solution: what would it cost to have it in the mix?")
    ] = None,
    gap: GapOption = None,
    time_limit: TimeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why the mix is what it is: prices in plain words, what binds, and what leaving it would cost."""
    document = read_problem(problem)
    gap = float(document.gap) if gap is None else gap
    outcome = best_mix(document, gap=gap, time_limit=time_limit)
    report = outcome_report(outcome)
    if why_not_solution is None:
        asked = [s for s, scale in outcome.scales().items() if scale < 1e-6] if outcome.answer.has_mix else []
    else:
        _with_mix(outcome)
        asked = [why_not_solution]
    reasons = [why_not(outcome, name, gap=gap, time_limit=time_limit) for name in asked]
    if as_json:
        keys = (
            "problem",
            "status",
            "meaning",
            "objective",
            "unit",
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
    _print_infeasible(report)
    for sentence in report["price_sentences"]:
        console.print(f"  {sentence}", markup=False)
    for reason in reasons:
        console.print(f"  why not {reason.sentence}", markup=False)


def _with_mix(outcome: Outcome) -> Answer:
    if not outcome.headline.has_mix:
        message = f"there is no mix: {outcome.answer.meaning}. `capitation optimise` shows what would have to give"
        raise CapitationError(message)
    return outcome.headline


def _say_progress() -> Any:  # noqa: ANN401  # a function that remembers when it last spoke
    last = [0.0]

    def say(at: Progress) -> None:
        if at.seconds - last[0] >= 1.0:
            last[0] = at.seconds
            notices.print(f"{at.seconds:6.0f} s  best {at.objective:,.1f}  bound {at.bound:,.1f}  gap {at.gap:.2%}")

    return say


def _print_outcome(title: str, outcome: Outcome, report: dict[str, Any]) -> None:
    console.print(f"{title}: {report['status']} ({report['meaning']})", markup=False)
    _print_infeasible(report)
    if outcome.answer.has_mix:
        for goal in report["goals"]:
            console.print(f"  {goal['measure']}: {goal['value']:,.2f} {goal['unit']} ({goal['status']})", markup=False)
        if report["gap"]:
            console.print(f"  bound {report['bound']:,.2f}, gap {report['gap']:.3%}", markup=False)
        rows = [
            {
                "solution": m["title"],
                "scale": m["scale"],
                "starts": ", ".join(f"{p} {y}" for p, y in m["starts"].items()),
            }
            for m in report["mix"].values()
        ]
        show(pl.DataFrame(rows), "The mix")
        if report["activity"]:
            last = str(outcome.problem.years[-1])
            activity = pl.DataFrame(report["activity"]).filter(pl.col("year") == last)
            show(activity, f"Activity avoided in {last}: as claimed, and by the exact product")
            console.print(
                f"  npv as claimed {report['claimed_npv']:,.0f}, with exact overlap {report['exact_npv']:,.0f}",
                markup=False,
            )
        if report["prices"]:
            columns = ["limit", "at", "unit", "price", "one_more", "one_less", "basis"]
            show(
                pl.DataFrame(report["prices"], infer_schema_length=None).select(columns),
                "What one more of each limit is worth",
            )
        elif report["no_prices_because"]:
            console.print(f"  prices not available: {report['no_prices_because']}", markup=False)
    for warning in report["warnings"]:
        notices.print(f"warning: {warning}", markup=False)
    for note in report["notes"]:
        notices.print(f"note: {note}", markup=False)
    spent = ", ".join(f"{stage} {seconds:.3f}" for stage, seconds in report["seconds"].items())
    console.print(f"  seconds: {spent}; {report['engine']}; matrix {report['matrix_hash']}", markup=False)


def _print_infeasible(report: dict[str, Any]) -> None:
    reason = report["infeasible"]
    if reason is None:
        return
    if reason["physics"]:
        console.print("No policy limit is to blame; these contradict each other:", markup=False)
        for label in reason["physics"]:
            console.print(f"  {label}", markup=False)
        return
    console.print("The limits cannot all be kept. Smallest change that would allow a mix:", markup=False)
    for give in reason["must_give"]:
        console.print(
            f"  {give['limit']}: {give['must_give']:,.6g} {give['unit']} {give['side']} than {give['at']:,.6g}",
            markup=False,
        )
    console.print("These cannot all be kept together:", markup=False)
    for label in reason["cannot_all_be_kept"]:
        console.print(f"  {label}", markup=False)


def _write_results(folder: Path, outcome: Outcome, report: dict[str, Any]) -> None:
    write_text(folder / "outcome.json", json.dumps(report, ensure_ascii=False, indent=2, default=str) + "\n")
    if outcome.answer.has_mix:
        write_frame(outcome.mix(), folder / "mix.csv")
        if report["activity"]:
            write_frame(pl.DataFrame(report["activity"]), folder / "activity.csv")
        if report["credit"]:
            write_frame(pl.DataFrame(report["credit"]), folder / "credit.csv")
    if report["prices"]:
        write_frame(pl.DataFrame(report["prices"]), folder / "prices.csv")
