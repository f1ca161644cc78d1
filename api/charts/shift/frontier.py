"""The frontier: what more of one goal costs of another, with the point that is chosen marked."""

from __future__ import annotations

import polars as pl

from api.charts.choice import Choice
from api.charts.figure import ChartFigure, Spec
from api.charts.look import BLUE, INK, ORANGE, Paper, figure_of
from api.charts.material import Material
from api.charts.registry import Chart

_ABOUT = {"npv": "net present value", "avoided": "activity avoided", "system_npv": "net present value to the system",
          "commissioner_npv": "net present value to the commissioner", "spend": "spend"}  # fmt: skip


def draw(material: Material, choice: Choice) -> ChartFigure:
    """The frontier of the first two goals."""
    rows = material.frames["frontier"]
    goals = [name for name in rows.columns if name not in {"point", "status"} and not name.startswith("rate_")]
    up, across = goals[0], goals[1]
    found = rows.drop_nulls([up, across]).sort(across)
    ys, xs = found.get_column(up).to_list(), found.get_column(across).to_list()
    chosen = max(range(len(ys)), key=lambda k: ys[k]) if ys else 0
    headings = {name: f"{_words(name).capitalize()}{' (£)' if _is_money(name) else ''}" for name in goals}
    table = found.select(
        pl.Series("Point", range(1, found.height + 1), dtype=pl.Int64),
        *(pl.col(name).round(2).alias(headings[name]) for name in goals),
        pl.Series("Chosen", ["yes" if k == chosen else "" for k in range(found.height)]),
    )
    if found.height < 2:
        title = f"One mix is best in both {_words(up)} and {_words(across)}"
    else:
        cost, more = ys[chosen] - ys[-1], xs[-1] - xs[chosen]
        if cost <= 0 or more <= 0:
            title = f"More {_words(across)} costs no {_words(up)}: one mix is best in both"
        else:
            title = f"The most {_words(across)}, {_amount(across, more)} more, would cost {_amount(up, cost)} of {_words(up)}"
    subtitle = f"Best {_words(up)} at each level of {_words(across)}; each dot is a mix, the diamond is the one chosen; axes do not begin at 0"
    source = f"Source: {material.origin('frontier')}. Worked out by the optimiser; what solutions do and cost is published or assumed."
    alt = (
        "Line of mixes: "
        + "; ".join(f"{_amount(across, x)} with {_amount(up, y)}" for x, y in zip(xs, ys, strict=True))
        + "."
    )
    values = [
        {"x": x / _scale(across), "y": y / _scale(up), "kind": "chosen" if k == chosen else "other",
         "text": f"chosen: {_amount(up, y)}" if k == chosen else ""}
        for k, (x, y) in enumerate(zip(xs, ys, strict=True))
    ]  # fmt: skip
    return figure_of(
        "frontier",
        (title, subtitle, source, alt),
        table,
        lambda sheet: _body(sheet, values, (_axis(across), _axis(up))),
    )


def _words(goal: str) -> str:
    return _ABOUT.get(goal, goal.replace("_", " "))


def _is_money(goal: str) -> bool:
    return "npv" in goal or goal.startswith(("spend", "cost", "saving"))


def _scale(goal: str) -> float:
    return 1e6 if _is_money(goal) else 1e3


def _axis(goal: str) -> str:
    return f"{_words(goal)} ({'£ million' if _is_money(goal) else 'thousand units'})"


def _amount(goal: str, value: float) -> str:
    return f"{'-' if value < 0 else ''}£{abs(value) / 1e6:,.1f}m" if _is_money(goal) else f"{value:,.0f} units"


def _body(sheet: Paper, values: list[dict[str, object]], titles: tuple[str, str]) -> Spec:
    x: Spec = {
        "field": "x",
        "type": "quantitative",
        "title": titles[0],
        "scale": {"zero": False},
        "axis": {"tickCount": 4 if sheet.is_narrow else 8},
    }
    y: Spec = {
        "field": "y",
        "type": "quantitative",
        "title": titles[1],
        "scale": {"zero": False, "nice": True},
        "axis": {"tickCount": 6, "minExtent": 36},
    }
    return {
        "width": sheet.width - 100, "height": 260 if sheet.is_narrow else 320, "data": {"values": values},
        "layer": [
            {"mark": {"type": "line", "color": BLUE, "strokeWidth": 2.5}, "encoding": {"x": x, "y": y, "order": {"field": "x"}}},
            {
                "mark": {"type": "point", "filled": True, "opacity": 1},
                "encoding": {
                    "x": x, "y": y,
                    "shape": {"field": "kind", "type": "nominal", "legend": None, "scale": {"domain": ["other", "chosen"], "range": ["circle", "diamond"]}},
                    "color": {"field": "kind", "type": "nominal", "legend": None, "scale": {"domain": ["other", "chosen"], "range": [BLUE, ORANGE]}},
                    "size": {"condition": {"test": "datum.kind == 'chosen'", "value": 260}, "value": 70},
                },
            },
            {"mark": {"type": "text", "align": "left", "dx": 14, "dy": -8, "fontWeight": "bold", "color": INK},
             "encoding": {"x": x, "y": y, "text": {"field": "text"}}},
        ],
    }  # fmt: skip


CHART = Chart(
    "frontier",
    110,
    "What more of one goal costs of another, and where is the mix that is chosen?",
    {"frontier": "the frontier between goals (`capitation frontier`)"},
    draw,
)
