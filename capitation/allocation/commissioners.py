"""Commissioners: the allocation of each in every year, what it plans to pay providers and what it keeps in reserve.

A stream that one body commissions whole, such as specialised services, is that body's; the rest is the commissioning group's of the
practice. Money of a stream that buys no care, such as sustainability funding, is nobody's here: it is earned by rule.
"""

from __future__ import annotations

import polars as pl

from capitation.allocation.providers import ProviderAllocation
from capitation.allocation.services import ServiceStream
from capitation.allocation.tree import LevelAllocation
from capitation.places.membership import Membership
from capitation.records.columns import ALLOCATION_PENCE, COMMISSIONER, YEAR
from capitation.records.frames import Column, Frame, Schema


class CommissionerMoney(Schema):
    """A commissioner's allocation: what it plans to pay providers, and what it holds back."""

    year = YEAR
    commissioner_code = COMMISSIONER
    planned_pence = Column(pl.Int64, "pence", "Planned payments to providers")
    held_pence = Column(pl.Int64, "pence", "Held in reserve and contingency", ge=0)
    allocation_pence = ALLOCATION_PENCE.but(about="Planned payments and held money together", ge=None)
    other_cost_pence = Column(
        pl.Int64, "pence", "Cost that no payment moves: what it plans to save beyond its reserves stands below nothing"
    )


def commissioner_money(
    allocation: Frame[LevelAllocation],
    spendable: Frame[LevelAllocation],
    members: Frame[Membership],
    to_providers: Frame[ProviderAllocation],
    mapping: Frame[ServiceStream],
) -> Frame[CommissionerMoney]:
    """Each commissioner's allocation by year, what it plans to pay and what it holds; over all it is the control total.

    Args:
        allocation: allocations at every level, of which practices are read.
        spendable: what each practice has left after reserves.
        members: the commissioning group of each practice.
        to_providers: what is planned to be paid.
        mapping: who commissions the services of each stream.
    """
    single = mapping.group_by("stream").agg(pl.col("commissioner_code").unique())
    buyers = {s: c[0] for s, c in single.iter_rows() if len(c) == 1 and c[0] is not None}
    key = ["year", "stream", "code"]
    practices = allocation.filter(pl.col("level") == "practice").select(*key, "allocation_pence")
    left = spendable.select(*key, left_pence="allocation_pence")
    homes = members.select(code="practice_code", home="commissioner_code")
    kept = (
        practices.join(left, on=key, how="left", validate="1:1")
        .join(homes, on="code", how="left", validate="m:1")
        .with_columns(
            pl.col("stream")
            .replace_strict(buyers, default=None, return_dtype=pl.String)
            .fill_null(pl.col("home"))
            .alias("commissioner_code")
        )
        .group_by("year", "commissioner_code")
        .agg((pl.col("allocation_pence") - pl.col("left_pence").fill_null(0)).sum().alias("held_pence"))
    )
    planned = to_providers.group_by("year", "commissioner_code").agg(
        pl.col("allocation_pence").sum().alias("planned_pence")
    )
    both = kept.join(planned, on=["year", "commissioner_code"], how="full", coalesce=True, validate="1:1").with_columns(
        pl.col("held_pence", "planned_pence").fill_null(0)
    )
    return CommissionerMoney.validate(
        both.select(
            "year",
            "commissioner_code",
            "planned_pence",
            "held_pence",
            (pl.col("planned_pence") + pl.col("held_pence")).alias("allocation_pence"),
            pl.lit(0, dtype=pl.Int64).alias("other_cost_pence"),
        )
    )
