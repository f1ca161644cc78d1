"""`capitation aims`: the plan's milestones and what each one starts, its risks, and its results against England and national standards."""

from __future__ import annotations

from typing import Annotated

import polars as pl
import typer

from api.boards.tables import console, print_json, show
from api.cli.options import DataOption, JsonOption
from capitation.aims.agreements import counted
from capitation.aims.context import context, phase_in
from capitation.aims.milestones import Milestone, earliest_starts, milestones
from capitation.aims.outcomes import WAITING_TABLE, AreaResult, outcomes, waiting_results
from capitation.aims.risks import risks
from capitation.errors import SourceError
from capitation.pack.layers import pack_folder
from capitation.pack.sources import DataPack
from capitation.records.frames import Frame
from capitation.records.years import FinancialYear
from capitation.run.aims.checks import first_year, starts_that_differ


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("aims")(aims)


def aims(
    topic: Annotated[str | None, typer.Option(help="Only the outcomes of one topic, such as 'child health'.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the plan aims at and by when: milestones and what each one starts, risks, health outcomes, waiting times and context."""
    pack = DataPack(pack_folder(data))
    found = milestones(pack, first_year(pack))
    health = outcomes(pack)
    topics = health.get_column("topic").unique().sort().to_list()
    if topic is not None and topic not in topics:
        message = f"--topic: found {topic!r}; expected one of {', '.join(topics)}"
        raise SourceError(message)
    if topic is not None:
        health = AreaResult.validate(health.filter(pl.col("topic") == topic))
    waiting = [
        waiting_results(pack, s.id) for s in pack.sources.values() if WAITING_TABLE in {t.name for t in s.tables}
    ]
    results = pl.concat(waiting) if waiting else pl.DataFrame()
    said = context(pack)
    starts = {name: str(year) for name, year in earliest_starts(found).items()}
    phases = {name: phase_in(said, FinancialYear(year)) for name, year in starts.items()}
    follow = {source.id: counted(pack, source.id) for source in pack.sources.values()}
    differ = [str(fault) for fault in starts_that_differ(pack)]
    if as_json:
        print_json(
            {
                "milestones": found,
                "starts": starts,
                "phases": phases,
                "shares_that_follow": {name: count for name, count in follow.items() if count},
                "starts_that_differ": differ,
                "risks": risks(pack),
                "outcomes": health,
                "waiting_times": results,
                "context": said,
            }
        )
        return
    _show_milestones(found, differ)
    worst = risks(pack).sort("severity", "risk", descending=[True, False])
    show(worst.select("severity", "risk", "title", "bears_on"), "Risks, the most severe first")
    behind = health.filter(pl.col("gap_to_england") < 0).sort("topic", "outcome", "area_code")
    show(
        behind.select("outcome", "area_code", "value", "england", "trend"),
        f"Worse than England: {behind.height} of {health.height} results",
    )
    if results.height:
        missed = results.filter(~pl.col("met"))
        show(missed.drop("met"), f"Below a waiting-time standard: {missed.height} of {results.height} results")
    for name, count in follow.items():
        if count:
            console.print(
                f"{count} shares and ratios that {name} prints were looked at; `capitation check` names those that do not follow from its amounts.",
                markup=False,
            )
    for phase in dict.fromkeys(filter(None, phases.values())):
        console.print(
            f"Starts in the phase '{phase}': {', '.join(n for n, p in phases.items() if p == phase)}", markup=False
        )
    for kind, number in said.group_by("kind", maintain_order=True).len().iter_rows():
        console.print(f"Context, from which no figure is worked out: {number} x {kind}", markup=False)


def _show_milestones(found: Frame[Milestone], differ: list[str]) -> None:
    show(found.select("number", "due", "year", "title", "role", "drives"), f"{found.height} milestones of the plan")
    for said in differ:
        console.print(f"note: {said}", markup=False)
