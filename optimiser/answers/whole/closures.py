"""Closures of wards, theatres and clinics: by how much each stands, and what closing fewer of them would be worth.

    margin[h,q,t] = activity gone (after the lag) - activity that the closed blocks of the same kind of activity served

Activity gone is that of the exact product of effects where it is given, and what the programme claims otherwise.

A closure whose margin is a few cases stands on a knife edge: the next mix, a hair worse, closes another ward instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from optimiser.answers.exact import Exact
from optimiser.answers.whole.merging import alike_localities, merge
from optimiser.answers.whole.search import completed
from optimiser.blocks.flows import provider_flows
from optimiser.engines import highs
from optimiser.engines.answer import Answer
from optimiser.problem.document import Problem
from optimiser.problem.tables import tables_of
from optimiser.programme.core import PLAIN
from optimiser.programme.matrix import Matrix

KNIFE_EDGE = 0.05
"""A margin below this part of a block is called a knife edge."""

_USED = 1e-6


def closures(problem: Problem, answer: Answer, exact: Exact | None = None) -> pl.DataFrame:
    """provider, block, point_of_delivery, year, closed, served (by all closed blocks of that activity), gone, margin, of_a_block.

    `margin` is in units of activity, `of_a_block` the same as a part of one block; only blocks that close, by year.
    `gone` is what `exact` avoids, where it is given.
    """
    schema = {
        "provider": pl.String, "block": pl.String, "point_of_delivery": pl.String, "year": pl.String, "closed": pl.Float64,
        "served": pl.Float64, "gone": pl.Float64, "margin": pl.Float64, "of_a_block": pl.Float64,
    }  # fmt: skip
    if not answer.has_mix or not problem.blocks:
        return pl.DataFrame(schema=schema)
    order = {str(year): t for t, year in enumerate(problem.years)}
    sizes = [(b.provider, b.id, b.point_of_delivery, float(b.units), b.lag_years) for b in problem.blocks]
    kinds = pl.DataFrame(sizes, schema=["provider", "block", "point_of_delivery", "size", "lag"], orient="row")
    at = pl.col("year").replace_strict(order, return_dtype=pl.Int64)
    closed = answer.column("block_released").join(kinds, on=["provider", "block"], maintain_order="left")
    left = answer.column("donated") if exact is None else _gone(problem, exact)
    gone = left.select("provider", "point_of_delivery", at.alias("when"), pl.col("value").alias("gone"))
    served = (pl.col("value") * pl.col("size")).sum().over("provider", "point_of_delivery", "year")
    rows = (
        closed.with_columns((at - pl.col("lag")).alias("when"), served.alias("served"))
        .filter(pl.col("value") > _USED)
        .join(gone, on=["provider", "point_of_delivery", "when"], how="left", maintain_order="left")
        .with_columns(pl.col("gone").fill_null(0.0))
        .with_columns((pl.col("gone") - pl.col("served")).alias("margin"))
    )
    return rows.select(
        "provider", "block", "point_of_delivery", "year", pl.col("value").alias("closed"), "served", "gone", "margin",
        (pl.col("margin") / pl.col("size")).alias("of_a_block"),
    )  # fmt: skip


def _gone(problem: Problem, exact: Exact) -> pl.DataFrame:
    """provider, point_of_delivery, year, value: what leaves each provider by the exact product."""
    key = ["provider", "point_of_delivery", "year"]
    return (
        exact.avoided.join(provider_flows(tables_of(problem, PLAIN)), on=["locality", "point_of_delivery"])
        .sort(*key, "locality")
        .group_by(key, maintain_order=True)
        .agg((pl.col("exact") * pl.col("flow")).sum().round(9).alias("value"))
    )


def closure_sentences(problem: Problem, answer: Answer, exact: Exact | None = None) -> list[str]:
    """In the last year, one sentence for each closure that stands on a knife edge."""
    last = str(problem.years[-1])
    tight = closures(problem, answer, exact).filter(
        (pl.col("year") == last) & (pl.col("of_a_block").abs() < KNIFE_EDGE)
    )
    return [
        f"{row['provider']} closes {row['closed']:g} of {row['block']} in {last} with {max(0.0, row['margin']):,.0f} of "
        f"{row['gone']:,.0f} {row['point_of_delivery'].replace('_', ' ')} to spare ({max(0.0, row['of_a_block']):.1%} of one)"
        for row in tight.iter_rows(named=True)
    ]


@dataclass(frozen=True)
class NearPlan:
    """A plan nearly as good that closes one block fewer somewhere, with the starts as in the best mix."""

    provider: str
    block: str
    closed: float
    """How many it closes in the last year (one fewer than the best mix)."""
    objective: float
    loss: float
    """What it is worth less, in the goal's unit; below 0 where the search had not found this better plan."""
    instead: tuple[str, ...]
    """Blocks of which it closes more than the best mix, in words."""

    def sentence(self, unit: str) -> str:
        """It in words."""
        worth = f"£{abs(self.loss):,.0f}" if unit == "£" else f"{abs(self.loss):,.2f} {unit}"
        fewer = f"{self.closed:g}" if self.closed > 0.5 else "none"
        said = f"closing {fewer} of {self.block} at {self.provider} instead of {self.closed + 1:g}"
        more = f" (and {', '.join(self.instead)})" if self.instead else ""
        return f"{said}{more} is worth {worth} {'less' if self.loss >= 0 else 'more: the search had not found it'}"


def near_plans(problem: Problem, answer: Answer, *, most: int = 3, seconds: float = 10.0) -> tuple[NearPlan, ...]:
    """For the closures that stand on the narrowest margins: the best plan without that closure, starts as in the mix.

    Args:
        problem: the document.
        answer: its best mix.
        most: how many closures to look at.
        seconds: time for all of them together.
    """
    if not answer.has_mix or answer.values is None or not answer.matrix.is_whole:
        return ()
    last = str(problem.years[-1])
    narrow = closures(problem, answer).filter(pl.col("year") == last).sort("of_a_block").head(most)
    plans = []
    for row in narrow.iter_rows(named=True):
        plan = _without(problem, answer, row, seconds / max(1, most))
        if plan is not None:
            plans.append(plan)
    return tuple(sorted(plans, key=lambda plan: plan.loss))


def _without(problem: Problem, answer: Answer, row: dict[str, object], seconds: float) -> NearPlan | None:
    matrix, values = answer.matrix, answer.values
    if values is None:
        return None
    block = matrix.family("block_released")
    mine = (block.index["provider"] == row["provider"]) & (block.index["block"] == row["block"])
    fewer = np.flatnonzero(mine.to_numpy()) + block.first
    starts = matrix.integer & matrix.first_stage
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    lower[starts] = upper[starts] = np.round(values[starts])
    upper[fewer] = np.minimum(upper[fewer], float(str(row["closed"])) - 1.0)
    found = _quick(replace(matrix, lower=lower, upper=upper), alike_localities(problem), seconds)
    if found is None or answer.objective is None:
        return None
    worth = (float(matrix.cost @ found) + matrix.constant) * matrix.scale
    last = str(problem.years[-1])
    change = found[block.first : block.last] - values[block.first : block.last]
    counts = block.index.with_columns(pl.Series("more", change)).filter(pl.col("year") == last)
    more = counts.filter(pl.col("more") > 0.5).iter_rows(named=True)
    instead = tuple(f"{r['more']:g} more {r['block']} of {r['provider']}" for r in more)
    sign = 1.0 if matrix.sense == "max" else -1.0
    return NearPlan(
        str(row["provider"]),
        str(row["block"]),
        float(str(row["closed"])) - 1.0,
        worth,
        sign * (answer.objective - worth),
        instead,
    )


def _quick(matrix: Matrix, like: dict[str, str], seconds: float) -> np.ndarray | None:
    merged = merge(matrix, like)
    if merged is None:
        return highs.solve(matrix, gap=1e-3, time_limit=seconds, prices=False).values
    small = highs.solve(merged.matrix, gap=1e-3, time_limit=seconds, prices=False)
    found = None if small.values is None else completed(matrix, small.values[merged.column])
    return None if found is None else found.values
