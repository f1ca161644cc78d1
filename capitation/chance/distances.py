"""Distances from target beside what chance alone does: a distance within the band says nothing of need or pace in one year."""

from __future__ import annotations

import polars as pl

from capitation.chance.book import Book
from capitation.chance.calibration import calibrated
from capitation.chance.curves.normal import STANDARD
from capitation.chance.document import Uncertainty
from capitation.records.columns import LOCALITY, YEAR
from capitation.records.frames import Column, Frame, Schema
from capitation.run.run import Run

COVER = 0.9
"""Share of years that lie within the band."""


class DistanceChance(Schema):
    """A locality's distance from target and the band in which chance keeps its spend in nine years of ten."""

    year = YEAR
    locality_code = LOCALITY
    distance_share = Column(
        pl.Float64, "share of target", "Closing distance from target over all streams", nullable=True
    )
    sd_share = Column(pl.Float64, "share of plan", "Sd of a year's spend by chance alone", ge=0)
    band_share = Column(
        pl.Float64, "share of plan", "Half width of the band that covers nine years of ten, about plan", ge=0
    )
    within_chance = Column(pl.Boolean, "flag", "Whether the distance is smaller than the band", nullable=True)


def distance_chances(run: Run, books: tuple[Book, ...], uncertainty: Uncertainty) -> Frame[DistanceChance]:
    """The chance band beside each locality's distance from target in the years of some plans.

    Example:
        40,000 people vary by 1.84%, so nine years of ten lie within 3.03% of plan; a distance of 2% is less than that.
    """
    width = STANDARD.inv_cdf((1 + COVER) / 2)
    distances = {
        (year, code): share
        for year, code, share in run.frame("place_distance").select("year", "area_code", "closing_dft_share").rows()
    }
    rows = []
    for book in books:
        for code, sd in zip(book.localities, calibrated(book, uncertainty.chance).whole_sd, strict=True):
            distance, band = distances.get((str(book.year), code)), float(f"{width * sd:.9e}")
            within = None if distance is None else abs(distance) < band
            rows.append((str(book.year), code, distance, float(f"{sd:.9e}"), band, within))
    return DistanceChance.validate(pl.DataFrame(rows, schema=DistanceChance.dtypes(), orient="row"))


__all__ = ["DistanceChance", "distance_chances"]
