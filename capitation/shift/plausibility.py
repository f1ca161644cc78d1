"""Where a plan's fall in activity stands among other plans: inside, above or below the band a review of them found."""

from __future__ import annotations

import polars as pl

from capitation.pack.sources import DataPack
from capitation.records.columns import IMPACT, POINT_OF_DELIVERY, QUALITY, SOURCE
from capitation.records.frames import Column, Frame, Schema
from capitation.shift.calibration import LineCalibration


class PlausibilityBand(Schema):
    """How far plans of other systems meant to cut activity at one point of delivery by 2020/21."""

    point_of_delivery = POINT_OF_DELIVERY
    low_share = Column(pl.Float64, "share", "Smallest planned fall", ge=0, le=1)
    mean_share = Column(pl.Float64, "share", "Mean planned fall", ge=0, le=1)
    high_share = Column(pl.Float64, "share", "Largest planned fall", ge=0, le=1)
    source = SOURCE
    owner = Column(pl.String, "role", "Who answers for its use")
    quality = QUALITY
    impact = IMPACT
    where = Column(pl.String, "text", "Where the band was published, and how it was read")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """The mean lies inside the band."""
        return {"the mean lies inside the band": pl.col("mean_share").is_between("low_share", "high_share")}


class Plausibility(Schema):
    """One line of the plan beside the band of other plans."""

    point_of_delivery = POINT_OF_DELIVERY
    planned_share = Column(pl.Float64, "share", "Fall against current trends in the plan; a rise is below 0")
    low_share = Column(pl.Float64, "share", "Smallest fall other plans meant", ge=0, le=1)
    mean_share = Column(pl.Float64, "share", "Mean fall other plans meant", ge=0, le=1)
    high_share = Column(pl.Float64, "share", "Largest fall other plans meant", ge=0, le=1)
    standing = Column(pl.String, "words", "Where the plan stands in the band", one_of=("below", "inside", "above"))


def plausibility_bands(pack: DataPack) -> Frame[PlausibilityBand]:
    """The bands of the pack."""
    return pack.rows("evidence/plausibility-bands.csv", PlausibilityBand)


def plausibility(lines: Frame[LineCalibration], bands: Frame[PlausibilityBand]) -> Frame[Plausibility]:
    """Each line with a band, and where the plan stands in it; lines that no band covers are left out.

    Example:
        A&E from 354,739 to 310,333 is a fall of 12.5%: inside a band of 6% to 30%.
    """
    share = 1 - pl.col("mitigated") / pl.col("unmitigated")
    rows = lines.join(bands, on="point_of_delivery", validate="1:1").with_columns(share.alias("planned_share"))
    standing = (
        pl.when(pl.col("planned_share") < pl.col("low_share"))
        .then(pl.lit("below"))
        .when(pl.col("planned_share") > pl.col("high_share"))
        .then(pl.lit("above"))
        .otherwise(pl.lit("inside"))
    )
    return Plausibility.validate(rows.with_columns(standing.alias("standing")).select(*Plausibility.columns()))
