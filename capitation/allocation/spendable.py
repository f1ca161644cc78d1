"""Spendable money: what flows on to providers once reserves and contingency are set aside.

    spendable_i = allocation_i - held_i        held_i = the locality's reserves and contingency shared by practice allocation

An earmark is spent for its purpose and flows on; a reserve and a contingency are set aside until they are released. Money set
aside and spendable money together are the allocation, to the penny, for every practice.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from capitation.allocation.top_slices import LocalitySlice
from capitation.allocation.tree import LevelAllocation, allocate_levels
from capitation.records.columns import LOCALITY, STREAM, YEAR
from capitation.records.frames import Column, Frame, Schema

HELD_KINDS = ("non-recurrent reserve", "contingency", "release")
"""Kinds of top-slice that set money aside, or give it back."""


class HeldMoney(Schema):
    """Money of a locality in reserve or contingency."""

    year = YEAR
    stream = STREAM.but(about="Stream it is set aside from")
    locality_code = LOCALITY
    held_pence = Column(pl.Int64, "pence", "In reserve and contingency, less what was released", ge=0)


@dataclass(frozen=True)
class Spendable:
    """Practice allocations less what is set aside, and what is set aside."""

    practices: Frame[LevelAllocation]
    held: Frame[HeldMoney]


def spendable(allocation: Frame[LevelAllocation], slices: Frame[LocalitySlice]) -> Spendable:
    """Spendable money of every practice, and the money that every locality sets aside.

    Args:
        allocation: allocations of all levels; practices have their locality as parent.
        slices: top-slices of each locality.

    Raises:
        NothingToShareError: a locality holds money of a stream in which its practices have none.

    Example:
        A locality of 100.00 with 1.00 of contingency and practices of 75.00 and 25.00: 74.25 and 24.75 are spendable.
    """
    key = ["year", "stream", "locality_code"]
    reserved = (
        slices.filter(pl.col("kind").is_in(HELD_KINDS))
        .group_by(key)
        .agg((-pl.col("amount_pence").sum()).alias("held_pence"))
    )
    node = ["year", "stream", "code"]
    practices = allocation.filter(pl.col("level") == "practice")
    leaves = practices.select(
        "year", "stream", locality="parent_code", practice="code", weighted_persons="allocation_pence"
    )
    holding = (
        practices.select("year", "stream", locality_code="parent_code")
        .unique()
        .join(reserved, on=key, how="full", coalesce=True, validate="1:1")
        .select("year", "stream", locality="locality_code", allocation_pence=pl.col("held_pence").fill_null(0))
    )
    down = allocate_levels(holding, leaves, ["locality", "practice"], given="locality")
    mine = down.filter(pl.col("level") == "practice").select(*node, mine_pence="allocation_pence")
    left = practices.join(mine, on=node, how="left", validate="1:1").with_columns(
        pl.col("allocation_pence") - pl.col("mine_pence")
    )
    return Spendable(LevelAllocation.validate(left.drop("mine_pence")), HeldMoney.validate(reserved))
