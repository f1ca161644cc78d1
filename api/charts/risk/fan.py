"""The fan: a party's position from year to year under an option, the middle and where 50 and 90 years of 100 lie."""

from __future__ import annotations

import polars as pl

from api.charts.bars import amount
from api.charts.chances import in_ten
from api.charts.choice import Choice
from api.charts.figure import ChartFigure, Spec, pounds
from api.charts.look import BLUE, INK, Paper, figure_of
from api.charts.material import Material
from api.charts.registry import Chart
from api.charts.risk._parties import choices, option_of, party_rows

_BANDS = ("p5", "p25", "p50", "p75", "p95")


def draw(material: Material, choice: Choice) -> ChartFigure:
    """The fan of one party under one option."""
    every, party, _ = party_rows(material, "party_chance", choice)
    option = option_of(material, every, choice)
    rows = every.filter(pl.col("option") == option).sort("year")
    table = pl.DataFrame(
        [
            rows.get_column("year").alias("Year"),
            *(
                pounds(f"{name[1:]} years in 100 are no better (£)", rows.get_column(f"{name}_pence"))
                for name in _BANDS
            ),
            pl.Series(
                "Chance of a deficit (%)", [round(x * 100, 1) for x in rows.get_column("deficit")], dtype=pl.Float64
            ),
        ]
    )
    last = rows.row(-1, named=True)
    who, how = material.name(party), material.name(option)
    title = f"{who} ends {last['year']} in deficit with a chance of {in_ten(last['deficit'])} under {material.short(option)}"
    subtitle = "Position by year, £ million: the line is the middle, the dark band half of all years, the light one nine in ten"
    source = f"Source: {material.origin('party_chance')}. Drawn from what the plan cannot know; sizes of doubt are assumed or fitted. What is not drawn is not in it."
    alt = f"Fan of {who} under {how}: " + "; ".join(
        f"{r['year']} between {amount(r['p5_pence'])} and {amount(r['p95_pence'])}, middle {amount(r['p50_pence'])}"
        for r in rows.iter_rows(named=True)
    ) + "."  # fmt: skip
    values = [
        {"year": r["year"], "text": amount(r["p50_pence"]), **{name: r[f"{name}_pence"] / 1e8 for name in _BANDS}}
        for r in rows.iter_rows(named=True)
    ]
    return figure_of("fan", (title, subtitle, source, alt), table, lambda sheet: _body(sheet, values))


def _body(sheet: Paper, values: list[dict[str, object]]) -> Spec:
    x: Spec = {"field": "year", "type": "ordinal", "title": "financial year", "scale": {"type": "point", "padding": 0.3},
               "axis": {"labelAngle": 0, "grid": False, "labelOverlap": "parity"}}  # fmt: skip

    def y(name: str) -> Spec:
        return {
            "field": name,
            "type": "quantitative",
            "title": "position (£ million)",
            "axis": {"tickCount": 6, "minExtent": 34},
        }

    area = {"type": "area", "color": BLUE}
    return {
        "width": sheet.width - 100, "height": 260 if sheet.is_narrow else 320, "data": {"values": values},
        "layer": [
            {"mark": {**area, "opacity": 0.2}, "encoding": {"x": x, "y": y("p5"), "y2": {"field": "p95"}}},
            {"mark": {**area, "opacity": 0.4}, "encoding": {"x": x, "y": y("p25"), "y2": {"field": "p75"}}},
            {"mark": {"type": "rule", "color": INK}, "encoding": {"y": {"datum": 0, "type": "quantitative"}}},
            {"mark": {"type": "line", "color": BLUE, "strokeWidth": 3, "point": {"filled": True, "size": 60, "color": BLUE}},
             "encoding": {"x": x, "y": y("p50")}},
            {"mark": {"type": "text", "dy": -14, "fontWeight": "bold", "stroke": "#ffffff", "strokeWidth": 5, "strokeJoin": "round"},
             "encoding": {"x": x, "y": y("p50"), "text": {"field": "text"}}},
            {"mark": {"type": "text", "dy": -14, "fontWeight": "bold"}, "encoding": {"x": x, "y": y("p50"), "text": {"field": "text"}}},
        ],
    }  # fmt: skip


CHART = Chart(
    "fan",
    80,
    "How far may a party's position move from year to year?",
    {"party_chance": "chances of parties (`capitation simulate` of a scenario with contract options)"},
    draw,
    choices("party_chance", "party", "option"),
)
