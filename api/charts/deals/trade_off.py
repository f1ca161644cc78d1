"""The trade-off of a design: the strongest incentive that is left at each limit of risk."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from api.charts.choice import Choice
from api.charts.figure import ChartFigure, Spec
from api.charts.look import BLUE, Paper, figure_of
from api.charts.material import Material
from api.charts.registry import Chart
from capitation.sentences import capital


def trade_off_figure(points: Sequence[tuple[float, float]], of: str, risk: str, incentive: str) -> ChartFigure:
    """The figure of a trade-off.

    Args:
        points: limit and incentive, as shares, in order.
        of: which family of terms.
        risk: what is limited.
        incentive: what is kept.
    """
    table = pl.DataFrame(
        [
            pl.Series(f"{capital(risk)} (%)", [round(x * 100, 3) for x, _ in points], dtype=pl.Float64),
            pl.Series(f"{capital(incentive)} (%)", [round(y * 100, 2) for _, y in points], dtype=pl.Float64),
        ]
    )
    kept = [y for _, y in points]
    if not points or min(kept) == max(kept):
        title = (
            f"{of}: the limit of risk does not change what is {incentive}" if points else f"{of}: no terms were found"
        )
    else:
        title = f"{of}: from the tightest limit to the loosest, {kept[0]:.0%} to {kept[-1]:.0%} is {incentive}"
    subtitle = f"{capital(incentive)}, against the {risk}"
    source = "Source: terms of the family, settled on drawn years; sizes of doubt are assumed or fitted."
    alt = "Line: " + "; ".join(f"at {x:.2%} {y:.1%}" for x, y in points) + "."
    values = [{"x": x, "y": y} for x, y in points]
    return figure_of(
        "trade-off", (title, subtitle, source, alt), table, lambda sheet: _body(sheet, values, (risk, incentive))
    )


def _body(sheet: Paper, values: list[dict[str, float]], titles: tuple[str, str]) -> Spec:
    x: Spec = {"field": "x", "type": "quantitative", "title": sheet.wrap(titles[0], sheet.width - 140),
               "axis": {"format": ".1%", "tickCount": 3 if sheet.is_narrow else 6}}  # fmt: skip
    y: Spec = {
        "field": "y",
        "type": "quantitative",
        "title": titles[1],
        "axis": {"format": ".0%"},
        "scale": {"domain": [0, max([1.0, *(v["y"] for v in values)])]},
    }
    return {
        "width": sheet.width - 110, "height": 260 if sheet.is_narrow else 320, "data": {"values": values},
        "mark": {"type": "line", "color": BLUE, "strokeWidth": 2.5, "point": {"filled": True, "size": 70, "color": BLUE}},
        "encoding": {"x": x, "y": y, "order": {"field": "x"}},
    }  # fmt: skip


def draw(material: Material, _choice: Choice) -> ChartFigure:
    """The trade-off of a design, from its tables."""
    points = material.frames["trade_off"].sort("level").select("level", "incentive").rows()
    risk = "limit of risk, share of plan"
    for party, measure in material.frames["limit_met"].select("party", "measure").head(1).rows():
        risk = f"limit of the {party}: {measure}, share of plan"
    return trade_off_figure(points, material.title, risk, "kept of the next pound saved")


CHART = Chart(
    "trade-off",
    66,
    "How much of what is saved can be left with those who save it, at each limit of risk?",
    {
        "trade_off": "terms that are found for what each can bear (`capitation design`)",
        "limit_met": "terms that are found for what each can bear (`capitation design`)",
    },
    draw,
)

__all__ = ["CHART", "trade_off_figure"]
