"""The form of a contract document for editors and other programmes: JSON Schema, with every registered term."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Union

from pydantic import Field, TypeAdapter

from contracts.document.models import Contract
from contracts.terms import all_terms
from contracts.terms._base import Term


@cache
def any_term() -> TypeAdapter[Term]:
    """A validator of any registered term, distinguished by its `term`."""
    kinds = tuple(all_terms().values())
    return TypeAdapter(Annotated[Union[kinds], Field(discriminator="term")])  # type: ignore[arg-type,unused-ignore]  # noqa: UP007


def term_schema() -> dict[str, Any]:
    """JSON Schema of any registered term, distinguished by its `term`, which every one must name."""
    schema: dict[str, Any] = any_term().json_schema(by_alias=True, ref_template="#/$defs/{model}")
    for place in schema["discriminator"]["mapping"].values():
        kind = schema["$defs"][place.removeprefix("#/$defs/")]
        kind["required"] = ["term", *kind.get("required", ())]
    return schema


def contract_schema() -> dict[str, Any]:
    """JSON Schema of a contract document, with the sentence of each field and of each registered term."""
    schema = Contract.model_json_schema(by_alias=True)
    terms = term_schema()
    schema["$defs"] = {**schema.get("$defs", {}), **terms.pop("$defs", {})}
    schema["properties"]["terms"]["items"] = terms
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


__all__ = ["any_term", "contract_schema", "term_schema"]
