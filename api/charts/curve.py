"""The payoff curve of one contract: what it pays as one figure varies, with every bend and leap, from the contract's own settlement."""

from __future__ import annotations

from typing import Any

import polars as pl

from api.charts.figure import ChartFigure, Spec
from api.charts.look import BLUE, GREY, PAPER, Paper, figure_of
from contracts.document.contract import Contract
from contracts.settlement.payoff import Payoff

_MINOR = {"pence": "£", "cents": "dollars", "euro_cents": "euros", "pounds": "£"}


def curve_figure(curve: Payoff, contract: Contract) -> ChartFigure:
    """The figure of a payoff curve."""
    per = 100.0 if curve.unit in {"pence", "cents", "euro_cents"} else 1.0
    xs = [float(x) for x in curve.table.get_column(curve.varied)]
    ys = [float(y) / per for y in curve.table.get_column(curve.output)]
    notes = [str(n) for n in curve.table.get_column("note")]
    x_title, y_title = _titles(curve, contract)
    table = pl.DataFrame(
        [
            pl.Series(x_title, xs),
            pl.Series(y_title, [round(y, 2) for y in ys], dtype=pl.Float64),
            pl.Series("Bend or leap", notes),
        ]
    )
    title = _finding(curve, contract, (xs, ys))
    subtitle = f"{contract.title}: {_first(y_title)} as {x_title} varies"
    bends = ", ".join(number(b) for b in curve.bends) or "none"
    source = f"Source: contract {contract.id}, settled at each point." + (f" {curve.note}" if curve.note else "")
    alt = f"Line of kind {curve.kind}. Bends and leaps at: {bends}. " + "; ".join(
        f"{number(x)} gives {number(y)}" for x, y in zip(xs, ys, strict=True)
    ) + "."  # fmt: skip
    stretch, values = 0, []
    for x, y, note in zip(xs, ys, notes, strict=True):
        stretch += note == "leap to"
        values.append({"x": x, "y": y, "stretch": stretch, "note": note})
    marks = [value for value in values if value["note"]]
    return figure_of(
        "curve", (title, subtitle, source, alt), table, lambda sheet: _body(sheet, values, marks, (x_title, y_title))
    )


def number(x: float) -> str:
    """A number as text: whole thousands, four digits below."""
    return f"{x:,.0f}" if abs(x) >= 1000 or x == int(x) else f"{x:,.4g}"


def _finding(curve: Payoff, contract: Contract, points: tuple[list[float], list[float]]) -> str:
    ys = points[1]
    unit = _MINOR.get(curve.unit, curve.unit)
    low, high = _money(min(ys), unit), _money(max(ys), unit)
    if min(ys) == max(ys):
        return f"{contract.title} pays {low}, whatever {_varied(curve, contract)} is"
    bends = len(curve.bends)
    shape = (
        "in a straight line"
        if not bends
        else f"with {bends} bend{'s' if bends > 1 else ''} or leap{'s' if bends > 1 else ''}"
    )
    return f"{contract.title} pays between {low} and {high}, {shape}"


def _money(value: float, unit: str) -> str:
    return f"{'-' if value < 0 else ''}£{abs(value):,.2f}" if unit == "£" else f"{number(value)} {unit}"


def _varied(curve: Payoff, contract: Contract) -> str:
    return _first(contract.input_map()[curve.varied].about or curve.varied.replace("_", " "))


def _first(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _titles(curve: Payoff, contract: Contract) -> tuple[str, str]:
    given = contract.input_map()[curve.varied]
    output = next(o for o in contract.outputs if o.name == curve.output)
    unit = _MINOR.get(curve.unit, curve.unit)
    across = f"{given.about} ({given.unit})" if given.unit else given.about
    up = f"{output.about or output.name.removesuffix('_pence').replace('_', ' ')} ({unit})"
    return across or curve.varied, up if up != across else f"{up}, result"


def _body(sheet: Paper, values: list[dict[str, Any]], marks: list[dict[str, Any]], titles: tuple[str, str]) -> Spec:
    x: Spec = {"field": "x", "type": "quantitative", "title": sheet.wrap(titles[0], sheet.width - 140), "scale": {"zero": False, "nice": False},
               "axis": {"tickCount": 3 if sheet.is_narrow else 6}}  # fmt: skip
    y: Spec = {"field": "y", "type": "quantitative", "title": sheet.wrap(titles[1], 300), "axis": {"tickCount": 6}}
    return {
        "width": sheet.width - 140, "height": 260 if sheet.is_narrow else 340,
        "layer": [
            {"mark": {"type": "rule", "color": GREY}, "encoding": {"y": {"datum": 0, "type": "quantitative"}}},
            {"data": {"values": values}, "mark": {"type": "line", "color": BLUE, "strokeWidth": 2.5},
             "encoding": {"x": x, "y": y, "detail": {"field": "stretch"}, "order": {"field": "x"}}},
            {"data": {"values": marks}, "mark": {"type": "point", "filled": True, "stroke": BLUE, "strokeWidth": 2, "size": 60, "opacity": 1},
             "encoding": {"x": x, "y": y, "fill": {"condition": {"test": "datum.note == 'leap from'", "value": PAPER}, "value": BLUE}}},
        ],
    }  # fmt: skip


__all__ = ["curve_figure", "number"]
