"""One figure with its chart, its table, its sources and its files as four addresses to share, and its drawing; of a run or any other result."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.charts.render import svg
from api.pages.drawn import Gallery, choice_of, gallery_at, query_of
from api.pages.outcomes import SeenResult
from api.pages.rendering import packed, page
from api.pages.seen import SeenRun
from api.pages.tables import PageTable, plain_download
from api.service.kinds import BY_ADDRESS

_DRAWING = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "private, no-cache",
}
_TABS = ("chart", "table", "sources", "download")


def chart(request: Request) -> Response:
    """A tab of a figure."""
    gallery, seen = _gallery(request)
    name, choice = request.path_params["name"], choice_of(request)
    figure = gallery.figure(name, choice)
    tab = request.path_params.get("tab", "chart")
    here, query = f"{gallery.root}/charts/{name}", query_of(choice)
    tabs = [(f"{here}{'' if each == 'chart' else '/' + each}{query}", each.capitalize(), each == tab) for each in _TABS]
    return page(
        "chart.html", request, title=figure.title, facts=seen.facts, picture=gallery.picture(name, choice), tabs=tabs, tab=tab, here=here,
        table=PageTable(figure.title, figure.table, {n: n for n in figure.table.columns}), query=query, made_from=seen.data_pack,
        selects=gallery.selects(name, choice), not_in=getattr(seen, "not_in", ()), root=gallery.root, others=gallery.names,
    )  # fmt: skip


def drawing(request: Request) -> Response:
    """The drawing itself, for a page or for a narrow screen."""
    gallery, _ = _gallery(request)
    figure = gallery.figure(request.path_params["name"], choice_of(request))
    body, headers = packed(request, svg(figure, narrow=request.path_params["width"] == "narrow"))
    return Response(body, headers={**_DRAWING, **headers}, media_type="image/svg+xml")


def data(request: Request) -> Response:
    """The figure's table as CSV or XLSX."""
    gallery, seen = _gallery(request)
    figure = gallery.figure(request.path_params["name"], choice_of(request))
    return plain_download(figure.table, f"{figure.name}-{seen.id[:16]}", request.path_params["ending"])


def _gallery(request: Request) -> tuple[Gallery, SeenRun | SeenResult]:
    given = request.path_params
    return gallery_at(request, request.url.path.split("/")[1], given["result"], given["name"])


ROUTES = [
    route
    for address in BY_ADDRESS
    for route in (
        Route(f"/{address}/{{result}}/charts/{{name}}/drawing-{{width}}.svg", drawing),
        Route(f"/{address}/{{result}}/charts/{{name}}/data.{{ending}}", data),
        Route(f"/{address}/{{result}}/charts/{{name}}/{{tab}}", chart),
        Route(f"/{address}/{{result}}/charts/{{name}}", chart),
    )
]
