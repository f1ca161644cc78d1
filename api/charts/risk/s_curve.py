"""The S-curve: the chance that a party's position is no better than each amount, a line an option."""

from __future__ import annotations

import polars as pl

from api.charts.bars import amount
from api.charts.chances import in_ten
from api.charts.choice import Choice
from api.charts.figure import ChartFigure, Spec, pounds
from api.charts.look import DASHES, INK, SERIES, SHAPES, Paper, figure_of
from api.charts.material import Material
from api.charts.registry import Chart
from api.charts.risk._parties import choices, first_year, party_rows

_CHANCES = (5, 10, 25, 50, 75, 90, 95)


def draw(material: Material, choice: Choice) -> ChartFigure:
    """The S-curves of one party in one year."""
    every, party, _ = party_rows(material, "party_chance", choice)
    year = first_year(material, every, choice)
    rows = every.filter(pl.col("year") == year).sort("option")
    options = [material.name(o) for o in rows.get_column("option")]
    table = pl.DataFrame(
        [
            pl.Series("Option", options),
            *(pounds(f"{p} in 100 are no better than (£)", rows.get_column(f"p{p}_pence")) for p in _CHANCES),
            pl.Series(
                "Chance of a deficit (%)", [round(x * 100, 1) for x in rows.get_column("deficit")], dtype=pl.Float64
            ),
        ]
    )
    misses = sorted((miss, material.short(o)) for miss, o in rows.select("deficit", "option").iter_rows())
    who = material.name(party)
    low, high = misses[0], misses[-1]
    if high[0] - low[0] < 0.005:
        title = f"{who}: the chance of a deficit in {year} is {in_ten(high[0])} under every option"
    else:
        title = f"{who}: a deficit in {year} is least likely under {low[1]} ({low[0]:.0%}) and most under {high[1]} ({high[0]:.0%})"
    subtitle = "Chance that the position is no better than each amount, £ million; a curve further right is better"
    source = f"Source: {material.origin('party_chance')}. Drawn from what the plan cannot know; sizes of doubt are assumed or fitted. What is not drawn is not in it."
    alt = f"S-curves of {who} {year}: " + "; ".join(
        f"{o}: middle {amount(r['p50_pence'])}, nine in ten between {amount(r['p5_pence'])} and {amount(r['p95_pence'])}, deficit {r['deficit']:.0%}"
        for o, r in zip(options, rows.iter_rows(named=True), strict=True)
    ) + "."  # fmt: skip
    values = [
        {"option": option, "at": r[f"p{p}_pence"] / 1e8, "chance": p / 100}
        for option, r in zip(options, rows.iter_rows(named=True), strict=True)
        for p in _CHANCES
    ]
    values += [
        {"option": option, "at": 0.0, "chance": r["deficit"]}
        for option, r in zip(options, rows.iter_rows(named=True), strict=True)
        if r["p5_pence"] < 0 < r["p95_pence"]
    ]
    return figure_of("s-curve", (title, subtitle, source, alt), table, lambda sheet: _body(sheet, values, options))


def _body(sheet: Paper, values: list[dict[str, object]], options: list[str]) -> Spec:
    x: Spec = {"field": "at", "type": "quantitative", "title": "position (£ million); below 0 a deficit", "scale": {"zero": False},
               "axis": {"tickCount": 4 if sheet.is_narrow else 8, "grid": False}}  # fmt: skip
    y: Spec = {"field": "chance", "type": "quantitative", "title": "chance of no better", "scale": {"domain": [0, 1]},
               "axis": {"format": ".0%", "values": [0, 0.25, 0.5, 0.75, 1]}}  # fmt: skip
    colour: Spec = {"field": "option", "type": "nominal", "scale": {"domain": options, "range": list(SERIES[: len(options)])},
                    "legend": {"title": None, "orient": "top", "columns": 1 if sheet.is_narrow else 2, "symbolDash": [1, 0], "symbolStrokeWidth": 1}}  # fmt: skip
    dash = {
        "field": "option",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": options, "range": list(DASHES[: len(options)])},
    }
    shape = {"field": "option", "type": "nominal", "scale": {"domain": options, "range": list(SHAPES[: len(options)])}}
    return {
        "width": sheet.width - 104, "height": 250 if sheet.is_narrow else 320, "data": {"values": values},
        "layer": [
            {"mark": {"type": "rule", "color": INK}, "encoding": {"x": {"datum": 0, "type": "quantitative"}}},
            {"mark": {"type": "line", "strokeWidth": 2.5}, "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash,
                                                                          "order": {"field": "chance"}}},
            {"mark": {"type": "point", "filled": True, "size": 60, "opacity": 1}, "encoding": {"x": x, "y": y, "color": colour, "shape": shape}},
        ],
    }  # fmt: skip


CHART = Chart(
    "s-curve",
    85,
    "How likely is a party to miss its total under each option?",
    {"party_chance": "chances of parties (`capitation simulate` of a scenario with contract options)"},
    draw,
    choices("party_chance", "party", "year"),
)
