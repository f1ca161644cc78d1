"""What a Treasury reviewer asks of a mix: do-nothing and do-minimum, benefit-cost ratio, payback, switching values, optimism bias.

benefits    discounted cost saved, savings and income to whom the problem counts        costs    discounted spend and support
bcr         benefits / costs                     payback    year from which on cash since the start is never below 0
switching   how far all benefits may fall, or all costs rise, before the mix is worth nothing
do-minimum  the least spend that keeps every floor and limit; do-nothing is worth 0 by definition
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from optimiser.answers.mix_run import AFTER, mix_frames
from optimiser.answers.optimise import Outcome
from optimiser.answers.whole.merging import alike_localities
from optimiser.answers.whole.search import Search, solve_whole
from optimiser.futures.appraisal.by_solution import Attributed, attributed
from optimiser.futures.appraisal.delivery import as_planned
from optimiser.futures.appraisal.floors import floor_sentences, floors_cost
from optimiser.futures.appraisal.score import Model
from optimiser.futures.appraisal.switching import switching_sentences, switching_values
from optimiser.futures.appraisal.tornado import tornado
from optimiser.problem.document import Problem
from optimiser.problem.tables import tables_of
from optimiser.programme.tables import THOUSAND

BIAS: Mapping[str, float] = {"capital": 0.44, "recurrent": 0.0, "non_recurrent": 0.1}
"""Optimism bias by purse where none is stated: assumptions to be replaced by the programme's own."""


def pounds(amount: float) -> str:
    """Whole pounds with the sign before the mark."""
    return f"{'-' if round(amount) < 0 else ''}£{abs(amount):,.0f}"


@dataclass(frozen=True)
class GreenBook:
    """The appraisal of a mix in the terms of the Green Book; money in discounted pounds."""

    npv: float
    benefits: float
    costs: float
    payback_year: str | None
    """None where it does not pay back within the years."""
    do_minimum: dict[str, float | str | None]
    """status, npv and spend (not discounted) of the least spend that keeps every limit."""
    optimism: pl.DataFrame
    """purse, rate, spend (discounted), added: costs that rise; in the row `time` the rate is years late, and what that loses."""
    npv_after_bias: float
    tornado: pl.DataFrame
    """what, change, npv: one thing at a time at its bad end, largest change first."""
    parts: Attributed
    """Net present value by solution, locality and deprivation fifth."""
    switching: pl.DataFrame
    """solution, title, scale, effects_may_fall, costs_may_rise, start_may_move, basis, note."""
    prices: str
    """At whose prices money is, and how it is discounted, in a sentence."""
    floors: pl.DataFrame
    """floor, at, unit, one_more (pounds), cost (pounds; null where it was not worked out): what assumed floors cost."""
    unmonetised: pl.DataFrame
    """benefit, unit, amount, cost_per_unit: what has no price, and net cost (or spend) for each unit of it."""
    exact_npv: float | None = None
    """Net present value by the exact product of effects, where the claim is another."""

    @property
    def bcr(self) -> float | None:
        """Benefit-cost ratio; None where nothing is spent."""
        return self.benefits / self.costs if self.costs > 0 else None

    @property
    def benefits_may_fall(self) -> float | None:
        """The share by which all benefits may fall before the mix is worth nothing."""
        return self.npv / self.benefits if self.benefits > 0 else None

    @property
    def costs_may_rise(self) -> float | None:
        """The share by which all costs may rise before the mix is worth nothing."""
        return self.npv / self.costs if self.costs > 0 else None

    def sentences(self) -> list[str]:
        """It in plain words."""
        exact = ""
        if self.exact_npv is not None:
            exact = f" as the search counts it, {pounds(self.exact_npv)} by the exact product of effects"
        said = [self.prices, f"The mix is worth {pounds(self.npv)}{exact}; doing nothing is worth £0."]
        if self.bcr is not None and self.costs_may_rise is not None and self.benefits_may_fall is not None:
            said.append(f"Each pound of cost brings £{self.bcr:,.2f} of benefits.")
            said.append(
                f"It breaks even if all benefits fall by {self.benefits_may_fall:.0%}, or all costs rise by "
                f"{self.costs_may_rise:.0%}."
            )
        back = self.payback_year
        said.append(f"It has paid back by {back}." if back else "It does not pay back within the years planned.")
        worth, spend = self.do_minimum["npv"], self.do_minimum["spend"]
        if isinstance(worth, float) and isinstance(spend, float):
            said.append(
                f"The cheapest way to meet every limit (do minimum) spends {pounds(spend)} and is worth {pounds(worth)}."
            )
        said += floor_sentences(self.floors)
        what = "costs and time" if "time" in self.optimism["purse"] else "costs"
        said.append(f"With optimism bias on {what} it is worth {pounds(self.npv_after_bias)}.")
        for row in self.tornado.head(3).iter_rows(named=True):
            said.append(f"{row['what']}: {pounds(row['change'])}, which leaves {pounds(row['npv'])}.")
        for row in self.unmonetised.iter_rows(named=True):
            said.append(
                f"{row['benefit']}: {row['amount']:,.0f} {row['unit']}, at £{row['cost_per_unit']:,.2f} of spend each."
            )
        return said + switching_sentences(self.switching) + self._not_stated()

    def _not_stated(self) -> list[str]:
        """What the document does not state, so that no part of the appraisal is silently missing."""
        said = []
        if not self.tornado["what"].str.ends_with(" end").any():
            said.append("No effect or saving has a stated low or high, so the one-at-a-time tests vary spend only.")
        if not self.unmonetised.height:
            said.append("No unpriced benefits are stated.")
        if not self.parts.by_fifth.height:
            said.append("Localities' deprivation is not stated, so there are no benefits by deprivation fifth.")
        if not self.floors.height:
            said.append("No floor is stated that would cost anything.")
        return said


def green_book(
    outcome: Outcome, *, bias: Mapping[str, float] | None = None, time_limit: float = 20.0, gap: float = 0.005
) -> GreenBook:
    """The appraisal of the mix of `outcome`.

    Args:
        outcome: a problem and its mix.
        bias: by purse, the share by which its spend is taken to rise; the document's `optimism_bias`, or general rates.
        time_limit: seconds for the search for the least spend, and for solving again what may move.
        gap: relative gap at which that search may stop.
    """
    problem, answer = outcome.problem, outcome.answer
    frames = mix_frames(outcome)
    mine = frames["positions"].filter(pl.col("party") == problem.perspective)
    npv = answer.measure("npv")
    discount = dict(mine.select("year", "discount").iter_rows())
    gains = [float(v) for name in ("income", "cost_saved", "savings") for v in (mine[name] * mine["discount"])]
    paid = [float(v) for name in ("spend", "support") for v in (mine[name] * mine["discount"])]
    benefits = sum(v for v in [*gains, *paid] if v > 0)
    costs = -sum(v for v in [*gains, *paid] if v < 0)
    spend = frames["spend"].with_columns(
        (pl.col("spend") * pl.col("year").replace_strict(discount, return_dtype=pl.Float64)).alias("present")
    )
    parts = attributed(outcome)
    rows = [
        {"purse": purse, "rate": rate, "spend": float(spend.filter(kind=purse)["present"].sum())}
        for purse, rate in (_rates(problem) if bias is None else bias).items()
    ]
    optimism = pl.DataFrame(rows).with_columns((pl.col("rate") * pl.col("spend")).alias("added"))
    late = 0 if problem.optimism_bias is None else problem.optimism_bias.late_years
    if late:
        row = pl.DataFrame(
            {"purse": ["time"], "rate": [float(late)], "spend": [0.0], "added": [_lost_if_late(outcome, late)]}
        )
        optimism = optimism.vstack(row)
    return GreenBook(
        npv=npv,
        benefits=benefits,
        costs=costs,
        payback_year=_payback(mine),
        do_minimum=_do_minimum(outcome, gap, time_limit / 2),
        optimism=optimism,
        npv_after_bias=npv - float(optimism["added"].sum()),
        tornado=tornado(outcome, [(str(row["purse"]), float(str(row["spend"]))) for row in rows]),
        parts=parts,
        switching=switching_values(outcome, parts, time_limit=time_limit),
        prices=_prices(problem),
        floors=floors_cost(outcome, time_limit=time_limit / 2),
        unmonetised=_unmonetised(outcome, float(spend["spend"].sum())),
        exact_npv=_exact(outcome, npv),
    )


def _exact(outcome: Outcome, npv: float) -> float | None:
    exact = outcome.exact
    return None if exact is None or abs(exact.npv - npv) < max(0.5, 1e-6 * abs(npv)) else exact.npv


def _rates(problem: Problem) -> Mapping[str, float]:
    stated = problem.optimism_bias
    if stated is None:
        return BIAS
    return {purse: float(getattr(stated, purse)) for purse in BIAS}


def _lost_if_late(outcome: Outcome, years: int) -> float:
    """What the mix loses if every solution comes so many years late and is paid for as planned, pounds."""
    model = Model(outcome.problem, outcome.answer, tables_of(outcome.problem, outcome.future))
    effects, saved = model.planned_effects()[None, :], [np.array([value]) for value in model.planned_savings()]
    planned = as_planned(outcome.problem, 1)
    late = replace(planned, late=planned.late + years)
    before, after = (float(model.score_at(effects, saved, how)["npv"][0]) for how in (planned, late))
    return (before - after) * THOUSAND


def _prices(problem: Problem) -> str:
    base = problem.price_base_year or problem.years[0]
    rate = float(problem.discount_rate or 0)
    discounted = f", discounted at {rate:.2%} a year to {problem.years[0]}" if len(problem.years) > 1 else ""
    if problem.price_terms == "nominal":
        return f"Money is in the prices of each year (nominal){discounted}."
    return f"Money is at {base} prices (real){discounted}."


def _payback(mine: pl.DataFrame) -> str | None:
    """The year from which on cash since the start is never below 0: not one in which it only is until the larger spend comes."""
    total, spent = 0.0, False
    back: str | None = None
    for row in mine.filter(pl.col("year") != AFTER).iter_rows(named=True):
        total += row["cash"] * row["discount"]
        spent = spent or row["cash"] != 0
        if not spent or total < 0:
            back = None
        elif back is None:
            back = str(row["year"])
    return back


def _do_minimum(outcome: Outcome, gap: float, time_limit: float) -> dict[str, float | str | None]:
    matrix = outcome.answer.matrix.aim("investment")
    like = alike_localities(outcome.problem)
    least = solve_whole(matrix, like, Search(gap=gap, time_limit=time_limit))
    if not least.has_mix:
        return {"status": least.status, "npv": None, "spend": None}
    return {"status": least.status, "npv": least.measure("npv"), "spend": least.measure("investment")}


def _unmonetised(outcome: Outcome, spend: float) -> pl.DataFrame:
    named = {b.id: b.unit for s in outcome.problem.solutions for b in s.benefits}
    measures = outcome.answer.matrix.measures
    rows = []
    for name, unit in named.items():
        amount = outcome.answer.measure(name) if name in measures else 0.0
        if amount > 0:
            rows.append({"benefit": name, "unit": unit, "amount": amount, "cost_per_unit": spend / amount})
    schema = {"benefit": pl.String, "unit": pl.String, "amount": pl.Float64, "cost_per_unit": pl.Float64}
    return pl.DataFrame(rows, schema=schema)
