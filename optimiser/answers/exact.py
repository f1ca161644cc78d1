"""What a mix really avoids: the exact product of effects, recomputed outside the programme, against what it claimed.

    exact[l,p,c,t] = eligible x (1 - product over s of (1 - effect_s effective_s[t]))

The programme sees this through chords of a hazard, which over-states fractional scale a little. The difference is
printed with every answer, in units and in money, and never silently corrected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from optimiser.blocks.effects import overlap_cells, solution_effects
from optimiser.blocks.flows import activity_before, provider_flows
from optimiser.blocks.income import PAYMENT_TERMS, prices, terms_of
from optimiser.blocks.start import reach
from optimiser.engines.answer import Answer
from optimiser.problem.document import Problem
from optimiser.problem.tables import tables_of
from optimiser.programme.core import PLAIN
from optimiser.programme.tables import THOUSAND, ProblemTables


@dataclass(frozen=True)
class Exact:
    """Exact results of a mix beside those the programme claimed."""

    avoided: pl.DataFrame
    """locality, point_of_delivery, year, claimed, exact (units)."""
    npv: float
    """Net present value in pounds with the exact avoided activity (blocks closed as in the mix)."""
    claimed_npv: float
    """Net present value in pounds as the programme counted it."""

    @property
    def by_point_of_delivery(self) -> pl.DataFrame:
        """point_of_delivery, year, claimed, exact, over_claim (units)."""
        return (
            self.avoided.group_by("point_of_delivery", "year", maintain_order=True)
            .agg(pl.col("claimed").sum(), pl.col("exact").sum())
            .with_columns((pl.col("claimed") - pl.col("exact")).alias("over_claim"))
        )

    @property
    def over_claim(self) -> float:
        """Units claimed beyond the exact product, all kinds and years, as a share of the exact (below 0: under-claimed)."""
        exact, claimed = float(self.avoided["exact"].sum()), float(self.avoided["claimed"].sum())
        return (claimed - exact) / exact if exact > 0 else 0.0


def effective_scales(answer: Answer) -> pl.DataFrame:
    """solution, place, year, effective: the effective scale of each solution in each place and year."""
    return answer.column("effective").rename({"value": "effective"})


def acting_effects(tables: ProblemTables, effective: pl.DataFrame) -> pl.DataFrame:
    """Each solution's effect on each overlap cell of each locality and year, at the effective scales given, between 0 and 1."""
    return (
        solution_effects(tables)
        .join(overlap_cells(tables), on=["point_of_delivery", "cell"])
        .join(reach(tables), on="solution")
        .join(activity_before(tables), on=["locality", "point_of_delivery"])
        .join(tables.dates, on="t")
        .join(effective, on=["solution", "place", "year"])
        .with_columns((pl.col("share") * pl.col("effective")).clip(0.0, 1.0).alias("effect"))
    )


def exact_avoided(tables: ProblemTables, effective: pl.DataFrame) -> pl.DataFrame:
    """locality, point_of_delivery, t, exact: units avoided by the exact product, at the effective scales given."""
    acting = acting_effects(tables, effective).with_columns((1 - pl.col("effect")).alias("left"))
    cell = ["locality", "point_of_delivery", "cell", "t"]
    return (
        acting.group_by(cell)
        .agg(pl.col("left").sort().product(), (pl.col("units") * pl.col("cell_share")).first().alias("eligible"))
        .sort(cell)
        .group_by("locality", "point_of_delivery", "t", maintain_order=True)
        .agg((pl.col("eligible") * (1 - pl.col("left"))).sum().alias("exact"))
    )


def income_lost(tables: ProblemTables, avoided: pl.DataFrame, units: str) -> pl.DataFrame:
    """provider, t, income_lost, variable: thousand pounds, from avoided units in the column `units`, by contract."""
    donated = (
        avoided.join(provider_flows(tables), on=["locality", "point_of_delivery"])
        .join(prices(tables), on=["provider", "point_of_delivery", "t"])
        .with_columns((pl.col(units) * pl.col("flow")).alias("gone"))
        .sort("provider", "t", "point_of_delivery", "locality")
    )
    donated = donated.with_columns(terms_of(tables, donated))
    key = ["provider", "t"]
    sums = donated.group_by(key, maintain_order=True).agg(
        (pl.col("gone") * pl.col("marginal")).filter(pl.col("terms").is_null()).sum().alias("income_lost"),
        (pl.col("gone") * pl.col("variable")).sum().alias("variable"),
    )
    stated = PAYMENT_TERMS.of(tables.problem)
    pieces = [[(float(q.from_pounds) / THOUSAND, float(q.slope)) for q in term.pieces] for term in stated]
    under = donated.drop_nulls("terms").group_by(*key, "terms", maintain_order=True)
    tariff = under.agg((pl.col("gone") * pl.col("tariff")).sum().alias("tariff"))
    for h, t, terms, amount in tariff.iter_rows():
        mine = (pl.col("provider") == h) & (pl.col("t") == t)
        more = pl.when(mine).then(_through_pieces(pieces[terms], amount)).otherwise(0.0)
        sums = sums.with_columns(pl.col("income_lost") + more)
    return sums.select(*key, "income_lost", "variable")


def _through_pieces(pieces: list[tuple[float, float]], amount: float) -> float:
    ends = [start for start, _ in pieces[1:]] + [float("inf")]
    return sum(slope * max(0.0, min(amount, end) - start) for (start, slope), end in zip(pieces, ends, strict=True))


def exact_results(problem: Problem, answer: Answer, tables: ProblemTables | None = None) -> Exact:
    """The exact avoided activity and net present value of the mix in `answer`."""
    tables = tables_of(problem, PLAIN) if tables is None else tables
    years = tables.years.select("t", "year", "discount")
    exact = exact_avoided(tables, effective_scales(answer))
    claimed = answer.column("avoided").rename({"value": "claimed"}).join(years.select("t", "year"), on="year")
    both = (
        claimed.join(exact, on=["locality", "point_of_delivery", "t"], how="left")
        .with_columns(pl.col("exact").fill_null(0.0))
        .sort("point_of_delivery", "locality", "t")
    )
    npv = answer.measure("npv")
    change = 0.0
    if both.height:
        column = "income_lost" if problem.perspective == "commissioner" else "variable"
        worth = [
            income_lost(tables, both, units)
            .join(years, on="t")
            .select((pl.col(column) * pl.col("discount")).sum())
            .item()
            for units in ("exact", "claimed")
        ]
        change = float(np.subtract(*worth)) * THOUSAND
    return Exact(
        avoided=both.select("locality", "point_of_delivery", "year", "claimed", "exact"),
        npv=npv + change,
        claimed_npv=npv,
    )
