"""How every chart looks: Arial, ink on white, colours that stand out against white and never speak alone, a finding above, sources below."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.charts.figure import Spec

INK, GREY, RULE, PAPER = "#212b32", "#4c6272", "#d8dde0", "#ffffff"
BLUE, ORANGE, GREEN, PURPLE, PINK, NAVY = "#005eb8", "#b8500a", "#00703c", "#5b2c86", "#ae2573", "#002f5c"
"""Each at least 4.5 to 1 against white; what a colour means is written or marked beside it as well."""

SERIES = (BLUE, ORANGE, GREEN, PURPLE, PINK, GREY)
DASHES = ([1, 0], [8, 4], [2, 3], [10, 3, 2, 3], [5, 5], [1, 4])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
"""Lines that stand together differ by colour, dash and mark."""

FONT = "Arial, Helvetica, sans-serif"
WIDE, NARROW = 900, 360
"""Widths of a drawing in pixels."""


@dataclass(frozen=True)
class Sheet:
    """The paper of a drawing: how wide it is, and how large its letters are."""

    width: int

    @property
    def is_narrow(self) -> bool:
        """Whether it is for a narrow screen."""
        return self.width < 600

    @property
    def size(self) -> int:
        """Letter size of labels in pixels."""
        return 12 if self.is_narrow else 14

    def wrap(self, text: str, pixels: float, size: float | None = None) -> list[str]:
        """Text in lines that fit so many pixels; Arial is about half as wide as high."""
        return textwrap.wrap(text, max(int(pixels / ((size or self.size) * 0.53)), 8)) or [""]

    def label(self, text: str, pixels: float) -> str:
        """Text as the label of an axis, its lines apart by a line feed."""
        return "\n".join(self.wrap(text, pixels))


SHEETS = (Sheet(WIDE), Sheet(NARROW))

LINES = "split(datum.label, '\\n')"
"""Expression that breaks a label of an axis at its line feeds."""


def finished(body: Spec, sheet: Sheet, words: tuple[str, str, str, str]) -> Spec:
    """A whole Vega-Lite document: the body with its finding and unit above and its source below.

    Args:
        body: one view, or views side by side.
        sheet: the paper.
        words: title, subtitle, source and alt text.
    """
    title, subtitle, source, alt = words
    room = sheet.width - 24
    head = 16 if sheet.is_narrow else 19
    foot: dict[str, Any] = {
        "text": sheet.wrap(source, room, 12), "orient": "bottom", "anchor": "start", "frame": "bounds", "fontSize": 12,
        "fontWeight": "normal", "color": GREY, "offset": 12,
    }  # fmt: skip
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": alt,
        "background": PAPER,
        "padding": 10,
        "title": {
            "text": sheet.wrap(title, room * 0.96, head), "subtitle": sheet.wrap(subtitle, room, sheet.size), "anchor": "start",
            "frame": "bounds", "fontSize": head, "subtitleFontSize": sheet.size, "subtitlePadding": 6, "offset": 14,
        },
        "vconcat": [{**body, "title": foot}],
        "config": config(sheet),
    }  # fmt: skip


def config(sheet: Sheet) -> Spec:
    """Letters, lines and colours that all charts share."""
    return {
        "font": FONT,
        "aria": False,
        "view": {"stroke": None},
        "title": {"color": INK, "subtitleColor": GREY, "fontWeight": "bold", "lineHeight": 24 if not sheet.is_narrow else 20,
                  "subtitleLineHeight": sheet.size + 4},
        "axis": {
            "labelFontSize": sheet.size, "titleFontSize": sheet.size, "labelColor": INK, "titleColor": GREY, "titleFontWeight": "normal",
            "gridColor": RULE, "domainColor": GREY, "tickColor": GREY, "labelLimit": 0, "labelLineHeight": sheet.size + 3,
            "titlePadding": 8, "labelPadding": 6,
        },
        "text": {"fontSize": sheet.size, "color": INK},
        "header": {"labelFontSize": sheet.size, "labelColor": INK, "labelFontWeight": "bold", "titleFontSize": sheet.size},
        "legend": {"labelFontSize": sheet.size, "titleFontSize": sheet.size, "labelColor": INK, "titleColor": GREY,
                   "labelLimit": 0, "symbolSize": 120},
    }  # fmt: skip


def nominal(field: str, labels: Sequence[str], sheet: Sheet, pixels: float, **axis: object) -> Spec:
    """The upright channel of rows that have labels, in their order, with the room that the labels take fixed."""
    return {
        "field": field, "type": "nominal", "sort": list(labels),
        "axis": {"title": None, "labelExpr": LINES, "minExtent": pixels, "maxExtent": pixels, "ticks": False, "domain": False, **axis},
    }  # fmt: skip
