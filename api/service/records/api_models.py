"""The base of every model that is sent or received, the kinds of values they share, and the names that examples use."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from api.service.records.claims import visible_length
from capitation.records.documents import Document

MONEY_PATTERN = r"^-?(0|[1-9][0-9]*)\.[0-9]{2}$"
"""What money looks like."""

Money = Annotated[
    str,
    Field(pattern=MONEY_PATTERN, examples=["1535741000.00"], json_schema_extra={"format": "decimal"}),
]
"""Pounds as text with exactly two decimals."""

JournalKind = Literal["original", "reversal", "replacement"]
"""A first posting, one that takes an earlier one back, or its replacement."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What the id of a document looks like."""


def _said(text: str) -> str:
    if visible_length(text) < LEAST_SAID:
        raise ValueError(f"a reason of at least {LEAST_SAID} characters that can be seen")
    return text


LEAST_SAID = 3
"""How many characters of a reason can be seen at least."""

SAID = AfterValidator(_said)
"""What makes a text one that says something: characters that can be seen."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

DIGEST_EXAMPLE = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
PACK_EXAMPLE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

RUN_EXAMPLE = "f10e0a9b83f73e51"
JOB_EXAMPLE = "2ca47210979d09194ce5aaf45c97f279"

LARGEST_SEED = 9_007_199_254_740_991
"""The largest whole number that every reader of JSON keeps exactly."""


class ApiModel(Document):
    """The base of what the service sends and receives: strict and frozen, as documents are."""
