"""Rows of a stored frame: those that match, one page of them, in the format asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from api.service.http.etags import is_unchanged, strong
from api.service.http.negotiation import ARROW, CSV, FRAME_FORMATS, JSON, NDJSON, PARQUET, rendered
from api.service.http.paging import cursor_of, number_after
from api.service.records.failures import ServiceError
from api.service.runtime.request import tag_of
from api.service.runtime.service import Service
from api.service.security.visibility import sees_everything
from api.service.views.models import RowPage
from api.service.views.respond import Renderer, renderer_for, respond
from capitation.errors import Faults, UnknownNameError, suggest

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

ENDINGS = {NDJSON: "ndjson", CSV: "csv", ARROW: "arrows", PARQUET: "parquet"}
"""What the name of a file ends with, of formats that are kept as files."""

JSON_PAGE = 1000
"""Rows of a page of JSON where no limit is given; other formats then carry all rows."""

FEW_ROWS = 20_000
"""Rows up to which columns are filtered one by one, which takes less time than to plan a query and share it among threads."""

MOST_NAMED = 5_000
"""Among how many values of a column the one that may be meant is looked for."""

VARY = "Accept, Authorization, X-API-Key, Cookie"
"""What rows depend on besides their address: the format asked for, and who asks."""

IMMUTABLE = "private, max-age=31536000, immutable"
"""Cache-Control of what never changes."""


@dataclass(frozen=True)
class Filter:
    """One condition that rows must match.

    Args:
        parameter: the query's name for it, for messages.
        column: the column.
        value: the value as text.
    """

    parameter: str
    column: str
    value: str


def filters(asked: Mapping[str, str | None], columns: Mapping[str, str] | None = None) -> list[Filter]:
    """The conditions that parameters of a query are, those that were not given left out.

    Args:
        asked: values by parameter.
        columns: columns of those parameters that are not named as theirs.
    """
    named = columns or {}
    return [Filter(name, named.get(name, name), value) for name, value in asked.items() if value is not None]


def conditions(where: Sequence[str]) -> list[Filter]:
    """The conditions of "column=value" each.

    Raises:
        ServiceError: 422, one has no "=".
    """
    found = []
    for condition in where:
        column, sign, value = condition.partition("=")
        if not sign:
            raise ServiceError("invalid", f"where={condition!r}: expected column=value")
        found.append(Filter("where", column, value))
    return found


@dataclass(frozen=True)
class RowsView:
    """A page of rows that the caller may see, and the cursor of the next one."""

    rows: pl.DataFrame
    next: str | None


def _renderer(media: str) -> Renderer:
    return Renderer(media, lambda view: rendered(view.rows, media, view.next))


ROW_FORMATS = tuple(_renderer(media) for media in FRAME_FORMATS)
"""How rows leave, the default first."""


async def frame_answer(
    request: Request,
    service: Service,
    kind: str,
    result_id: str,
    name: str,
    *,
    where: Sequence[Filter] = (),
    limit: int | None = None,
    cursor: str | None = None,
) -> Response:
    """The answer that carries those rows of a frame that the caller may see; in a thread where it takes time.

    Args:
        request: for Accept and If-None-Match.
        service: the running instance.
        kind: kind of the result.
        result_id: the result.
        name: name of the frame.
        where: what rows must match.
        limit: most rows; in JSON 1,000 by default, otherwise all.
        cursor: where the page begins.

    Raises:
        ServiceError: no such result; a condition that no row could match; a cursor that cannot be read; no format that is offered.
        UnknownNameError: no such frame.
    """
    made = partial(_frame_answer, request, service, kind, result_id, name, where=where, limit=limit, cursor=cursor)
    if service.is_quick(kind, result_id, name, request.state.caller):
        return made()
    return await run_in_threadpool(made)


def _frame_answer(
    request: Request,
    service: Service,
    kind: str,
    result_id: str,
    name: str,
    *,
    where: Sequence[Filter],
    limit: int | None,
    cursor: str | None,
) -> Response:
    renderer = renderer_for(request, ROW_FORMATS)
    found = service.seen(kind, result_id, name, request.state.caller)
    if found is None:
        if service.store.result(kind, result_id) is None:
            raise ServiceError("not-found", f"there is no {kind} {result_id!r}")
        raise UnknownNameError("frame", name, service.store.frame_names(kind, result_id), where=f"{kind} {result_id}")
    frame, checksum = found
    start = number_after(cursor)
    most = limit if limit is not None else (JSON_PAGE if renderer.media == JSON else frame.height)
    tag = tag_of(checksum, renderer.media, str(start), str(most), *(f"{each.column}={each.value}" for each in where))
    headers = {"Vary": VARY, "Cache-Control": IMMUTABLE}
    if renderer.media in ENDINGS:
        file = f"{kind}-{result_id}-{name}.{ENDINGS[renderer.media]}"
        headers["Content-Disposition"] = f'attachment; filename="{file}"'
    if is_unchanged(request.headers.get("if-none-match"), strong(tag)):
        return Response(status_code=304, headers={**headers, "ETag": strong(tag)})
    may_know = sees_everything(request.state.caller, service.system)
    kept, end = matching(frame, where, names_values=may_know), start + most
    view = RowsView(kept.slice(start, most), cursor_of(end) if end < kept.height else None)
    return respond(view, request, headers=headers, tag=tag, offered=ROW_FORMATS)


def matching(frame: pl.DataFrame, where: Sequence[Filter], *, names_values: bool = True) -> pl.DataFrame:
    """Rows that match every condition; values are compared as text.

    Whoever sees a part of the rows only gets no row for a value that none of them has, whether or not others have it.

    Args:
        frame: the rows that the caller may see.
        where: the conditions.
        names_values: whether these are all rows, so that it can be said which values there are.

    Raises:
        ServiceError: 422, with every column that the table does not have and every value that no row has.
    """
    if not where:
        return frame
    faults, kept = Faults(), pl.Series([True], dtype=pl.Boolean).new_from_index(0, frame.height)
    for each in where:
        if each.column not in frame.columns:
            at = f"query: {each.parameter}"
            faults.add(at, repr(each.column), "a column of this table", suggest(each.column, frame.columns))
            continue
        column = frame.get_column(each.column)
        if column.dtype.is_nested():
            faults.add(f"query: {each.parameter}", f"{each.column}, which holds lists", "a column that can be compared")
            continue
        texts = column if column.dtype == pl.String else column.cast(pl.String)
        match = texts == each.value  # an empty cell is no match: neither `any` nor `filter` takes it
        if names_values and frame.height and not match.any():
            near = _near(each.value, column) if column.dtype == pl.String else ""
            faults.add(
                f"query: {each.parameter}", repr(each.value[:80]), f"a value of {each.column} in this table", near
            )
        kept &= match
    if len(faults):
        raise ServiceError("invalid", "no row could match the query", list(faults))
    if frame.height > FEW_ROWS:
        return frame.filter(kept)
    return pl.DataFrame([column.filter(kept) for column in frame.get_columns()])  # at once, without planning a query


def _near(value: str, column: pl.Series) -> str:
    """A sentence with the values of a column that may be meant, whatever their case."""
    values = column.drop_nulls().unique().head(MOST_NAMED).to_list()
    alike = sorted(each for each in values if each.casefold() == value.casefold())
    return f"Did you mean {alike[0]!r}?" if alike else suggest(value, values)
