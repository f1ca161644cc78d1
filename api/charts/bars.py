"""Rows of bars: a waterfall whose bars begin where the one above ends, with its amounts at their ends, and room for every label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.charts.figure import Spec
from api.charts.look import BLUE, GREY, NAVY, ORANGE, Paper, different, row_height, row_labels, upright
from capitation.money.pence import board_text

KINDS = ("total", "more", "less")
"""Totals, what adds, and what takes away; signs on the amounts say the same as their colours."""


@dataclass(frozen=True)
class Step:
    """One bar of a waterfall."""

    label: str
    pence: int
    is_total: bool = False
    mark: str = ""
    """A mark after the amount, such as a dagger for what is assumed."""


def signed(pence: int) -> str:
    """An amount that moves, with its sign: "+£5.0m", "-£2.1m", "£0"."""
    return "£0" if pence == 0 else f"{'+' if pence > 0 else ''}{board_text(pence)}"


def amount(pence: int) -> str:
    """An amount for a board; nothing is "£0"."""
    return "£0" if pence == 0 else board_text(pence)


def waterfall(steps: Sequence[Step], sheet: Paper, unit: str = "£ million", *, of_deficit: bool = False) -> Spec:
    """The body of a waterfall: a row a step, totals from nothing, all others from where the step before ended.

    Args:
        steps: the bars, from the top.
        sheet: the paper.
        unit: title of the axis.
        of_deficit: whether more is worse; only the colours follow it, the signs stand either way.
    """
    room = sheet.width * (0.40 if sheet.is_narrow else 0.44)
    value_room = 62 if sheet.is_narrow else 84
    rows, at = [], 0
    for number, step in enumerate(steps, start=1):
        start, end = (0, step.pence) if step.is_total else (at, at + step.pence)
        text = amount(step.pence) if step.is_total else signed(step.pence)
        rows.append(
            {
                "row": number, "label": sheet.label(step.label, room - 14), "from": start / 1e8, "to": end / 1e8,
                "right": max(start, end) / 1e8, "text": text + step.mark,
                "kind": "total" if step.is_total else "more" if step.pence > 0 else "less",
                "next": None if number == len(steps) else end / 1e8,
            }
        )  # fmt: skip
        at = end
    _clear_of_nothing(rows, 0.3 if sheet.is_narrow else 0.17)
    labels = different([str(row["label"]) for row in rows])
    for row, label in zip(rows, labels, strict=True):
        row["label"] = label
    y = upright(labels)
    x: Spec = {
        "field": "from",
        "type": "quantitative",
        "title": unit,
        "axis": {"tickCount": 3 if sheet.is_narrow else 6, "domain": False},
    }
    colour = {
        "field": "kind",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": list(KINDS), "range": [NAVY, ORANGE, BLUE] if of_deficit else [NAVY, BLUE, ORANGE]},
    }
    return {
        "width": sheet.width - room - value_room - 24,
        "height": {"step": row_height(labels, sheet, 28)},
        "data": {"values": rows},
        "layer": [
            {"mark": {"type": "rule", "color": GREY}, "encoding": {"x": {"datum": 0, "type": "quantitative"}}},
            {
                "mark": {"type": "bar", "height": 18, "minBandSize": 1},
                "encoding": {"y": y, "x": x, "x2": {"field": "to"}, "color": colour},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 6},
                "encoding": {"y": y, "x": {"field": "right", "type": "quantitative"}, "text": {"field": "text"}},
            },
            *row_labels(labels, sheet, room, [step.is_total for step in steps]),
        ],
    }  # fmt: skip


def _clear_of_nothing(rows: list[dict[str, Any]], text_room: float) -> None:
    """Write the amounts of bars that end just below nothing beyond the line of nothing, which would strike them through.

    Args:
        rows: the bars.
        text_room: how much of the axis a text takes.
    """
    ends = [row[name] for row in rows for name in ("from", "to")]
    near = -text_room * (max(ends, default=0) - min(ends, default=0))
    for row in rows:
        if near < row["right"] < 0:
            row["right"] = 0


def ranked(rows: Sequence[tuple[str, float, str]], sheet: Paper, width: float, unit: str, room: float) -> Spec:
    """Bars from nothing, one a row, with their amounts written beside them.

    Args:
        rows: label, length and its text.
        sheet: the paper.
        width: of all of it.
        unit: title of the axis.
        room: of that for the labels.
    """
    labels = different([sheet.label(label, room - 14) for label, _, _ in rows])
    values = [
        {"label": label, "value": value, "text": text} for label, (_, value, text) in zip(labels, rows, strict=True)
    ]
    y = upright(labels)
    x: Spec = {
        "field": "value",
        "type": "quantitative",
        "title": unit,
        "axis": {"tickCount": 3, "domain": False, "grid": False},
    }
    return {
        "width": width - room - (62 if sheet.is_narrow else 76),
        "height": {"step": row_height(labels, sheet)},
        "data": {"values": values},
        "layer": [
            {"mark": {"type": "bar", "height": 16, "color": BLUE}, "encoding": {"y": y, "x": x}},
            {
                "mark": {"type": "text", "align": "left", "dx": 5},
                "encoding": {"y": y, "x": {"field": "value", "type": "quantitative"}, "text": {"field": "text"}},
            },
            *row_labels(labels, sheet, room),
        ],
    }  # fmt: skip
