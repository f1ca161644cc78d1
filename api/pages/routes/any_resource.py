"""The plain page of any resource: what its address under /v1 shows, as lists and tables, and its rows as files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.pages.asking import ask
from api.pages.rendering import page, page_address
from api.pages.tables import ENDINGS, PageTable, heading
from api.service.security.access import RESOURCES
from capitation.sentences import capital

_ROWS = 200
_MEDIA = {"csv": "text/csv"}


def resource(request: Request) -> Response:
    """One resource, list of resources, or table."""
    path = f"/v1{request.url.path}"
    query: dict[str, Any] = {n: request.query_params.getlist(n) for n in request.query_params if n not in {"as"}}
    asked = request.query_params.get("as", "")
    is_rows = "/frames/" in path or path.split("/")[2] in {"allocations", "positions"}
    if asked == "csv" and is_rows:
        reply = ask(request, path, query, accept="text/csv")
        return Response(
            reply.body,
            headers={"Content-Disposition": reply.headers.get("content-disposition", "attachment")},
            media_type="text/csv",
        )
    if is_rows and "limit" not in query:
        query["limit"] = str(_ROWS if asked != "xlsx" else 100_000)
    content = ask(request, path, query).content
    words = " ".join(request.url.path.strip("/").replace("_", " ").replace("-", " ").split("/"))
    title = capital(words)
    table, following = _table(content, title), _following(request, content)
    if table is not None and asked in ENDINGS:
        return table.download(asked)
    lead = ""
    if isinstance(content, dict) and isinstance(content.get("items"), list):
        count = len(content["items"])
        lead = (
            f"{'More than ' if following else ''}{count} {'entry' if count == 1 else 'entries'}."
            if count
            else "There is nothing here yet."
        )
    kept = "".join(f"{n}={v}&" for n in query if n not in {"limit", "cursor"} for v in query[n])
    return page(
        "resource.html",
        request,
        title=title,
        lead=lead,
        content=content,
        table=table,
        following=following,
        href=path,
        query=kept,
    )


def _table(content: Any, title: str) -> PageTable | None:  # noqa: ANN401  # any JSON
    """Rows or items as a table; None where the content is no list."""
    if not isinstance(content, dict):
        return None
    rows = content.get("rows", content.get("items"))
    if not isinstance(rows, list):
        return None
    flat = [
        {k: v if isinstance(v, str | int | float | bool) or v is None else _spoken(v) for k, v in row.items()}
        for row in rows
    ]
    frame = pl.DataFrame(flat, infer_schema_length=None) if flat else pl.DataFrame()
    wanted = [n for n in frame.columns if n not in {"href", "events"}]
    if "kind" in frame.columns and frame.schema["kind"] == pl.String:
        frame = frame.with_columns(pl.col("kind").str.replace_all("_", " "))
    links: dict[str, Any] = {}
    if "href" in frame.columns and wanted:
        links[wanted[0]] = lambda row: page_address(str(row["href"]))
    for name in wanted:
        if frame.schema[name] == pl.String and frame[name].drop_nulls().str.starts_with("/v1/").any():
            links[name] = partial(_page_of, name)
    return PageTable(title, frame, {n: heading(n) for n in wanted}, links, name=title.lower().replace(" ", "-"))


def _spoken(value: Any) -> str:  # noqa: ANN401  # any JSON
    """A cell that is no plain value: a problem in the words of its faults, anything else as it is."""
    if isinstance(value, dict) and str(value.get("type", "")).startswith("urn:capitation:problem:"):
        faults = [f"{f['where']}: found {f['found']}; expected {f['expected']}" for f in value.get("faults", ())]
        return ". ".join([str(value["title"]), *(faults or [str(value.get("detail", ""))])]).rstrip(". ") + "."
    return str(value)


def _page_of(name: str, row: Mapping[str, Any]) -> str:
    """The page of a resource that a column names."""
    return page_address(str(row[name]))


def _following(request: Request, content: Any) -> str:  # noqa: ANN401  # any JSON
    cursor = content.get("next") if isinstance(content, dict) else None
    return str(request.url.include_query_params(cursor=cursor)).partition(request.url.netloc)[2] if cursor else ""


ROUTES = [
    Route(f"/{word}{rest}", resource) for word in sorted(RESOURCES - {"metrics"}) for rest in ("", "/{rest:path}")
]
