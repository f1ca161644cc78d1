"""Counted savings rest on weak evidence for at most a share (policy).

In words: of all savings counted (avoided activity at the contract's marginal price, and direct savings), those from
effects whose evidence is of the named grades are at most the share stated.

    weak savings - most x all savings <= 0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 220
FAMILIES = ("evidence_guard",)


def apply(p: Programme) -> None:
    """One row over all years."""
    guard = p.problem.evidence_guard
    if guard is None:
        p.nothing("evidence_guard", "no ceiling on weakly evidenced savings is stated")
        return
    avoided = (
        p.columns["credit"]
        .join(p.tables.unit_value, on=["locality", "point_of_delivery", "t"], maintain_order="left")
        .select("col", "evidence", "value")
    )
    direct = (
        p.columns["effective"]
        .join(p.tables.savings, on="solution")
        .select("col", "evidence", (pl.col("thousand") * pl.col("weight")).alias("value"))
    )
    counted = pl.concat([avoided, direct])
    if not counted.height:
        p.nothing("evidence_guard", "no savings are counted")
        return
    row = p.rows(
        "evidence_guard", pl.DataFrame({"scope": ["ALL"]}), [], kind="Q", unit="£ thousand",
        label="savings resting on weak evidence", group="evidence", upper=0.0,
    )  # fmt: skip
    weak = pl.col("evidence").is_in(list(guard.grades)).cast(pl.Float64)
    p.add(row.select("row"), counted, [], pl.col("value") * (weak - float(guard.most)))
