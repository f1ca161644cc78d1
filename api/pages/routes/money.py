"""Allocation and fair share: where the control total goes, and who is above or below target; every figure leads to what it is made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import polars as pl
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.boards.chain.stages import organisation_table
from api.boards.questions import WholePlan, what_is_left
from api.boards.run import place_table, provider_table
from api.charts.choice import Choice
from api.charts.material import SERVICES
from api.exports.localities import localities
from api.pages.answers import furthest, money, worked_out
from api.pages.asking import service_of
from api.pages.drawn import gallery_of, gallery_of_run
from api.pages.findings import Finding, view_tabs, years_select
from api.pages.outcomes import newest_of
from api.pages.rendering import moved_to
from api.pages.seen import SeenRun, run_of
from api.pages.tables import Link, PageTable, Row, figure_link, headed, heading
from capitation.pack.parameters import Parameters
from capitation.pack.sources import DataPack
from capitation.sentences import capital, small

_ASSUMED = {"rank": "Rank", "about": "What is assumed, and what it rests on", "value": "Value", "unit": "Unit", "low": "Low", "high": "High", "quality": "Evidence",
            "impact": "Effect", "owner": "Owner"}  # fmt: skip
"""Columns of the log of assumptions."""

_INDEX, _NAMED = re.compile(r"\[[^\]]*\]"), re.compile(r"\[([a-z][^\]]*)\]")
"""What stands in brackets in the place of a judgement, and what of it is a name."""

_MAPS = {"order": "By distance", "tiles": "By place"}
_SHIFTS = {"money": "Money", "organisations": "By organisation", "activity": "Activity"}
_LOGS = {"effect": "By what they move", "judgements": "Judgements of the scenario"}
_LOGGED = {"rank": "Rank", "assumed": "What is assumed", "tested": "Value and range", "evidence": "Evidence", "owner": "Owner", "headline": "Headline it moves most",
           "low_pence": "At its low end", "base_pence": "As assumed", "high_pence": "At its high end", "stands": "Stands in"}  # fmt: skip
_OF_MIX = {"mix", "left"}
"""Lines of a chain with a mix in it that the run itself has not."""


def allocation(request: Request, seen: SeenRun) -> Response:
    """Where the money goes: places, localities, providers, or the waterfall of the system."""
    year = seen.year(request.query_params.get("year"))
    shows = {"localities": _localities, "places": _places, "providers": _providers, "waterfall": _waterfall}
    show = request.query_params.get("show", "localities")
    table = shows.get(show, _localities)(seen, year)
    pack = service_of(request).packs.named(seen.data_pack).opened()
    lines = money(seen, year, WholePlan(seen.run, year, pack))
    tabs = [(f"?show={name}&year={year}", name.capitalize(), name == show) for name in shows]
    figure = gallery_of_run(request, seen).picture("waterfall", Choice(year=year))
    return Finding(
        "Where the money goes", lines[0], seen.facts, lines[1:], seen.stale, again(seen), tabs, years_select(seen.years, year), (("show", show),),
        figure, table, not_in=seen.not_in,
    ).answer(request)  # fmt: skip


def again(seen: SeenRun) -> tuple[str, str]:
    """Where a run that no longer stands is made again."""
    return f"/scenarios/{seen.run.manifest.scenario['id']}", "Run its scenario again"


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
        "total_pence": figure_link(seen.id, "place_distance", "allocation_pence", year=year, area_code="{area_code}"),
        "target_pence": figure_link(seen.id, "place_distance", "target_pence", year=year, area_code="{area_code}"),
        "distance": figure_link(seen.id, "place_distance", "closing_dft_share", year=year, area_code="{area_code}"),
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
    rows = place_table(seen.run, year).with_columns(pl.col("place").map_elements(capital, return_dtype=pl.String))
    return PageTable(
        f"Money of places by stream, {year}",
        rows,
        {n: SERVICES.get(n.removesuffix("_pence"), heading(n)) for n in rows.columns},
        short=frozenset(n for n in rows.columns if n.endswith("_pence")),
        name=f"places-{seen.id}",
    )


def _providers(seen: SeenRun, year: str) -> PageTable:
    rows = (
        provider_table(seen.run, year)
        if seen.is_whole and not seen.run.frames["provider_allocation"].is_empty()
        else pl.DataFrame()
    )
    heads = {"provider": "Provider", "allocation_pence": "Money", "%": "Per cent of all"} if rows.columns else {}
    return PageTable(
        f"Money of providers, {year}", rows, heads, short=frozenset({"allocation_pence"}), name=f"providers-{seen.id}"
    )


def _waterfall(seen: SeenRun, year: str) -> PageTable:
    lines = seen.run.frames["ledger"].filter(
        (pl.col("year") == year) & (pl.col("subject_kind") == "system") & (pl.col("amount_pence") != 0)
    )
    lines = lines.with_columns(pl.col("name").map_elements(_step_words, return_dtype=pl.String))
    key = {"year": year, "subject_kind": "system", "subject_code": "{subject_code}", "step": "{step}"}
    links = {name: figure_link(seen.id, "ledger", name, **key) for name in ("amount_pence", "balance_pence")}
    heads = {"name": "Step", "amount_pence": "Amount", "balance_pence": "What is left after it"}
    return PageTable(
        f"From the control total to what places may spend, {year}",
        lines,
        heads,
        links,
        frozenset(links),
        f"waterfall-{seen.id}",
    )


def _step_words(name: str) -> str:
    """A step of the ledger with its stream in words: "Commissioning groups: gross recurrent allocation"."""
    stream, mark, rest = name.partition(": ")
    return capital(f"{SERVICES.get(stream, stream)}{mark}{rest}")


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
        "target_pence": figure_link(seen.id, "place_distance", "target_pence", **key), "total_pence": figure_link(seen.id, "place_distance", "allocation_pence", **key),
        "gap_pence": figure_link(seen.id, "place_distance", "closing_dft_pence", **key), "distance": figure_link(seen.id, "place_distance", "closing_dft_share", **key),
    }  # fmt: skip
    heads = {"name": "Locality", "target_pence": "Target", "total_pence": "Money", "gap_pence": "Above or below target", "distance": "As a share",
             "gap_head": "A head", "half_pence": "Closing half costs"}  # fmt: skip
    table = PageTable(
        f"Distance from target, {year}, furthest under first",
        rows,
        heads,
        links,
        frozenset({"target_pence", "total_pence", "gap_pence", "half_pence"}),
        f"fair-share-{seen.id}",
    )
    pack = service_of(request).packs.named(seen.data_pack).opened()
    lines = furthest(seen, year, WholePlan(seen.run, year, pack))
    show = request.query_params.get("show", "order")
    show = show if show in _MAPS else "order"
    gallery = gallery_of_run(request, seen)
    drawn = gallery.picture("tiles", Choice(year=year)) if show == "tiles" else gallery.picture("distances")
    return Finding(
        "Who is furthest from their fair share", lines[0], seen.facts, lines[1:], seen.stale, again(seen), view_tabs(_MAPS, show, f"&year={year}"),
        years_select(seen.years, year), (("show", show),), drawn, table, not_in=seen.not_in,
        links=[(f"/what-if?run={seen.id}", "Try another pace or growth"), (f"/runs/{seen.id}/risk?show=localities", "How much of this may be chance alone")],
    ).answer(request)  # fmt: skip


def assumptions(request: Request, seen: SeenRun) -> Response:
    """What is assumed, on whose word, and how much it matters."""
    rows = seen.run.frames["assumption"].sort("rank")
    if rows.height:
        said = [assumed_words(place, about) for place, about in rows.select("place", "about").rows()]
        rows = rows.with_columns(about=pl.Series(said, dtype=pl.String))
    table = PageTable(
        "Assumptions, the most important first",
        rows,
        {n: w for n, w in _ASSUMED.items() if n in rows.columns},
        name=f"assumptions-{seen.id}",
    )
    weak = rows.filter(pl.col("quality").cast(pl.String).str.contains("weak|red|low")).height if rows.height else 0
    lead = (
        f"{rows.height} judgements are in this run; {weak} of them rest on weak evidence."
        if rows.height
        else "This run has no log of assumptions."
    )
    worked = worked_out(request, seen) if seen.is_open else None
    most = () if worked is None else worked.answers.get(5) or ()
    log = None if worked is None else worked.frames.get("log")
    show = request.query_params.get("show", "effect") if log is not None else ""
    if worked is not None and log is not None and show != "judgements":
        lead = worked.assumed
        heads, links = _LOGGED, {"stands": _document_page}
        if "document" in log.columns:
            log = log.with_columns(stands=pl.col("document").map_elements(_document_words, return_dtype=pl.String))
        table = PageTable(
            f"The {log.height} assumptions that move a headline most", log, {n: w for n, w in heads.items() if n in log.columns}, links, short=frozenset(n for n in _LOGGED if n.endswith("_pence")),
            name=f"assumptions-by-effect-{seen.id}",
        )  # fmt: skip
    drivers = [*most, "Change one on its scenario's page, giving a reason and an owner."]
    compared = newest_of(request, "comparisons", str(seen.run.manifest.scenario["id"]))
    drawn = None if compared is None else gallery_of(request, compared).picture("tornado")
    return Finding(
        "What is assumed", lead, seen.facts, drivers, seen.stale, again(seen), view_tabs(_LOGS, show if show in _LOGS else "effect") if log is not None else (), figure=drawn, table=table, not_in=seen.not_in,
    ).answer(request)  # fmt: skip


def _document_words(document: str) -> str:
    """A document in words: "solution referral_management" is "Solution referral management"."""
    return capital(re.sub(r"[_-]", " ", document))


def _document_page(row: Row) -> str:
    """Where the document of an assumption is read; nowhere where it has no page."""
    kind, _, name = str(row["document"]).partition(" ")
    known = {
        "options": "options",
        "problem": "problems",
        "scenario": "scenarios",
        "contract": "contracts",
        "formula": "formulas",
    }
    if kind == "solution":
        return f"/catalogue/solutions/{name}"
    return f"/{known[kind]}/{name}" if kind in known else ""


def assumed_words(place: str, about: str | None) -> str:
    """A judgement with what it is of: "rules[ccg].floor_per_head" and "Not found" give "Floor per head, commissioning groups: not found"."""
    name = _INDEX.sub("", place.rpartition(".")[2]).replace("_", " ")
    of = [
        SERVICES.get(code.replace("_", "-"), code.replace("_", " ").replace("-", " ")) for code in _NAMED.findall(place)
    ]
    words = ", ".join([capital(name), *(small(each) for each in of)])
    return f"{words}: {small(about)}" if about else words


def activity_shift(request: Request, seen: SeenRun) -> Response:
    """From the deficit when nothing is done to what is left."""
    show = request.query_params.get("show", "money")
    show = show if show in _SHIFTS else "money"
    frames = worked_out(request, seen).frames if seen.is_open else {}
    every = frames.get("bridge", seen.run.frames.get("bridge", pl.DataFrame()))
    years = list(every["year"].unique().sort()) if every.height else []
    asked = request.query_params.get("year", "")
    year = asked if asked in years else (years[-1] if years else "")
    rows = (
        every.filter((pl.col("year") == year) & (pl.col("level") == "system")).sort("step") if every.height else every
    )
    pack = service_of(request).packs.named(seen.data_pack).opened()
    if rows.height:
        rows = rows.with_columns(pl.col("source").map_elements(partial(source_words, pack), return_dtype=pl.String))
    key = {n: f"{{{n}}}" for n in ("year", "organisation", "level", "line") if n in rows.columns}
    trace = figure_link(seen.id, "bridge", "amount_pence", **key)
    links: dict[str, Link] = {"amount_pence": lambda row: "" if row["line"] in _OF_MIX else trace(row)}
    heads = {"title": "Line", "amount_pence": "Amount", "source": "Where it comes from"} if rows.height else {}
    table = PageTable(
        f"From doing nothing to what is left, {year}",
        rows,
        heads,
        links,
        frozenset({"amount_pence"}),
        f"chain-{seen.id}",
    )
    lines = what_is_left(WholePlan(seen.run, year, pack, chain=every if every.height else None))
    gallery = gallery_of_run(request, seen)
    chart = gallery.picture("activity" if show == "activity" else "bridge", Choice(year=year or None))
    moved = chart.figure.table if show == "activity" and chart.figure is not None else None
    if moved is not None:
        table = PageTable(
            f"Activity by setting, {year}", moved, {n: n for n in moved.columns}, name=f"activity-{seen.id}"
        )
    if show == "organisations" and rows.height:
        mine = replace(seen.run, frames={**seen.run.frames, "bridge": every})
        parts = organisation_table(mine, year)
        table = PageTable(
            f"The same by organisation, {year}, £ thousand; deficits above nothing", parts,
            headed(parts), name=f"chain-organisations-{seen.id}",
        )  # fmt: skip
    waits = (
        ["The mix of investments is being worked out; come back in half a minute."]
        if seen.is_open and not frames
        else []
    )
    return Finding(
        "What is left of the deficit", lines[0], seen.facts, [*lines[1:], *waits], seen.stale, again(seen), view_tabs(_SHIFTS, show, f"&year={year}"),
        years_select(years, year), (("show", show),), chart, table,
        links=[(f"/runs/{seen.id}/investment", "What should be invested in")], not_in=seen.not_in,
    ).answer(request)  # fmt: skip


def source_words(pack: DataPack, text: str) -> str:
    """Where a line comes from, with the titles of sources and figures instead of their names."""
    head, mark, rest = text.partition(": ")
    if mark and head in pack.sources:
        return f"{pack.sources[head].title}, {rest.replace('_', ' ')}"
    known = Parameters(pack)
    if text in known:
        return known.parameter(text).about
    start, mark, streams = text.partition("streams ")
    if mark:
        text = f"{start}money for {', '.join(SERVICES.get(each, each).lower() for each in streams.split(', '))}"
    return capital(text)


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
