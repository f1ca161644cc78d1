"""Rows that show how far a position moves: bars between a low and a high end around a middle, the widest on top."""

from __future__ import annotations

from collections.abc import Sequence

from api.charts.bars import amount
from api.charts.figure import Spec
from api.charts.look import BLUE, GREY, INK, ORANGE, Paper, different, row_height, row_labels, upright

Range = tuple[str, int, int, int]
"""Label, low end, middle and high end in pence."""


def ranges(rows: Sequence[Range], sheet: Paper, unit: str, ends: tuple[str, str]) -> Spec:
    """The body of a tornado.

    Args:
        rows: what varies, the widest first.
        sheet: the paper.
        unit: title of the axis.
        ends: what the two colours of a bar mean: the part of the low end and that of the high end.
    """
    room = sheet.width * (0.42 if sheet.is_narrow else 0.36)
    labels = different([sheet.label(label, room - 14) for label, *_ in rows])
    values, texts = [], []
    for label, (_, low, middle, high) in zip(labels, rows, strict=True):
        values += [
            {"label": label, "from": end / 1e8, "to": middle / 1e8, "part": part}
            for end, part in zip((low, high), ends, strict=True)
        ]
        left, right = min(low, high, middle), max(low, high, middle)
        texts.append(
            {
                "label": label,
                "right": right / 1e8,
                "text": f"{amount(left)} to {amount(right)}" if left != right else amount(left),
            }
        )
    y = upright(labels)
    x: Spec = {
        "field": "from",
        "type": "quantitative",
        "title": unit,
        "scale": {"zero": False},
        "axis": {"tickCount": 3 if sheet.is_narrow else 6, "domain": False},
    }
    middle_at = rows[0][2] / 1e8 if rows else 0
    below = sheet.is_narrow
    return {
        "width": sheet.width - room - (30 if below else 170), "height": {"step": row_height(labels, sheet, 40 if below else 30)},
        "layer": [
            {
                "data": {"values": values}, "mark": {"type": "bar", "height": 16, "minBandSize": 1},
                "encoding": {"y": y, "x": x, "x2": {"field": "to"}, "color": {
                    "field": "part", "type": "nominal", "scale": {"domain": list(ends), "range": [ORANGE, BLUE]},
                    "legend": {"title": None, "orient": "top", "columns": 1 if below else 2} if ends[0] != ends[1] else None}},
            },
            {"mark": {"type": "rule", "color": INK, "strokeWidth": 1.5}, "encoding": {"x": {"datum": middle_at, "type": "quantitative"}}},
            {
                "data": {"values": texts},
                "mark": {"type": "text", "align": "left", "dx": 0 if below else 6, "dy": 17 if below else 0, "color": GREY if below else INK, "fontSize": 11 if below else 13},
                "encoding": {"y": y, "x": {"value": 0} if below else {"field": "right", "type": "quantitative"}, "text": {"field": "text"}},
            },
            *row_labels(labels, sheet, room),
        ],
    }  # fmt: skip
