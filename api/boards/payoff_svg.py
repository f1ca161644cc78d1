"""A payoff curve as SVG text: titled axes with round ticks, the line with its bends and leaps, and its table beside it."""

from __future__ import annotations

import math
from html import escape

from contracts.document.models import Contract
from contracts.settlement.payoff import Payoff

_LEFT, _TOP, _WIDTH, _HEIGHT = 130, 70, 560, 380
_TABLE, _ROW = 740, 18
_MINOR = {"pence": "£", "cents": "dollars", "euro_cents": "euros", "pounds": "£"}


def payoff_svg(curve: Payoff, contract: Contract) -> str:
    """The curve as an SVG document with a title, a description for screen readers, and its table beside it."""
    per = 100.0 if curve.unit in {"pence", "cents", "euro_cents"} else 1.0
    xs = curve.table.get_column(curve.varied).to_list()
    ys = [float(y) / per for y in curve.table.get_column(curve.output).to_list()]
    notes = curve.table.get_column("note").to_list()
    y_ticks = round_ticks(min(*ys, 0.0), max(*ys, 0.0))
    low, high = min(y_ticks[0], *ys), max(y_ticks[-1], *ys)
    span = (high - low) or 1.0

    def px(x: float) -> float:
        return _LEFT + (x - curve.low) / (curve.high - curve.low) * _WIDTH

    def py(y: float) -> float:
        return float(_TOP + (high - y) / span * _HEIGHT)

    height = max(_TOP + _HEIGHT + 110, _TOP + _ROW * (len(xs) + 3))
    x_title, y_title = _titles(curve, contract)
    parts = _head(curve, contract, height)
    for x in round_ticks(curve.low, curve.high):
        if curve.low <= x <= curve.high:
            parts.append(
                f'<line x1="{px(x):.1f}" y1="{_TOP}" x2="{px(x):.1f}" y2="{_TOP + _HEIGHT}" stroke="#d8dde0"/>'
            )
            parts.append(f'<text x="{px(x):.1f}" y="{_TOP + _HEIGHT + 22}" text-anchor="middle">{_number(x)}</text>')
    for y in y_ticks:
        parts.append(f'<line x1="{_LEFT}" y1="{py(y):.1f}" x2="{_LEFT + _WIDTH}" y2="{py(y):.1f}" stroke="#d8dde0"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{py(y) + 4:.1f}" text-anchor="end">{_number(y)}</text>')
    parts.append(f'<line x1="{_LEFT}" y1="{py(0):.1f}" x2="{_LEFT + _WIDTH}" y2="{py(0):.1f}" stroke="#505a5f"/>')
    parts.append(f'<line x1="{_LEFT}" y1="{_TOP}" x2="{_LEFT}" y2="{_TOP + _HEIGHT}" stroke="#505a5f"/>')
    line: list[str] = []
    for x, y, note in zip(xs, ys, notes, strict=True):
        line.append(f"{'M' if not line or note == 'leap to' else 'L'}{px(x):.1f},{py(y):.1f}")
    parts.append(f'<path d="{" ".join(line)}" fill="none" stroke="#005ea5" stroke-width="2.5"/>')
    for x, y, note in zip(xs, ys, notes, strict=True):
        if note:
            fill = "#ffffff" if note == "leap from" else "#005ea5"
            parts.append(f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="4" fill="{fill}" stroke="#005ea5"/>')
    middle = _TOP + _HEIGHT / 2
    parts += [
        f'<text x="{_LEFT + _WIDTH / 2}" y="{_TOP + _HEIGHT + 50}" text-anchor="middle">{escape(x_title)}</text>',
        f'<text x="24" y="{middle}" text-anchor="middle" transform="rotate(-90 24 {middle})">{escape(y_title)}</text>',
    ]
    if curve.note:
        parts.append(f'<text x="{_LEFT}" y="{_TOP + _HEIGHT + 76}" fill="#505a5f">{escape(curve.note)}</text>')
    parts += _table(curve, (xs, ys, notes), per)
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def round_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten apart) that cover a range.

    Example:
        `round_ticks(0, 23)` is 0, 5, 10, 15, 20, 25.
    """
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next((m * power for m in (1.0, 2.0, 5.0) if m * power >= span / about * 0.999), 10.0 * power)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, max(last, first + 1) + 1)]


def _titles(curve: Payoff, contract: Contract) -> tuple[str, str]:
    given = contract.input_map()[curve.varied]
    output = next(o for o in contract.outputs if o.name == curve.output)
    unit = _MINOR.get(curve.unit, curve.unit)
    across = f"{given.about} ({given.unit})" if given.unit else given.about
    return across, f"{output.about or output.name.removesuffix('_pence').replace('_', ' ')} ({unit})"


def _head(curve: Payoff, contract: Contract, height: int) -> list[str]:
    title = f"{contract.title}: {curve.output} as {curve.varied} varies"
    bends = ", ".join(_number(b) for b in curve.bends) or "none"
    about = f"Kind: {curve.kind}. Bends and leaps at: {bends}. {curve.note} Values are in the table beside."
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1160 {height}" width="1160" height="{height}" '
        'role="img" aria-labelledby="t d" font-family="Arial, Helvetica, sans-serif" font-size="13">',
        f'<title id="t">{escape(title)}</title>',
        f'<desc id="d">{escape(" ".join(about.split()))}</desc>',
        f'<rect width="1160" height="{height}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="30" font-size="17" font-weight="bold">{escape(title)}</text>',
    ]


def _table(curve: Payoff, columns: tuple[list[float], list[float], list[str]], per: float) -> list[str]:
    parts = []
    unit = _MINOR.get(curve.unit, curve.unit)
    heading = f"{curve.output.removesuffix('_pence')} ({unit})"
    for j, text in enumerate((curve.varied, heading, "")):
        parts.append(_cell(j, _TOP, text, bold=True))
    for i, (x, y, note) in enumerate(zip(*columns, strict=True), start=1):
        for j, text in enumerate((_number(x), f"{y:,.2f}" if per > 1 else _number(y), note)):
            parts.append(_cell(j, _TOP + _ROW * i, text))
    return parts


def _cell(column: int, y: float, text: str, *, bold: bool = False) -> str:
    x, anchor = ((_TABLE + 130, "end"), (_TABLE + 310, "end"), (_TABLE + 325, "start"))[column]
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def _number(x: float) -> str:
    size = abs(x)
    return f"{x:,.0f}" if size >= 1000 or x == int(x) else f"{x:,.4g}"


__all__ = ["payoff_svg", "round_ticks"]
