"""No locality's benefit per head falls below a share of the system's (policy).

In words: avoided activity, at the price its contracts pay (as units where it has no price), per head of the locality is at least the floor times
that of the whole system.

    benefit[l] = sum over p, t of value[l,p,t] avoided[l,p,t] / persons[l]
    benefit[l] >= floor x system_benefit                     system_benefit = sum over l of persons[l] benefit[l] / persons
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from optimiser.programme.programme import Programme

ORDER = 180
FAMILIES = ("system_benefit_sum", "equity")

_HEADS = 1000.0


def apply(p: Programme) -> None:
    """One row for each locality, and one that adds up the system."""
    equity = p.problem.equity
    if equity is None:
        p.nothing("equity", "no floor between localities is stated")
        return
    if not p.has("avoided") or p.tables.localities.height < 2:
        p.nothing("equity", "there are no two localities with avoided activity to compare")
        return
    worth = (
        p.columns["avoided"]
        .join(p.tables.unit_value, on=["locality", "point_of_delivery", "t"], how="left")
        .join(p.tables.localities, on="locality")
    )
    priced = bool(p.tables.unit_value.height)
    # pounds a thousand heads where prices are stated, so that coefficients stay near 1 in a system of a million
    each = pl.col("value").fill_null(0.0) * 1000 * _HEADS if priced else pl.lit(_HEADS)
    worth = worth.with_columns(each.alias("each"))
    unit = "£ a thousand heads" if priced else "units a thousand heads"
    persons = float(p.tables.localities["persons"].sum())
    whole = p.rows(
        "system_benefit_sum", pl.DataFrame({"scope": ["ALL"]}), [], kind="P", unit=unit,
        label="benefit per head of the system adds up", lower=0.0, upper=0.0,
    )  # fmt: skip
    total = p.columns["system_benefit"].select("col")
    p.add(whole.select("row"), total, [])
    p.add(whole.select("row"), worth.select("each", "col"), [], -pl.col("each") / persons)
    rows = p.rows(
        "equity", p.tables.localities, ["locality"], kind="Q", unit=unit,
        label="benefit per head of {locality} against the system's", group="equity", lower=0.0,
    )  # fmt: skip
    p.add(
        rows.select("row", "locality", pl.col("persons").alias("heads")),
        worth.select("locality", "each", "col"),
        ["locality"],
        pl.col("each") / pl.col("heads"),
    )
    p.add(rows.select("row"), total, [], -float(equity.floor))
