"""What the mix is worth and still owes after the last year: instalments not yet paid, and values that remain.

    value_after = residual value in place - instalments after the last year, discounted to the first year

Nothing is dropped because it falls outside the years: costs spread over several years are counted to the last instalment.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from capitation.records.documents import Document
from capitation.shift.solution import Name, Pounds, Sourced
from optimiser.blocks.money import solution_costs
from optimiser.programme.core import one, rows
from optimiser.programme.meaning import Meaning
from optimiser.programme.programme import Programme, measures
from optimiser.programme.tables import NUMBER, TEXT, THOUSAND, WHOLE, ProblemTables, long


class AfterHorizon(Document):
    """How what falls after the last year counts."""

    instalments: Literal["counted", "left_out"] = "counted"
    """"counted": instalments after the last year are part of net present value. "left_out": they are only reported."""


class ResidualValue(Sourced):
    """What a solution is still worth, or still costs, when the last year ends."""

    solution: Name
    """Which."""
    pounds: Pounds
    """Value at full scale in the year after the last; below 0 where it still costs."""


AFTER_HORIZON = one("after_horizon", AfterHorizon, "How what falls after the last year counts.")
RESIDUAL_VALUES = rows(
    "residual_values", ResidualValue, "What solutions are worth when the last year ends.",
    Meaning("the residual value of {solution}", "pounds", ("solution",)),
)  # fmt: skip


def instalments_after(p: Programme) -> pl.DataFrame:
    """col, each (thousand pounds, not discounted), discounted: instalments that fall after the last year."""
    t = p.tables
    spread = solution_costs(t).filter((pl.col("kind") != "recurrent") & (pl.col("spread") > 1))
    found = [
        p[family]
        .join(spread.filter(pl.col("basis") == basis), on="solution")
        .select("t", "col", "thousand", "spread", "weight")
        for family, basis in (("launch", "scale"), ("start", "start"))
    ]
    paid = pl.concat(found).join(_later_years(t, spread["spread"].max()), how="cross")
    paid = paid.filter(pl.col("later") < pl.col("t") + pl.col("spread"))
    each = pl.col("thousand") * pl.col("weight") / pl.col("spread")
    return paid.select("col", each.alias("each"), (each * pl.col("discount")).alias("discounted"))


def _later_years(t: ProblemTables, most: object) -> pl.DataFrame:
    """later, discount: the years after the last in which something may fall."""
    rate = float(t.problem.discount_rate or 0)
    last = t.horizon + (int(most) if isinstance(most, int) else 0)
    return long([(year, (1 + rate) ** -year) for year in range(t.horizon, last)], later=WHOLE, discount=NUMBER)


def residual(p: Programme) -> pl.DataFrame:
    """col, each (thousand pounds, not discounted), discounted: what scale in place in the last year is still worth."""
    t = p.tables
    stated = long(
        [(r.solution, float(r.pounds) / THOUSAND) for r in RESIDUAL_VALUES.of(p.problem)],
        solution=TEXT,
        thousand=NUMBER,
    )
    running = p["in_place"].filter(pl.col("t") == t.horizon - 1).join(stated, on="solution")
    each = pl.col("thousand") * pl.col("weight")
    rate = float(t.problem.discount_rate or 0)
    return running.select("col", each.alias("each"), (each * (1 + rate) ** -t.horizon).alias("discounted"))


def value_after(p: Programme) -> pl.DataFrame:
    """col, value (thousand pounds, discounted): what net present value counts beyond the last year."""
    owed, kept = instalments_after(p), residual(p).select("col", pl.col("discounted").alias("value"))
    stated = AFTER_HORIZON.of(p.problem)
    if stated is not None and stated.instalments == "left_out":
        return kept
    return pl.concat([kept, owed.select("col", (-pl.col("discounted")).alias("value"))])


@measures(12)
def after_the_last_year(p: Programme) -> None:
    """What is still owed and still worth something after the last year, and what of it net present value counts."""
    owed, kept = instalments_after(p), residual(p)
    if owed.height:
        terms = owed.select("col", pl.col("each").alias("value"))
        p.money("owed_after", terms, "min", "instalments that fall after the last year")
        stated = AFTER_HORIZON.of(p.problem)
        if stated is not None and stated.instalments == "left_out":
            reason = "instalments after the last year are left out of npv, as the document says; `owed_after` has them"
            p.without_effect("after_horizon", reason)
    if kept.height:
        p.money("residual_value", kept.select("col", pl.col("each").alias("value")), "max", "value after the last year")
    if owed.height or kept.height:
        p.money(
            "value_after", value_after(p), "max", "value less instalments after the last year, discounted, part of npv"
        )
