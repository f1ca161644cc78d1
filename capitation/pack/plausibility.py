"""Plausibility: numbers that are possible but hardly meant, named before money moves.

Each quantity has a band in `plausibility/bands.csv` of the pack. Outside it a number is used and named as a warning; far outside it is
refused, unless the user accepts it with a reason, which is then kept with the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from capitation.errors import Faults, SourceError, UnknownNameError
from capitation.pack.sources import DataPack
from capitation.records.columns import SOURCE
from capitation.records.frames import Column, Frame, Schema
from capitation.sentences import small

BANDS_FILE = "plausibility/bands.csv"


class PlausibleBand(Schema):
    """Between which values a quantity is taken without a word, and from where on it is refused."""

    quantity = Column(pl.String, "name", "Short name of the quantity", key=True)
    about = Column(pl.String, "text", "What it is")
    unit = Column(pl.String, "unit", "What one of it is")
    refuse_below = Column(pl.Float64, "its unit", "Refused below this", nullable=True)
    warn_below = Column(pl.Float64, "its unit", "Named as a warning below this", nullable=True)
    warn_above = Column(pl.Float64, "its unit", "Named as a warning above this", nullable=True)
    refuse_above = Column(pl.Float64, "its unit", "Refused from this on", nullable=True)
    source = SOURCE.but(about="Source that the band rests on")
    owner = Column(pl.String, "role", "Who answers for it, where it is an assumption", nullable=True)
    quality = Column(pl.String, "mark", "How good its evidence is, where it is an assumption", nullable=True)
    where = Column(pl.String, "text", "What was seen in the source")

    @classmethod
    def rules(cls) -> dict[str, pl.Expr]:
        """The warning band lies inside the refusing ends."""
        return {
            "the ends stand in order": (pl.col("refuse_below") <= pl.col("warn_below")).fill_null(value=True)
            & (pl.col("warn_below") < pl.col("warn_above")).fill_null(value=True)
            & (pl.col("warn_above") <= pl.col("refuse_above")).fill_null(value=True),
        }


@dataclass(frozen=True)
class Implausible:
    """Numbers of one column that lie outside their band."""

    name: str
    """What the user accepts it by: the column, or the quantity."""
    about: str
    found: str
    expected: str
    refused: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.found}; expected {self.expected}"


def plausibility_bands(pack: DataPack) -> Frame[PlausibleBand]:
    """The bands of the pack; none where it has no such table."""
    return pack.rows(BANDS_FILE, PlausibleBand) if pack.files(BANDS_FILE) else PlausibleBand.empty()


def outside(
    bands: Frame[PlausibleBand], quantity: str, name: str, values: pl.Series, labels: Sequence[str] | pl.Series
) -> list[Implausible]:
    """What lies outside the band of a quantity: at most one finding far outside, and one outside.

    Args:
        bands: the bands of the pack.
        quantity: the quantity's name in the bands; one that has no band is never implausible.
        name: name of the column, by which a user accepts it.
        values: numbers; empty ones are not looked at.
        labels: whose number each is.
    """
    rows = bands.filter(pl.col("quantity") == quantity)
    if rows.is_empty():
        return []
    band = rows.row(0, named=True)
    far = _beyond(values, band["refuse_below"], band["refuse_above"], closed=True)
    near = _beyond(values, band["warn_below"], band["warn_above"], closed=False) & ~far
    found = []
    for hit, refused in ((far, True), (near, False)):
        places = hit.arg_true()
        if not len(places):
            continue
        first = int(places[0])
        count = f"{len(places)} of {len(values)} numbers, such as " if len(values) > 1 else ""
        found.append(
            Implausible(
                name,
                band["about"],
                f"{count}{values[first]:,.6g} ({labels[first]})",
                f"{_span(band['warn_below'], band['warn_above'])} {band['unit']} ({small(band['about'])})",
                refused,
            )
        )
    return found


def _beyond(values: pl.Series, low: float | None, high: float | None, *, closed: bool) -> pl.Series:
    hit = values.is_null() & False
    if low is not None:
        hit = hit | (values < low)
    if high is not None:
        hit = hit | ((values >= high) if closed else (values > high))
    return hit.fill_null(value=False)


def _span(low: float | None, high: float | None) -> str:
    return f"{'any' if low is None else format(low, ',g')} to {'any' if high is None else format(high, ',g')}"


def accepted(texts: Sequence[str]) -> dict[str, str]:
    """Reasons by name, from texts such as "mff_index=index of a single site, checked with the publisher".

    Raises:
        SourceError: a text without a name or a reason, or a name twice; every fault at once.
    """
    faults, reasons = Faults(), dict[str, str]()
    for text in texts:
        name, sign, reason = (part.strip() for part in text.partition("="))
        if not (name and sign and reason):
            faults.add(
                "--accept", repr(text), "a name, an equals sign and a reason", "Such as mff_index='one site only'."
            )
        elif name in reasons:
            faults.add("--accept", f"{name!r} more than once", "each name once")
        reasons[name] = reason
    faults.raise_if_any(SourceError, "what is accepted cannot be read")
    return reasons


def stands(found: Sequence[Implausible], reasons: Mapping[str, str], where: str) -> list[str]:
    """One sentence for each implausible number that stands, with the reason where the user gave one.

    Raises:
        SourceError: numbers far outside their band that are not accepted; every one at once.
        UnknownNameError: a reason for something that is not implausible.
    """
    for name in reasons:
        if name not in {each.name for each in found}:
            raise UnknownNameError("implausible number", name, {each.name for each in found}, where="--accept")
    faults = Faults()
    for each in found:
        if each.refused and each.name not in reasons:
            faults.add(
                f"{where}: {each.name}",
                each.found,
                each.expected,
                f"Mend it, or let it stand with --accept {each.name}=REASON.",
            )
    faults.raise_if_any(SourceError, f"{where}: some numbers are far from anything plausible")
    return [
        f"accepted: {each}. Reason given: {reasons[each.name]}" if each.name in reasons else f"implausible: {each}"
        for each in found
    ]
