"""Distance from target of every locality, year by year: where it opens, the path that the pace of change gives it, where it closes."""

from __future__ import annotations

import polars as pl

from api.charts.bars import amount
from api.charts.choice import Choice
from api.charts.figure import ChartFigure, Spec, pounds
from api.charts.look import BLUE, GREY, INK, Paper, different, figure_of, row_height, row_labels, upright
from api.charts.material import Material
from api.charts.places._shares import distances, known_streams, points, stream_words
from api.charts.registry import Chart

_BAND = "#aab7bf"


def draw(material: Material, choice: Choice) -> ChartFigure:
    """All localities, the furthest under target first."""
    rows, stream = distances(material, choice)
    years = rows.get_column("year").unique().sort().to_list()
    first, last = years[0], years[-1]
    opening = dict(rows.filter(pl.col("year") == first).select("area_code", "opening_dft_share").iter_rows())
    order = sorted(opening, key=lambda code: (opening[code], code))
    closing = {
        year: dict(rows.filter(pl.col("year") == year).select("area_code", "closing_dft_share").iter_rows())
        for year in years
    }
    money = dict(rows.filter(pl.col("year") == first).select("area_code", "opening_dft_pence").iter_rows())
    band = _bands(material)
    end_money = dict(rows.filter(pl.col("year") == last).select("area_code", "closing_dft_pence").iter_rows())
    table = pl.DataFrame(
        [
            pl.Series("Locality", [material.name(code) for code in order]),
            pl.Series(
                f"Opening distance {first} (%)", [round(opening[code] * 100, 2) for code in order], dtype=pl.Float64
            ),
            pounds(f"Opening distance {first} (£)", [money[code] for code in order]),
            *(
                pl.Series(
                    f"Closing {year} (%)", [_percent(closing[year].get(code)) for code in order], dtype=pl.Float64
                )
                for year in years
            ),
            pounds(f"Closing distance {last} (£)", [end_money.get(code) for code in order]),
            *(
                [pl.Series("Chance band (±%)", [_percent(band.get(code)) for code in order], dtype=pl.Float64)]
                if band
                else []
            ),
        ]
    )
    title = _title(
        [(material.name(code), opening[code], closing[last].get(code, 0.0), money[code]) for code in order], first, last
    )
    subtitle = f"Distance from target as a share of target, {stream_words(stream, material)}; ○ opens {first} (the number), • years between, ■ closes {last}"
    source = (
        f"Source: {material.origin('distance_from_target')}. Targets and paces are worked out; openings as the scenario's sources say."
        + (" Grey bands: what chance alone moves in nine years of ten." if band else "")
    )
    alt = (
        f"A row a locality with an open circle where it opens {first}, a path through the years and a full square where it closes {last}: "
        + "; ".join(f"{material.name(c)} {points(opening[c])} to {points(closing[last].get(c, 0.0))}" for c in order) + "."
    )  # fmt: skip

    def body(sheet: Paper) -> Spec:
        return _body(
            sheet,
            [(material.name(c), opening[c], [closing[y].get(c) for y in years], band.get(c)) for c in order],
            first,
            last,
        )

    return figure_of("distances", (title, subtitle, source, alt), table, body)


def _title(found: list[tuple[str, float, float, int]], first: str, last: str) -> str:
    if not found:
        return "No locality has a distance from target"
    name, share, end, pence = found[0]
    if share >= 0:
        return f"No locality is under target in {first}"
    if abs(end) < 0.0005:
        ends = f"the pace brings it to target by {last}"
    else:
        ends = f"it is {abs(end):.1%} {'under' if end < 0 else 'over'} in {last}"
    return f"{name} is furthest under target, {-share:.1%} or {amount(-pence)} in {first}; {ends}"


def _bands(material: Material) -> dict[str, float]:
    if not material.has("distance_chance"):
        return {}
    return dict(material.frames["distance_chance"].select("locality_code", "band_share").iter_rows())


def _percent(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 2)


def _body(sheet: Paper, rows: list[tuple[str, float, list[float | None], float | None]], first: str, last: str) -> Spec:
    room = sheet.width * 0.36 if sheet.is_narrow else 260.0
    value_room = 56 if sheet.is_narrow else 70
    labels = different([sheet.label(name, room - 14) for name, *_ in rows])
    dots, path, bands = [], [], []
    for label, (_, begin, each, band) in zip(labels, rows, strict=True):
        at = [begin, *(share for share in each if share is not None)]
        path.append({"label": label, "from": min(at), "to": max(at)})
        dots += [{"label": label, "at": share, "kind": "between"} for share in at[1:-1]]
        dots += [
            {"label": label, "at": at[0], "kind": f"opens {first}"},
            {"label": label, "at": at[-1], "kind": f"closes {last}"},
        ]
        path[-1]["text"] = f"{points(at[0])}"
        if band:
            bands.append({"label": label, "low": -band, "high": band})
    y = upright(labels)
    axis = {"format": ".0%", "tickCount": 4 if sheet.is_narrow else 8, "domain": False}
    kinds = [f"opens {first}", "between", f"closes {last}"]
    layers: list[Spec] = []
    if bands:
        layers.append(
            {
                "data": {"values": bands}, "mark": {"type": "bar", "height": 18, "color": _BAND, "opacity": 0.45},
                "encoding": {"y": y, "x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}},
            }
        )  # fmt: skip
    quantity: Spec = {
        "field": "at",
        "type": "quantitative",
        "title": "under target (below 0%) or over target",
        "axis": axis,
    }
    layers += [
        {"mark": {"type": "rule", "color": INK, "strokeWidth": 1.5}, "encoding": {"x": {"datum": 0, "type": "quantitative"}}},
        {
            "data": {"values": path}, "mark": {"type": "rule", "color": GREY, "strokeWidth": 2},
            "encoding": {"y": y, "x": {"field": "from", "type": "quantitative"}, "x2": {"field": "to"}},
        },
        {
            "data": {"values": dots}, "mark": {"type": "point", "size": 70, "opacity": 1, "strokeWidth": 2, "color": BLUE},
            "encoding": {
                "y": y, "x": quantity,
                "shape": {
                    "field": "kind", "type": "nominal", "legend": None, "scale": {"domain": kinds, "range": ["circle", "circle", "square"]},
                },
                "fill": {"condition": {"test": f"datum.kind == 'closes {last}'", "value": BLUE}, "value": "#ffffff"},
                "size": {"condition": {"test": "datum.kind == 'between'", "value": 12}, "value": 75},
            },
        },
        {
            "data": {"values": path}, "mark": {"type": "text", "align": "right", "color": INK},
            "encoding": {"y": y, "x": {"value": sheet.width - room - 24}, "text": {"field": "text"}},
        },
        *row_labels(labels, sheet, room),
    ]  # fmt: skip
    return {
        "width": sheet.width - room - value_room - 24,
        "height": {"step": row_height(labels, sheet, 24)},
        "layer": layers,
    }


CHART = Chart(
    "distances",
    40,
    "Who is above or below target, and how fast does the pace of change close it?",
    {"distance_from_target": "targets and the pace of change (`capitation run` of a scenario with a policy)"},
    draw,
    lambda material: {"stream": known_streams(material)},
)
