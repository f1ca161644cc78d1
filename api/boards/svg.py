"""Pictures as SVG text: one page with a title, a description for screen readers, a plot with round ticks, and a table beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

LEFT, TOP, WIDTH, HEIGHT = 130, 70, 560, 380
"""Where the plot stands on the page, and its size."""

TABLE, ROW = 740, 18
"""Where the table begins, and the height of its rows."""

INK, GREY, RULE = "#005ea5", "#505a5f", "#d8dde0"

COLOURS = ("#005ea5", "#b58105", "#00703c", "#912b88", "#d4351c", "#505a5f")
"""Colours of lines that stand together; each has a label or a dash of its own as well."""


def page(title: str, about: str, height: int, width: int = 1160) -> list[str]:
    """The head of a picture; close it with `</svg>`."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-labelledby="t d" font-family="Arial, Helvetica, sans-serif" font-size="13">',
        f'<title id="t">{escape(title)}</title>',
        f'<desc id="d">{escape(" ".join(about.split()))}</desc>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="30" font-size="17" font-weight="bold">{escape(title)}</text>',
    ]


def page_height(rows: int) -> int:
    """The height of a page whose table has so many rows."""
    return max(TOP + HEIGHT + 110, TOP + ROW * (rows + 3))


class Plot:
    """The frame of a plot: which values stand where, its grid, axes and titles.

    Args:
        x_low: value at the left edge.
        x_high: value at the right edge.
        y_low: value at the lower edge.
        y_high: value at the upper edge.
    """

    def __init__(self, x_low: float, x_high: float, y_low: float, y_high: float) -> None:
        self.x_low, self.x_high, self.y_low, self.y_high = x_low, x_high, y_low, y_high
        self._across, self._up = (x_high - x_low) or 1.0, (y_high - y_low) or 1.0

    def px(self, x: float) -> float:
        """Where a value stands across the page."""
        return LEFT + (x - self.x_low) / self._across * WIDTH

    def py(self, y: float) -> float:
        """Where a value stands down the page."""
        return float(TOP + (self.y_high - y) / self._up * HEIGHT)

    def x_rule(self, x: float, label: str) -> list[str]:
        """A rule of the grid at a value across, with its label."""
        return [
            f'<line x1="{self.px(x):.1f}" y1="{TOP}" x2="{self.px(x):.1f}" y2="{TOP + HEIGHT}" stroke="{RULE}"/>',
            f'<text x="{self.px(x):.1f}" y="{TOP + HEIGHT + 22}" text-anchor="middle">{escape(label)}</text>',
        ]

    def y_rule(self, y: float, label: str) -> list[str]:
        """A rule of the grid at a value up, with its label."""
        return [
            f'<line x1="{LEFT}" y1="{self.py(y):.1f}" x2="{LEFT + WIDTH}" y2="{self.py(y):.1f}" stroke="{RULE}"/>',
            f'<text x="{LEFT - 8}" y="{self.py(y) + 4:.1f}" text-anchor="end">{escape(label)}</text>',
        ]

    def axes(self) -> list[str]:
        """The line of nil across and the left edge."""
        nil = min(max(0.0, self.y_low), self.y_high)
        return [
            f'<line x1="{LEFT}" y1="{self.py(nil):.1f}" x2="{LEFT + WIDTH}" y2="{self.py(nil):.1f}" stroke="{GREY}"/>',
            f'<line x1="{LEFT}" y1="{TOP}" x2="{LEFT}" y2="{TOP + HEIGHT}" stroke="{GREY}"/>',
        ]

    def titles(self, x_title: str, y_title: str) -> list[str]:
        """The titles of both axes."""
        middle = TOP + HEIGHT / 2
        return [
            f'<text x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 50}" text-anchor="middle">{escape(x_title)}</text>',
            f'<text x="24" y="{middle}" text-anchor="middle" transform="rotate(-90 24 {middle})">{escape(y_title)}</text>',
        ]

    def line(self, xs: Sequence[float], ys: Sequence[float], colour: str = INK, dash: str = "") -> str:
        """A line through points."""
        points = zip(xs, ys, strict=True)
        path = " ".join(f"{'L' if k else 'M'}{self.px(x):.1f},{self.py(y):.1f}" for k, (x, y) in enumerate(points))
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2.5"{dashed}/>'


def note(text: str) -> str:
    """A note below the plot."""
    return f'<text x="{LEFT}" y="{TOP + HEIGHT + 76}" fill="{GREY}">{escape(text)}</text>'


def cell(x: float, y: float, text: str, *, anchor: str = "end", bold: bool = False) -> str:
    """A cell of the table."""
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], width: float = 400.0) -> list[str]:
    """The table beside a plot: words to the left, all other columns to the right of theirs."""
    step = width / max(len(headings), 1)
    parts = []
    for i, row in enumerate((headings, *rows)):
        for j, text in enumerate(row):
            first = j == 0
            x = TABLE if first else TABLE + step * (j + 1)
            parts.append(cell(x, TOP + ROW * i, text, anchor="start" if first else "end", bold=i == 0))
    return parts


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


def number(x: float) -> str:
    """A number as text: whole thousands, four digits below."""
    size = abs(x)
    return f"{x:,.0f}" if size >= 1000 or x == int(x) else f"{x:,.4g}"


__all__ = [
    "COLOURS",
    "GREY",
    "INK",
    "RULE",
    "Plot",
    "cell",
    "note",
    "number",
    "page",
    "page_height",
    "round_ticks",
    "table",
]
