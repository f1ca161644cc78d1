"""What the best mix says to a board: what to buy, what it moves against the plan, who gains and loses, and what else would do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from api.boards.tables import console, listed, show
from capitation.activity.printed_plan import activity_plan
from capitation.money.pence import millions_text
from capitation.pack.sources import DataPack
from capitation.run.run import Run
from capitation.shift.channel_shift import ChannelShift
from capitation.shift.effects import programme_name
from optimiser.answers.alternatives import Alternatives, alternatives
from optimiser.answers.frontier import Frontier, frontier
from optimiser.answers.mix_run import drivers
from optimiser.answers.optimise import Outcome
from optimiser.answers.prices import price_report, price_sentences
from optimiser.answers.whole.closures import closure_sentences, near_plans
from optimiser.answers.whole.former import FormerMix
from optimiser.blocks.start import starts
from optimiser.futures.appraisal import Appraisal, appraise
from optimiser.links.mix_to_buy import mix_to_buy
from optimiser.links.under_contracts import shift_of
from optimiser.problem.assemble import programme_matrix
from optimiser.problem.document import Problem
from optimiser.problem.tables import tables_of
from optimiser.programme.matrix import Matrix

SECONDS = 5.0
"""Seconds that the search may take from a mix found before."""

WITHIN = 0.02
"""Share of the best that near-optimal mixes may give up."""

POINTS = 5
SECOND = "bed_days"
"""The goal that the frontier sets against net present value."""


@dataclass(frozen=True)
class MixStory:
    """A mix with everything that is said about it."""

    outcome: Outcome
    appraisal: Appraisal
    prices: tuple[str, ...]
    shift: ChannelShift | None = None
    """What it moves of the run's activity; None where the story is short."""
    trade_off: Frontier | None = None
    """What more of the second goal costs; None where the story is short."""
    near: Alternatives | None = None
    """Mixes nearly as good; None where the story is short."""
    edges: tuple[str, ...] = ()
    """Closures that stand on a knife edge, in sentences."""
    plans: tuple[str, ...] = ()
    """Plans nearly as good that close one fewer of them, in sentences."""


def mix_story(
    problem: Problem,
    run: Run,
    pack: DataPack,
    former: FormerMix | None = None,
    *,
    short: bool = False,
) -> MixStory:
    """The best mix of a problem, scored on draws, with its frontier and alternatives unless short.

    From a mix found before (`former`) the search takes a few seconds and shows the bound that is proved of it. The frontier
    and the alternatives keep the starts of the best mix and vary its scale, which takes seconds where
    choosing the starts anew would take minutes; `capitation frontier` and `capitation alternatives` choose them anew.

    Raises:
        CapitationError: the problem has no mix, or it does not fit the run or the options.
    """
    outcome = mix_to_buy(problem, former, SECONDS)
    plan = activity_plan(pack).filter(pl.col("mitigated_activity") < pl.col("unmitigated_activity"))
    avoids = {
        programme_name(code): float(before - after)
        for code, before, after in plan.select(
            "point_of_delivery", "unmitigated_activity", "mitigated_activity"
        ).iter_rows()
    }
    known = set(outcome.answer.column("avoided")["point_of_delivery"])
    appraisal = appraise(outcome, plan={pod: units for pod, units in avoids.items() if pod in known})
    prices = tuple(price_sentences(price_report(outcome.headline), most=3))
    if short:
        return MixStory(outcome, appraisal, prices)
    fixed = _starts_fixed(programme_matrix(problem), outcome)
    weights = starts(tables_of(problem)).select("solution", "place", "weight")
    return MixStory(
        outcome=outcome,
        appraisal=appraisal,
        shift=shift_of(outcome, run),
        trade_off=frontier(fixed, ("npv", SECOND), points=POINTS),
        near=alternatives(fixed.aim("npv"), outcome.headline, weights, within=WITHIN, each=False, directions=4, most=3),
        prices=prices,
        edges=tuple(closure_sentences(problem, outcome.answer, outcome.exact)),
        plans=tuple(plan.sentence("£") for plan in near_plans(problem, outcome.headline, most=2, seconds=4.0)),
    )


def trade_off_of(problem: Problem, outcome: Outcome) -> Frontier:
    """What more of the second goal costs, with the starts of a mix as they are."""
    return frontier(_starts_fixed(programme_matrix(problem), outcome), ("npv", SECOND), points=POINTS)


def show_mix(story: MixStory, pack: DataPack) -> None:
    """Print the story of a mix: the mix, its activity, the frontier, prices and alternatives."""
    outcome = story.outcome
    console.print(f"\n[bold]{outcome.problem.title}[/bold]")
    console.print(headline_sentence(story), soft_wrap=True)
    for line in driver_lines(story):
        console.print(f"  {line}", markup=False, soft_wrap=True)
    show(
        mix_table(story),
        f"The best mix, and two others within {WITHIN:.0%} of it with the same starts: scale in {outcome.problem.years[-1]}",
    )
    show(
        activity_table(story, pack),
        f"Activity in {outcome.problem.years[-1]}: the mix's change against the plan's printed table, and units avoided in draws",
    )
    show(frontier_table(story), "What more bed-days would cost, with the same starts")
    for sentence in story.edges:
        console.print(f"Finely balanced: {sentence}.", markup=False, soft_wrap=True)
    for sentence in story.plans:
        console.print(f"Nearly as good: {sentence}.", markup=False, soft_wrap=True)
    console.print("The three limits that matter most:", markup=False)
    for sentence in story.prices:
        console.print(f"  {sentence}", markup=False, soft_wrap=True)
    console.print(
        "Solutions' effects, costs and staffing are marked as assumptions, calibrated to the plan's activity. Draws lie "
        "between their low and high ends, and overlaps are worked out exactly in each.",
        style="dim",
        soft_wrap=True,
    )


def headline_sentence(story: MixStory) -> str:
    """What the mix is worth, how sure that is, and what it was searched to."""
    outcome, scored = story.outcome, story.appraisal
    npv = scored.money.filter(measure="npv").row(0, named=True)
    within = f", proved to within {outcome.headline.gap:.1%} of the best possible" if outcome.headline.gap else ""
    if outcome.headline.best_possible is not None:
        within += f" (no mix can exceed {_millions(outcome.headline.best_possible)}"
        if outcome.parts_bound is not None:
            within += f"; {_millions(outcome.parts_bound)} if parts of wards, theatres and clinics could close"
        within += ")"
    return (
        f"The best mix for the plan's money and staff is worth {_millions(npv['as_planned'])} to the "
        f"{outcome.problem.perspective} over {len(outcome.problem.years)} years{within}. In {scored.count:,} draws of its "
        f"effects{' and delivery' if outcome.problem.delivery else ''} it is worth {_millions(npv['p10'])} to {_millions(npv['p90'])} in 8 out of 10, at least the promised value "
        f"in {scored.chance('npv as promised'):.0%}, and more than doing nothing in "
        f"{scored.chance('better than nothing'):.0%}."
    )


def worth_sentence(story: MixStory) -> list[str]:
    """What the worth of the mix is made of, in one sentence, with what one more of a floor that binds costs; none without a mix."""
    sums = [(str(d["driver"]), float(str(d["pounds"]))) for d in drivers(story.outcome) if "pounds" in d]
    adds = [f"{_named(said)} {_millions(pounds)}" for said, pounds in sums if pounds > 0]
    takes = [f"{_named(said)} {_millions(-pounds)}" for said, pounds in sums if pounds < 0]
    if not adds:
        return []
    less = f", less {listed(takes)}" if takes else ""
    floors = [_floor(str(d["driver"]), float(str(d["one_more"]))) for d in drivers(story.outcome) if d.get("one_more")]
    return [f"That worth is {listed(adds)}{less}.", *floors[:2]]


_AVOIDED = {
    "ae": "attendance at A&E",
    "ambulance": "ambulance journey",
    "elective": "elective admission",
    "non_elective": "emergency admission",
    "outpatient": "outpatient appointment",
}
"""One of what a floor asks to avoid, by its point of delivery."""


def _floor(limit: str, price: float) -> str:
    """What one more of a floor costs, in a sentence."""
    pod = limit.removeprefix("limit on ").partition(" avoided")[0]
    what = f"{_AVOIDED[pod]} avoided" if pod in _AVOIDED and " avoided" in limit else f"of the {limit}"
    verb = "costs" if price < 0 else "earns"
    return f"One more {what} {verb} £{abs(price):,.0f} net at these assumptions."


def _named(driver: str) -> str:
    """A driver within a sentence: what follows its colon is left to the long table."""
    return driver.partition(": ")[0]


def driver_lines(story: MixStory) -> list[str]:
    """What the worth of the mix rests on, one line each."""
    exact = story.outcome.exact
    lines = [] if exact is None else [f"value with overlapping effects worked out exactly: {_millions(exact.npv)}"]
    for driver in drivers(story.outcome):
        if "pounds" in driver:
            lines.append(f"{driver['driver']}: {_millions(float(str(driver['pounds'])))}")
        elif driver["one_more"] is not None:
            price = float(str(driver["one_more"]))
            lines.append(f"{driver['driver']}: one more {'costs' if price < 0 else 'earns'} £{abs(price):,.0f} net")
    return lines


def mix_table(story: MixStory) -> pl.DataFrame:
    """solution, first start, places, scale of the best mix, and scale in two near-optimal ones; only what some mix has."""
    outcome = story.outcome
    titles = {s.id: s.name for s in outcome.problem.solutions}
    starts = outcome.mix().filter(pl.col("start").is_not_null())
    by = starts.group_by("solution").agg(pl.col("start").min(), pl.len().cast(pl.Int64).alias("places"))
    if story.near is None:
        raise ValueError("a short story has no mixes nearly as good")
    wide = (
        story.near.mixes.pivot("solution", index="mix", values="scale")
        .drop("mix")
        .transpose(include_header=True, header_name="solution")
    )
    others = [name for name in wide.columns if name != "solution"]
    names = ["best mix", *(f"other mix {i}" for i in range(1, len(others)))]
    table = wide.rename(dict(zip(others, names, strict=True))).join(by, on="solution", how="left")
    rows = table.filter(pl.any_horizontal(pl.col(names) > 1e-6))
    return rows.select(
        pl.col("solution").replace(titles), pl.col("start").fill_null("").alias("starts"), pl.col("places"), pl.col(names).round(2)
    )  # fmt: skip


def activity_table(story: MixStory, pack: DataPack) -> pl.DataFrame:
    """Change of the last year's activity by point of delivery: the plan's, the mix's, its draws, and the chance of the plan's."""
    last = str(story.outcome.problem.years[-1])
    if story.shift is None:
        raise ValueError("a short story has no table of activity")
    shift = _moved(story.shift, last)
    plan = activity_plan(pack).with_columns(
        (pl.col("mitigated_activity") - pl.col("unmitigated_activity")).alias("plan")
    )
    drawn = story.appraisal.activity.select("point_of_delivery", "p10", "p90")
    rows = plan.join(shift, on="point_of_delivery", how="left", maintain_order="left").with_columns(
        pl.col("point_of_delivery").str.replace_all("-", "_", literal=True).alias("name")
    )
    rows = rows.join(drawn.rename({"point_of_delivery": "name"}), on="name", how="left", maintain_order="left")
    promised = story.appraisal.chances.filter(promise="avoided as in the plan").select(name="about", chance="chance")
    rows = rows.join(promised, on="name", how="left", maintain_order="left")
    return rows.select(
        pl.col("point_of_delivery").str.replace_all("-", " "),
        pl.col("unmitigated_activity").alias("unmitigated"),
        pl.col("plan").alias("plan"),
        pl.col("change").alias("mix"),
        pl.col("avoided").alias("avoided"),
        pl.col("p10").round().cast(pl.Int64).alias("1 in 10 below"),
        pl.col("p90").round().cast(pl.Int64).alias("1 in 10 above"),
        _percent("chance").alias("chance of avoiding the plan's"),
    )


def frontier_table(story: MixStory) -> pl.DataFrame:
    """Points of the frontier: net present value in £ million, bed-days avoided, and what one more bed-day costs there."""
    if story.trade_off is None:
        raise ValueError("a short story has no frontier")
    points = story.trade_off.points
    return points.select(
        pl.Series("npv", [_millions(value) for value in points["npv"]]),
        pl.col(SECOND).round().cast(pl.Int64).alias("bed-days avoided, all years"),
        (-pl.col(f"rate_{SECOND}")).round().cast(pl.Int64).alias("£ for one more bed-day"),
    )


def _moved(shift: ChannelShift, year: str) -> pl.DataFrame:
    return (
        shift.activity.filter(pl.col("year") == year)
        .group_by("point_of_delivery")
        .agg((pl.col("mitigated") - pl.col("activity")).sum().alias("change"), pl.col("avoided").sum())
    )


def _starts_fixed(matrix: Matrix, outcome: Outcome) -> Matrix:
    """The programme with every yes or no as in the mix."""
    lower, upper, whole = matrix.lower.copy(), matrix.upper.copy(), matrix.integer
    if outcome.headline.values is not None:
        lower[whole] = upper[whole] = np.round(outcome.headline.values[whole])
    return replace(matrix, lower=lower, upper=upper, integer=np.zeros(matrix.column_count, dtype=bool))


def _percent(column: str) -> pl.Expr:
    return (
        pl.when(pl.col(column).is_null())
        .then(pl.lit(""))
        .otherwise((pl.col(column) * 100).round().cast(pl.Int64).cast(pl.String) + "%")
    )


def _millions(pounds: float) -> str:
    pence = round(pounds * 100)
    return f"{'-' if pence < 0 else ''}£{millions_text(abs(pence))}m"
