"""Allocation and fair share: where the control total goes, and who is above or below target; every figure leads to what it is made of."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.boards.questions import WholePlan, what_is_left, who_is_furthest
from api.boards.run import localities, place_table, provider_table
from api.pages.answers import money
from api.pages.asking import service_of
from api.pages.drawn import picture
from api.pages.rendering import moved_to, page
from api.pages.seen import SeenRun, run_of
from api.pages.tables import Link, PageTable, asked_file, heading


def figure(run: str, table: str, column: str, **key: str) -> Link:
    """Where a cell leads: to the figure of a table at a key; `{name}` in the key stands for a column of the row."""

    def link(row: object) -> str:
        where = [f"{name}={value.format(**row)}" for name, value in key.items()]  # type: ignore[arg-type]  # a row is a mapping
        return f"/figures/{run}/{table}/{column}?{urlencode({'where': where, 'depth': 3}, doseq=True)}"

    return link


def allocation(request: Request, seen: SeenRun) -> Response:
    """Where the money goes: places, localities, providers, or the waterfall of the system."""
    year = seen.year(request.query_params.get("year"))
    shows = {"localities": _localities, "places": _places, "providers": _providers, "waterfall": _waterfall}
    show = request.query_params.get("show", "localities")
    table = shows.get(show, _localities)(seen, year)
    file = asked_file(request, table)
    if file is not None:
        return file
    pack = service_of(request).packs.named(seen.data_pack).opened()
    lines = money(seen, year, WholePlan(seen.run, year, pack))
    tabs = [(f"?show={name}&year={year}", name.capitalize(), name == show) for name in shows]
    return page("table_page.html", request, title="Where the money goes", lead=lines[0], drivers=lines[1:], seen=seen, table=table, tabs=tabs,
                years=seen.years, year=year, keep=f"show={show}&", query=f"show={show}&year={year}&", figure=picture(seen, "waterfall", year))  # fmt: skip


def _localities(seen: SeenRun, year: str) -> PageTable:
    rows = localities(seen.run, year).sort("total_pence", descending=True)
    heads = {
        "name": "Locality",
        "total_pence": "Money",
        "head": "£ a head",
        "growth": "Growth on last year",
        "target_pence": "Target",
        "distance": "Distance from target",
    }
    links = {
        "total_pence": figure(seen.id, "place_distance", "allocation_pence", year=year, area_code="{area_code}"),
        "target_pence": figure(seen.id, "place_distance", "target_pence", year=year, area_code="{area_code}"),
        "distance": figure(seen.id, "place_distance", "closing_dft_share", year=year, area_code="{area_code}"),
    }
    return PageTable(
        f"Money of localities, {year}",
        rows,
        heads,
        links,
        frozenset({"total_pence", "target_pence"}),
        f"localities-{seen.id}",
    )


def _places(seen: SeenRun, year: str) -> PageTable:
    rows = place_table(seen.run, year)
    return PageTable(
        f"Money of places by stream, {year}",
        rows,
        {n: heading(n).replace(" (£)", "") for n in rows.columns},
        short=frozenset(rows.columns),
        name=f"places-{seen.id}",
    )


def _providers(seen: SeenRun, year: str) -> PageTable:
    rows = (
        provider_table(seen.run, year)
        if seen.is_whole and not seen.run.frames["provider_allocation"].is_empty()
        else pl.DataFrame()
    )
    heads = {"provider": "Provider", "allocation_pence": "Money", "%": "Per cent"} if rows.columns else {}
    return PageTable(
        f"Money of providers, {year}", rows, heads, short=frozenset({"allocation_pence"}), name=f"providers-{seen.id}"
    )


def _waterfall(seen: SeenRun, year: str) -> PageTable:
    lines = seen.run.frames["ledger"].filter(
        (pl.col("year") == year) & (pl.col("subject_kind") == "system") & (pl.col("amount_pence") != 0)
    )
    key = {"year": year, "subject_kind": "system", "subject_code": "{subject_code}", "step": "{step}"}
    links = {name: figure(seen.id, "ledger", name, **key) for name in ("amount_pence", "balance_pence")}
    heads = {"name": "Step", "amount_pence": "Amount", "balance_pence": "What is left after it"}
    return PageTable(
        f"From the control total to what places may spend, {year}",
        lines,
        heads,
        links,
        frozenset(links),
        f"waterfall-{seen.id}",
    )


def fair_share(request: Request, seen: SeenRun) -> Response:
    """Who is above or below target, in money, as a share and a head, and what closing half of the gap costs."""
    year = seen.year(request.query_params.get("year"))
    rows = (
        localities(seen.run, year)
        .with_columns(gap_head=pl.col("gap_pence") / 100 / pl.col("persons"), half_pence=pl.when(pl.col("gap_pence") < 0).then(-(pl.col("gap_pence") // 2)))
        .sort("distance", nulls_last=True)
    )  # fmt: skip
    key = {"year": year, "area_code": "{area_code}"}
    links = {
        "target_pence": figure(seen.id, "place_distance", "target_pence", **key), "total_pence": figure(seen.id, "place_distance", "allocation_pence", **key),
        "gap_pence": figure(seen.id, "place_distance", "closing_dft_pence", **key), "distance": figure(seen.id, "place_distance", "closing_dft_share", **key),
    }  # fmt: skip
    heads = {"name": "Locality", "target_pence": "Target", "total_pence": "Money", "gap_pence": "Above or below target", "distance": "As a share",
             "gap_head": "£ a head", "half_pence": "Closing half costs"}  # fmt: skip
    table = PageTable(
        f"Distance from target, {year}, furthest under first",
        rows,
        heads,
        links,
        frozenset({"target_pence", "total_pence", "gap_pence", "half_pence"}),
        f"fair-share-{seen.id}",
    )
    file = asked_file(request, table)
    if file is not None:
        return file
    pack = service_of(request).packs.named(seen.data_pack).opened()
    lines = who_is_furthest(WholePlan(seen.run, year, pack))
    return page("table_page.html", request, title="Who is furthest from their fair share", lead=lines[0], drivers=lines[1:], seen=seen, table=table,
                tabs=(), years=seen.years, year=year, keep="", query=f"year={year}&", figure=picture(seen, "distances", year))  # fmt: skip


def assumptions(request: Request, seen: SeenRun) -> Response:
    """What is assumed, on whose word, and how much it matters."""
    rows = seen.run.frames["assumption"].sort("rank")
    heads = {n: heading(n) for n in rows.columns if n not in {"document"}}
    table = PageTable("Assumptions, those that matter most first", rows, heads, name=f"assumptions-{seen.id}")
    file = asked_file(request, table)
    if file is not None:
        return file
    weak = rows.filter(pl.col("quality").cast(pl.String).str.contains("weak|red|low")).height if rows.height else 0
    lead = (
        f"{rows.height} judgements are in this run; {weak} of them rest on weak evidence."
        if rows.height
        else "This run has no log of assumptions."
    )
    return page("table_page.html", request, title="What is assumed", lead=lead, drivers=("Change one on its scenario's page, with a reason and an owner.",), seen=seen,
                table=table, tabs=(), years=(), year="", keep="", query="", figure=None)  # fmt: skip


def activity_shift(request: Request, seen: SeenRun) -> Response:
    """From the deficit when nothing is done to what is left."""
    every = seen.run.frames.get("bridge", pl.DataFrame())
    years = list(every["year"].unique().sort()) if every.height else []
    year = request.query_params.get("year") or (years[-1] if years else "")
    rows = (
        every.filter((pl.col("year") == year) & (pl.col("level") == "system")).sort("step") if every.height else every
    )
    key = {n: f"{{{n}}}" for n in ("year", "organisation", "level", "line") if n in rows.columns}
    table = PageTable(f"From doing nothing to what is left, {year}", rows, {"title": "Line", "amount_pence": "Amount", "source": "Where it comes from"} if rows.height else {},
                  {"amount_pence": figure(seen.id, "bridge", "amount_pence", **key)}, frozenset({"amount_pence"}), f"chain-{seen.id}")  # fmt: skip
    file = asked_file(request, table)
    if file is not None:
        return file
    pack = service_of(request).packs.named(seen.data_pack).opened()
    lines = what_is_left(WholePlan(seen.run, year, pack))
    return page("table_page.html", request, title="What is left of the deficit", lead=lines[0], drivers=lines[1:], seen=seen, table=table, tabs=(),
                years=years, year=year, keep="", query=f"year={year}&", figure=picture(seen, "bridge", year))  # fmt: skip


def _of_run(path: str, shown: Callable[[Request, SeenRun], Response]) -> Callable[[Request], Response]:
    """The page of the run that an address names; the address without one leads to the newest run's."""

    def answer(request: Request) -> Response:
        seen = run_of(request, request.path_params.get("run"))
        return shown(request, seen) if "run" in request.path_params else moved_to(f"{path}/{seen.id}")

    return answer


ROUTES = [
    Route(path + rest, _of_run(path, shown))
    for path, shown in (
        ("/allocations", allocation),
        ("/fair-share", fair_share),
        ("/assumptions", assumptions),
        ("/activity-shift", activity_shift),
    )
    for rest in ("", "/{run:str}")
]
