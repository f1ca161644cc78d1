"""Charts on pages: a picture with its words, its data beside it, and an address of its own; drawn once and kept."""

from __future__ import annotations

import importlib
import importlib.util
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import polars as pl

from api.pages.seen import SeenRun
from api.service.records.failures import ServiceError
from capitation.errors import CapitationError

_KEPT = 200


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


_drawn: OrderedDict[tuple[str, bool], str] = OrderedDict()


def has_charts() -> bool:
    """Whether this installation draws charts."""
    return importlib.util.find_spec("api.charts") is not None


def figure_of(seen: SeenRun, name: str, year: str | None = None) -> Any:  # noqa: ANN401  # a figure of the room of charts
    """A chart of a run.

    Raises:
        CapitationError: there is no such chart, or it cannot be drawn of what the caller sees.
    """
    if not has_charts():
        raise ServiceError("not-found", "this installation draws no charts")
    registry, material, choice = (
        importlib.import_module(f"api.charts.{each}") for each in ("registry", "material", "choice")
    )
    return registry.charts_of(material.of_run(seen.run)).figure(name, choice.Choice(year=year))


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


def svg_of(figure: Any, *, narrow: bool) -> str:  # noqa: ANN401  # as above
    """The drawing of a figure, kept once it is made."""
    key = (figure.digest, narrow)
    if key not in _drawn:
        while len(_drawn) >= _KEPT:
            _drawn.popitem(last=False)
        _drawn[key] = importlib.import_module("api.charts.render").svg(figure, narrow=narrow)
    return _drawn[key]
