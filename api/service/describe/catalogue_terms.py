"""The catalogue's terms: each clause of contracts as its own docstring, schema, formula, pieces and worked cases have it."""

from __future__ import annotations

import datetime as dt
import inspect
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import Field

from api.service.describe.catalogue_schemas import DIALECT, first_sentences, schema_href
from api.service.records.api_models import ApiModel
from capitation.records.described import sentences
from contracts.document.schema import any_term
from contracts.language.pieces import Kind, Pieces
from contracts.language.tables import Table
from contracts.terms import Term, all_terms
from contracts.terms._base import Case

Cell = str | int | float | bool | dt.date | None
"""One value of a row."""

STEP = "result"
"""What the result of a clause is called in its worked cases."""

_CONTENT = {"term": "share", "step": STEP, "amount": "gain", "rates": [0.5]}
_ROWS = [{"gain": 100.0}]


class TermHead(ApiModel):
    """A clause of contracts, in a sentence."""

    kind: str = Field(examples=["share"])
    """Name of the clause: what `term` holds in a contract."""
    meaning: str = Field(
        examples=[
            "The part of an amount that a party bears or receives: the amount times its rates, from the first pound."
        ]
    )
    """What the clause does."""
    shape: Kind = Field(examples=["piecewise"])
    """Hardest form it can take as a function of the amount it works on."""
    href: str = Field(examples=["/v1/catalogue/terms/share"])
    """Where the clause stands with its schema and cases."""


class TermList(ApiModel):
    """A page of clauses."""

    items: list[TermHead]
    """Clauses by name."""
    next: str | None = Field(examples=[None])
    """Cursor of the next page; none on the last one."""


class TermField(ApiModel):
    """A field of a clause that other clauses do not have."""

    name: str = Field(examples=["rates"])
    """Its key in a contract."""
    meaning: str = Field(examples=["The rates, multiplied: a sharing rate, a price, a placed part."])
    """What it holds."""
    required: bool = Field(examples=[True])
    """Whether a contract must give it."""


class CasePiece(ApiModel):
    """A stretch of a piecewise-linear function, up to where the next begins: intercept + slope x amount."""

    start: float | None = Field(examples=[None])
    """Amount at which the stretch begins; none where it comes from minus infinity."""
    intercept: float = Field(examples=[0.0])
    """Value of its line at an amount of 0."""
    slope: float = Field(examples=[0.5])
    """Change of value for each unit of the amount."""
    holds_at_start: bool = Field(examples=[True])
    """Whether the value at `start` itself is of this stretch; otherwise it is still of the one before."""


class TermCase(ApiModel):
    """A worked case of a clause, which the tests of the engine run."""

    name: str = Field(examples=["half of a gain of 100"])
    """What the case shows."""
    content: dict[str, Any] = Field(examples=[_CONTENT])
    """The clause as a contract holds it; it fits the clause's JSON Schema."""
    formula: str = Field(examples=["result = 0.5 x gain"])
    """The clause in words and symbols, as it could stand in a contract."""
    tables: list[dict[str, Any]] = Field(examples=[[]])
    """Look-up tables that the contract holds beside it."""
    rows: list[dict[str, Cell]] = Field(examples=[_ROWS])
    """Rows in: the named amounts before the clause."""
    expected: dict[str, list[float]] = Field(examples=[{STEP: [50.0]}])
    """Results by name, one value a row; further results of the clause are named `result.part`."""
    arithmetic: str = Field(examples=["100 x 0.5"])
    """How to redo it by hand."""
    amount: str | None = Field(examples=["gain"])
    """Name of the amount that the clause changes, where it works on a named one."""
    pieces: list[CasePiece] | None
    """The clause as an exact function of its amount, other names as on the first row; none where it is not one of one amount."""


class TermView(TermHead):
    """A clause of contracts with all that is known of it."""

    words: str = Field(
        examples=[
            "The part of an amount that a party bears or receives: the amount times its rates, from the first pound."
        ]
    )
    """The clause in full, as it could be pasted into a contract."""
    one_amount: bool = Field(examples=[True])
    """Whether it is a function of one amount once its other names have values, so that it has pieces."""
    works_on: str = Field(examples=["amount"])
    """The field that holds the amount it works on."""
    fields: list[TermField]
    """Its own fields; `step`, `about`, `clause`, `source` and `status` are those of every clause."""
    further_results: list[str] = Field(examples=[[f"{STEP}.held"]])
    """Results besides the clause's own, as its first case names them."""
    formula: str = Field(examples=["result = 0.5 x gain"])
    """Its formula, with the names of its first case."""
    cases: list[TermCase]
    """Its worked cases."""
    json_schema: dict[str, Any] = Field(examples=[{"$schema": DIALECT, "title": "Share", "type": "object"}])
    """JSON Schema of the clause."""
    schema_href: str = Field(examples=["/v1/catalogue/schemas/term"])
    """Where the JSON Schema of any clause stands."""


@cache
def term_views() -> Mapping[str, TermView]:
    """Every registered clause, by name."""
    return {name: _view(name, term) for name, term in all_terms().items()}


@cache
def term_heads() -> Mapping[str, TermHead]:
    """Every registered clause in a sentence, by name."""
    return {
        name: TermHead(**view.model_dump(include=set(TermHead.model_fields))) for name, view in term_views().items()
    }


def _view(name: str, term: type[Term]) -> TermView:
    words = inspect.cleandoc(term.__doc__ or "")
    built = _built(name, term.cases[0])
    return TermView(
        kind=name,
        meaning=first_sentences(words),
        shape=term.kind,
        href=f"/v1/catalogue/terms/{name}",
        words=words,
        one_amount=term.univariate,
        works_on=term.primary,
        fields=_fields(term),
        further_results=list(built.outputs()[1:]),
        formula=built.formula(),
        cases=[_case(name, case) for case in term.cases],
        json_schema={"$schema": DIALECT, **term.model_json_schema(by_alias=True)},
        schema_href=schema_href("term"),
    )


def _fields(term: type[Term]) -> list[TermField]:
    own = {field: info for field, info in term.model_fields.items() if field not in Term.model_fields}
    return [
        TermField(
            name=info.alias or field,
            meaning=" ".join(sentences(term)[field].split()),
            required=info.is_required(),
        )
        for field, info in own.items()
    ]


def _content(name: str, case: Case) -> dict[str, Any]:
    return {"term": name, "step": STEP, **case.fields}


def _built(name: str, case: Case) -> Term:
    return any_term().validate_python(_content(name, case))


def _case(name: str, case: Case) -> TermCase:
    built = _built(name, case)
    tables = {key: Table.model_validate(table) for key, table in case.tables.items()}
    pieces = built.pieces(dict(case.rows[0]), tables)
    return TermCase(
        name=case.name,
        content=_content(name, case),
        formula=built.formula(),
        tables=[dict(table) for table in case.tables.values()],
        rows=[dict(row) for row in case.rows],
        expected={f"{STEP}.{part}" if part else STEP: list(values) for part, values in case.expected.items()},
        arithmetic=case.arithmetic,
        amount=built.before(),
        pieces=None if pieces is None else _pieces(pieces),
    )


def _pieces(pieces: Pieces) -> list[CasePiece]:
    return [
        CasePiece(
            start=piece.start if math.isfinite(piece.start) else None,
            intercept=piece.intercept,
            slope=piece.slope,
            holds_at_start=piece.holds_at_start,
        )
        for piece in pieces.pieces
    ]
