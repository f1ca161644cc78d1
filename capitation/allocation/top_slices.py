"""Top-slices by locality: what each earmark, reserve and contingency takes from, or gives back to, each locality.

    slice_i = system slice x allocation_i / sum of allocations of the stream        (whole pence, largest remainder)

The localities' slices add to the system's to the penny, so what localities may deploy adds to what the system may deploy.
"""

from __future__ import annotations

import polars as pl

from capitation.money.apportion import apportion
from capitation.records.columns import LOCALITY, STREAM, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.streams.control_total import ControlTotalStep


class LocalitySlice(Schema):
    """One top-slice, or its release, for one locality."""

    year = YEAR
    stream = STREAM.but(about="Stream it is taken from")
    step = Column(pl.Int64, "order", "Order of the movement in the control total of its stream", key=True, ge=1)
    locality_code = LOCALITY
    name = Column(pl.String, "words", "Name of the slice")
    kind = Column(pl.String, "word", "Earmark, reserve, contingency or release")
    amount_pence = Column(pl.Int64, "pence", "Negative takes from the locality, positive gives back")


def locality_slices(steps: Frame[ControlTotalStep], totals: pl.DataFrame) -> Frame[LocalitySlice]:
    """Each locality's part of every top-slice and release.

    Args:
        steps: movements of the control total; gross lines are left out.
        totals: year, stream, locality_code, allocation_pence.

    Raises:
        NothingToShareError: a stream is sliced in a year in which no locality has money of it.
    """
    moved = steps.filter(pl.col("kind") != "gross").select(
        "year", "stream", "step", "name", "kind", pl.col("amount_pence").alias("system_pence")
    )
    rows = moved.join(totals, on=["year", "stream"], how="inner")
    shared = apportion(
        rows,
        total="system_pence",
        weight="allocation_pence",
        within=["year", "stream", "step"],
        order_by=["locality_code"],
        into="amount_pence",
    )
    return LocalitySlice.validate(shared.select(*LocalitySlice.columns()))
