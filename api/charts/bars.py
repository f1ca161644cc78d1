"""Rows of bars: a waterfall whose bars begin where the one above ends, with its amounts at their ends, and room for every label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.charts.figure import Spec
from api.charts.look import BLUE, NAVY, ORANGE, Sheet, nominal
from capitation.money.pence import board_text

KINDS = {"total": NAVY, "more": ORANGE, "less": BLUE}
"""Colours of totals, of what adds, and of what takes away; signs on the amounts say the same."""


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


def waterfall(steps: Sequence[Step], sheet: Sheet, unit: str = "£ million") -> Spec:
    """The body of a waterfall: a row a step, totals from nothing, all others from where the step before ended."""
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
    labels = [f"{row['label']}" for row in rows]
    unique = [label + "\u200b" * labels[:k].count(label) for k, label in enumerate(labels)]
    for row, label in zip(rows, unique, strict=True):
        row["label"] = label
    tall = max(len(label.split("\n")) for label in labels)
    y = nominal("label", unique, sheet, room)
    x: Spec = {"field": "from", "type": "quantitative", "title": unit, "axis": {"tickCount": 3 if sheet.is_narrow else 6, "domain": False}}
    return {
        "width": sheet.width - room - value_room - 24,
        "height": {"step": max(tall * (sheet.size + 3) + 8, 30)},
        "data": {"values": rows},
        "layer": [
            {"mark": {"type": "rule", "color": "#4c6272"}, "encoding": {"x": {"datum": 0, "type": "quantitative"}}},
            {
                "mark": {"type": "bar", "height": {"band": 0.66}},
                "encoding": {
                    "y": y, "x": x, "x2": {"field": "to"},
                    "color": {"field": "kind", "type": "nominal", "legend": None, "scale": {"domain": list(KINDS), "range": list(KINDS.values())}},
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 6},
                "encoding": {
                    "y": y, "x": {"field": "right", "type": "quantitative"}, "text": {"field": "text"},
                    "opacity": {"value": 1},
                },
            },
        ],
    }  # fmt: skip
