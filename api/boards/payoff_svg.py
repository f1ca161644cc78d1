"""A payoff curve as SVG text: titled axes with round ticks, the line with its bends and leaps, and its table beside it."""

from __future__ import annotations

from api.boards.svg import INK, ROW, TABLE, TOP, Plot, cell, note, number, page, page_height, round_ticks
from contracts.document.models import Contract
from contracts.settlement.payoff import Payoff

_MINOR = {"pence": "£", "cents": "dollars", "euro_cents": "euros", "pounds": "£"}


def payoff_svg(curve: Payoff, contract: Contract) -> str:
    """The curve as an SVG document with a title, a description for screen readers, and its table beside it."""
    per = 100.0 if curve.unit in {"pence", "cents", "euro_cents"} else 1.0
    xs = curve.table.get_column(curve.varied).to_list()
    ys = [float(y) / per for y in curve.table.get_column(curve.output).to_list()]
    notes = curve.table.get_column("note").to_list()
    y_ticks = round_ticks(min(*ys, 0.0), max(*ys, 0.0))
    plot = Plot(curve.low, curve.high, min(y_ticks[0], *ys), max(y_ticks[-1], *ys))
    x_title, y_title = _titles(curve, contract)
    parts = _head(curve, contract, page_height(len(xs)))
    for x in round_ticks(curve.low, curve.high):
        if curve.low <= x <= curve.high:
            parts += plot.x_rule(x, number(x))
    for y in y_ticks:
        parts += plot.y_rule(y, number(y))
    parts += plot.axes()
    line: list[str] = []
    for x, y, about in zip(xs, ys, notes, strict=True):
        line.append(f"{'M' if not line or about == 'leap to' else 'L'}{plot.px(x):.1f},{plot.py(y):.1f}")
    parts.append(f'<path d="{" ".join(line)}" fill="none" stroke="{INK}" stroke-width="2.5"/>')
    for x, y, about in zip(xs, ys, notes, strict=True):
        if about:
            fill = "#ffffff" if about == "leap from" else INK
            parts.append(f'<circle cx="{plot.px(x):.1f}" cy="{plot.py(y):.1f}" r="4" fill="{fill}" stroke="{INK}"/>')
    parts += plot.titles(x_title, y_title)
    if curve.note:
        parts.append(note(curve.note))
    parts += _table(curve, (xs, ys, notes), per)
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _titles(curve: Payoff, contract: Contract) -> tuple[str, str]:
    given = contract.input_map()[curve.varied]
    output = next(o for o in contract.outputs if o.name == curve.output)
    unit = _MINOR.get(curve.unit, curve.unit)
    across = f"{given.about} ({given.unit})" if given.unit else given.about
    return across, f"{output.about or output.name.removesuffix('_pence').replace('_', ' ')} ({unit})"


def _head(curve: Payoff, contract: Contract, height: int) -> list[str]:
    title = f"{contract.title}: {curve.output} as {curve.varied} varies"
    bends = ", ".join(number(b) for b in curve.bends) or "none"
    about = f"Kind: {curve.kind}. Bends and leaps at: {bends}. {curve.note} Values are in the table beside."
    return page(title, about, height)


def _table(curve: Payoff, columns: tuple[list[float], list[float], list[str]], per: float) -> list[str]:
    parts = []
    unit = _MINOR.get(curve.unit, curve.unit)
    heading = f"{curve.output.removesuffix('_pence')} ({unit})"
    for j, text in enumerate((curve.varied, heading, "")):
        parts.append(_at(j, TOP, text, bold=True))
    for i, (x, y, about) in enumerate(zip(*columns, strict=True), start=1):
        for j, text in enumerate((number(x), f"{y:,.2f}" if per > 1 else number(y), about)):
            parts.append(_at(j, TOP + ROW * i, text))
    return parts


def _at(column: int, y: float, text: str, *, bold: bool = False) -> str:
    x, anchor = ((TABLE + 130, "end"), (TABLE + 310, "end"), (TABLE + 325, "start"))[column]
    return cell(x, y, text, anchor=anchor, bold=bold)


__all__ = ["payoff_svg"]
