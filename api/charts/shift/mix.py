"""What the mix of investments gains by year: a stack of its solutions, what costs more than it gives below nothing."""

from __future__ import annotations

import polars as pl

from api.charts.bars import amount
from api.charts.choice import Choice
from api.charts.figure import ChartFigure, Spec, pounds
from api.charts.look import INK, SERIES, Paper, figure_of
from api.charts.material import Material
from api.charts.registry import Chart
from capitation.money.pence import millions_text

_OWN = 5
"""Solutions with a colour of their own; the others stand together."""
_OTHERS = "All other solutions"


def draw(material: Material, choice: Choice) -> ChartFigure:
    """The mix of a plan, all years."""
    rows = material.frames["mix_line"].sort("year", "solution")
    years = rows.get_column("year").unique().sort().to_list()
    sums = (
        rows.group_by("title")
        .agg(pl.col("gain_pence").sum())
        .sort(pl.col("gain_pence").abs(), "title", descending=[True, False])
    )
    order = sums.get_column("title").to_list()
    gains = {(t, y): p for t, y, p in rows.group_by("title", "year").agg(pl.col("gain_pence").sum()).rows()}
    totals = {year: sum(gains.get((t, year), 0) for t in order) for year in years}
    table = pl.DataFrame(
        [
            pl.Series("Solution", [*order, "Together"]),
            *(pounds(f"{year} (£)", [*(gains.get((t, year), 0) for t in order), totals[year]]) for year in years),
        ]
    )
    last = years[-1]
    best = max(order, key=lambda t: gains.get((t, last), 0))
    total, top = totals[last], gains.get((best, last), 0)
    words = "gains nothing" if total == 0 else f"{'gains' if total > 0 else 'costs'} {amount(abs(total))} a year"
    title = f"By {last} the mix {words}" + (f"; {best.lower()} gives most, {amount(top)}" if top > 0 else "")
    subtitle = (
        "Cost released and savings less own spend, by solution and year, £ million; the figure above is the year's sum"
    )
    source = f"Source: {material.origin('mix_line')}. Worked out by the mix; effects, ramps and costs of solutions are published or assumed as their documents say."
    alt = "Stacked bars: " + "; ".join(f"{year} {amount(totals[year])}" for year in years) + f". Largest in {last}: " + "; ".join(
        f"{t} {amount(gains.get((t, last), 0))}" for t in order[:_OWN]
    ) + "."  # fmt: skip
    own = order if len(order) <= _OWN + 1 else order[:_OWN]
    stacks = [*own, *([_OTHERS] if len(own) < len(order) else [])]
    values = []
    for year in years:
        ups = downs = 0.0
        for name in stacks:
            pence = (
                gains.get((name, year), 0)
                if name != _OTHERS
                else sum(gains.get((t, year), 0) for t in order if t not in own)
            )
            base = ups if pence >= 0 else downs
            values.append({"year": year, "solution": name, "from": base / 1e8, "to": (base + pence) / 1e8})
            ups, downs = (ups + pence, downs) if pence >= 0 else (ups, downs + pence)
    tops = [{"year": y, "text": _top(totals[y]), "at": max(v["to"] for v in values if v["year"] == y)} for y in years]
    return figure_of("mix", (title, subtitle, source, alt), table, lambda sheet: _body(sheet, values, tops, stacks))


def _top(pence: int) -> str:
    """The sum of a year above its bar: in millions as the axis has it, and more closely only where that would be nothing."""
    millions = millions_text(abs(pence))
    return amount(pence) if millions == "0.0" else f"{'-' if pence < 0 else ''}£{millions}m"


def _body(sheet: Paper, values: list[dict[str, object]], tops: list[dict[str, object]], stacks: list[str]) -> Spec:
    x: Spec = {"field": "year", "type": "ordinal", "title": "financial year", "axis": {"labelAngle": 0, "labelOverlap": "parity"},
               "scale": {"paddingInner": 0.3}}  # fmt: skip
    y: Spec = {
        "field": "from",
        "type": "quantitative",
        "title": "gain (£ million)",
        "axis": {"tickCount": 6, "minExtent": 30},
    }
    legend = {"title": None, "orient": "bottom" if sheet.is_narrow else "right", "columns": 1, "symbolType": "square",
              "labelLimit": 300 if sheet.is_narrow else 230}  # fmt: skip
    return {
        "width": sheet.width - (70 if sheet.is_narrow else 340), "height": 300, "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "bar", "stroke": "#ffffff", "strokeWidth": 1.5},
                "encoding": {"x": x, "y": y, "y2": {"field": "to"}, "color": {
                    "field": "solution", "type": "nominal", "legend": legend, "scale": {"domain": stacks, "range": list(SERIES[: len(stacks)])}}},
            },
            {"mark": {"type": "rule", "color": INK}, "encoding": {"y": {"datum": 0, "type": "quantitative"}}},
            {"data": {"values": tops}, "mark": {"type": "text", "dy": -9, "fontWeight": "bold"},
             "encoding": {"x": x, "y": {"field": "at", "type": "quantitative"}, "text": {"field": "text"}}},
        ],
    }  # fmt: skip


CHART = Chart(
    "mix",
    120,
    "What does the mix of investments gain by year, and from which solutions?",
    {"mix_line": "the mix of investments in money (`capitation plan`)"},
    draw,
)
