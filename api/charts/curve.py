"""The payoff curve of one contract: what it pays as one figure varies, with every bend and leap, from the contract's own settlement."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from api.charts.figure import ChartFigure, Spec
from api.charts.look import BLUE, GREY, PAPER, Paper, figure_of
from capitation.errors import ContractError
from capitation.sentences import small
from contracts.document.contract import Contract
from contracts.language.units import range_of
from contracts.settlement.payoff import Payoff

_MINOR = {"pence": "£", "cents": "dollars", "euro_cents": "euros", "pounds": "£"}


def curve_figure(curve: Payoff, contract: Contract) -> ChartFigure:
    """The figure of a payoff curve."""
    per = 100.0 if curve.unit in {"pence", "cents", "euro_cents"} else 1.0
    minor = 100.0 if contract.input_map()[curve.varied].unit in _MINOR.keys() - {"pounds"} else 1.0
    xs = [float(x) / minor for x in curve.table.get_column(curve.varied)]
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
    subtitle = f"{contract.title}: {small(y_title)} as {x_title} varies"
    bends = ", ".join(number(b / minor) for b in curve.bends) or "none"
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


def default_input(agreed: Contract, row: dict[str, Any]) -> str:
    """The amount of the first clause that works on a number input with a value, else the first such input."""
    numbers = {name: each.heading for name, each in agreed.input_map().items() if each.type == "number"}
    known = [name for name, heading in numbers.items() if as_number(row.get(heading))]
    for term in agreed.terms:
        if term.before() in known:
            return str(term.before())
    if not numbers:
        message = f"contract {agreed.id}: it has no number input to vary"
        raise ContractError(message)
    return (known or list(numbers))[0]


def around(agreed: Contract, varied: str, middle: float) -> tuple[float, float]:
    """A fifth below and above a value, within what the input can be."""
    low, high = sorted((0.8 * middle, 1.2 * middle))
    given = agreed.input_map().get(varied)
    if given is not None:
        least, most = range_of(given.unit) or (-math.inf, math.inf)
        least = max(least, -math.inf if given.at_least is None else float(given.at_least))
        most = min(most, math.inf if given.at_most is None else float(given.at_most))
        low, high = max(low, least), min(high, most)
    return low, high


def as_number(cell: object) -> float:
    """A cell as a number; 0 where it is none."""
    try:
        return float(str(cell))
    except ValueError:
        return 0.0


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
    return small(contract.input_map()[curve.varied].about or curve.varied.replace("_", " "))


def _titles(curve: Payoff, contract: Contract) -> tuple[str, str]:
    given = contract.input_map()[curve.varied]
    output = next(o for o in contract.outputs if o.name == curve.output)
    unit = _MINOR.get(curve.unit, curve.unit)
    across = f"{given.about} ({_MINOR.get(given.unit, given.unit)})" if given.unit else given.about
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


__all__ = ["around", "as_number", "curve_figure", "default_input", "number"]
