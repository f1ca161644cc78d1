"""Waterfalls of an allocation: from the system's control total to each locality and place, step by step.

    0 control total of the system            4 inequality                    7... each top-slice in its order
    1 people registered elsewhere            5 unavoidable cost
    2 (opening: the area's share by heads)   6 pace of change

Every balance is a whole-penny split of the same money over the same areas by another weight, so each step is the difference
of two exact splits and the lines add up by construction.
"""

from __future__ import annotations

import polars as pl

from capitation.allocation.ledger import LedgerLine, waterfall
from capitation.money.apportion import apportion
from capitation.money.weights import exact_sums
from capitation.records.frames import Frame
from capitation.weighting.practice_weights import STAGES, StagedWeight

STAGE_NAMES = {
    "registered persons": "people registered elsewhere",
    "need": "need for services",
    "inequality": "inequality adjustment",
    "cost": "unavoidable cost (market forces, ambulance)",
}
"""What the movement into each staged weight is called on a waterfall."""


def area_waterfalls(
    gross: pl.DataFrame,
    stages: Frame[StagedWeight],
    members: pl.DataFrame,
    totals: pl.DataFrame,
    slices: pl.DataFrame,
    *,
    kind: str,
) -> Frame[LedgerLine]:
    """The waterfall of every area and year over all streams.

    Args:
        gross: year, stream, recurrent_pence, non_recurrent_pence: money before top-slices.
        stages: staged weights of practices.
        members: practice_code, area_code, `locality_code`: which area a practice lies in.
        totals: year, area_code, allocation_pence: recurrent and non-recurrent money of the area after pace of change.
        slices: year, area_code, step, name, amount_pence: top-slices of the area, all its streams together, in order.
        kind: what the areas are, such as "locality" or "place".

    Rule: each stage splits recurrent and non-recurrent money by locality (largest remainder), places add their localities.
    """
    money = gross.with_columns(pl.col("recurrent_pence") + pl.col("non_recurrent_pence")).select(
        "year", "stream", pl.col("recurrent_pence").alias("gross_pence")
    )
    by_locality = exact_sums(
        stages.join(members, on="practice_code", how="inner", validate="m:1"),
        ["year", "stream", "stage", "locality_code", "area_code"],
        "weighted_persons",
    ).join(money, on=["year", "stream"], how="inner", validate="m:1")
    split = apportion(
        by_locality,
        total="gross_pence",
        weight="weighted_persons",
        within=["year", "stream", "stage"],
        order_by=["locality_code"],
        into="balance_pence",
    )
    staged = split.group_by("year", "area_code", "stage").agg(pl.col("balance_pence").sum())
    order = {stage: number + 1 for number, stage in enumerate(STAGES)}
    lines = [
        _opening(money, staged),
        staged.select(
            "year",
            pl.col("area_code").alias("subject_code"),
            pl.col("stage").replace_strict(order, return_dtype=pl.Int64).alias("step"),
            pl.col("stage").replace_strict(STAGE_NAMES, return_dtype=pl.String).alias("name"),
            "balance_pence",
        ),
        totals.select(
            "year",
            pl.col("area_code").alias("subject_code"),
            pl.lit(len(STAGES) + 1, dtype=pl.Int64).alias("step"),
            pl.lit("pace of change").alias("name"),
            pl.col("allocation_pence").alias("balance_pence"),
        ),
        _after_slices(totals, slices, first=len(STAGES) + 2),
    ]
    return waterfall(pl.concat(lines), subject_kind=kind)


def provider_waterfalls(allocation: pl.DataFrame, to_providers: pl.DataFrame) -> Frame[LedgerLine]:
    """The waterfall of every provider and year: from the control total to what flows to it.

    Args:
        allocation: allocations of all levels; the level "system" is the control total.
        to_providers: year, provider_code, service_code, allocation_pence.

    Rule: each balance is a plain sum of whole pence: everything spent, then the services the provider delivers, then its own part.
    """
    whole = (
        allocation.filter(pl.col("level") == "system")
        .group_by("year")
        .agg(pl.col("allocation_pence").sum().alias("total"))
    )
    spent = to_providers.group_by("year").agg(pl.col("allocation_pence").sum().alias("spent"))
    by_service = to_providers.group_by("year", "service_code").agg(pl.col("allocation_pence").sum().alias("service"))
    delivered = to_providers.select("year", "provider_code", "service_code").unique()
    reach = (
        delivered.join(by_service, on=["year", "service_code"], how="inner", validate="m:1")
        .group_by("year", "provider_code")
        .agg(pl.col("service").sum().alias("reach"))
    )
    own = to_providers.group_by("year", "provider_code").agg(pl.col("allocation_pence").sum().alias("own"))
    rows = (
        own.join(reach, on=["year", "provider_code"], how="inner", validate="1:1")
        .join(whole, on="year", how="inner", validate="m:1")
        .join(spent, on="year", how="inner", validate="m:1")
    )
    steps = {
        "total": "control total of the system",
        "spent": "held in reserve and contingency",
        "reach": "services it does not deliver",
        "own": "other providers of its services",
    }
    stages = [
        rows.select(
            "year",
            pl.col("provider_code").alias("subject_code"),
            pl.lit(number, dtype=pl.Int64).alias("step"),
            pl.lit(name).alias("name"),
            pl.col(column).alias("balance_pence"),
        )
        for number, (column, name) in enumerate(steps.items())
    ]
    return waterfall(pl.concat(stages), subject_kind="provider")


def _opening(money: pl.DataFrame, staged: pl.DataFrame) -> pl.DataFrame:
    whole = money.group_by("year").agg(pl.col("gross_pence").sum().alias("balance_pence"))
    return (
        staged.select("year", "area_code")
        .unique()
        .join(whole, on="year", how="inner", validate="m:1")
        .select(
            "year",
            pl.col("area_code").alias("subject_code"),
            pl.lit(0, dtype=pl.Int64).alias("step"),
            pl.lit("control total of the system").alias("name"),
            "balance_pence",
        )
    )


def _after_slices(totals: pl.DataFrame, slices: pl.DataFrame, *, first: int) -> pl.DataFrame:
    ordered = slices.sort("year", "area_code", "step").with_columns(
        pl.col("amount_pence").cum_sum().over("year", "area_code").alias("taken_pence"),
        (pl.int_range(pl.len(), dtype=pl.Int64).over("year", "area_code") + first).alias("place"),
    )
    joined = ordered.join(
        totals.select("year", "area_code", "allocation_pence"), on=["year", "area_code"], how="inner", validate="m:1"
    )
    return joined.select(
        "year",
        pl.col("area_code").alias("subject_code"),
        pl.col("place").alias("step"),
        "name",
        (pl.col("allocation_pence") + pl.col("taken_pence")).alias("balance_pence"),
    )


def system_waterfall(system_code: str, steps: pl.DataFrame) -> pl.DataFrame:
    """The system's own waterfall: streams one by one to the control total, then each top-slice, to what is deployable."""
    ordered = steps.with_columns(
        (pl.col("kind") != "gross").alias("is_slice"),
        pl.when(pl.col("kind") == "gross")
        .then(pl.col("stream") + ": " + pl.col("name"))
        .otherwise(pl.col("name"))
        .alias("line"),
    ).sort("year", "is_slice", "stream", "step")
    lines = ordered.with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).over("year").alias("place"),
        pl.col("amount_pence").cum_sum().over("year").alias("after_pence"),
    )
    return LedgerLine.validate(
        lines.select(
            "year",
            pl.lit("system").alias("subject_kind"),
            pl.lit(system_code).alias("subject_code"),
            pl.col("place").alias("step"),
            pl.col("line").alias("name"),
            "amount_pence",
            pl.col("after_pence").alias("balance_pence"),
        )
    )
