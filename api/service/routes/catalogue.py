"""The catalogue: JSON Schemas of everything that can be sent."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.service.nouns import NOUNS
from capitation.errors import UnknownNameError

router = APIRouter(prefix="/v1/catalogue", tags=["catalogue"])


@router.get("/schemas")
def schemas() -> dict[str, str]:
    """Where the JSON Schema of each kind of document stands."""
    return {noun.kind: f"/v1/catalogue/schemas/{noun.kind}" for noun in NOUNS.values()}


@router.get("/schemas/{kind}")
def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of document, with the meaning of each field."""
    known = {noun.kind: noun for noun in NOUNS.values()}
    if kind not in known:
        what = "kind of document"
        raise UnknownNameError(what, kind, known)
    return known[kind].schema()
