"""Futures: what the mix of the plan is worth in each of them, beside the best that could be chosen there."""

from __future__ import annotations

import polars as pl

from api.charts.bars import amount
from api.charts.choice import Choice
from api.charts.figure import ChartFigure, Spec, pounds
from api.charts.look import BLUE, GREY, Paper, different, figure_of, row_height, row_labels, upright
from api.charts.material import Material
from api.charts.registry import Chart
from capitation.sentences import capital


def draw(material: Material, _choice: Choice) -> ChartFigure:
    """A row a future: the mix of the plan, and the best mix of that future; what is lost between them last."""
    rows = material.frames["futures"]
    best = "best_pence" if "best_pence" in rows.columns else "value_pence"
    own = "plan_pence" if "plan_pence" in rows.columns else best
    every = rows.height
    rows = rows.filter(pl.col(best).is_not_null() & pl.col(own).is_not_null())
    stopped = every - rows.height
    notes = (
        (f"In {stopped} of {every} futures the planned mix cannot be carried out; they have no row.",)
        if stopped
        else ()
    )
    rows = rows.with_columns(lost=pl.col(best) - pl.col(own)).sort("lost", own, descending=[True, False])
    names = [capital(material.name(code)) for code in rows.get_column("future")]
    planned, most = rows.get_column(own).to_list(), rows.get_column(best).to_list()
    lost = rows.get_column("lost").to_list()
    series = [pl.Series("Future", names), pounds("The planned mix is worth (£)", planned)]
    if own != best:
        series += [pounds("The best mix there is worth (£)", most), pounds("Lost (£)", lost)]
    table = pl.DataFrame(series)
    if not names:
        title = "No future has a mix that can be set beside the plan's"
    elif own != best and lost[0] > 0:
        title = (
            f"In the future “{names[0].lower()}” the planned mix loses most, {amount(lost[0])} against the best there"
        )
    else:
        worst = min(range(len(names)), key=lambda k: planned[k])
        title = f"The mix is worth least in the future “{names[worst].lower()}”, {amount(planned[worst])}"
    subtitle = "Worth in each future, £ million: ● the planned mix" + (", ◆ the best that could be chosen there" if own != best else "")  # fmt: skip
    source = (
        f"Source: {material.origin('futures')}. Worked out by the optimiser; what changes in each future is assumed."
    )
    alt = "One row a future: " + "; ".join(
        f"{name} {amount(p)}" + (f" of {amount(m)}" if own != best else "") for name, p, m in zip(names, planned, most, strict=True)
    ) + "."  # fmt: skip
    values = [(name, p / 1e8, m / 1e8, amount(p)) for name, p, m in zip(names, planned, most, strict=True)]
    return figure_of(
        "futures",
        (title, subtitle, source, alt),
        table,
        lambda sheet: _body(sheet, values, with_best=own != best),
        notes,
    )


def _body(sheet: Paper, found: list[tuple[str, float, float, str]], *, with_best: bool) -> Spec:
    room = sheet.width * 0.4
    labels = different([sheet.label(name, room - 14) for name, _, _, _ in found])
    values = [
        {"label": label, "plan": plan, "best": best, "text": text, "right": max(plan, best)}
        for label, (_, plan, best, text) in zip(labels, found, strict=True)
    ]
    y = upright(labels)
    x: Spec = {"field": "plan", "type": "quantitative", "title": "£ million", "axis": {"tickCount": 3 if sheet.is_narrow else 6, "domain": False}}  # fmt: skip
    dots = {"type": "point", "filled": True, "opacity": 1, "size": 90}
    layers: list[Spec] = [
        {"mark": {"type": "rule", "color": GREY, "strokeWidth": 3}, "encoding": {"y": y, "x": x, "x2": {"field": "best"}}},
        {"mark": {**dots, "color": BLUE}, "encoding": {"y": y, "x": x}},
        {"mark": {"type": "text", "align": "left", "dx": 9}, "encoding": {"y": y, "x": {"field": "right", "type": "quantitative"}, "text": {"field": "text"}}},
    ]  # fmt: skip
    if with_best:
        mark = {**dots, "shape": "diamond", "color": "#000000"}
        layers.insert(1, {"mark": mark, "encoding": {"y": y, "x": {"field": "best", "type": "quantitative"}}})
    return {
        "width": sheet.width - room - 90, "height": {"step": row_height(labels, sheet)}, "data": {"values": values},
        "layer": [*layers, *row_labels(labels, sheet, room)],
    }  # fmt: skip


CHART = Chart(
    "futures",
    79,
    "How does the planned mix do if the future is another?",
    {"futures": "a problem with futures that were played (`capitation futures`)"},
    draw,
)
