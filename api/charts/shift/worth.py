"""What a mix is worth when its effects and its delivery are drawn: the chance that it is worth no more than each amount."""

from __future__ import annotations

from typing import Any

import polars as pl

from api.charts.bars import amount
from api.charts.chances import in_ten
from api.charts.choice import Choice
from api.charts.figure import ChartFigure, Spec, pounds
from api.charts.look import BLUE, INK, ORANGE, Paper, figure_of
from api.charts.material import Material
from api.charts.registry import Chart

_CHANCES = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)
_STAGE = "a mix whose effects and delivery were drawn (`capitation appraise`)"


def draw(material: Material, _choice: Choice) -> ChartFigure:
    """The S-curve of the net present value, with what the plan promises."""
    drawn = material.frames["draws"].get_column("npv_pence").sort()
    at = [round(drawn.quantile(p / 100, "linear") or 0) for p in _CHANCES]
    promised = next(
        (
            int(pence)
            for measure, pence in material.frames["money"].select("measure", "as_planned_pence").rows()
            if measure == "npv" and pence is not None
        ),
        None,
    )
    table = pl.DataFrame(
        [
            pl.Series("In so many of 100 draws it is worth no more", _CHANCES),
            pounds("Net present value (£)", pl.Series(at, dtype=pl.Int64)),
        ]
    )
    low, high = at[_CHANCES.index(10)], at[_CHANCES.index(90)]
    title = f"The mix is worth {amount(low)} to {amount(high)} in 8 draws of 10"
    if promised is not None:
        reached = float((drawn >= promised).mean() or 0)  # type: ignore[arg-type]  # the mean of true and false
        title += f"; the {amount(promised)} it promises is reached in {in_ten(reached)}"
    subtitle = (
        "Chance that the net present value is no more than each amount, £ million; a curve further right is better"
    )
    source = f"Source: {material.origin('draws')}. {drawn.len():,} draws of effects and delivery, whose ranges are published or assumed."
    alt = (
        "S-curve: "
        + "; ".join(f"{p} in 100 draws at most {amount(v)}" for p, v in zip(_CHANCES, at, strict=True))
        + "."
    )
    values = [{"at": v / 1e8, "chance": p / 100} for p, v in zip(_CHANCES, at, strict=True)]
    return figure_of(
        "worth", (title, subtitle, source, alt), table,
        lambda sheet: _body(sheet, values, None if promised is None else promised / 1e8),
    )  # fmt: skip


def _body(sheet: Paper, values: list[dict[str, float]], promised: float | None) -> Spec:
    x: Spec = {"field": "at", "type": "quantitative", "title": "net present value (£ million)", "axis": {"tickCount": 4 if sheet.is_narrow else 8, "grid": False}}  # fmt: skip
    y: Spec = {"field": "chance", "type": "quantitative", "title": "chance of no more", "scale": {"domain": [0, 1]},
               "axis": {"format": ".0%", "values": [0, 0.25, 0.5, 0.75, 1]}}  # fmt: skip
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "rule", "color": INK}, "encoding": {"x": {"datum": 0, "type": "quantitative"}}},
        {"mark": {"type": "line", "strokeWidth": 2.5, "color": BLUE}, "encoding": {"x": x, "y": y, "order": {"field": "chance"}}},
        {"mark": {"type": "point", "filled": True, "size": 50, "opacity": 1, "color": BLUE}, "encoding": {"x": x, "y": y}},
    ]  # fmt: skip
    if promised is not None:
        place = {"x": {"datum": promised, "type": "quantitative"}}
        words = {"type": "text", "align": "right", "dx": -6, "baseline": "top", "fontWeight": "bold", "color": INK}
        layers += [
            {"mark": {"type": "rule", "color": ORANGE, "strokeWidth": 2, "strokeDash": [5, 3]}, "encoding": place},
            {"mark": {**words, "y": 4}, "encoding": {**place, "text": {"value": "promised"}}},
        ]
    height = 250 if sheet.is_narrow else 320
    return {"width": sheet.width - 104, "height": height, "data": {"values": values}, "layer": layers}


CHART = Chart(
    "worth",
    78,
    "What is the mix worth when effects and delivery are not as planned?",
    {"draws": _STAGE, "money": _STAGE},
    draw,
)
