"""The payoff of a contract as its form stands, drawn anew: what it pays as one figure varies."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import dataclass

from api.charts.curve import around, as_number, curve_figure, default_input
from api.charts.figure import ChartFigure
from api.charts.render import svg
from capitation.errors import CapitationError
from contracts.document.models import Contract
from contracts.settlement.payoff import Payoff, payoff

_POINTS = 11
_MOST_KEPT = 64
_ROLES = re.compile(r' role="graphics-[a-z]+"| aria-roledescription="[^"]*"')


@dataclass(frozen=True)
class Redrawn:
    """A curve on a page, as drawings for a wide and a narrow screen; or why there is none."""

    figure: ChartFigure | None
    wide: str
    narrow: str
    varied: str
    output: str
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    fault: str = ""


_kept: OrderedDict[tuple[str, str, str], Redrawn] = OrderedDict()
_lock = threading.Lock()


def redrawn(contract: Contract, varied: str, output: str) -> Redrawn:
    """The curve of a contract around its first worked case; the latest ones are kept.

    Args:
        contract: the contract as its form stands.
        varied: the figure that varies; chosen where none is named.
        output: the amount that is followed; the first that moves where none is named.
    """
    key = (contract.model_dump_json(), varied, output)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    made = _redrawn(contract, varied, output)
    with _lock:
        _kept[key] = made
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return made


def _redrawn(contract: Contract, varied: str, output: str) -> Redrawn:
    inputs = tuple((name, each.about or name) for name, each in contract.input_map().items() if each.type == "number")
    outputs = tuple((each.name, each.about or each.name) for each in contract.outputs)
    if not contract.cases or not inputs:
        why = "The curve is drawn around a worked case; this contract has none."
        return Redrawn(None, "", "", varied, output, inputs, outputs, why)
    rows = [dict(row) for row in contract.cases[0].rows]
    moved = varied if varied in dict(inputs) else _last_of_gap(contract, rows[0])
    low, high = around(contract, moved, as_number(rows[0].get(contract.input_map()[moved].heading)))
    if not low < high:
        low, high = 0.0, 1.0
    try:
        curve = _curve(contract, rows, moved, (low, high), output)
    except CapitationError as error:
        return Redrawn(None, "", "", moved, output, inputs, outputs, f"No curve can be drawn: {error.message}.")
    figure = curve_figure(curve, contract)
    return Redrawn(
        figure, _one_image(svg(figure)), _one_image(svg(figure, narrow=True)), moved, curve.output, inputs, outputs
    )


def _one_image(drawing: str) -> str:
    """A drawing that stands in a page: one image with its title and description, whose parts have no roles of their own."""
    return _ROLES.sub("", drawing)


def _last_of_gap(contract: Contract, row: dict[str, object]) -> str:
    """The actual figure of the first gap, which is what a year brings; else what the first clause works on."""
    numbers = {name for name, each in contract.input_map().items() if each.type == "number"}
    for term in contract.terms:
        actual = str(getattr(term, "actual", ""))
        if actual in numbers:
            return actual
    return default_input(contract, dict(row))


def _curve(
    contract: Contract, rows: list[dict[str, object]], varied: str, ends: tuple[float, float], output: str
) -> Payoff:
    names = [each.name for each in contract.outputs]
    if output in names:
        return payoff(contract, rows, varied, *ends, output, points=_POINTS)
    curves = []
    for name in names:
        curve = payoff(contract, rows, varied, *ends, name, points=_POINTS)
        if curve.table[name].n_unique() > 1:
            return curve
        curves.append(curve)
    return curves[0]


__all__ = ["Redrawn", "redrawn"]
