"""The catalogue: the clauses contracts are made of, the solutions, the indices of need, and a JSON Schema of every document.

GET /v1/catalogue                     what is in it
GET /v1/catalogue/terms[/{kind}]      clauses of contracts, with formula, pieces and worked cases
GET /v1/catalogue/solutions[/{id}]    channel-shift solutions of the data pack
GET /v1/catalogue/indices[/{id}]      need components and cost indices of the data pack
GET /v1/catalogue/schemas[/{kind}]    JSON Schemas

What is sent depends on the version of the service and the data pack only; the ETag is the hash of what is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field

from api.service.describe.catalogue_indices import IndexList, IndexView, index_heads, index_views
from api.service.describe.catalogue_schemas import SchemaList, schema_heads, schema_text
from api.service.describe.catalogue_solutions import SolutionList, SolutionView, solution_heads, solution_views
from api.service.describe.catalogue_terms import TermList, TermView, term_heads, term_views
from api.service.http.etags import is_unchanged, strong
from api.service.http.paging import cursor_of, next_link, text_after
from api.service.records.api_models import NAME, ApiModel
from api.service.runtime.request import IfNoneMatch, Limit, NameCursor, ServiceDep
from capitation.errors import UnknownNameError
from capitation.records.identity import canonical, digest

router = APIRouter(prefix="/v1/catalogue", tags=["catalogue"])

W = TypeVar("W", bound=ApiModel)

LONGEST_NAME = 128
"""Most characters of a name in an address."""

UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The caller has this version"}}
"""The answer to whoever has what would be sent."""

TermKind = Annotated[
    str, Path(pattern=NAME, max_length=LONGEST_NAME, description="Name of the clause", examples=["share"])
]
SolutionId = Annotated[
    str, Path(pattern=NAME, max_length=LONGEST_NAME, description="Id of the solution", examples=["clinical_hub"])
]
IndexId = Annotated[
    str, Path(pattern=NAME, max_length=LONGEST_NAME, description="Id of the index", examples=["community"])
]
SchemaKind = Annotated[
    str, Path(pattern=NAME, max_length=LONGEST_NAME, description="Kind of document", examples=["scenario"])
]


class Shelf(ApiModel):
    """One part of the catalogue."""

    id: str = Field(examples=["terms"])
    """Its name."""
    about: str = Field(examples=["The clauses that contracts are made of."])
    """What stands in it."""
    count: int = Field(examples=[38])
    """How many entries it has."""
    href: str = Field(examples=["/v1/catalogue/terms"])
    """Where its list stands."""


class Shelves(ApiModel):
    """A page of the parts of the catalogue."""

    items: list[Shelf]
    """Parts by name."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


@router.get("", response_model=Shelves, responses=UNCHANGED)
def list_catalogue(
    request: Request,
    service: ServiceDep,
    limit: Limit = 100,
    cursor: NameCursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """What is in the catalogue, and where each part stands."""
    counted: tuple[tuple[str, str, int], ...] = (
        (
            "indices",
            "Need components and cost indices, and the formulas that use them.",
            len(index_heads(service.pack)),
        ),
        ("schemas", "A JSON Schema of each kind of document that can be sent or read.", len(schema_heads())),
        (
            "solutions",
            "Channel-shift solutions of the data pack, with all their figures.",
            len(solution_heads(service.pack)),
        ),
        ("terms", "The clauses that contracts are made of, with their worked cases.", len(term_heads())),
    )
    shelves = {name: Shelf(id=name, about=about, count=n, href=f"/v1/catalogue/{name}") for name, about, n in counted}
    return _page(request, shelves, limit, cursor, if_none_match)


@router.get("/terms", response_model=TermList, responses=UNCHANGED)
def list_terms(
    request: Request, limit: Limit = 100, cursor: NameCursor = None, if_none_match: IfNoneMatch = None
) -> Response:
    """The clauses that contracts are made of, each in a sentence."""
    return _page(request, term_heads(), limit, cursor, if_none_match)


@router.get("/terms/{kind}", response_model=TermView, responses=UNCHANGED)
def read_term(kind: TermKind, if_none_match: IfNoneMatch = None) -> Response:
    """A clause of contracts: its words, JSON Schema, formula, pieces and worked cases."""
    return _answer(canonical(_known("term", kind, term_views())), if_none_match)


@router.get("/solutions", response_model=SolutionList, responses=UNCHANGED)
def list_solutions(
    request: Request,
    service: ServiceDep,
    limit: Limit = 100,
    cursor: NameCursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The channel-shift solutions of the data pack, each in a sentence."""
    return _page(request, solution_heads(service.pack), limit, cursor, if_none_match)


@router.get("/solutions/{solution_id}", response_model=SolutionView, responses=UNCHANGED)
def read_solution(service: ServiceDep, solution_id: SolutionId, if_none_match: IfNoneMatch = None) -> Response:
    """A channel-shift solution: the whole document, each figure with its source and marks."""
    return _answer(canonical(_known("solution", solution_id, solution_views(service.pack))), if_none_match)


@router.get("/indices", response_model=IndexList, responses=UNCHANGED)
def list_indices(
    request: Request,
    service: ServiceDep,
    limit: Limit = 100,
    cursor: NameCursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The need components and cost indices of the data pack, each in a sentence."""
    return _page(request, index_heads(service.pack), limit, cursor, if_none_match)


@router.get("/indices/{index_id}", response_model=IndexView, responses=UNCHANGED)
def read_index(service: ServiceDep, index_id: IndexId, if_none_match: IfNoneMatch = None) -> Response:
    """A need component or cost index: its unit, years, sources, and the formulas that use it."""
    return _answer(canonical(_known("index", index_id, index_views(service.pack))), if_none_match)


@router.get("/schemas", response_model=SchemaList, responses=UNCHANGED)
def list_schemas(
    request: Request, limit: Limit = 100, cursor: NameCursor = None, if_none_match: IfNoneMatch = None
) -> Response:
    """The kinds of documents that can be sent or read, and where the JSON Schema of each stands."""
    return _page(request, schema_heads(), limit, cursor, if_none_match)


@router.get("/schemas/{kind}", response_model=dict[str, Any], responses=UNCHANGED)
def read_schema(kind: SchemaKind, if_none_match: IfNoneMatch = None) -> Response:
    """The JSON Schema of a kind of document, with the meaning of each field."""
    return _answer(schema_text(kind), if_none_match)


def _known(what: str, name: str, known: Mapping[str, W]) -> W:
    if name not in known:
        raise UnknownNameError(what, name, known)
    return known[name]


def _page(
    request: Request, heads: Mapping[str, ApiModel], limit: int, cursor: str | None, if_none_match: str | None
) -> Response:
    """The entries after the cursor, by name."""
    after = text_after(cursor)
    left = [name for name in sorted(heads) if name > after]
    following = cursor_of(left[limit - 1]) if len(left) > limit else None
    content = {"items": [heads[name] for name in left[:limit]], "next": following}
    return _answer(canonical(content), if_none_match, next_link(request, following))


def _answer(text: str, if_none_match: str | None, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that carries a JSON text, named by its hash."""
    sent = {"ETag": strong(digest(text)), **(headers or {})}
    if is_unchanged(if_none_match, sent["ETag"]):
        return Response(status_code=304, headers=sent)
    return Response(text.encode(), media_type="application/json", headers=sent)
