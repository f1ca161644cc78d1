"""The sheet of assumptions: by their effect where a log is kept, else by their owners' ratings."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from api.workbooks.people_sheet import PeopleSheet

ASSUMPTIONS = 60
"""Assumptions that a workbook for people lists; all stand in the full workbook."""


@dataclass(frozen=True)
class AssumptionTable:
    """The assumptions of a run by what they move."""

    rows: pl.DataFrame
    """The first of them, as `log_table` has them."""
    count: int
    """How many there are in all."""


def by_effect(log: AssumptionTable) -> PeopleSheet:
    """The assumptions that move a headline most."""
    money = {"low_pence": "At the low end, £", "base_pence": "As assumed, £", "high_pence": "At the high end, £"}
    first = log.rows.head(ASSUMPTIONS).select(
        pl.col("rank").alias("Rank"), pl.col("assumed").alias("Assumption"), pl.col("tested").alias("Value, and range tested"),
        pl.col("evidence").alias("Evidence"), pl.col("owner").alias("Owner"), pl.col("headline").alias("Headline it moves most"),
        *(pl.col(name).alias(title) for name, title in money.items()),
    )  # fmt: skip
    return PeopleSheet(
        "Assumptions",
        f"The {first.height} assumptions, of {log.count}, that move a headline most",
        "Pounds; the headline with the assumption at either end of its range, and as assumed.",
        first,
        frozenset(money.values()),
    )


def by_rating(rows: pl.DataFrame) -> PeopleSheet | None:
    """The assumptions of a run in the order of their owners' ratings; None where it has none."""
    if rows.is_empty():
        return None
    heads = {"rank": "Rank", "document": "Document", "place": "Where in it", "value": "Value", "unit": "Unit", "low": "Low", "high": "High",
             "quality": "Evidence", "impact": "Impact", "owner": "Owner"}  # fmt: skip
    first = (
        rows.sort("rank")
        .head(ASSUMPTIONS)
        .select(
            pl.col(name).cast(pl.String).alias(title) if name != "rank" else pl.col(name).alias(title)
            for name, title in heads.items()
            if name in rows.columns
        )
    )
    return PeopleSheet(
        "Assumptions",
        f"The first {first.height} of {rows.height} assumptions",
        "In order of their owners' ratings; `capitation assumptions` ranks them by their effect.",
        first,
    )
