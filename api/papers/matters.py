"""The matters of a board paper: each question's answer in words, with its chart and the table that a board decides by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import polars as pl

from api.boards.questions import (
    Suited,
    WholePlan,
    best_in_one,
    how_much,
    suited,
    turning,
    what_is_left,
    what_matters,
    who_is_furthest,
)
from api.boards.risk.paragraph import current_paragraph
from api.boards.risk.parties import party_sentences
from api.boards.tables import listed
from api.charts import Choice, Figure
from api.charts.registry import Charts
from api.exports.localities import localities
from api.papers.model import PaperTable, Section
from api.workbooks.people_sheets import first_starts
from api.workbooks.sources import source_in_words
from capitation.money.pence import board_text, millions_text
from capitation.money.rounding import nearest
from capitation.sentences import capital, small
from optimiser.links.assumed.kept import AssumptionLog
from optimiser.links.assumed.words import EVIDENCE, subject

_MOST_ROWS = 32
"""Rows of a table on one page; what is beyond is counted and stands in the workbook."""


@dataclass(frozen=True)
class Gathered:
    """What the matters are made of."""

    plan: WholePlan
    """The run with its documents."""
    charts: Charts
    """What can be drawn of it."""
    log: AssumptionLog | None
    """The log of assumptions; None where none is kept."""
    names: Mapping[str, str]
    """Names of codes."""

    @property
    def frames(self) -> Mapping[str, pl.DataFrame]:
        """Frames of the run and of what stands beside it."""
        return self.charts.material.frames

    @property
    def has_money(self) -> bool:
        """Whether the run has allocations to localities."""
        return "locality_total" in self.plan.run.frames

    @property
    def last(self) -> str:
        """The last year of the chain; the year of need where there is none."""
        chain = self.frames.get("bridge")
        return self.plan.year if chain is None or chain.is_empty() else str(chain["year"].max())

    def figure(self, name: str, choice: Choice | None = None) -> Figure | None:
        """A chart, where it can be drawn."""
        return None if name in self.charts.lacking else self.charts.figure(name, choice)

    def named(self, code: str) -> str:
        """The name of a code."""
        return self.names.get(code, code)


def money(have: Gathered) -> Section:
    """How much each locality gets, and why."""
    if not have.has_money:
        return Section(
            "How much does each locality get, and why?",
            "This run has no allocations.",
            lacks="allocations to localities: `capitation run` or `capitation plan`",
        )
    said = how_much(have.plan)
    rows = localities(have.plan.run, have.plan.year).sort("total_pence", descending=True)
    total, persons = int(rows["total_pence"].sum()), float(rows["persons"].sum())
    need = (
        (rows["target_pence"] / rows["persons"]) / (float(rows["target_pence"].sum()) / persons)
        if persons
        else rows["persons"]
    )
    table = PaperTable(
        f"Allocation to localities, {have.plan.year}; £ million unless stated otherwise",
        ("Locality", "Persons", "Allocation", "£ a head", "Need a head (system = 100)", "Growth", "Target", "Distance"),
        (
            *(
                (
                    row["name"], f"{nearest(Decimal(row['persons'])):,}", _millions(row["total_pence"]), f"{row['head']:,.0f}", f"{100 * index:.0f}",
                    _percent(row["growth"]), _millions(row["target_pence"]), _percent(row["distance"]),
                )
                for row, index in zip(rows.iter_rows(named=True), need, strict=True)
            ),
            (
                "The system", f"{persons:,.0f}", _millions(total), f"{total / 100 / persons:,.0f}" if persons else "–", "100", "",
                _millions(int(rows["target_pence"].sum())), "",
            ),
        ),
    )  # fmt: skip
    head, _, rest = said[0].partition(": ")
    why = (f"Allocations a head run {rest}",) if rest else ()
    return Section(
        "How much does each locality get, and why?", head.rstrip(".") + ".", (*why, *said[1:]), None, (_short(table),)
    )


def fair_share(have: Gathered) -> Section:
    """Who is furthest from target, and what closing half of the gap would cost."""
    asked = "Who is furthest under target, and what would closing half of the gap cost?"
    if not have.has_money:
        return Section(asked, "This run has no targets.", lacks="targets: `capitation run` or `capitation plan`")
    first, *more = who_is_furthest(have.plan)
    finding, _, cost = first.partition(". ")
    in_year = finding if have.plan.year in finding else f"In {have.plan.year} {finding}"
    return Section(
        asked, in_year.rstrip(".") + ".",
        (*([cost] if cost else []), *more), have.figure("distances"),
    )  # fmt: skip


def deficit(have: Gathered) -> Section:
    """What is left of the deficit, in all and by organisation."""
    asked, said = "What is left of the deficit?", what_is_left(have.plan)
    figure = have.figure("bridge", Choice(year=have.last))
    chain = have.frames.get("bridge", pl.DataFrame())
    if chain.is_empty():
        return Section(
            asked,
            said[0],
            lacks="a bridge from the opening deficit: name one in the scenario (key chain)",
        )
    mine = chain.filter((pl.col("year") == have.last) & (pl.col("level") == "system")).sort("step")
    lines = PaperTable(
        f"From the opening deficit to the gap that remains, {have.last}",
        ("Line", "Where it comes from", "£ million"),
        tuple(
            (title, source_in_words(source, have.plan.pack), _millions(pence))
            for title, source, pence in mine.select("title", "source", "amount_pence").iter_rows()
        ),
        2,
    )
    lacks = "" if mine.filter(pl.col("line") == "mix").height else "the mix of investments: `capitation plan`"
    amounts: dict[str, int] = dict(mine.select("line", "amount_pence").iter_rows())
    start = amounts.get("printed_do_nothing", amounts.get("derived_do_nothing"))
    finding = said[0]
    if start is not None and "left" in amounts:
        finding = f"{board_text(amounts['left'])} of the {board_text(start)} deficit in {have.last} remains."
    return Section(asked, finding, tuple(said), figure, (lines, *_organisations(have)), lacks=lacks)


def _organisations(have: Gathered) -> list[PaperTable]:
    rows = have.frames.get("organisation_position", pl.DataFrame())
    rows = rows if rows.is_empty() else rows.filter(pl.col("year") == have.last)
    if rows.is_empty():
        return []
    columns = ("organisation_code", "income_pence", "sustainability_pence", "cost_pence", "position_pence", "control_total_pence", "is_met")  # fmt: skip
    return [
        PaperTable(
            f"Organisations' positions if nothing is done, after sustainability funding, {have.last}, £ million",
            ("Organisation", "Income", "Sustainability funding", "Cost", "Position", "Control total", "Met"),
            tuple(
                (
                    have.named(code), _millions(income), _millions(fund), _millions(cost), _millions(left), "none" if must is None else _millions(must),
                    "–" if met is None else "yes" if met else "no",
                )
                for code, income, fund, cost, left, must, met in rows.select(columns).iter_rows()
            ),
        )
    ]  # fmt: skip


def contracts(have: Gathered) -> Section:
    """Which contract suits whom, and when that turns; the options beside each other."""
    asked = "Which contract suits whom, and when does that turn?"
    if have.plan.document is None:
        return Section(
            asked,
            "No contract options have been compared on this run.",
            lacks="contract options: `capitation compare` or `capitation plan`",
        )
    document = have.plan.document
    suits = suited(have.plan) if have.has_money else []
    said, by_party = [*best_in_one(suits), *turning(suits)], [_suits(suits, document.first_year)] if suits else []
    rows = have.frames.get("plan_position", pl.DataFrame())
    if rows.is_empty():
        return Section(
            asked, f"{len(document.options)} contract options were compared.", tuple(said), have.figure("payoff"), tuple(by_party),
            lacks="positions of organisations under each option: `capitation plan`",
        )  # fmt: skip
    titles = {option.id: option.title for option in document.options}
    mine = rows.filter((pl.col("year") == have.last) & (pl.col("role") != "payer"))
    moved_apart = mine.group_by("organisation_code").agg(
        pl.col("position_pence").n_unique() > 1, pl.col("is_met").is_not_null().any()
    )
    shown = moved_apart.filter(pl.col("position_pence") | pl.col("is_met"))["organisation_code"]
    options = [option for option in titles if option in mine["option"].unique()]
    wide = (
        mine.filter(pl.col("organisation_code").is_in(shown.implode()))
        .pivot(on="option", on_columns=options, index=["role", "organisation_code"], values="position_pence")
        .sort("role", "organisation_code")
    )
    met = mine.group_by("option").agg(
        pl.col("is_met").sum(), pl.col("is_met").count().alias("tested"), pl.col("position_pence").sum()
    )
    reached = {option: (won, tested, left) for option, won, tested, left in met.iter_rows()}
    table = PaperTable(
        f"Organisations' positions in {have.last} under each contract option, including the mix, £ million; organisations that have no control total and are unaffected by the options appear only in the total",
        ("Organisation", *(titles[option] for option in options)),
        (
            *((have.named(row["organisation_code"]), *(_millions(row[option]) for option in options)) for row in wide.iter_rows(named=True)),
            ("All organisations together", *(_millions(reached[option][2]) for option in options)),
            ("Organisations that meet their control total", *(f"{reached[option][0]} of {reached[option][1]}" for option in options)),
        ),
        is_on_slide=True,
    )  # fmt: skip
    best = max(options, key=lambda option: (reached[option][0], reached[option][2]))
    won, tested, left = reached[best]
    if not tested:
        finding = f"With the mix, organisations together end {have.last} at {board_text(left)} under {titles[best]}; none has a control total."
    else:
        alike = sum(reached[option][0] == won for option in options)
        under = (
            "every option."
            if alike == len(options)
            else f"{titles[best]}, the most under any option."
            if alike == 1
            else f"{alike} of the {len(options)} options, and fewer under the others."
        )
        finding = f"With the mix, {won} of {tested} organisations meet their control total in {have.last} under {under}"
    return Section(asked, finding, tuple(said), have.figure("payoff"), (*by_party, _short(table)))


def _suits(suits: list[Suited], year: str) -> PaperTable:
    """Which option suits whom: the ranking turns where the two options of a row differ."""
    return PaperTable(
        f"The option that suits each party best in {year}, with activity 5% above and below plan; £ million is the change in its position against planned activity",
        ("Party", "Best above plan", "Best below plan", "Change above plan", "Change below plan"),
        tuple(
            (capital(each.party), each.above, each.below, _millions(each.above_pence), _millions(each.below_pence))
            for each in suits
        ),
        3,
        is_before_chart=True,
    )  # fmt: skip


def investment(have: Gathered) -> Section:
    """What to invest in: what starts when, what it avoids, releases, saves and spends."""
    asked = "What should be invested in?"
    rows = have.frames.get("mix_line", pl.DataFrame())
    if rows.is_empty():
        return Section(asked, "This run has no mix of investments.", lacks="the mix of investments: `capitation plan`")
    sums = rows.group_by("solution", "title").agg(
        pl.col("avoided_units", "cost_released_pence", "savings_pence", "spend_pence", "gain_pence").sum()
    )
    sums = sums.sort("gain_pence", "solution", descending=[True, False])
    spend, gain = int(sums["spend_pence"].sum()), int(sums["gain_pence"].sum())
    starts, years = first_starts(have.frames), rows["year"].unique().sort().to_list()
    table = PaperTable(
        f"The mix by solution, {years[0]} to {years[-1]} in total",
        ("Solution", "First start", "Activity avoided", "Cost released, £ million", "Savings, £ million", "Cost of solution, £ million", "Net gain, £ million"),
        (
            *(
                (title, starts.get(code, "–"), f"{avoided:,}", *(_millions(pence) for pence in money_of))
                for code, title, avoided, *money_of in sums.select(
                    "solution", "title", "avoided_units", "cost_released_pence", "savings_pence", "spend_pence", "gain_pence"
                ).iter_rows()
            ),
            ("All solutions together", "", f"{int(sums['avoided_units'].sum()):,}", *(_millions(int(sums[f"{name}_pence"].sum())) for name in ("cost_released", "savings", "spend", "gain"))),
        ),
        2,
    )  # fmt: skip
    worth = have.frames.get("mix_worth", pl.DataFrame())
    said = [
        f"The plan's own savings programmes account for {board_text(int(sums['savings_pence'].sum()))} of the gain; the rest is cost that providers no "
        f"longer bear ({board_text(int(sums['cost_released_pence'].sum()))}), less what the solutions cost."
    ]
    if not worth.is_empty():
        said.append(
            f"The net present value of the mix to the system is {board_text(nearest(Decimal(str(worth['pounds'].sum())) * 100))}."
        )
    begun = sums.filter(pl.col("solution").is_in(list(starts)))["title"] if starts else sums["title"]
    besides = sums.filter(~pl.col("title").is_in(begun.implode()) & (pl.col("spend_pence") != 0))["title"].to_list()
    with_them = f", with {small(listed(besides))}," if besides else ""
    finding = f"{begun.len()} solutions{with_them} cost {board_text(spend)} over the period and leave the system {board_text(gain)} better off."
    return Section(asked, finding, tuple(said), have.figure("mix"), (_short(table),))


def risk(have: Gathered) -> Section:
    """How likely each party is to miss its total, where a simulation stands beside the run."""
    asked = "How sure are we, and who bears the risk?"
    chances = have.frames.get("party_chance", pl.DataFrame())
    figure = have.figure("fan", _widest(chances)) or have.figure("s-curve") or have.figure("layers")
    kept = (
        current_paragraph(have.plan.document, have.plan.pack, have.plan.run)
        if have.plan.document and have.has_money
        else []
    )
    if chances.is_empty() and kept:
        return Section(
            asked, _at_risk(have), (*kept, *_without_total(have)), figure,
            lacks="a simulation of its own, which adds charts of these chances: `capitation simulate SCENARIO --out DIR`, then `--with DIR`",
        )  # fmt: skip
    if chances.is_empty():
        return Section(
            asked, "This paper gives no probabilities: its run has not been simulated.", figure=figure,
            lacks="a simulation: `capitation simulate SCENARIO --out DIR`, then `--with DIR`",
        )  # fmt: skip
    if have.plan.document is None:
        return Section(
            asked,
            "This run was simulated, but the contract options it was simulated under are missing.",
            figure=figure,
            lacks="contract options",
        )
    said = party_sentences(have.plan.document, have.frames, have.names)
    return Section(asked, _at_risk(have), (*said, *_without_total(have)), figure)


def _without_total(have: Gathered) -> list[str]:
    """What is meant by missing a total where an organisation has none, in one sentence; none where all have one."""
    rows = have.frames.get("organisation_position", pl.DataFrame())
    if rows.is_empty() or not rows["control_total_pence"].null_count():
        return []
    return ["For an organisation without a control total, it is the chance of ending the year in deficit."]


def _widest(chances: pl.DataFrame) -> Choice | None:
    """The party whose position is least certain in the last year, under the option where it is."""
    needed = {"year", "option", "organisation_code", "p5_pence", "p95_pence"}
    if chances.is_empty() or not needed <= set(chances.columns):
        return None
    rows = chances.filter(pl.col("year") == pl.col("year").max()).sort(
        pl.col("p95_pence") - pl.col("p5_pence"), "organisation_code", "option", descending=[True, False, False]
    )
    first = rows.row(0, named=True)
    return Choice(party=first["organisation_code"], option=first["option"])


def _at_risk(have: Gathered) -> str:
    document = have.plan.document
    year = "" if document is None else f" in {document.first_year}"
    return f"The chance that an organisation misses its control total{year} depends on the contract chosen."


def assumptions(have: Gathered) -> Section:
    """The assumptions by what they move."""
    asked = "Which assumptions matter most?"
    if have.log is None:
        return Section(
            asked,
            "This run has no log of assumptions.",
            lacks="its log of assumptions: `capitation assumptions RUN`",
        )
    said = what_matters(have.plan) if have.has_money else []
    log = have.log
    first = log.assumptions[:10]
    table = PaperTable(
        "The ten assumptions with the largest effect",
        ("Assumption", "Evidence", "Owner", "Headline it moves most", "At the low end", "As assumed", "At the high end"),
        tuple(
            (
                subject(each, have.names), EVIDENCE[each.quality], each.owner or "none named",
                *(
                    ("none", "–", "–", "–") if effect is None else (
                        log.titles.get(effect.headline, effect.headline),
                        *("no plan" if end is None else board_text(end) for end in (effect.low_pence, effect.base_pence, effect.high_pence)),
                    )
                ),
            )
            for each in first
            for effect in [each.largest]
        ),
        4,
    )  # fmt: skip
    finding = f"{log.count} assumptions lie behind this paper: {log.weak} rest on weak evidence or have not been graded, and {log.stand_ins} have no stated range."
    return Section(asked, finding, tuple(said), have.figure("tornado"), (table,))


MATTERS: tuple[Callable[[Gathered], Section], ...] = (
    money,
    fair_share,
    deficit,
    contracts,
    investment,
    risk,
    assumptions,
)
"""The matters in the order of the paper."""


def _short(block: PaperTable) -> PaperTable:
    if len(block.rows) <= _MOST_ROWS:
        return block
    left = len(block.rows) - _MOST_ROWS
    more = (f"and {left} more in the workbook", *[""] * (len(block.heads) - 1))
    return replace(block, rows=(*block.rows[:_MOST_ROWS], more))


def _millions(pence: int | None) -> str:
    """Pence as millions of pounds with one decimal, as the tables of a board have them."""
    return "–" if pence is None else millions_text(pence)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:+.1%}"


__all__ = ["MATTERS", "Gathered"]
