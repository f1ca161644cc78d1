"""The catalogue's solutions: every channel-shift investment of the data pack, each figure with its source and marks."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field

from api.service.describe.catalogue_schemas import schema_href
from api.service.records.api_models import ApiModel
from api.service.records.pack import Pack
from capitation.money.pence import decimal_text, pence_of
from capitation.records.documents import Rating
from capitation.shift.solution import Solution, read_solutions

FOLDER = "solutions"
"""Folder of the data pack that holds them."""

_DOCUMENT = {
    "id": "clinical_hub",
    "source": "assumption",
    "owner": "Director of urgent care",
    "quality": "amber",
    "impact": "red",
    "costs": [{"kind": "recurrent", "pounds": "3854000.00", "source": "assumption", "where": "94 posts"}],
}


class SolutionHead(ApiModel):
    """A channel-shift investment, in a sentence."""

    id: str = Field(examples=["clinical_hub"])
    """Its name."""
    title: str = Field(examples=["Single clinical hub and point of access"])
    """Its title for people."""
    about: str = Field(examples=["One inbound centre for urgent and planned requests."])
    """What it is, who it reaches and how it works."""
    rollout: Literal["system", "locality"] = Field(examples=["system"])
    """Started once for the whole system, or locality by locality."""
    source: str = Field(examples=["vale-practices"])
    """Id of the source in which it was read, or "assumption"."""
    owner: str | None = Field(examples=["Director of urgent care"])
    """Who answers for it."""
    quality: Rating | None = Field(examples=["amber"])
    """Evidence: red is weak, amber is partial, green is strong."""
    impact: Rating | None = Field(examples=["red"])
    """Effect on the answer: red is large, amber is moderate, green is small."""
    href: str = Field(examples=["/v1/catalogue/solutions/clinical_hub"])
    """Where the solution stands with all its figures."""


class SolutionList(ApiModel):
    """A page of channel-shift investments."""

    items: list[SolutionHead]
    """Solutions by name."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


class SolutionView(SolutionHead):
    """A channel-shift investment with all its figures."""

    document: dict[str, Any] = Field(examples=[_DOCUMENT])
    """The whole document, which fits its JSON Schema; pounds as texts with two decimals, each figure with its source and marks."""
    schema_href: str = Field(examples=["/v1/catalogue/schemas/solution"])
    """Where the JSON Schema of the document stands."""


def solution_views(pack: Pack) -> Mapping[str, SolutionView]:
    """Every solution of a pack, by name.

    Raises:
        DocumentError: a file of the pack breaks its model; all faults together.
    """
    return _views(pack, pack.digest)


def solution_heads(pack: Pack) -> Mapping[str, SolutionHead]:
    """Every solution of a pack in a sentence, by name."""
    kept = set(SolutionHead.model_fields)
    return {name: SolutionHead(**view.model_dump(include=kept)) for name, view in solution_views(pack).items()}


@lru_cache(maxsize=4)
def _views(pack: Pack, _content: str) -> Mapping[str, SolutionView]:
    """The solutions of a pack with this content, read once a process."""
    return {solution.id: _view(solution) for solution in read_solutions(pack.whole / FOLDER)}


def _view(solution: Solution) -> SolutionView:
    return SolutionView(
        id=solution.id,
        title=solution.name,
        about=solution.about,
        rollout=solution.rollout,
        source=solution.source,
        owner=solution.owner,
        quality=solution.quality,
        impact=solution.impact,
        href=f"/v1/catalogue/solutions/{solution.id}",
        document=_as_sent(solution.model_dump(by_alias=True)),
        schema_href=schema_href("solution"),
    )


def _as_sent(thing: Any, name: str = "") -> Any:  # noqa: ANN401  # any part of a document
    """A part of a document with pounds as texts; which numbers are pounds is in their names."""
    if isinstance(thing, dict):
        return {key: _as_sent(value, key) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_as_sent(each, name) for each in thing]
    if isinstance(thing, Decimal) and (name == "pounds" or name.endswith("_pounds")):
        return decimal_text(pence_of(thing))
    return thing
