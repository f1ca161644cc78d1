"""The staff that a mix of solutions needs, by year."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from capitation.records.columns import SOLUTION, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.shift.effects import ScaleInPlace, ShiftLocality, system_scale
from capitation.shift.solution import Solution


class MixWorkforce(Schema):
    """Staff that one solution employs in one year."""

    year = YEAR
    solution = SOLUTION
    staff_group = Column(pl.String, "id", "Staff group", key=True)
    workforce_wte = Column(pl.Float64, "whole-time equivalents", "Staff at the scale in place", ge=0)


def mix_workforce(
    solutions: Sequence[Solution], scales: Frame[ScaleInPlace], localities: Frame[ShiftLocality]
) -> Frame[MixWorkforce]:
    """Staff by year, solution and group at the scale in place."""
    table = pl.DataFrame(
        [(s.id, w.staff_group, float(w.wte)) for s in solutions for w in s.workforce],
        schema={"solution": pl.String, "staff_group": pl.String, "wte": pl.Float64},
        orient="row",
    )
    rows = system_scale(solutions, scales, localities, "scale").join(table, on="solution")
    wte = (pl.col("wte") * pl.col("scale")).alias("workforce_wte")
    return MixWorkforce.validate(rows.with_columns(wte).select(*MixWorkforce.columns()))
