"""What moves a party's position: each layer of chance alone, from one year in ten to nine in ten, the widest on top."""

from __future__ import annotations

import polars as pl

from api.charts.bars import amount
from api.charts.choice import Choice
from api.charts.figure import ChartFigure, pounds
from api.charts.look import figure_of
from api.charts.material import Material
from api.charts.registry import Chart
from api.charts.risk._parties import choices, first_year, option_of, party_rows
from api.charts.risk._ranges import Range, ranges

_WORDS = {
    "chance": "Chance: who falls ill", "environment": "Years that differ from each other", "growth": "Growth of activity", "need": "Need, as the formula has it",
    "behaviour": "How people respond", "delivery": "Delivery of savings", "price": "Prices", "list-size": "How many people are registered", "together": "All together", "cost": "How cost follows activity",
    "quality": "Payments for quality",
}  # fmt: skip


def draw(material: Material, choice: Choice) -> ChartFigure:
    """The layers of one party under one option in one year."""
    every, party, _ = party_rows(material, "party_layer", choice)
    option = option_of(material, every, choice)
    year = first_year(material, every, choice)
    rows = (
        every.filter(pl.col("option") == option, pl.col("year") == year, pl.col("p10_pence").is_not_null())
        .with_columns((pl.col("p90_pence") - pl.col("p10_pence")).alias("span"))
        .sort("span", "layer", descending=[True, False])
    )
    names = [
        _WORDS.get(layer, layer.replace("_", " ").replace("-", " ").capitalize()) for layer in rows.get_column("layer")
    ]
    table = pl.DataFrame(
        [
            pl.Series("Layer", names),
            pounds("One year in ten is no better than (£)", rows.get_column("p10_pence")),
            pounds("Nine years in ten are no better than (£)", rows.get_column("p90_pence")),
            pl.Series(
                "Share of the variance (%)",
                [None if x is None else round(x * 100, 1) for x in rows.get_column("variance_share")],
                dtype=pl.Float64,
            ),
        ]
    )
    who, how = material.name(party), material.short(option)
    single = [
        (n, s)
        for n, s, layer in zip(names, rows.get_column("span"), rows.get_column("layer"), strict=True)
        if layer != "together" and s > 0
    ]
    if single:
        title = f"What moves {who} most in {year} under {how} is {single[0][0].split(':')[0].lower()}, by {amount(single[0][1])} in eight years of ten"
    else:
        title = f"Nothing that is drawn moves the position of {who} in {year} under {how}"
    subtitle = f"Where the position lies in eight years of ten were only that layer to vary, {year}, £ million"
    source = f"Source: {material.origin('party_layer')}. Sizes of doubt are assumed or fitted."
    bars: list[Range] = [
        (name, r["p10_pence"], r["p10_pence"], r["p90_pence"])
        for name, r in zip(names, rows.iter_rows(named=True), strict=True)
    ]
    alt = "Bars: " + "; ".join(f"{name} {amount(low)} to {amount(high)}" for name, low, _, high in bars) + "."
    return figure_of(
        "layers",
        (title, subtitle, source, alt),
        table,
        lambda sheet: ranges(bars, sheet, "position (£ million)", ("", "")),
    )


CHART = Chart(
    "layers",
    90,
    "What moves a party's position?",
    {"party_layer": "chances of parties (`capitation simulate` of a scenario with contract options)"},
    draw,
    choices("party_layer", "party", "option", "year"),
)
