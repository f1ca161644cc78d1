"""The tornado of assumptions: how far each assumed figure moves a party's position from the low to the high end of its range."""

from __future__ import annotations

import re

import polars as pl

from api.charts.bars import amount
from api.charts.choice import Choice
from api.charts.figure import ChartFigure, pounds
from api.charts.look import figure_of
from api.charts.material import SERVICES, Material
from api.charts.registry import Chart
from api.charts.risk._parties import choices, option_of
from api.charts.risk._ranges import Range, ranges
from capitation.errors import UnknownNameError
from capitation.sentences import capital

_MOST = 12
_FIGURES = {
    "cost_at_plan": "cost of planned activity", "cost_behaviour": "how cost follows activity", "expectations": "expected cost", "cost": "what it costs to earn",
    "fund": "size of the fund",
}  # fmt: skip
"""Figures of a document of options in words."""


def draw(material: Material, choice: Choice) -> ChartFigure:
    """The tornado of one party under one option; the party whose position moves most unless another is chosen."""
    every = material.frames["tested_range"]
    option = option_of(material, every, choice)
    positions = ["at_low_pence", "position_pence", "at_high_pence"]
    under = every.filter(pl.col("option") == option).drop_nulls(positions)  # some are left out for some readers
    span = (pl.col("at_high_pence") - pl.col("at_low_pence")).abs()
    party = choice.party
    if party is None:
        party = (
            under.with_columns(span.alias("span"))
            .sort("span", "organisation_code", descending=[True, False])
            .row(0, named=True)["organisation_code"]
        )
    mine = under.filter(pl.col("organisation_code") == party).with_columns(span.alias("span"))
    if mine.is_empty():
        raise UnknownNameError(
            "party", str(party), under.get_column("organisation_code").unique().sort().to_list(), where=material.source
        )
    rows = mine.sort("span", "figure", descending=[True, False])
    figures = rows.get_column("figure").to_list()
    names = [_words(figure, material) for figure in figures]
    table = pl.DataFrame(
        [
            pl.Series("Assumption", names),
            *(
                pl.Series(title, [str(v) for v in rows.get_column(name)])
                for title, name in (("Low", "low"), ("Assumed", "value"), ("High", "high"))
            ),
            pounds("Position at low (£)", rows.get_column("at_low_pence")),
            pounds("Position as assumed (£)", rows.get_column("position_pence")),
            pounds("Position at high (£)", rows.get_column("at_high_pence")),
            pl.Series("Quality of the evidence", rows.get_column("quality")),
        ]
    )
    who, how = material.name(str(party)), material.short(option)
    first = rows.row(0, named=True)
    if first["span"] == 0:
        title = f"No assumption moves the position of {who} under {how}"
    else:
        title = f"{names[0]} matters most to {who} under {how}: it moves the position by {amount(first['span'])}"
    shown = rows.filter(pl.col("span") > 0).head(_MOST) if first["span"] else rows.head(1)
    still = rows.height - rows.filter(pl.col("span") > 0).height
    subtitle = "Position as each assumption alone goes from the low to the high end of its range, £ million"
    source = f"Source: {material.origin('tested_range')}. Every row is assumed; ranges are in the options document." + (
        f" {still} other assumptions move nothing." if still else ""
    )
    bars: list[Range] = [
        (name, r["at_low_pence"], r["position_pence"], r["at_high_pence"])
        for name, r in zip(names, shown.iter_rows(named=True), strict=False)
    ]
    alt = f"Tornado around {amount(first['position_pence'])}: " + "; ".join(
        f"{name} {amount(low)} at low to {amount(high)} at high" for name, low, _, high in bars
    ) + "."  # fmt: skip
    ends = ("at the low end of the range", "at the high end of the range")
    return figure_of(
        "tornado",
        (title, subtitle, source, alt),
        table,
        lambda sheet: ranges(bars, sheet, "position (£ million)", ends),
    )


def _words(figure: str, material: Material) -> str:
    """A figure such as "cost_behaviour (ae)" or "options (blended).quality (cquin).cost" in words."""
    parts = [
        _FIGURES.get(part, part.replace("_", " ")) for part in re.sub(r"\(.*?\)", "", figure).split(".") if part.strip()
    ]
    of = [material.name(found.replace(" ", "-")) if " " in found and found.replace(" ", "-") in SERVICES else material.name(found)
          for found in re.findall(r"\((.*?)\)", figure)]  # fmt: skip
    head = _FIGURES.get(parts[0].strip().replace(" ", "_"), parts[0].strip())
    if head == "options" and len(parts) > 1:
        rest = [part.strip() for part in parts[1:]]
        text = f"{of[-1] if len(of) > 1 else rest[0]}: {rest[-1]}"
    else:
        text = f"{head}: {', '.join(of)}" if of else " ".join([head, *parts[1:]])
    return capital(text)


CHART = Chart(
    "tornado",
    70,
    "Which assumptions matter most to a position?",
    {"tested_range": "the study of contract options (`capitation compare`)"},
    draw,
    choices("tested_range", "party", "option"),
)
