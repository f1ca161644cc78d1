"""A payoff curve as SVG text: the line with its bends and leaps, and the table of its values beside it."""

from __future__ import annotations

from html import escape

from contracts.settlement.payoff import Payoff

_LEFT, _TOP, _WIDTH, _HEIGHT = 90, 60, 560, 380
_TABLE, _ROW = 700, 18


def payoff_svg(curve: Payoff) -> str:
    """The curve as an SVG document with a title, a description for screen readers, and its table beside it."""
    xs = curve.table.get_column(curve.varied).to_list()
    ys = curve.table.get_column(curve.output).to_list()
    notes = curve.table.get_column("note").to_list()
    low, high = min(*ys, 0.0), max(*ys, 0.0)
    span = (high - low) or 1.0

    def px(x: float) -> float:
        return _LEFT + (x - curve.low) / (curve.high - curve.low) * _WIDTH

    def py(y: float) -> float:
        return float(_TOP + (high - y) / span * _HEIGHT)

    height = max(_TOP + _HEIGHT + 70, _TOP + _ROW * (len(xs) + 3))
    title = f"{curve.contract}: {curve.output} as {curve.varied} varies"
    bends = ", ".join(_number(b) for b in curve.pieces.breakpoints) or "none"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1120 {height}" width="1120" height="{height}" '
        'role="img" aria-labelledby="t d" font-family="Arial, Helvetica, sans-serif" font-size="13">',
        f'<title id="t">{escape(title)}</title>',
        f'<desc id="d">{escape(f"Kind: {curve.pieces.kind}. Bends and leaps at: {bends}. Values are in the table beside.")}</desc>',
        f'<rect width="1120" height="{height}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="30" font-size="17" font-weight="bold">{escape(title)} ({curve.unit})</text>',
        f'<line x1="{_LEFT}" y1="{py(0):.1f}" x2="{_LEFT + _WIDTH}" y2="{py(0):.1f}" stroke="#505a5f"/>',
        f'<line x1="{_LEFT}" y1="{_TOP}" x2="{_LEFT}" y2="{_TOP + _HEIGHT}" stroke="#505a5f"/>',
    ]
    for i in range(5):
        x, y = curve.low + (curve.high - curve.low) * i / 4, low + span * i / 4
        parts.append(f'<text x="{px(x):.1f}" y="{_TOP + _HEIGHT + 22}" text-anchor="middle">{_number(x)}</text>')
        parts.append(f'<text x="{_LEFT - 8}" y="{py(y) + 4:.1f}" text-anchor="end">{_number(y)}</text>')
    line: list[str] = []
    for x, y, note in zip(xs, ys, notes, strict=True):
        line.append(f"{'M' if not line or note == 'leap to' else 'L'}{px(x):.1f},{py(y):.1f}")
    parts.append(f'<path d="{" ".join(line)}" fill="none" stroke="#005ea5" stroke-width="2.5"/>')
    for x, y, note in zip(xs, ys, notes, strict=True):
        if note:
            fill = "#ffffff" if note == "leap from" else "#005ea5"
            parts.append(f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="4" fill="{fill}" stroke="#005ea5"/>')
    parts.append(
        f'<text x="{_LEFT + _WIDTH / 2}" y="{_TOP + _HEIGHT + 50}" text-anchor="middle">{escape(curve.varied)}</text>'
    )
    for j, heading in enumerate((curve.varied, curve.output, "")):
        parts.append(_cell(j, _TOP, heading, bold=True))
    for i, (x, y, note) in enumerate(zip(xs, ys, notes, strict=True), start=1):
        for j, text in enumerate((_number(x), _number(y), note)):
            parts.append(_cell(j, _TOP + _ROW * i, text))
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _cell(column: int, y: float, text: str, *, bold: bool = False) -> str:
    x, anchor = ((_TABLE + 150, "end"), (_TABLE + 310, "end"), (_TABLE + 325, "start"))[column]
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def _number(x: float) -> str:
    size = abs(x)
    return f"{x:,.0f}" if size >= 1000 or x == int(x) else f"{x:,.4g}"
