"""A board paper of a run: what the board is asked to decide, the six answers, the risks, the assumptions, and the method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from api.boards.questions import WholePlan
from api.boards.tables import listed
from api.charts.folders import material_of
from api.charts.material import of_run
from api.charts.registry import Charts, charts_of
from api.exports.localities import localities
from api.papers.matters import MATTERS, Gathered
from api.papers.model import BoardPaper, PaperTable, Section
from api.workbooks.people_sheets import first_starts
from capitation.chain.book import organisation_names
from capitation.errors import ScenarioError
from capitation.money.pence import board_text
from capitation.pack.sources import DataPack
from capitation.run.run import Run
from contracts.options.document import ContractOptions
from optimiser.links.assumed.inputs import PlanInputs, inputs_of
from optimiser.links.assumed.shown import kept_log

_INPUTS_SHOWN = 6
"""Inputs that the annex names with their checksums; the others are counted, and all stand in the run's manifest."""


def board_paper(run: Run, pack: DataPack, folder: Path | None = None, beside: Sequence[Path] = ()) -> BoardPaper:
    """The paper of a run.

    Args:
        run: a run of a scenario, of a plan or of contract options; a matter that it lacks a stage for says so instead of failing.
        pack: the data that it was made from.
        folder: folder of the written run, where its own log of assumptions may be kept.
        beside: folders whose stages the paper uses as well, such as that of a simulation.

    Raises:
        ScenarioError: the run has neither an allocation to localities nor positions under contract options, or its documents are not in the pack.
    """
    if "locality_total" not in run.frames and run.frames.get("position", pl.DataFrame()).is_empty():
        raise ScenarioError(
            f"run {run.id}: found no allocation to localities; expected a run of a scenario, of a plan or of contract options (`capitation run`, `capitation plan`, `capitation compare`)"
        )
    inputs = inputs_of(run, pack)
    material = of_run(run, pack)
    for each in beside:
        material = material.joined(material_of(each, pack))
    year = inputs.scenario.need_year
    have = Gathered(
        WholePlan(run, year, pack, _compared(run, inputs.options), None, run.frames.get("bridge"), inputs.problem),
        charts_of(material),
        kept_log(run, inputs, folder),
        {**organisation_names(pack), **material.names},
    )  # fmt: skip
    sections = tuple(matter(have) for matter in MATTERS)
    return BoardPaper(
        f"{inputs.scenario.title}: money for everything its population needs",
        _asked(have),
        run.id,
        _facts(run, inputs),
        _decisions(have, sections),
        (*sections, _method(run, have.charts)),
    )


def _asked(have: Gathered) -> str:
    """What the board is asked, in one sentence."""
    if not have.has_money:
        return "The board is asked to choose a contract option."
    has_chain = not have.frames.get("bridge", pl.DataFrame()).is_empty()
    return f"The board is asked to agree allocations for {have.plan.year}{' and to decide how the deficit is to be met' if has_chain else ''}."


def _compared(run: Run, options: ContractOptions | None) -> ContractOptions | None:
    """The options document with the options that the run has; a comparison may be of some of them."""
    rows = run.frames.get("position", pl.DataFrame())
    if options is None or rows.is_empty():
        return options
    known = set(rows["option"])
    return options.model_copy(update={"options": tuple(each for each in options.options if each.id in known)})


def _facts(run: Run, inputs: PlanInputs) -> tuple[tuple[str, str], ...]:
    dated = run.frames.get("locality_total", run.frames.get("position", pl.DataFrame({"year": ["–"]})))
    years = [str(year) for year in dated["year"].unique().sort()]
    return (
        ("Run", run.id),
        ("Scenario", inputs.scenario.id),
        ("Years", f"{years[0]} to {years[-1]}"),
        ("Status", "for decision"),
        ("Made by", run.made_by),
    )


def _decisions(have: Gathered, sections: Sequence[Section]) -> tuple[str, ...]:
    """What is asked of the board, from what the run has."""
    frames = have.frames
    asked = _of_money(have) if have.has_money else []
    chain = frames.get("bridge", pl.DataFrame())
    left = (
        chain
        if chain.is_empty()
        else chain.filter((pl.col("year") == have.last) & (pl.col("level") == "system") & (pl.col("line") == "left"))
    )
    if not left.is_empty():
        asked.append(
            f"Note that {board_text(int(left['amount_pence'][0]))} of the {have.last} deficit remains after everything planned, and commission a plan to close it (section 3)."
        )
    if have.plan.document is not None:
        document = have.plan.document
        asked.append(
            f"Choose one of {len(document.options)} contract options to apply from {document.first_year}: {listed([o.title for o in document.options])} (section 4)."
        )
    starts = first_starts(frames)
    if starts:
        first = min(starts.values())
        titles = dict(frames["mix_line"].select("solution", "title").iter_rows())
        begun = sorted(titles.get(code, code) for code, when in starts.items() if when == first)
        spent = frames["mix_line"].filter(pl.col("year") == first)["spend_pence"].sum()
        asked.append(
            f"Approve the {first} starts: {listed(begun)}. The mix spends {board_text(int(spent))} in that year (section 5)."
        )
    if have.log is not None:
        asked.append(
            f"Ask the owners of the assumptions in section 7 for better evidence, and appoint one where none is named: {have.log.weak} of {have.log.count} rest on weak evidence or have not been graded."
        )
    return tuple(asked)


def _of_money(have: Gathered) -> list[str]:
    """What is asked of the board on allocations and pace of change."""
    year = have.plan.year
    rows = localities(have.plan.run, year)
    asked = [
        f"Agree {board_text(int(rows['total_pence'].sum()))} for {year}, shared between {rows.height} localities as set out in section 1."
    ]
    under = rows.filter(pl.col("gap_pence") < 0)
    if under.height:
        cost = sum(-(gap // 2) for gap in under["gap_pence"])
        asked.append(
            f"Decide whether pace of change should be faster: closing half the gap of the {under.height} localities under target would cost {board_text(cost)} a year (section 2)."
        )
    return asked


def _method(run: Run, charts: Charts) -> Section:
    """How the figures are worked out, what they rest on, and what is not in the paper."""
    points = (
        "Target share of an area = its weighted persons / weighted persons of the system. Weighted persons = registered persons x need index, "
        "by the published formula for each funding stream.",
        "Target = target share x money to share. Distance from target = allocation / target - 1. Pace of change moves an area's opening allocation "
        "towards its target within a minimum and a maximum growth, so that the areas' allocations add up exactly to the total.",
        "Money is in whole pence. Parts are rounded so that they add up to the whole at every level (largest remainder, ties by code).",
        "Deficits are those printed in the published plan where it gives them; whatever published figures do not explain is shown on a line of its own.",
        "Contract options are settled on their own terms against the same activity; what one party pays, another receives.",
        "The mix of investments is found by mixed-integer linear programming, with whole starts and whole wards, within limits on money, staff and capacity.",
        "Assumed figures are marked as such in the data, each with an owner, its evidence and a range; section 7 ranks them by their effect.",
    )
    inputs = sorted(run.manifest.inputs.items())
    rows = [(name, checksum[:16]) for name, checksum in inputs[:_INPUTS_SHOWN]]
    if len(inputs) > _INPUTS_SHOWN:
        rows.append((f"and {len(inputs) - _INPUTS_SHOWN} more, listed in the run's manifest", ""))
    table = PaperTable(
        "Inputs of the run, with the first digits of their checksums", ("Input", "Checksum"), tuple(rows), 2
    )
    notes = tuple(f"Implausible figure accepted: {note}" for note in run.manifest.notes)
    by_need: dict[str, list[str]] = {}
    for name, why in charts.lacking.items():
        by_need.setdefault(why, []).append(name)
    needs = [f"{listed(names)} {'needs' if len(names) == 1 else 'need'} {why}" for why, names in by_need.items()]
    not_drawn = (f"Charts not drawn: {'; '.join(needs)}.",) if needs else ()
    return Section(
        "How was this worked out?",
        "Method, sources and what this paper does not show",
        (
            f"Every figure comes from run {run.id}. `capitation trace` and the web pages lead from any of them back to the printed cell it rests on.",
        ),
        None,
        (table,),
        (*points, *notes, *not_drawn),
    )
