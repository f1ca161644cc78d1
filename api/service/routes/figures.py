"""Figures: any published figure of a run as a tree, recomputed, down to printed cells, parameters and choices."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.service.deps import IfNoneMatch, Service, ServiceDep, tag_of
from api.service.etags import is_unchanged, strong
from api.service.problems import ServiceError
from api.service.results import FrameName, ResultId
from api.service.rows import IMMUTABLE
from api.service.wire import Wire, body_text
from api.service.work import RUN
from capitation.errors import CapitationError
from capitation.formulas import FORMULAS
from capitation.run import Run, RunManifest
from capitation.trace import Context, Figure, explain

router = APIRouter(prefix="/v1/figures", tags=["figures"])


class FigureView(Wire):
    """A figure and what it is made of."""

    kind: str
    """figure, printed cell, parameter, choice or data file."""
    label: str
    """Its address: table, column and key."""
    value: str
    """Its value as text."""
    unit: str
    """Its unit."""
    words: str
    """How it is made, or where it stands in its source."""
    parts: list[FigureView] = Field(default=[])
    """What it is made of."""
    folded_parts: int = 0
    """Smaller parts that were recomputed but are not shown."""
    disagrees: str = ""
    """What the recomputation found, where it differs from the run."""


@router.get(
    "/{result_id}/{table}/{column}",
    response_model=FigureView,
    responses={304: {"description": "The caller has it"}},
)
def figure(
    service: ServiceDep,
    result_id: ResultId,
    table: FrameName,
    column: FrameName,
    where: Annotated[list[str], Query(description="column=value of the row's key; repeated", max_length=20)] = [],  # noqa: B006  # FastAPI copies it
    depth: Annotated[int, Query(ge=1, le=12, description="How many levels to open")] = 12,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A figure of a run as a tree, recomputed in plain Python."""
    tag = strong(tag_of(result_id, table, column, str(depth), *where))
    context = _context(service, result_id)
    headers = {"ETag": tag, "Cache-Control": IMMUTABLE}
    pairs = [(name, value) for name, _, value in (each.partition("=") for each in where)]
    try:
        tree = explain(context, Figure(table, column, tuple(pairs)), FORMULAS, depth=depth)
    except CapitationError as error:
        kind = "not-found"
        raise ServiceError(kind, error.message, error.faults) from error
    if is_unchanged(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    view = FigureView.model_validate(tree.as_dict())
    return Response(body_text(view), media_type="application/json", headers=headers)


def _context(service: Service, result_id: str) -> Context:
    result = service.store.result(RUN, result_id)
    if result is None:
        kind = "not-found"
        raise ServiceError(kind, f"there is no run {result_id!r}")
    return _held(service, result_id, result.content)


@lru_cache(maxsize=4)
def _held(service: Service, result_id: str, content: str) -> Context:
    """The context of a run, whose indexes serve every figure of it."""
    found: dict[str, Any] = RunContent.model_validate_json(content).model_dump()
    if found["data_pack"] != service.pack.digest:
        kind = "conflict"
        detail = (
            f"run {result_id} was made with the data pack {found['data_pack']}; this service has {service.pack.digest}"
        )
        raise ServiceError(kind, detail)
    manifest = RunManifest.model_validate(found["manifest"])
    frames: dict[str, pl.DataFrame] = {}
    for name in manifest.frames:
        decoded = service.frame(RUN, result_id, name)
        if decoded is None:
            kind = "not-found"
            raise ServiceError(kind, f"run {result_id} has no table {name!r}")
        frames[name] = decoded[0]
    return Context(Run(manifest, frames), service.pack.opened())


class RunContent(Wire):
    """What is stored of a run."""

    data_pack: str
    """Hash of the data pack it was made with."""
    manifest: RunManifest
    """Its manifest."""
