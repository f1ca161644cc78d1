"""The catalogue's JSON Schemas: one for every kind of document that can be sent or read, by the name it goes by.

Documents that the service keeps, those of `capitation schema`, the clauses of contracts, and the indices of need: each is built
from the model that reads it, so a schema and its reader cannot differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from pydantic import Field, TypeAdapter

from api.schemas import DOCUMENTS
from api.service.documents.kinds import DOCUMENT_KINDS
from api.service.records.api_models import ApiModel
from capitation.errors import UnknownNameError
from capitation.weighting.formula import Component, CostIndex
from contracts.document.schema import term_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""The JSON Schema that all of them are written in."""

PLACE = "/v1/catalogue/schemas"
"""Where they stand."""


class SchemaHead(ApiModel):
    """A JSON Schema without its content."""

    kind: str = Field(examples=["scenario"])
    """Name of the kind of document."""
    title: str = Field(examples=["Scenario"])
    """Title of the schema."""
    meaning: str = Field(examples=["What the place is, what money comes in by stream, and how it is shared."])
    """What a document of the kind is, in a sentence."""
    href: str = Field(examples=["/v1/catalogue/schemas/scenario"])
    """Where the schema stands."""


class SchemaList(ApiModel):
    """A page of JSON Schemas."""

    items: list[SchemaHead]
    """Schemas by name of the kind."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of document, with the meaning of each field.

    Raises:
        UnknownNameError: no document is of this kind.
    """
    if kind not in SCHEMAS:
        raise UnknownNameError("kind of document", kind, SCHEMAS)
    return {"$schema": DIALECT, **SCHEMAS[kind]()}


@cache
def schema_text(kind: str) -> str:
    """The JSON Schema of a kind of document as a text, fields in the order of the model.

    Raises:
        UnknownNameError: no document is of this kind.
    """
    return json.dumps(json_schema(kind), allow_nan=False)


@cache
def schema_heads() -> Mapping[str, SchemaHead]:
    """Every schema without its content, by name of the kind."""
    return {kind: _head(kind, json_schema(kind)) for kind in sorted(SCHEMAS)}


def schema_href(kind: str) -> str:
    """Where the schema of a kind of document stands."""
    return f"{PLACE}/{kind}"


def first_sentences(words: str) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(words.split("\n\n")[0].split())


def _head(kind: str, schema: Mapping[str, Any]) -> SchemaHead:
    return SchemaHead(
        kind=kind, title=schema["title"], meaning=first_sentences(schema["description"]), href=schema_href(kind)
    )


def _term() -> dict[str, Any]:
    about = "A clause of a contract: one of the registered terms, which `term` names."
    return {"title": "Term", "description": about, **term_schema()}


def _index() -> dict[str, Any]:
    about = "An index of need: a need component, or a cost index that multiplies need."
    union: TypeAdapter[Component | CostIndex] = TypeAdapter(Component | CostIndex)
    return {"title": "Index", "description": about, **union.json_schema(by_alias=True)}


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    **{name: model.model_json_schema for name, model in DOCUMENTS.items()},
    **{noun.kind: noun.schema for noun in DOCUMENT_KINDS.values()},
    "index": _index,
    "term": _term,
}
"""What makes each schema, by name of the kind; a document that the service keeps goes by the name of its noun."""
