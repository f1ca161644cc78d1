"""What a mix of solutions costs, by purse, and what the plan prints as its savings."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from capitation.money.rounding import MICRO, micro, nearest_whole
from capitation.records.columns import LOCALITY, SOLUTION, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.shift.effects import Launch, Level, ScaleInPlace, ShiftLocality, by_remainder, parts_of, system_scale
from capitation.shift.solution import Solution

KINDS = ("recurrent", "non_recurrent", "capital")
"""The purses that costs are paid from."""


class MixCost(Schema):
    """What one solution costs in one locality and year, by purse."""

    year = YEAR
    solution = SOLUTION
    kind = Column(pl.String, "purse", "Recurrent, non-recurrent or capital", key=True, one_of=KINDS)
    locality_code = LOCALITY.but(about="Locality that the cost is for")
    cost_pence = Column(pl.Int64, "pence", "Cost", ge=0)


class MixSaving(Schema):
    """Cash that one solution releases directly in one year, apart from the activity it avoids."""

    year = YEAR
    solution = SOLUTION
    saving = Column(pl.String, "id", "Which of its savings", key=True)
    falls_to = Column(pl.String, "code", "Organisation that keeps it; empty for the commissioner")
    saving_pence = Column(pl.Int64, "pence", "Saving", ge=0)


def mix_costs(
    solutions: Sequence[Solution], mix: Frame[Launch], scales: Frame[ScaleInPlace], localities: Frame[ShiftLocality]
) -> Frame[MixCost]:
    """Costs by year, solution, purse and locality, in whole pence.

    Recurrent cost follows the scale in place; non-recurrent and capital cost follow the scale added, spent evenly over
    the years stated; a cost of starting falls in full at the first launch (each year from then on where it is
    recurrent), whatever the scale. Amounts are the whole system's at full scale, and a locality bears its persons' part.
    """
    if scales.is_empty():
        return MixCost.empty()
    years = scales.get_column("year").unique().sort().to_list()
    parts = parts_of(solutions, localities)
    added = scales.sort("year").with_columns(
        (pl.col("scale") - pl.col("scale").shift(1).over("solution", "locality_code").fill_null(0.0)).alias("added")
    )
    first = scales.group_by("solution", "locality_code").agg(pl.col("year").min().alias("started"))
    table = pl.DataFrame(
        [(s.id, c.kind, c.basis, c.pence, c.years) for s in solutions for c in s.costs],
        schema={"solution": pl.String, "kind": pl.String, "basis": pl.String, "amount": pl.Int64, "spread": pl.Int64},
        orient="row",
    ).with_row_index("entry")
    rows = added.join(first, on=["solution", "locality_code"]).join(parts, on=["solution", "locality_code"])
    rows = rows.join(table, on="solution")
    place = {y: i for i, y in enumerate(years)}
    at = pl.col("year").replace_strict(place, return_dtype=pl.Int64)
    starts = pl.col("started").replace_strict(place, return_dtype=pl.Int64)
    rows = rows.with_columns(at.alias("t"), (at == starts).alias("starts"))
    running = rows.filter(pl.col("kind") == "recurrent").with_columns(
        pl.when(pl.col("basis") == "start").then(1.0).otherwise(pl.col("scale")).alias("times")
    )
    once = (
        rows.filter(pl.col("kind") != "recurrent")
        .with_columns(
            pl.when(pl.col("basis") == "start")
            .then(pl.col("starts").cast(pl.Float64))
            .otherwise(pl.col("added"))
            .alias("times")
        )
        .with_columns(pl.int_ranges(0, pl.col("spread")).alias("later"))
        .explode("later")
        .with_columns((pl.col("t") + pl.col("later")).alias("t"), (pl.col("times") / pl.col("spread")).alias("times"))
        .filter(pl.col("t") < len(years))
    )
    columns = ["solution", "kind", "entry", "amount", "t", "locality_code", "times", "part"]
    due = pl.concat([running.select(columns), once.select(columns)]).filter(pl.col("times") > 0)
    named = pl.DataFrame({"t": range(len(years)), "year": years}, schema={"t": pl.Int64, "year": pl.String})
    pence = pl.col("amount") * pl.col("times") * pl.col("part")
    group = ["year", "solution", "kind"]
    summed = (
        due.join(named, on="t")
        .with_columns(micro(pence).alias("micro"))
        .group_by([*group, "locality_code"])
        .agg(pl.col("micro").sum())
        .with_columns(((pl.col("micro").sum().over(group) + MICRO // 2) // MICRO).alias("whole"))
    )
    whole = by_remainder(summed, group, ["locality_code"], "cost_pence")
    return MixCost.validate(whole.select(*MixCost.columns()))


def mix_savings(
    solutions: Sequence[Solution],
    scales: Frame[ScaleInPlace],
    localities: Frame[ShiftLocality],
    level: Level = "central",
) -> Frame[MixSaving]:
    """Direct savings by year and solution at the effective scale, in whole pence."""
    table = pl.DataFrame(
        [(s.id, v.id, v.falls_to, float(v.at(level)) * 100) for s in solutions for v in s.savings],
        schema={"solution": pl.String, "saving": pl.String, "falls_to": pl.String, "amount": pl.Float64},
        orient="row",
    )
    rows = system_scale(solutions, scales, localities, "effective_scale").join(table, on="solution")
    pence = nearest_whole(pl.col("amount") * pl.col("effective_scale"))
    return MixSaving.validate(rows.with_columns(pence.alias("saving_pence")).select(*MixSaving.columns()))
