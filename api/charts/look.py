"""How every chart looks: Arial, ink on white, colours that stand out against white and never speak alone, a finding above, sources below."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from api.charts.figure import ChartFigure, Spec

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
class Paper:
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
        return textwrap.wrap(text, max(int(pixels / ((size or self.size) * 0.53)), 8), break_long_words=False) or [""]

    def label(self, text: str, pixels: float) -> str:
        """Text as the label of an axis, its lines apart by a line feed."""
        return "\n".join(self.wrap(text, pixels))


SHEETS = (Paper(WIDE), Paper(NARROW))


def finished(body: Spec, sheet: Paper, words: tuple[str, str, str, str]) -> Spec:
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
        "fontWeight": "normal", "color": GREY, "offset": 12, "lineHeight": 16,
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
        "vconcat": [{"vconcat": [body], "title": foot}],
        "config": config(sheet),
    }  # fmt: skip


def config(sheet: Paper) -> Spec:
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
            "titlePadding": 8, "labelPadding": 6, "labelFlush": False, "labelOverlap": True,
        },
        "text": {"fontSize": sheet.size, "color": INK},
        "header": {"labelFontSize": sheet.size, "labelColor": INK, "labelFontWeight": "bold", "titleFontSize": sheet.size},
        "legend": {"labelFontSize": sheet.size, "titleFontSize": sheet.size, "labelColor": INK, "titleColor": GREY,
                   "labelLimit": 0, "titleLimit": 0, "symbolSize": 120},
    }  # fmt: skip


def figure_of(
    name: str,
    words: tuple[str, str, str, str],
    table: pl.DataFrame,
    body: Callable[[Paper], Spec],
    notes: Sequence[str] = (),
) -> ChartFigure:
    """A figure whose body is drawn once for each paper.

    Args:
        name: the chart's name.
        words: title, subtitle, source and alt text.
        table: the data of the picture.
        body: the body on a paper.
        notes: what a reader must know that the picture does not show.
    """
    wide, narrow = (finished(body(sheet), sheet, words) for sheet in SHEETS)
    return ChartFigure(name, *words, table, wide, narrow, tuple(notes))


def upright(labels: Sequence[str], field: str = "label") -> Spec:
    """The upright channel of rows, in their order; `row_labels` writes their labels."""
    return {"field": field, "type": "nominal", "sort": list(labels), "axis": None}


def row_labels(labels: Sequence[str], sheet: Paper, pixels: float, bold: Sequence[bool] | None = None) -> list[Spec]:
    """Layers that write the labels of rows to the left of a plot, each in as many lines as it needs, in the middle of its row.

    Args:
        labels: labels as `Paper.label` broke them, each another one.
        sheet: the paper.
        pixels: room to the left.
        bold: which of them are totals.
    """
    line = sheet.size + 3
    heavy = list(bold or [False] * len(labels))
    layers = []
    for count, weight in sorted({(text.count("\n"), w) for text, w in zip(labels, heavy, strict=True)}):
        mine = [text for text, w in zip(labels, heavy, strict=True) if text.count("\n") == count and w == weight]
        layers.append(
            {
                "data": {"values": [{"label": text} for text in mine]},
                "mark": {
                    "type": "text", "align": "right", "baseline": "middle", "lineBreak": "\n", "lineHeight": line,
                    "dy": -count * line / 2, "fontWeight": "bold" if weight else "normal", "limit": pixels,
                },
                "encoding": {"y": upright(labels), "text": {"field": "label"}, "x": {"value": -10}},
            }
        )  # fmt: skip
    return layers


def different(labels: Sequence[str]) -> list[str]:
    """Labels made different where two are alike, by marks that have no width."""
    return [label + "\u200b" * list(labels[:k]).count(label) for k, label in enumerate(labels)]


def row_height(labels: Sequence[str], sheet: Paper, least: int = 26) -> float:
    """The height of rows that the tallest label needs."""
    return max((max(label.count("\n") for label in labels) + 1) * (sheet.size + 3) + 6, least)
