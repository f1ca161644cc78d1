"""The six questions that a board asks of a plan, each answered in sentences with what drives the answer.

    how much, and why       each locality's money, from the least to the most a head
    who is furthest         from target, under and over, and what closing half of the gap would cost
    what is left            of the deficit when nothing is done, after funding and the mix
    which contract          suits whom above and below plan, and where a party's order of options turns
    what to invest in       the mix found, what it is worth and what no mix can pass
    what matters most       the three assumptions that move a headline most

A question whose stage a run lacks is answered by saying so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from api.boards.chain.stages import organisation_names
from api.boards.mix import MixStory, headline_sentence, worth_sentence
from api.boards.tables import console, listed, say
from api.charts.material import SERVICES
from api.exports.localities import localities
from capitation.chain.bridge import OWN
from capitation.errors import CapitationError
from capitation.money.pence import board_text, millions_text
from capitation.pace.national import national_distance
from capitation.pack.sources import DataPack
from capitation.run.run import Run
from capitation.run.scenario import Scenario
from capitation.sentences import capital, small
from contracts.options.document import ContractOptions
from contracts.options.evaluate import trials_of
from optimiser.links.assumed.inputs import PlanInputs
from optimiser.links.assumed.shown import foremost
from optimiser.problem.document import Problem

_STEP = Decimal("0.05")
_NEAR = Decimal("0.01")
"""How far activity lies above and below plan where contracts are set beside each other."""

ASKED = (
    "How much does each locality get, and why?",
    "Who is furthest under target, and what would closing half of the gap cost?",
    "What is left of the deficit?",
    "Which contract suits whom, and when does that turn?",
    "What should be invested in?",
    "Which three assumptions matter most?",
)


@dataclass(frozen=True)
class WholePlan:
    """A scenario's run with what was made of it; a stage that was not made is None."""

    run: Run
    year: str
    pack: DataPack
    document: ContractOptions | None = None
    mix: MixStory | None = None
    chain: pl.DataFrame | None = None
    """Lines of the chain with the mix in it; those of the run where none are given."""
    problem: Problem | None = None
    """The problem of the mix, where the mix itself is not at hand."""


def show_questions(plan: WholePlan) -> None:
    """Print the six questions with their answers."""
    answers = (how_much, who_is_furthest, what_is_left, which_contract, what_to_buy, what_matters)
    for number, (asked, answer) in enumerate(zip(ASKED, answers, strict=True), 1):
        console.print(f"\n{number}. {asked}", style="bold", markup=False, soft_wrap=True)
        for line in answer(plan):
            say(line)


def how_much(plan: WholePlan) -> list[str]:
    """The money of localities, in all and a head, with the need and the growth behind the least and the most."""
    rows = localities(plan.run, plan.year)
    if rows.is_empty():
        return [f"This run has no localities in {plan.year}."]
    total, persons = int(rows["total_pence"].sum()), float(rows["persons"].sum())
    a_head = pl.col("target_pence") / pl.col("persons")
    rows = rows.with_columns(need=a_head / (pl.col("target_pence").sum() / persons)).sort("head", "area_code")
    least, most = rows.row(0, named=True), rows.row(-1, named=True)
    said = [
        f"{board_text(total)} in {plan.year} for {rows.height} localities, £{total / 100 / persons:,.0f} a head: from £{least['head']:,.0f} in "
        f"{least['name']} to £{most['head']:,.0f} in {most['name']}, because need a head is {least['need']:.0%} of the system average in the first and "
        f"{most['need']:.0%} in the second, and pace of change limits how fast money follows need."
    ]
    grown = rows.filter(pl.col("growth").is_not_null()).sort("growth", "area_code")
    if grown.height:
        slow, fast = grown.row(0, named=True), grown.row(-1, named=True)
        said.append(
            f"Against last year, {fast['name']} grows most ({fast['growth']:+.1%}) and {slow['name']} least ({slow['growth']:+.1%})."
        )
    return said


def who_is_furthest(plan: WholePlan) -> list[str]:
    """The localities furthest under and over target after the round, and what half of the largest gap costs."""
    rows = localities(plan.run, plan.year).sort("distance", "area_code", nulls_last=True)
    if rows.is_empty():
        return [f"This run has no targets of localities in {plan.year}."]
    under, over = rows.row(0, named=True), rows.filter(pl.col("distance").is_not_null()).row(-1, named=True)
    said = []
    if under["gap_pence"] < 0:
        said.append(
            f"{under['name']} is {-under['distance']:.1%} ({_sum(-under['gap_pence'])}) under its target. Closing half of that would cost "
            f"{_sum(_half(under['gap_pence']))} a year; doing so for every locality under target would cost {_sum(_half_of_all(rows))}."
        )
    else:
        said.append(f"No locality closes {plan.year} under its target.")
    if over["gap_pence"] > 0:
        said.append(f"{over['name']} is furthest over: {over['distance']:.1%} ({_sum(over['gap_pence'])}).")
    said += against_the_nation(plan)
    said.append(_openings(plan))
    return said


_OPENED_BY = {
    "heads": "within each commissioner opening positions follow registered lists",
    "need": "within each commissioner opening positions follow need",
    "use": "within each commissioner opening positions follow need less what the way to a hospital keeps away, a stand-in for use",
}
"""What the opening of localities rests on, by the scenario's choice, where no budgets were published."""


def _openings(plan: WholePlan) -> str:
    """What localities are taken to have opened with, in one sentence."""
    streams = Scenario.model_validate(plan.run.manifest.scenario).streams
    inside = "heads" if not streams or streams[0].opening is None else streams[0].opening.inside
    if inside == "budgets":
        return "Localities open with the published budgets of their practices."
    return f"Localities' earlier allocations were never published, so {_OPENED_BY[inside]}; part of the spread comes from that."


def against_the_nation(plan: WholePlan) -> list[str]:
    """How far the localities are from their share of England's money by the national formula, in one sentence; none where there is no such formula."""
    scenario = Scenario.model_validate(plan.run.manifest.scenario)
    if not scenario.streams or "allocation" not in plan.run.frames or "membership" not in plan.run.frames:
        return []
    first, year = scenario.streams[0], scenario.need_year
    money = plan.run.allocation.filter(
        (pl.col("level") == "practice") & (pl.col("stream") == first.stream) & (pl.col("year") == year)
    )
    try:
        tables = {table.name: table.file for table in plan.pack.source(scenario.practices.source).tables}
        practices = f"sources/{scenario.practices.source}/{tables[scenario.practices.table]}"
        rows = national_distance(plan.pack, first.formula, practices, money, plan.run.membership)
    except (CapitationError, KeyError):
        return []
    if rows is None or rows.is_empty():
        return []
    names = dict(plan.run.code_name.filter(pl.col("kind") == "locality").select("code", "name").iter_rows())
    ordered = rows.sort("distance_share", "locality_code")
    least, most = ordered.row(0, named=True), ordered.row(-1, named=True)
    target, gap = int(rows["target_pence"].sum()), int(rows["distance_pence"].sum())
    side = "under" if gap < 0 else "over"
    ends = tuple(
        f"{end['distance_share']:+.1%} in {names.get(end['locality_code'], end['locality_code'])}"
        for end in (least, most)
    )
    apart = f"{least['distance_share']:.3f}" != f"{most['distance_share']:.3f}"
    spread = f"from {ends[0]} to {ends[1]}" if apart else "all by the same share"
    return [
        f"These targets share the system's own money. Against England's, by the national formula of {year} for {SERVICES.get(first.stream, first.stream).lower()}, "
        f"the localities together are {board_text(abs(gap))} ({abs(gap) / target:.1%}) {side}, {spread}."
    ]


def what_is_left(plan: WholePlan) -> list[str]:
    """The chain of the last year: the deficit when nothing is done, what meets it, and what is left."""
    every = plan.chain if plan.chain is not None else plan.run.frames.get("bridge")
    if every is None or every.is_empty():
        return ["This run has no bridge from a deficit: its scenario names none."]
    last = str(every["year"].max())
    lines = every.filter((pl.col("year") == last) & (pl.col("level") == "system")).sort("step")
    amounts = dict(lines.select("line", "amount_pence").iter_rows())
    titles = dict(lines.select("line", "title").iter_rows())
    start = "printed_do_nothing" if "printed_do_nothing" in amounts else "derived_do_nothing"
    after = lines.filter((pl.col("step") > lines.filter(pl.col("line") == start)["step"][0]) & ~pl.col("is_total"))
    met = [
        f"{small(titles[line].partition(':')[0])} ({board_text(-pence)})"
        for line, pence in after.select("line", "amount_pence").iter_rows()
    ]
    said = [
        f"Doing nothing leaves a gap of {board_text(amounts[start])} in {last}. {capital(' and '.join(met) or 'nothing')} {'meet' if len(met) > 1 else 'meets'} part of it; "
        f"{board_text(amounts['left'])} remains{'' if 'mix' in amounts else ' before any investments'}."
    ]
    if "not_explained" in amounts:
        said.append(
            f"Published figures explain {board_text(amounts['derived_do_nothing'])} of the gap; the other {board_text(amounts['not_explained'])} is unexplained, "
            "and no organisation has it yet."
        )
    return [*said, *_on_whom(plan.run, every.filter((pl.col("year") == last) & (pl.col("level") == "organisation")))]


def _on_whom(run: Run, rows: pl.DataFrame, most: int = 3) -> list[str]:
    """The organisations on which the largest parts of what is left fall, in one sentence; none where the chain has no organisations."""
    names = organisation_names(run)
    nobodys = run.organisation_position.filter(pl.col("role").is_in(["fund", "unshared"]))["organisation_code"].unique()
    left = rows.filter(
        (pl.col("line") == OWN["left"])
        & (pl.col("amount_pence") > 0)
        & ~pl.col("organisation").is_in(nobodys.implode())
    )
    largest = left.sort("amount_pence", "organisation", descending=[True, False]).head(most)
    if largest.is_empty():
        return []
    said = [
        f"{names.get(code, code)} ({board_text(pence)})"
        for code, pence in largest.select("organisation", "amount_pence").iter_rows()
    ]
    largest_parts = (
        "the largest part of what is left falls" if len(said) == 1 else "the largest parts of what is left fall"
    )
    return [f"Before contracts, {largest_parts} on {listed(said)}."]


@dataclass(frozen=True)
class Suited:
    """The options that suit one party best, and what it gains there against planned activity."""

    party: str
    """Who, as the middle of a sentence has it."""
    above: str
    """Title of its best option with activity above plan."""
    above_pence: int
    """What it gains there."""
    below: str
    """Title of its best option with activity below plan."""
    below_pence: int
    """What it gains there."""
    turns: str = ""
    """Where the ranking turns, as a sentence; empty where one option is best above plan and below it."""


def which_contract(plan: WholePlan) -> list[str]:
    """The best option of commissioners, hospitals and the others with activity above and below plan."""
    if plan.document is None:
        return ["No contract options have been compared on this run: see `capitation compare`."]
    bests = suited(plan)
    return [
        *best_in_one(bests),
        *turning(bests),
        *_by_party(bests),
        f"Sums are changes in position in {plan.document.first_year}, the options' first year, against planned activity; `capitation compare` shows where each party's ranking changes.",
    ]


def suited(plan: WholePlan) -> list[Suited]:
    """The best option of commissioners, hospitals and the others, with activity above and below plan; parties whom all options treat alike are left out."""
    if plan.document is None:
        return []
    document, year = plan.document, str(plan.document.first_year)
    trials = trials_of(document, plan.pack, plan.run)
    at = {change: trials.positions(trials.by_change(change)) for change in (-_STEP, -_NEAR, Decimal(0), _NEAR, _STEP)}
    moved = {
        change: at[change]
        .join(at[Decimal(0)], on=["option", "role", "organisation_code", "year"], suffix="_at_plan", validate="1:1")
        .filter(pl.col("year") == year)
        .with_columns(change_pence=pl.col("position_pence") - pl.col("position_pence_at_plan"))
        for change in (_STEP, _NEAR, -_NEAR, -_STEP)
    }
    titles = {option.id: option.title for option in document.options}
    parties = {"commissioners": plan.run.membership["commissioner_code"].unique().sort().to_list()}
    parties |= {small(group.title): list(group.providers) for group in document.groups}
    bests = []
    for party, codes in parties.items():
        above, below = _best(moved[_STEP], codes), _best(moved[-_STEP], codes)
        if above and below:
            turns = "" if above[0] == below[0] else _turns({change: _best(moved[change], codes) for change in moved})
            bests.append(Suited(party, titles[above[0]], above[1], titles[below[0]], below[1], turns))
    return bests


def _turns(bests: Mapping[Decimal, tuple[str, int] | None]) -> str:
    """Where the best option changes between activity above plan and below it: at plan, where all do alike, or on one side of it."""
    above, near_above, near_below, below = (
        best and best[0] for best in (bests[x] for x in (_STEP, _NEAR, -_NEAR, -_STEP))
    )
    if near_above == above and near_below == below:
        return "The ranking turns at planned activity."
    side = "above" if near_below == below else "below" if near_above == above else None
    if side is None or near_above is None or near_below is None:
        return f"The ranking changes more than once between {_STEP:.0%} below plan and {_STEP:.0%} above it."
    return f"The ranking turns between {_NEAR:.0%} and {_STEP:.0%} {side} plan."


def best_in_one(bests: Sequence[Suited]) -> list[str]:
    """The options that suit the first two parties, above plan and below it, in one sentence; none where no option suits anybody better."""
    if not bests:
        return []
    first = bests[:2]
    said = " and ".join(
        f"{best.party} {'gain most or lose least ' if n == 0 else ''}under {best.above}" for n, best in enumerate(first)
    )
    below = " and ".join(f"{best.party} under {best.below}" for best in first)
    return [f"With activity {_STEP:.0%} above plan, {said}; with activity {_STEP:.0%} below plan, {below}."]


def turning(bests: Sequence[Suited]) -> list[str]:
    """Where the ranking turns for each party whose best options above plan and below it differ, in one sentence where it is one place."""
    parties = {
        best.turns: [other.party for other in bests if other.turns == best.turns] for best in bests if best.turns
    }
    return [f"{turns.removesuffix('.')} for {listed(names)}." for turns, names in parties.items()]


def _by_party(bests: Sequence[Suited]) -> list[str]:
    """A sentence a party: its best option above plan and below it, and what it gains there."""
    said = []
    for best in bests:
        party, gains, loses = capital(best.party), _gain(best.above_pence), _gain(best.below_pence)
        if best.above == best.below:
            said.append(f"{party}: {best.above} above plan ({gains}) and below it ({loses}).")
        else:
            said.append(f"{party}: above plan {best.above} ({gains}), below it {best.below} ({loses}).")
    return said


def _best(rows: pl.DataFrame, codes: list[str]) -> tuple[str, int] | None:
    """The option that leaves some organisations the most, and what they gain by it; None where all options do alike."""
    sums = (
        rows.filter(pl.col("organisation_code").is_in(codes))
        .group_by("option")
        .agg(pl.col("change_pence").sum())
        .sort("change_pence", "option", descending=[True, False])
    )
    if sums["change_pence"].n_unique() < 2:
        return None
    option, pence = sums.row(0)
    return option, pence


def what_to_buy(plan: WholePlan) -> list[str]:
    """The mix, its worth beside the bound, and the largest solutions in it."""
    if plan.mix is None:
        return ["No mix has been sought: see `capitation optimise`."]
    outcome = plan.mix.outcome
    titles = {solution.id: solution.name for solution in outcome.problem.solutions}
    started = outcome.mix().filter(pl.col("start").is_not_null()).group_by("solution").agg(pl.col("start").min())
    by_year: dict[str, list[str]] = {}
    for code, year in started.sort("start", "solution").iter_rows():
        by_year.setdefault(str(year), []).append(titles[code])
    said = [f"{year}: start {listed(names)}." for year, names in by_year.items()]
    return [headline_sentence(plan.mix), *said, *worth_sentence(plan.mix)]


def what_matters(plan: WholePlan) -> list[str]:
    """The three assumptions that move a headline most, from the log that ships, and whether it is stale."""
    problem = plan.problem if plan.mix is None else plan.mix.outcome.problem
    scenario = Scenario.model_validate(plan.run.manifest.scenario)
    first = foremost(plan.run, PlanInputs(scenario, plan.pack, options=plan.document, problem=problem))
    if not first.sentences:
        return list(first.stale)
    return [*first.sentences, *([f"This list may be out of date: {'; '.join(first.stale)}."] if first.stale else [])]


def _half(gap_pence: int) -> int:
    """Half of a gap under target, a half penny up: what closing half of it costs."""
    return -(gap_pence // 2)


def _half_of_all(rows: pl.DataFrame) -> int:
    return sum(_half(gap) for gap in rows["gap_pence"] if gap < 0)


def _sum(pence: int) -> str:
    """A sum in millions, as every sum of these answers."""
    return f"{'-' if pence < 0 else ''}£{millions_text(abs(pence))}m"


def _gain(pence: int) -> str:
    """A gain or a loss in millions, as every sum of these answers."""
    millions = millions_text(abs(pence))
    if millions == "0.0":
        return "no change" if not pence else "£0.0m"
    return f"{'-' if pence < 0 else '+'}£{millions}m"


__all__ = ["ASKED", "WholePlan", "show_questions"]
