"""Charts on pages: a picture with its words, its data beside it, and an address of its own."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from api.charts.choice import Choice
from api.charts.figure import ChartFigure
from api.charts.material import of_run
from api.charts.registry import charts_of
from api.pages.seen import SeenRun
from capitation.errors import CapitationError


@dataclass(frozen=True)
class Picture:
    """A chart on a page."""

    name: str
    title: str
    subtitle: str
    source: str
    alt: str
    address: str
    notes: tuple[str, ...]


def figure_of(seen: SeenRun, name: str, year: str | None = None) -> ChartFigure:
    """A chart of a run.

    Raises:
        CapitationError: there is no such chart, or it cannot be drawn of what the caller sees.
    """
    return charts_of(of_run(seen.run)).figure(name, Choice(year=year))


def picture(seen: SeenRun, name: str, year: str | None = None) -> Picture | None:
    """A chart for a page; None where it cannot be drawn of what the caller sees."""
    try:
        figure = figure_of(seen, name, year)
    except (CapitationError, pl.exceptions.PolarsError, ValueError, KeyError, IndexError):
        return None
    query = f"?year={year}" if year else ""
    return Picture(
        name,
        figure.title,
        figure.subtitle,
        figure.source,
        figure.alt,
        f"/runs/{seen.id}/charts/{name}{query}",
        tuple(figure.notes),
    )
