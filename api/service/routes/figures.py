"""Figures: any published figure of a run, a comparison or a plan as a tree, recomputed, down to printed cells, parameters and choices.

The route has more than eight parameters because each is one of the query, which the framework reads from its signature.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Annotated

import polars as pl
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.service.records.api_models import ApiModel
from api.service.records.failures import ServiceError
from api.service.runtime.parameters import ColumnName, Condition, FrameName, ResultId
from api.service.runtime.request import ClientDep, IfNoneMatch, ServiceDep, tag_of
from api.service.runtime.service import Service
from api.service.security.access import Caller
from api.service.security.visibility import EVERYTHING, view_of
from api.service.views.respond import respond
from api.service.views.rows import IMMUTABLE, VARY
from api.service.views.traced import Traced, traced
from capitation.errors import CapitationError, Fault, UnknownNameError
from capitation.run.trace import WITHHELD, FigureAddress, explain

router = APIRouter(prefix="/v1/figures", tags=["figures"])


class FigureView(ApiModel):
    """A figure and what it is made of."""

    kind: str = Field(examples=["figure"])
    """figure, printed cell, parameter, choice or data file."""
    label: str = Field(examples=["allocation.allocation_pence year=2018/19, stream=ccg, level=locality, code=V1"])
    """Its address: table, column and key."""
    title: str = Field(default="", examples=["allocation.allocation_pence of Vale"])
    """Its address with names in place of codes, where that differs."""
    value: str = Field(examples=["4787713227"])
    """Its value as text."""
    unit: str = Field(examples=["pence"])
    """Its unit."""
    words: str = Field(examples=["the allocation of the stream x the share of the weight"])
    """How it is made, or where it stands in its source."""
    parts: list[FigureView] = Field(default=[], examples=[[]])
    """What it is made of."""
    folded_parts: int = Field(default=0, examples=[0])
    """Smaller parts that were recomputed but are not shown."""
    disagrees: str = Field(default="", examples=[""])
    """What the recomputation found, where it differs from the run."""


# Reason: each query parameter of an address is a parameter of its route.
@router.get(
    "/{result_id}/{table}/{column}",
    response_model=FigureView,
    responses={304: {"description": "The caller has it"}},
)
def read_figure(
    request: Request,
    service: ServiceDep,
    client: ClientDep,
    result_id: ResultId,
    table: FrameName,
    column: ColumnName,
    where: Annotated[
        list[Condition],
        Query(
            description="column=value of the row's key; repeated",
            max_length=20,
            examples=[["year=2018/19", "stream=ccg", "level=locality", "code=V1"]],
        ),
    ] = [],  # noqa: B006  # FastAPI copies it
    depth: Annotated[int, Query(ge=1, le=12, description="How many levels to open", examples=[2])] = 12,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A figure of a run, a comparison or a plan as a tree, recomputed in plain Python; parts that are not the caller's to see are withheld."""
    as_seen = str(request.state.view)
    tag = tag_of(result_id, table, column, str(depth), as_seen, *where)
    result = traced(service, result_id)
    formulas = result.found.formulas
    headers = {"Vary": VARY, "Cache-Control": IMMUTABLE}
    pairs = [(name, value) for name, _, value in (each.partition("=") for each in where)]
    _check_key(pairs)
    try:
        asked = FigureAddress(table, column, tuple(pairs))
        may_show = _may_show(service, result, result_id, client)
        if (table, column) in formulas and not may_show(
            asked
        ):  # whether there is such a row is not theirs to know either
            raise _not_yours(asked)
        tree = explain(result.found.context, asked, formulas, depth=depth, may_show=may_show)
    except ServiceError:
        raise
    except CapitationError as error:
        raise ServiceError("not-found", error.message, error.faults) from error
    if tree.value == WITHHELD:
        raise _not_yours(asked)
    return respond(FigureView.model_validate(tree.as_dict()), request, headers=headers, tag=tag)


def _not_yours(asked: FigureAddress) -> ServiceError:
    return ServiceError(
        "forbidden", f"{asked.label}: it is not yours to see, or a number of people too small to be shown"
    )


def _check_key(pairs: list[tuple[str, str]]) -> None:
    """Refuse a key that names a column twice: no row has two values in it.

    Raises:
        ServiceError: 422 with every column that is named twice.
    """
    names = [name for name, _ in pairs]
    faults = []
    for name in dict.fromkeys(each for each in names if names.count(each) > 1):
        values = " and ".join(repr(value) for each, value in pairs if each == name)
        faults.append(Fault(f"query: where {name}", values, "one value for each column of the key"))
    if faults:
        raise ServiceError("invalid", "the key of the figure names a column more than once", faults)


def _may_show(service: Service, result: Traced, result_id: str, client: Caller) -> Callable[[FigureAddress], bool]:
    """Whether a caller may see a figure: its row is theirs to see and its number is not left out."""
    if view_of(client, service.system) == EVERYTHING:
        return lambda _figure: True

    seen = lru_cache(maxsize=None)(partial(service.seen, caller=client))

    def may_show(figure: FigureAddress) -> bool:
        kind, stored = result.table_of(result_id, figure.table)
        if not stored:  # the run was made again for the trace: nothing says which of its rows are whose
            return False
        try:
            found = seen(kind, stored, figure.table)
        except UnknownNameError:  # a table that is hidden from partners
            return False
        if found is None:
            return False
        if not {figure.column, *(name for name, _ in figure.key)} <= set(found[0].columns):
            return True  # which columns a table has is no secret; what is wrong with the address is said
        match = [pl.col(name).cast(pl.String) == str(value) for name, value in figure.key]
        rows = found[0].filter(match) if match else found[0]
        return rows.height == 1 and rows.get_column(figure.column)[0] is not None

    return may_show
