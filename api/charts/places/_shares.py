"""Distances from target as charts need them: of one stream or of all place-based ones together, by locality and year."""

from __future__ import annotations

import polars as pl

from api.charts.choice import Choice, chosen
from api.charts.material import Material

ALL = "all"
"""The place-based streams together."""


def distances(material: Material, choice: Choice) -> tuple[pl.DataFrame, str]:
    """Rows of year, area_code, opening and closing distance in pence and as a share of target; and of which stream they are."""
    streams = known_streams(material)
    stream = chosen(choice.stream, streams, "stream", streams[0], material.source)
    columns = [
        "year",
        "area_code",
        "opening_dft_pence",
        "opening_dft_share",
        "closing_dft_pence",
        "closing_dft_share",
        "target_pence",
    ]
    if stream == ALL:
        return material.frames["place_distance"].select(columns), stream
    rows = material.frames["distance_from_target"].filter(pl.col("stream") == stream)
    return rows.select(columns), stream


def known_streams(material: Material) -> tuple[str, ...]:
    """Streams that have distances: all together first, where they are worked out."""
    own = tuple(material.frames["distance_from_target"].get_column("stream").unique().sort())
    return (ALL, *own) if material.has("place_distance") else own


def points(share: float) -> str:
    """A distance as text, with its sign: "+1.2%", "-10.9%", "0.0%"."""
    text = f"{share:+.1%}"
    return text[1:] if float(text.rstrip("%")) == 0 else text


def years_of(material: Material) -> tuple[str, ...]:
    """Years that have distances."""
    return tuple(material.frames["distance_from_target"].get_column("year").unique().sort())


def stream_words(stream: str, material: Material) -> str:
    """A stream in words for a sentence."""
    return "all place-based money" if stream == ALL else material.name(stream).lower()
