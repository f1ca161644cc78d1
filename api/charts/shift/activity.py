"""The activity bridge: for each setting from its first year, by growth, to doing nothing, and by what the mix avoids to what is left.

What solutions claim one by one is more than they avoid together; the difference is a bar of its own and never spread.
"""

from __future__ import annotations

import polars as pl

from api.charts.choice import Choice, chosen
from api.charts.figure import ChartFigure, Spec
from api.charts.look import BLUE, GREY, NAVY, ORANGE, Paper, figure_of, row_labels, upright
from api.charts.material import Material
from api.charts.registry import Chart
from capitation.sentences import small

_BARS = ("First year", "Growth", "If nothing is done", "The mix avoids", "Interaction", "With the mix")
Setting = tuple[str, dict[str, int]]


def draw(material: Material, choice: Choice) -> ChartFigure:
    """The bridge of one year; the last one unless another is chosen."""
    rows = material.frames["locality_activity"].filter(pl.col("case") == "unmitigated")
    years = rows.get_column("year").unique().sort().to_list()
    year, first = chosen(choice.year, years, "year", years[-1], material.source), years[0]
    sums = {(p, y): a for p, y, a in rows.group_by("point_of_delivery", "year").agg(pl.col("activity").sum()).rows()}
    planned = _planned(material, year)
    claimed, exact = _avoided(material, year)
    with_mix = bool(claimed)
    settings: list[Setting] = []
    for point in sorted({p for p, _ in sums}, key=lambda p: (-claimed.get(p, 0.0) / max(sums.get((p, year), 1), 1), p)):
        begin, end = sums.get((point, first), 0), sums.get((point, year), 0)
        left = round(end - exact.get(point, 0.0)) if with_mix else planned.get(point, end)
        says = round(claimed.get(point, 0.0)) if with_mix else end - left
        bars = {"First year": begin, "Growth": end - begin, "If nothing is done": end, "The mix avoids": -says,
                "Interaction": left - end + says, "With the mix": left}  # fmt: skip
        settings.append((material.name(point), bars))
    last_words = "With the mix" if with_mix else "As the plan prints it"
    bars_words = {bar: bar for bar in _BARS} | {"First year": first, "With the mix": last_words}
    if not with_mix:
        bars_words["The mix avoids"] = "The plan moves"
    table = pl.DataFrame(
        [
            pl.Series("Setting", [name for name, _ in settings]),
            *(
                pl.Series(f"{bars_words[bar]} (units)", [bars[bar] for _, bars in settings], dtype=pl.Int64)
                for bar in _BARS
            ),
        ]
    )
    cut = min(
        settings, key=lambda s: (s[1]["With the mix"] - s[1]["If nothing is done"]) / max(s[1]["If nothing is done"], 1)
    )
    share = (cut[1]["With the mix"] - cut[1]["If nothing is done"]) / max(cut[1]["If nothing is done"], 1)
    who = "the mix" if with_mix else "the plan"
    if share < 0:
        title = f"{year}: {who} takes most from {small(cut[0])}, {-share:.1%} of what doing nothing would bring"
    else:
        title = f"{year}: {who} takes activity from no setting"
    subtitle = f"Activity by setting from {first} to {year}, thousand units, each setting on a scale of its own"
    source = f"Source: {material.origin('locality_activity')}. Activity is published and spread by need; what solutions avoid is worked out from assumed effects."
    alt = "A small waterfall each setting: " + "; ".join(
        f"{name} {bars['First year']:,} in {first}, {bars['If nothing is done']:,} if nothing is done, {bars['With the mix']:,} {last_words.lower()}"
        for name, bars in settings
    ) + "."  # fmt: skip
    notes = ("Interaction: solutions that meet the same people cannot avoid the same visit twice.",) if with_mix else ()
    return figure_of(
        "activity", (title, subtitle, source, alt), table, lambda sheet: _body(sheet, settings, bars_words), notes
    )


def _planned(material: Material, year: str) -> dict[str, int]:
    rows = material.frames["locality_activity"].filter(pl.col("case") == "mitigated", pl.col("year") == year)
    return dict(rows.group_by("point_of_delivery").agg(pl.col("activity").sum()).rows())


def _avoided(material: Material, year: str) -> tuple[dict[str, float], dict[str, float]]:
    """What the mix avoids by setting, as its solutions claim and exactly; nothing where there is no mix."""
    if not material.has("mix_activity"):
        return {}, {}
    rows = material.frames["mix_activity"].filter(pl.col("year") == year)
    sums = rows.group_by("point_of_delivery").agg(pl.col("claimed", "exact").sum())
    points = [str(p).replace("_", "-") for p in sums.get_column("point_of_delivery")]
    return dict(zip(points, sums.get_column("claimed"), strict=True)), dict(
        zip(points, sums.get_column("exact"), strict=True)
    )


def _body(sheet: Paper, settings: list[Setting], words: dict[str, str]) -> Spec:
    columns = 1 if sheet.is_narrow else 2
    room, value_room = 150, 70
    width = (sheet.width - 30 - (columns - 1) * 30) / columns - room - value_room
    panels = []
    for name, bars in settings:
        at, values = 0.0, []
        for bar in _BARS:
            amount = bars[bar] / 1e3
            is_total = bar in {"First year", "If nothing is done", "With the mix"}
            start, end = (0.0, amount) if is_total else (at, at + amount)
            values.append(
                {"label": words[bar], "from": start, "to": end, "right": max(start, end), "text": _thousands(bars[bar], is_total),
                 "kind": "total" if is_total else "more" if amount > 0 else "less"}
            )  # fmt: skip
            at = end
        labels = [v["label"] for v in values]
        y = upright([str(label) for label in labels])
        panels.append(
            {
                "width": width, "height": {"step": 22}, "data": {"values": values},
                "title": {"text": name, "anchor": "start", "frame": "bounds", "fontSize": sheet.size},
                "layer": [
                    {"mark": {"type": "bar", "height": 14}, "encoding": {
                        "y": y, "x": {"field": "from", "type": "quantitative", "title": None, "axis": None, "scale": {"zero": True}}, "x2": {"field": "to"},
                        "color": {"field": "kind", "type": "nominal", "legend": None,
                                  "scale": {"domain": ["total", "more", "less"], "range": [NAVY, ORANGE, BLUE]}}}},
                    {"mark": {"type": "rule", "color": GREY}, "encoding": {"x": {"datum": 0, "type": "quantitative"}}},
                    {"mark": {"type": "text", "align": "left", "dx": 5}, "encoding": {
                        "y": y, "x": {"field": "right", "type": "quantitative"}, "text": {"field": "text"}}},
                    *row_labels([str(label) for label in labels], sheet, room),
                ],
            }
        )  # fmt: skip
    return {"concat": panels, "columns": columns, "align": "each", "spacing": {"row": 20, "column": 30}}


def _thousands(units: int, is_total: bool) -> str:
    size = abs(units)
    text = f"{size / 1e3:,.1f}k" if size >= 1000 else f"{size}"
    sign = "-" if units < 0 else "" if is_total or units == 0 else "+"
    return sign + text


CHART = Chart(
    "activity",
    100,
    "How much activity moves out of hospital, and how much of it twice claimed?",
    {"locality_activity": "activity by locality (a scenario with activity)"},
    draw,
    lambda material: {"year": tuple(material.frames["locality_activity"].get_column("year").unique().sort())},
)
