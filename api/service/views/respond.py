"""How a view leaves: a resource is shown as a frozen model, and rendered here in the format that Accept asks for.

A view is an `ApiModel`, or one of the frozen classes beside its renderers (`views/rows.py`, `views/journals.py`). A further format
is one more `Renderer` in the list of those that are offered; the routes stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from api.service.http.etags import is_unchanged, strong
from api.service.http.negotiation import JSON, chosen
from api.service.http.paging import next_link
from api.service.records.api_models import ApiModel


@dataclass(frozen=True)
class Renderer:
    """What makes bytes of a view.

    Args:
        media: the format.
        render: the bytes of a view in it.
    """

    media: str
    render: Callable[[Any], bytes]


def json_of(view: ApiModel) -> bytes:
    """A model as bytes of JSON."""
    return view.model_dump_json().encode()


AS_JSON = (Renderer(JSON, json_of),)
"""How models leave."""


def renderer_for(request: Request, offered: Sequence[Renderer]) -> Renderer:
    """The renderer that the Accept header prefers; the only one whatever it says.

    Raises:
        ServiceError: 406 where none of several is asked for.
    """
    if len(offered) == 1:
        return offered[0]
    media = chosen(request.headers.get("accept"), tuple(each.media for each in offered))
    return next(each for each in offered if each.media == media)


def respond(
    view: Any,  # noqa: ANN401  # any frozen view
    request: Request,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    tag: str | None = None,
    offered: Sequence[Renderer] = AS_JSON,
) -> Response:
    """The answer that shows a view, or 304 where the caller has it.

    Args:
        view: what the resource shows.
        request: for Accept, If-None-Match and the address of the next page, which stands in the Link header.
        status: status of the answer.
        headers: further headers.
        tag: the ETag's word; left to the outer layer, which hashes what is sent, where it is not given.
        offered: how the view may leave.
    """
    sent = {**(headers or {}), **next_link(request, getattr(view, "next", None))}
    if tag is not None:
        sent["ETag"] = strong(tag)
        if is_unchanged(request.headers.get("if-none-match"), sent["ETag"]):
            return Response(status_code=304, headers=sent)
    renderer = renderer_for(request, offered)
    return Response(renderer.render(view), status, sent, renderer.media)


def respond_created(view: Any, request: Request, tag: str | None = None) -> Response:  # noqa: ANN401  # as above
    """201 with what was created, whose address is in Location."""
    headers = {"Location": view.href} if tag is None else {"ETag": strong(tag), "Location": view.href}
    return respond(view, request, 201, headers)
