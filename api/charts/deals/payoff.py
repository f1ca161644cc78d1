"""Payoffs: what every party gains or loses as activity leaves the plan, a panel a party and a line an option."""

from __future__ import annotations

from typing import Any

import polars as pl

from api.charts.bars import signed
from api.charts.choice import Choice, chosen
from api.charts.figure import ChartFigure, Spec, pounds
from api.charts.look import DASHES, GREY, SERIES, SHAPES, Paper, figure_of
from api.charts.material import Material
from api.charts.registry import Chart

_MOST = 9
"""Panels of one drawing; a party that moves less is shown where it is chosen."""


def draw(material: Material, choice: Choice) -> ChartFigure:
    """The panels of a year; the first year of the new contracts, and the parties that move, unless others are chosen."""
    rows = _moved(material)
    years = rows.get_column("year").unique().sort().to_list()
    first = material.facts.get("first_year", years[0])
    year = chosen(choice.year, years, "year", first if first in years else years[0], material.source)
    mine = rows.filter(pl.col("year") == year)
    parties = _parties(mine, choice, material)
    options = list(dict.fromkeys(_options(material, mine)))
    cases = mine.select("activity_case", "at").unique().sort("at").rows()
    known = {
        (o, c, p): v
        for o, c, p, v in mine.select("option", "activity_case", "organisation_code", "moved_pence").iter_rows()
    }
    names = [material.name(code) for code in parties]
    rows_out = [(p, o, c) for p in parties for o in options for c, _ in cases if (o, c, p) in known]
    table = pl.DataFrame(
        [
            pl.Series("Organisation", [material.name(p) for p, _, _ in rows_out]),
            pl.Series("Option", [material.name(o) for _, o, _ in rows_out]),
            pl.Series("Activity", [_case(c, dict(cases)[c]) for _, _, c in rows_out]),
            pounds("Change of position (£)", [known[o, c, p] for p, o, c in rows_out]),
        ]
    )
    title = _title(known, (parties, options, cases), material, year)
    subtitle = f"Change of each party's position as activity leaves plan, {year}, £ million; above 0 it gains"
    source = (
        f"Source: {material.origin('position')}. Worked out from the options' terms; how cost follows activity is assumed."
        + _others(mine, parties)
    )
    alt = "One panel a party, one line an option. " + "; ".join(
        f"{material.name(p)}: " + ", ".join(f"{material.name(o)} {signed(known.get((o, cases[-1][0], p), 0))}" for o in options)
        for p in parties
    ) + f", each with {_case(*cases[-1])}."  # fmt: skip
    values = [
        {"party": material.name(p), "option": material.name(o), "at": dict(cases)[c], "moved": known[o, c, p] / 1e8}
        for p, o, c in rows_out
    ]
    titles = [material.name(o) for o in options]
    return figure_of("payoff", (title, subtitle, source, alt), table, lambda sheet: _body(sheet, values, names, titles))


def _moved(material: Material) -> pl.DataFrame:
    """Change of position by option, case, year and party: nothing at plan."""
    columns = ["option", "activity_case", "year", "role", "organisation_code"]
    every = material.frames["position"]
    found = [every.select(*columns, pl.col("change_pence").alias("moved_pence"))]
    if material.has("below_plan"):
        plan = every.filter(pl.col("activity_case") == "plan").select(
            "option", "year", "role", "organisation_code", at_plan="position_pence"
        )
        below = material.frames["below_plan"].join(
            plan, on=["option", "year", "role", "organisation_code"], how="inner"
        )
        found.append(below.select(*columns, (pl.col("position_pence") - pl.col("at_plan")).alias("moved_pence")))
    rows = pl.concat(found)
    at = {case: _level(case) for case in rows.get_column("activity_case").unique()}
    keep = [case for case, level in at.items() if level is not None]
    rows = rows.filter(pl.col("activity_case").is_in(keep) & pl.col("moved_pence").is_not_null())  # not left out
    return rows.with_columns(
        pl.col("activity_case").replace_strict({c: at[c] for c in keep}, return_dtype=pl.Float64).alias("at")
    )


def _level(case: str) -> float | None:
    """How far activity of a case is from plan in percent; nothing where the name of the case does not say it."""
    if case == "plan":
        return 0.0
    for word, sign in (("plan-plus-", 1.0), ("plan-minus-", -1.0)):
        if case.startswith(word) and case.removeprefix(word).replace(".", "", 1).isdigit():
            return sign * float(case.removeprefix(word))
    return None


def _case(case: str, at: float) -> str:
    return "activity at plan" if at == 0 else f"activity {abs(at):g}% {'above' if at > 0 else 'below'} plan"


def _options(material: Material, rows: pl.DataFrame) -> list[str]:
    base = material.facts.get("base")
    found = rows.get_column("option").unique().sort().to_list()
    return [*([base] if base in found else []), *found]


def _parties(rows: pl.DataFrame, choice: Choice, material: Material) -> list[str]:
    codes = rows.get_column("organisation_code").unique().sort().to_list()
    if choice.party in {"commissioner", "provider"}:
        rows = rows.filter(pl.col("role") == choice.party)
    elif choice.party is not None:
        return [chosen(choice.party, codes, "party", codes[0], material.source)]
    size = (
        rows.group_by("organisation_code")
        .agg(pl.col("moved_pence").abs().max().alias("most"))
        .sort("most", "organisation_code", descending=[True, False])
    )
    moving = size.filter(pl.col("most") > 0).head(_MOST).get_column("organisation_code").to_list()
    return moving or codes[:1]


def _others(rows: pl.DataFrame, shown: list[str]) -> str:
    """How many parties move and are not shown."""
    moving = set(rows.filter(pl.col("moved_pence") != 0).get_column("organisation_code")) - set(shown)
    return (
        f" {len(moving)} more {'party moves' if len(moving) == 1 else 'parties move'} and are not shown here."
        if moving
        else ""
    )


def _title(
    known: dict[tuple[str, str, str], int],
    shown: tuple[list[str], list[str], list[tuple[str, float]]],
    material: Material,
    year: str,
) -> str:
    parties, options, cases = shown
    case, at = cases[-1]
    amounts = [(known.get((o, case, p), 0), o, p) for o in options for p in parties]
    worst, best = min(amounts), max(amounts)
    if worst[0] == 0 == best[0]:
        return f"{year}: with {_case(case, at)} no party's position changes under any option"
    if worst[0] >= 0:
        return f"With {_case(case, at)} {material.name(best[2])} gains most, {signed(best[0])} under {material.short(best[1])}"
    return f"With {_case(case, at)} {material.name(worst[2])} loses most, {signed(worst[0])[1:]} under {material.short(worst[1])}"


def _body(sheet: Paper, values: list[dict[str, Any]], parties: list[str], options: list[str]) -> Spec:
    columns = 1 if sheet.is_narrow else min(3, len(parties))
    gap, side = 30, 52
    width = (sheet.width - 30 - columns * side - (columns - 1) * gap) / columns
    header = {name: "\n".join(sheet.wrap(name, width + side - 10)) for name in parties}
    panels = []
    colour: Spec = {"field": "option", "type": "nominal", "scale": {"domain": options, "range": list(SERIES[: len(options)])},
                    "legend": {"title": None, "orient": "top", "columns": 1 if sheet.is_narrow else 2, "symbolSize": 120, "symbolDash": [1, 0], "symbolStrokeWidth": 1}}  # fmt: skip
    for name in parties:
        mine = [value for value in values if value["party"] == name]
        x = {
            "field": "at",
            "type": "quantitative",
            "title": "activity from plan (%)",
            "axis": {
                "values": sorted({v["at"] for v in mine}),
                "labelExpr": "datum.value == 0 ? '0' : format(datum.value, '+')",
                "grid": False,
            },
        }
        y = {
            "field": "moved",
            "type": "quantitative",
            "title": None,
            "axis": {"tickCount": 4, "minExtent": side - 12, "maxExtent": side - 12},
        }
        panels.append(
            {
                "width": width, "height": 130, "data": {"values": mine},
                "title": {"text": header[name].split("\n"), "anchor": "start", "frame": "bounds", "fontSize": sheet.size, "lineHeight": sheet.size + 3},
                "layer": [
                    {"mark": {"type": "rule", "color": GREY}, "encoding": {"y": {"datum": 0, "type": "quantitative"}}},
                    {
                        "mark": {"type": "line", "strokeWidth": 2.5},
                        "encoding": {"x": x, "y": y, "color": colour, "strokeDash": {
                            "field": "option", "type": "nominal", "legend": None,
                            "scale": {"domain": options, "range": list(DASHES[: len(options)])}}},
                    },
                    {
                        "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
                        "encoding": {"x": x, "y": y, "color": colour, "shape": {
                            "field": "option", "type": "nominal", "scale": {"domain": options, "range": list(SHAPES[: len(options)])}}},
                    },
                ],
            }
        )  # fmt: skip
    return {"concat": panels, "columns": columns, "align": "each", "spacing": {"row": 22, "column": gap}}


def _choices(material: Material) -> dict[str, tuple[str, ...]]:
    rows = _moved(material)
    return {
        "year": tuple(rows.get_column("year").unique().sort()),
        "party": ("commissioner", "provider", *rows.get_column("organisation_code").unique().sort()),
    }


CHART = Chart(
    "payoff",
    60,
    "Under each contract, who pays when activity moves?",
    {"position": "contract options settled on the allocation (`capitation compare` or `capitation plan`)"},
    draw,
    _choices,
)
