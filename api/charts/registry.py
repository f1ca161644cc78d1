"""All charts, found by scanning the rooms of this folder: one chart, one file, with the chart as `CHART`; no list names it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from api.charts.choice import Choice
from api.charts.figure import ChartFigure
from api.charts.material import Material
from api.charts.render import svg
from capitation.errors import ScenarioError, UnknownNameError


@dataclass(frozen=True)
class Chart:
    """One kind of chart: the question it answers, what it needs, and how it is drawn."""

    name: str
    """Its name in addresses and on the command line."""
    order: int
    """Where it stands in lists, from the money to the risk."""
    question: str
    """The question it answers."""
    needs: Mapping[str, str]
    """Frames it is drawn from, each with the stage that makes it and the command that runs that stage."""
    draw: Callable[[Material, Choice], ChartFigure]
    """The figure of a view."""
    choices: Callable[[Material], Mapping[str, tuple[str, ...]]] = lambda _: {}
    """What can be chosen of it: each key of `Choice` that it knows, with the values that the material has."""

    def lacks(self, material: Material) -> str:
        """The stages that are lacking for this chart, in words; nothing where it can be drawn."""
        missing = [stage for frame, stage in self.needs.items() if not material.has(frame)]
        return "; ".join(dict.fromkeys(missing))


@dataclass(frozen=True)
class Charts:
    """The charts of one material: which can be drawn, and what is lacking for the others."""

    material: Material

    @property
    def drawable(self) -> tuple[Chart, ...]:
        """Charts that can be drawn."""
        return tuple(chart for chart in all_charts().values() if not chart.lacks(self.material))

    @property
    def lacking(self) -> dict[str, str]:
        """What is lacking, in words, by the name of each chart that cannot be drawn."""
        return {name: chart.lacks(self.material) for name, chart in all_charts().items() if chart.lacks(self.material)}

    def figure(self, name: str, choice: Choice | None = None) -> ChartFigure:
        """One figure.

        Raises:
            UnknownNameError: there is no chart of that name, or no such year, option or party in it.
            ScenarioError: the material lacks a stage that the chart needs.
        """
        chart = all_charts().get(name)
        if chart is None:
            raise UnknownNameError("chart", name, all_charts(), where=self.material.source)
        lacks = chart.lacks(self.material)
        if lacks:
            raise ScenarioError(f"{self.material.source}: no chart {name!r} can be drawn of it; it lacks {lacks}")
        return chart.draw(self.material, choice or Choice())

    def figures(self) -> Iterator[ChartFigure]:
        """Every figure that can be drawn, in its first view."""
        for chart in self.drawable:
            yield self.figure(chart.name)

    def _repr_html_(self) -> str:
        """What a notebook shows: every figure, and what is lacking for the others."""
        lacking = "".join(f"<li>{escape(n)}: lacks {escape(why)}</li>" for n, why in self.lacking.items())
        return "".join(svg(figure) for figure in self.figures()) + (f"<ul>{lacking}</ul>" if lacking else "")


def charts_of(material: Material) -> Charts:
    """The charts of a material; `of_run` and `of_frames` make one."""
    return Charts(material)


@cache
def all_charts() -> dict[str, Chart]:
    """Every chart by name, in their order.

    Raises:
        TypeError: a file of a room has no chart, or two have one name.
    """
    found: dict[str, Chart] = {}
    for room in pkgutil.iter_modules([str(Path(__file__).parent)], "api.charts."):
        if not room.ispkg:
            continue
        for each in pkgutil.iter_modules(importlib.import_module(room.name).__path__, f"{room.name}."):
            if each.name.rpartition(".")[2].startswith("_"):
                continue
            chart = getattr(importlib.import_module(each.name), "CHART", None)
            if not isinstance(chart, Chart) or chart.name in found:
                message = f"{each.name}: found no chart of a name of its own; expected CHART, a Chart"
                raise TypeError(message)
            found[chart.name] = chart
    return dict(sorted(found.items(), key=lambda entry: (entry[1].order, entry[0])))
