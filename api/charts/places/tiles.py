"""Localities as tiles of one size, each about where its practices stand: is there a pattern of places above and below target?

The layout: localities take the cell of a square grid that is nearest to the mean of their practices' coordinates, the one that has
least choice first, so neighbours stay near each other; where no coordinates are known they stand in order of name, and the source says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

from api.charts.choice import Choice, chosen
from api.charts.figure import ChartFigure, Spec, pounds
from api.charts.look import INK, Paper, figure_of
from api.charts.material import Material
from api.charts.places._shares import distances, known_streams, points, stream_words, years_of
from api.charts.registry import Chart

_STEPS = ((-0.05, "5% or more under", "#8c3a00", "#ffffff"), (-0.01, "1% to 5% under", "#f0b27a", INK), (0.01, "within 1%", "#f3f3f3", INK),
          (0.05, "1% to 5% over", "#8fbce6", INK), (math.inf, "5% or more over", "#003f7d", "#ffffff"))  # fmt: skip
"""Upper ends of the classes, their words, fills and inks."""


def draw(material: Material, choice: Choice) -> ChartFigure:
    """The tiles of one year; the first one unless another is chosen."""
    rows, stream = distances(material, choice)
    years = rows.get_column("year").unique().sort().to_list()
    year = chosen(choice.year, years, "year", years[0], material.source)
    now = rows.filter(pl.col("year") == year).sort("area_code")
    shares: dict[str, float] = dict(now.select("area_code", "closing_dft_share").iter_rows())
    centres = _centres(material, list(shares))
    cells = layout(centres) if centres else _in_order(sorted(shares, key=material.name))
    order = sorted(cells, key=lambda code: (cells[code][1], cells[code][0]))
    money = dict(now.select("area_code", "closing_dft_pence").iter_rows())
    table = pl.DataFrame(
        [
            pl.Series("Locality", [material.name(code) for code in order]),
            pl.Series("Column (west to east)", [cells[code][0] + 1 for code in order]),
            pl.Series("Row (north to south)", [cells[code][1] + 1 for code in order]),
            pl.Series(
                f"Closing distance {year} (%)", [round(shares[code] * 100, 2) for code in order], dtype=pl.Float64
            ),
            pounds(f"Closing distance {year} (£)", [money[code] for code in order]),
            pl.Series("Class", [_step(shares[code])[1] for code in order]),
        ]
    )
    under = sum(share < -0.01 for share in shares.values())
    over = sum(share > 0.01 for share in shares.values())
    rest = len(shares) - under - over
    title = f"{year}: {under} of {len(shares)} localities close more than 1% under target, {over} more than 1% over, {rest} within 1%"
    subtitle = f"Closing distance from target, {stream_words(stream, material)}; one tile a locality, all of one size"
    how = (
        "about where their practices stand, north at the top"
        if centres
        else "in order of name, as no coordinates are known"
    )
    source = (
        f"Source: {material.origin('distance_from_target')}, worked out. Tiles stand {how}; their size says nothing."
    )
    alt = f"Tiles {how}: " + "; ".join(f"{material.name(c)} {points(shares[c])}" for c in order) + "."

    def body(sheet: Paper) -> Spec:
        return _body(sheet, [(material.name(c), shares[c], *cells[c]) for c in order])

    return figure_of("tiles", (title, subtitle, source, alt), table, body)


def layout(centres: Mapping[str, tuple[float, float]]) -> dict[str, tuple[int, int]]:
    """Column and row of each code: cells of a grid near to its latitude and longitude, one each, none shared."""
    across = math.ceil(math.sqrt(len(centres)))
    down = math.ceil(len(centres) / across)
    by_north = sorted(centres, key=lambda code: (-centres[code][0], code))
    found: dict[str, tuple[int, int]] = {}
    sizes = [len(centres) // down + (row < len(centres) % down) for row in range(down)]
    at = 0
    for row, size in enumerate(sizes):
        band = sorted(by_north[at : at + size], key=lambda code: (centres[code][1], code))
        found |= {code: (column, row) for column, code in enumerate(band)}
        at += size
    return found


def _in_order(codes: Sequence[str]) -> dict[str, tuple[int, int]]:
    across = max(math.ceil(math.sqrt(len(codes))), 1)
    return {code: (k % across, k // across) for k, code in enumerate(codes)}


def _centres(material: Material, codes: Sequence[str]) -> dict[str, tuple[float, float]]:
    """The mean coordinates of each locality's practices; nothing unless every locality has some."""
    if not material.coordinates or not material.has("membership"):
        return {}
    members = material.frames["membership"].select("practice_code", "locality_code").unique()
    sums: dict[str, list[float]] = {}
    for practice, locality in members.sort("practice_code").iter_rows():
        if practice in material.coordinates:
            north, east = material.coordinates[practice]
            s = sums.setdefault(locality, [0.0, 0.0, 0.0])
            s[0], s[1], s[2] = s[0] + north, s[1] + east, s[2] + 1
    found = {code: (s[0] / s[2], s[1] / s[2]) for code, s in sums.items() if code in codes}
    return found if len(found) == len(codes) else {}


def _step(share: float) -> tuple[float, str, str, str]:
    return next(step for step in _STEPS if share < step[0])


def _body(sheet: Paper, tiles: Sequence[tuple[str, float, int, int]]) -> Spec:
    across, down = max(t[2] for t in tiles) + 1, max(t[3] for t in tiles) + 1
    wide = (sheet.width - 30) / across
    tall = 74 if sheet.is_narrow else 78
    small = 11 if sheet.is_narrow else 13
    values = []
    for name, share, column, row in tiles:
        step = _step(share)
        lines = sheet.wrap(name, wide - 6, small)[:3]
        sign = "▼ " if share < -0.01 else "▲ " if share > 0.01 else "● "
        values.append(
            {
                "x": column,
                "y": row,
                "name": "\n".join(lines),
                "text": sign + points(share),
                "class": step[1],
                "ink": step[3],
            }
        )
    x: Spec = {
        "field": "x",
        "type": "ordinal",
        "axis": None,
        "scale": {"domain": list(range(across)), "paddingInner": 0.06},
    }
    y: Spec = {
        "field": "y",
        "type": "ordinal",
        "axis": None,
        "scale": {"domain": list(range(down)), "paddingInner": 0.06},
    }
    ink = {"field": "ink", "type": "nominal", "scale": None}
    classes = [step[1] for step in _STEPS]
    fill = {
        "field": "class", "type": "nominal", "scale": {"domain": classes, "range": [step[2] for step in _STEPS]},
        "legend": {"title": "▼ under, ● near, ▲ over target", "orient": "top", "columns": 2 if sheet.is_narrow else 5, "symbolType": "square",
                   "symbolStrokeColor": INK, "symbolStrokeWidth": 1},
    }  # fmt: skip
    return {
        "width": sheet.width - 30, "height": tall * down, "data": {"values": values},
        "layer": [
            {"mark": {"type": "rect", "stroke": INK, "strokeWidth": 1}, "encoding": {"x": x, "y": y, "fill": fill}},
            {"mark": {"type": "text", "lineBreak": "\n", "lineHeight": small + 2, "fontSize": small, "dy": -26, "baseline": "top"},
             "encoding": {"x": x, "y": y, "text": {"field": "name"}, "color": ink}},
            {"mark": {"type": "text", "fontWeight": "bold", "fontSize": small, "dy": 26},
             "encoding": {"x": x, "y": y, "text": {"field": "text"}, "color": ink}},
        ],
    }  # fmt: skip


CHART = Chart(
    "tiles",
    50,
    "Is there a pattern of places above and below target?",
    {"distance_from_target": "targets and the pace of change (`capitation run` of a scenario with a policy)"},
    draw,
    lambda material: {"year": years_of(material), "stream": known_streams(material)},
)
