"""One figure with its chart, its table, its sources and its files as four addresses to share, and its drawing."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.charts.render import svg
from api.pages.drawn import figure_of, picture
from api.pages.rendering import packed, page
from api.pages.seen import run_of

_DRAWING = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "private, no-cache",
}
_TABS = ("chart", "table", "sources", "download")


def chart(request: Request) -> Response:
    """A tab of a figure."""
    seen, name, year = (
        run_of(request, request.path_params["run"]),
        request.path_params["name"],
        request.query_params.get("year"),
    )
    figure = figure_of(seen, name, year)
    shown = picture(seen, name, year)
    tab = request.path_params.get("tab", "chart")
    query = f"?year={year}" if year else ""
    tabs = [
        (f"/runs/{seen.id}/charts/{name}{'' if each == 'chart' else '/' + each}{query}", each.capitalize(), each == tab)
        for each in _TABS
    ]
    return page(
        "chart.html",
        request,
        title=figure.title,
        seen=seen,
        picture=shown,
        tabs=tabs,
        tab=tab,
        head=list(figure.table.columns),
        rows=figure.cells(),
        query=query,
    )


def drawing(request: Request) -> Response:
    """The drawing itself, for a page or for a narrow screen."""
    seen = run_of(request, request.path_params["run"])
    figure = figure_of(seen, request.path_params["name"], request.query_params.get("year"))
    body, headers = packed(request, svg(figure, narrow=request.path_params["width"] == "narrow"))
    return Response(body, headers={**_DRAWING, **headers}, media_type="image/svg+xml")


def data(request: Request) -> Response:
    """The figure's table as CSV."""
    seen = run_of(request, request.path_params["run"])
    figure = figure_of(seen, request.path_params["name"], request.query_params.get("year"))
    headers = {"Content-Disposition": f'attachment; filename="{figure.name}-{seen.id}.csv"'}
    return Response(figure.csv(), headers=headers, media_type="text/csv")


ROUTES = [
    Route("/runs/{run}/charts/{name}/drawing-{width}.svg", drawing),
    Route("/runs/{run}/charts/{name}/data.csv", data),
    Route("/runs/{run}/charts/{name}/{tab}", chart),
    Route("/runs/{run}/charts/{name}", chart),
]
