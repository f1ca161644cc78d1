"""Equity between localities: a floor on each one's benefit per head.

system_benefit  benefit per head of the whole system
"""

from __future__ import annotations

import polars as pl

from capitation.records.documents import Document
from capitation.shift.solution import Share
from optimiser.blocks.income import unit_value
from optimiser.programme.core import ALL, one
from optimiser.programme.programme import Programme, constraint, variables

_HEADS = 1000.0


class Equity(Document):
    """Floor on each locality's benefit per head."""

    floor: Share
    """Smallest benefit per head as a share of the system's."""


EQUITY = one("equity", Equity, "Floor between localities.")


@variables(230)
def system_benefit(p: Programme) -> None:
    """The system's benefit per head, where a floor is stated."""
    if EQUITY.of(p.problem) is not None:
        p.columns(
            "system_benefit", pl.DataFrame({"scope": [ALL]}), [], unit="benefit a thousand heads",
            label="benefit per head of the system",
        )  # fmt: skip


@constraint(180, "system_benefit_sum", "equity")
def equity(p: Programme) -> None:
    """No locality's benefit per head falls below a share of the system's (policy).

    In words: avoided activity, at the price its contracts pay (as units where it has no price), per head of the locality
    is at least the floor times that of the whole system.

        benefit[l] = sum over p, t of value[l,p,t] avoided[l,p,t] / persons[l]
        benefit[l] >= floor x system_benefit                     system_benefit = sum over l of persons[l] benefit[l] / persons
    """
    stated, localities, values = EQUITY.of(p.problem), p.tables.localities, unit_value(p.tables)
    if stated is None:
        p.without_effect("equity", "no floor between localities is stated")
        return
    if not p.has("avoided") or localities.height < 2:
        p.without_effect("equity", "there are no two localities with avoided activity to compare")
        return
    priced = bool(values.height)
    # pounds a thousand heads where prices are stated, so that coefficients stay near 1 in a system of a million
    each = pl.col("value").fill_null(0.0) * 1000 * _HEADS if priced else pl.lit(_HEADS)
    worth = (
        p["avoided"]
        .join(values, on=["locality", "point_of_delivery", "t"], how="left")
        .join(localities, on="locality")
        .with_columns(each.alias("each"))
    )
    unit = "£ a thousand heads" if priced else "units a thousand heads"
    whole = p.sums(
        "system_benefit_sum", "system_benefit", [], unit=unit, label="benefit per head of the system adds up"
    )
    persons = float(localities["persons"].sum())
    p.add(whole.select("row"), worth.select("each", "col"), [], -pl.col("each") / persons)
    rows = p.rows(
        "equity", localities, ["locality"], kind="Q", unit=unit,
        label="benefit per head of {locality} against the system's", group="equity", lower=0.0,
    )  # fmt: skip
    heads = rows.select("row", "locality", pl.col("persons").alias("heads"))
    p.add(heads, worth.select("locality", "each", "col"), ["locality"], pl.col("each") / pl.col("heads"))
    p.add(rows.select("row"), p["system_benefit"].select("col"), [], -float(stated.floor))
