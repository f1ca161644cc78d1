"""Charts of a run, a plan, a comparison or a mix: one figure each, with its finding, its table, its words and its picture.

charts = charts_of(of_run(run, pack))       what can be drawn of it, and what is lacking for the rest
figure = charts.figure("bridge", Choice(year="2020/21"))
svg(figure), png(figure), figure.table, figure.alt
"""

from __future__ import annotations

from api.charts.choice import Choice
from api.charts.figure import ChartFigure as Figure
from api.charts.material import Material, of_frames, of_run
from api.charts.registry import Chart, Charts, all_charts, charts_of
from api.charts.render import png, svg

__all__ = [
    "Chart",
    "Charts",
    "Choice",
    "Figure",
    "Material",
    "all_charts",
    "charts_of",
    "of_frames",
    "of_run",
    "png",
    "svg",
]
