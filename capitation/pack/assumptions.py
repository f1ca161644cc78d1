"""The assumptions log of a run: every judgement its documents rest on, weak and important ones first.

A judgement is any entry of a document with `source = "assumption"`, and any rule of a stream that has an owner. The two marks follow
the assumptions log of the AQuA Book's practice: quality of evidence, and impact on the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from capitation.records.documents import Document
from capitation.records.frames import Column, Frame, Schema

RANK = {"red": 0, "amber": 1, "green": 2}


class Assumption(Schema):
    """One judgement."""

    rank = Column(pl.Int64, "order", "Place in the log: weak and important first", key=True, ge=1)
    document = Column(pl.String, "id", "Document that holds it")
    place = Column(pl.String, "key", "Where in the document it stands")
    value = Column(pl.String, "as written", "The value assumed; empty for a rule in words", nullable=True)
    unit = Column(pl.String, "unit", "What one of it is", nullable=True)
    low = Column(pl.String, "as written", "Lowest value to test within", nullable=True)
    high = Column(pl.String, "as written", "Highest value to test within", nullable=True)
    quality = Column(pl.String, "rating", "Evidence: red is weak", nullable=True)
    impact = Column(pl.String, "rating", "Effect on the answer: red is large", nullable=True)
    owner = Column(pl.String, "role", "Who answers for it", nullable=True)
    about = Column(pl.String, "words", "What it rests on")


def assumptions(documents: Mapping[str, Document]) -> Frame[Assumption]:
    """The judgements of documents, one row each, weak evidence with large effect first.

    Args:
        documents: documents by the name they have in the log.
    """
    rows = [row for name, document in documents.items() for row in _found(name, "", document.model_dump())]
    unique = list({tuple(row.items()): row for row in rows}.values())
    unique.sort(
        key=lambda r: (RANK.get(r["quality"] or "", 1), RANK.get(r["impact"] or "", 1), r["document"], r["place"])
    )
    ranked = [{"rank": number, **row} for number, row in enumerate(unique, start=1)]
    return Assumption.validate(pl.DataFrame(ranked, schema=Assumption.dtypes()))


def _found(document: str, place: str, content: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401  # walks any document
    if isinstance(content, Mapping):
        is_rule = content.get("owner") and content.get("about") and ("source" not in content or content.get("inside"))
        if content.get("source") == "assumption" or is_rule:
            yield {
                "document": document,
                "place": place or "the whole document",
                "value": _text(content.get("value", content.get("rate", content.get("pounds")))),
                "unit": content.get("unit"),
                "low": _text(content.get("low")),
                "high": _text(content.get("high")),
                "quality": content.get("quality"),
                "impact": content.get("impact"),
                "owner": content.get("owner"),
                "about": str(content.get("where") or content.get("about")),
            }
        for key, value in content.items():
            yield from _found(document, f"{place}.{key}" if place else key, value)
    elif isinstance(content, list | tuple):
        for number, value in enumerate(content):
            name = (
                value.get("stream") or value.get("name") or value.get("component") or str(number)
                if isinstance(value, Mapping)
                else str(number)
            )
            yield from _found(document, f"{place}[{name}]", value)


def _text(value: Any) -> str | None:  # noqa: ANN401  # any scalar of a document
    if value is None:
        return None
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
