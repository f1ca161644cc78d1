"""Rows of a stored frame: those that match, one page of them, in the format asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from fastapi import Request, Response

from api.service.http.etags import is_unchanged, strong
from api.service.http.negotiation import ARROW, CSV, FRAME_FORMATS, JSON, NDJSON, PARQUET, rendered
from api.service.http.paging import cursor_of, number_after
from api.service.records.failures import ServiceError
from api.service.runtime.request import tag_of
from api.service.runtime.service import Service
from api.service.views.models import RowPage
from api.service.views.respond import Renderer, renderer_for, respond
from capitation.errors import UnknownNameError

TEXT_FORMATS = (NDJSON, CSV)
"""Formats of rows that people can read, beside JSON."""

ROWS_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": RowPage,
        "description": "Rows, in the format that Accept asks for",
        "content": {
            **{media: {"schema": {"type": "string"}} for media in TEXT_FORMATS},
            **{media: {"schema": {"type": "string", "format": "binary"}} for media in (ARROW, PARQUET)},
        },
    },
    304: {"description": "The caller has these rows"},
}
"""How rows are described."""

JSON_PAGE = 1000
"""Rows of a page of JSON where no limit is given; other formats then carry all rows."""

VARY = "Accept, Authorization, X-API-Key"
"""What rows depend on besides their address: the format asked for, and who asks."""

IMMUTABLE = "private, max-age=31536000, immutable"
"""Cache-Control of what never changes."""


@dataclass(frozen=True)
class RowsView:
    """A page of rows that the caller may see, and the cursor of the next one."""

    rows: pl.DataFrame
    next: str | None


def _renderer(media: str) -> Renderer:
    return Renderer(media, lambda view: rendered(view.rows, media, view.next))


ROW_FORMATS = tuple(_renderer(media) for media in FRAME_FORMATS)
"""How rows leave, the default first."""


def frame_answer(
    request: Request,
    service: Service,
    kind: str,
    result_id: str,
    name: str,
    *,
    where: Sequence[str] = (),
    limit: int | None = None,
    cursor: str | None = None,
) -> Response:
    """The answer that carries those rows of a frame that the caller may see.

    Args:
        request: for Accept and If-None-Match.
        service: the running instance.
        kind: kind of the result.
        result_id: the result.
        name: name of the frame.
        where: "column=value", each of which rows must match.
        limit: most rows; in JSON 1,000 by default, otherwise all.
        cursor: where the page begins.

    Raises:
        ServiceError: no such result; a condition or cursor that cannot be read; no format that is offered.
        UnknownNameError: no such frame or column.
    """
    renderer = renderer_for(request, ROW_FORMATS)
    found = service.seen(kind, result_id, name, request.state.caller)
    if found is None:
        if service.store.result(kind, result_id) is None:
            raise ServiceError("not-found", f"there is no {kind} {result_id!r}")
        raise UnknownNameError("frame", name, service.store.frame_names(kind, result_id), where=f"{kind} {result_id}")
    frame, checksum = found
    start = number_after(cursor)
    most = limit if limit is not None else (JSON_PAGE if renderer.media == JSON else frame.height)
    tag = tag_of(checksum, renderer.media, str(start), str(most), *where)
    headers = {"Vary": VARY, "Cache-Control": IMMUTABLE}
    if is_unchanged(request.headers.get("if-none-match"), strong(tag)):
        return Response(status_code=304, headers={**headers, "ETag": strong(tag)})
    kept, end = matching(frame, where), start + most
    view = RowsView(kept.slice(start, most), cursor_of(end) if end < kept.height else None)
    return respond(view, request, headers=headers, tag=tag, offered=ROW_FORMATS)


def matching(frame: pl.DataFrame, where: Sequence[str]) -> pl.DataFrame:
    """Rows that match every condition "column=value"; values are compared as text.

    Raises:
        ServiceError: a condition without "=".
        UnknownNameError: a column that the frame does not have.
    """
    conditions: list[pl.Expr] = []
    for condition in where:
        column, found, value = condition.partition("=")
        if not found:
            raise ServiceError("invalid", f"where={condition!r}: expected column=value")
        if column not in frame.columns:
            raise UnknownNameError("column", column, frame.columns)
        if frame.schema[column].is_nested():
            raise ServiceError("invalid", f"where={condition!r}: the column holds lists and cannot be compared")
        conditions.append(pl.col(column).cast(pl.String) == value)
    return frame.filter(conditions) if conditions else frame
