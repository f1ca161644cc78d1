"""Fixed cost released in lumps: wards, theatres and clinics that close when enough activity has gone.

block_released[h,q,t]  blocks of kind q of provider h closed by year t
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl
from pydantic import Field, model_validator

from capitation.shift.solution import Name, Pounds, Sourced
from optimiser.programme.core import DocumentKey, rows
from optimiser.programme.meaning import Meaning
from optimiser.programme.programme import Programme, constraint, variables
from optimiser.programme.tables import NUMBER, TEXT, THOUSAND, WHOLE, ProblemTables, long, table

_KEY = ["provider", "point_of_delivery", "lag", "t"]


class CostBlock(Sourced):
    """Fixed cost that a provider can release only in lumps: a ward, a theatre, a clinic."""

    id: Name
    """Short name."""
    provider: Name
    """Whose."""
    point_of_delivery: Name
    """Activity that must fall for it to close."""
    units: Decimal = Field(gt=0)
    """Activity a year that one block serves."""
    saving_pounds: Pounds
    """Cost a year released by closing one."""
    lag_years: int = Field(default=0, ge=0, le=100, strict=True)
    """Years between the fall in activity and the release."""
    most: int = Field(default=1, ge=1, strict=True)
    """How many can close."""
    staff_group: Name | None = None
    """Staff it frees, where they can work in the mix."""
    staff_wte: Decimal = Field(default=Decimal(0), ge=0)
    """How many it frees."""

    @model_validator(mode="after")
    def _whose_staff(self) -> CostBlock:
        if self.staff_wte and self.staff_group is None:
            raise ValueError(f"a staff_group beside staff_wte = {self.staff_wte}: whose posts closing it frees")
        return self


BLOCKS = rows(
    "blocks", CostBlock, "Fixed cost released in lumps.",
    Meaning("block {id} of {provider}", "units", ("provider", "id")),
)  # fmt: skip
WHOLE_BLOCKS = DocumentKey("whole_blocks", bool, default=True, about="Whether only whole blocks close.")


@table
def wards(t: ProblemTables) -> pl.DataFrame:
    """provider, block, point_of_delivery, size (units), saving (thousand pounds), lag, most, staff_group, staff_wte."""
    stated = [
        (
            b.provider,
            b.id,
            b.point_of_delivery,
            float(b.units),
            float(b.saving_pounds) / THOUSAND,
            b.lag_years,
            float(b.most),
            b.staff_group or "",
            float(b.staff_wte),
        )
        for b in BLOCKS.of(t.problem)
    ]
    return long(
        stated, provider=TEXT, block=TEXT, point_of_delivery=TEXT, size=NUMBER, saving=NUMBER, lag=WHOLE, most=NUMBER,
        staff_group=TEXT, staff_wte=NUMBER,
    )  # fmt: skip


@variables(180)
def block_released(p: Programme) -> None:
    """Blocks closed by each year; whole ones only where the document says so."""
    p.columns(
        "block_released", wards(p.tables).join(p.tables.dates, how="cross"), ["provider", "block", "year"],
        unit="blocks", label="blocks {block} of {provider} closed by {year}", upper="most",
        integer=WHOLE_BLOCKS.of(p.problem),
    )  # fmt: skip


@constraint(130, "block_release", "block_stays_closed", "block_release_together")
def cost_release(p: Programme) -> None:
    """Blocks of fixed cost close only when enough activity has gone, and stay closed (physics).

    In words: the activity served by the closed blocks of a kind is at most what the provider no longer does there, after
    the blocks' lag; a block closed stays closed; blocks with different lags never close on the same activity.

        sum over q of size[q] block_released[h,q,t] <= donated[h,p,t - lag]        block_released[h,q,t] >= block_released[h,q,t-1]
        sum over q of size[q] block_released[h,q,t + lag[q]] <= donated[h,p,t]     where the lags of a kind of activity differ
    """
    if not p.has("block_released"):
        p.without_effect("cost_release", "no block of fixed cost is stated; none is released")
        return
    blocks = p["block_released"]
    rows = p.rows(
        "block_release", blocks.select(*_KEY, "year").unique(maintain_order=True),
        ["provider", "point_of_delivery", "lag", "year"], kind="P", unit="units", upper=0.0,
        label="blocks of {point_of_delivery} closed at {provider} in {year} match activity gone",
    ).select("row", *_KEY)  # fmt: skip
    p.add(rows, blocks.select(*_KEY, "size", "col"), _KEY, pl.col("size"))
    gone = p["donated"].select("provider", "point_of_delivery", pl.col("t").alias("when"), "col")
    met = rows.join(gone, on=["provider", "point_of_delivery"]).filter(pl.col("when") == pl.col("t") - pl.col("lag"))
    p.put(met, -1.0)
    stay = p.rows(
        "block_stays_closed", blocks.filter(pl.col("t") > 0).rename({"col": "own"}), ["provider", "block", "year"],
        kind="P", unit="blocks", label="blocks {block} of {provider} closed before {year} stay closed", lower=0.0,
    )  # fmt: skip
    p.put(stay, col="own")
    key = ["provider", "block", "t"]
    before = blocks.select("provider", "block", (pl.col("t") + 1).cast(pl.Int32).alias("t"), "col")
    p.add(stay.select("row", *key), before, key, -1.0)
    _closed_together(p, blocks)


def _closed_together(p: Programme, blocks: pl.DataFrame) -> None:
    """Blocks of one kind of activity with different lags share it: a block keeps its part from the year it waits for."""
    at = ["provider", "point_of_delivery"]
    mixed = blocks.filter(pl.col("lag").n_unique().over(at) > 1)
    if not mixed.height:
        return
    last = p.tables.horizon - 1
    served = (
        mixed.select(*at, "block", "lag", "size", "t", "col")
        .join(p.tables.years.select(pl.col("t").alias("when")), how="cross")
        .filter(pl.col("t") == (pl.col("when") + pl.col("lag")).clip(upper_bound=last))
        .select(*at, "size", "col", pl.col("when").alias("t"))
    )
    rows = p.rows(
        "block_release_together", mixed.select(*at, "t", "year").unique(maintain_order=True),
        ["provider", "point_of_delivery", "year"], kind="P", unit="units", upper=0.0,
        label="blocks of {point_of_delivery} at {provider} that wait for {year} share its activity",
    ).select("row", *at, "t")  # fmt: skip
    p.add(rows, served, [*at, "t"], pl.col("size"))
    p.add(rows, p["donated"].select(*at, "t", "col"), [*at, "t"], -1.0)
