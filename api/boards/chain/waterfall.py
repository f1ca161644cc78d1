"""The chain of one year as a waterfall in SVG: bars from the opening deficit to what is left, totals from the ground."""

from __future__ import annotations

from html import escape

import polars as pl

from capitation.money.pence import board_text

_WIDTH, _ROW, _LEFT, _RIGHT, _TOP = 960, 30, 430, 90, 46
_COLOURS = {"total": "#1d4e89", "more": "#b23a48", "less": "#3a7d44"}


def chain_svg(lines: pl.DataFrame, title: str) -> str:
    """The waterfall of the system's lines of one year, as a picture that needs no script.

    Args:
        lines: lines of one organisation and year in order: title, amount_pence, is_total.
        title: heading of the picture.
    """
    bars: list[tuple[str, int, int, int, str]] = []
    at = 0
    for text, pence, is_total in lines.sort("step").select("title", "amount_pence", "is_total").iter_rows():
        start, end = (0, pence) if is_total else (at, at + pence)
        kind = "total" if is_total else "more" if pence > 0 else "less"
        bars.append((text, pence, start, end, kind))
        at = end
    ends = [0, *(x for _, _, start, end, _ in bars for x in (start, end))]
    low, span = min(ends), max(max(ends) - min(ends), 1)

    def x(pence: int) -> float:
        return _LEFT + (pence - low) / span * (_WIDTH - _LEFT - _RIGHT)

    height = _TOP + _ROW * len(bars) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<text x="12" y="26" font-size="17" font-weight="bold">{escape(title)}</text>',
        f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{_TOP - 8}" y2="{height - 8}" stroke="#888"/>',
    ]
    for row, (text, pence, start, end, kind) in enumerate(bars):
        y = _TOP + row * _ROW
        left, right = sorted((x(start), x(end)))
        weight = ' font-weight="bold"' if kind == "total" else ""
        parts += [
            f'<text x="{_LEFT - 14}" y="{y + 17}" text-anchor="end"{weight}>{escape(text)}</text>',
            f'<rect x="{left:.1f}" y="{y + 3}" width="{max(right - left, 1):.1f}" height="{_ROW - 8}" fill="{_COLOURS[kind]}"/>',
            f'<text x="{right + 6:.1f}" y="{y + 17}"{weight}>{escape(board_text(pence))}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
